"""Events as no provider should send them: one value of a good event replaced by another."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

_ANYTHING: tuple[Any, ...] = (None, True, -1, 2, 1.5, "", "x", [], [0], [{}], {}, {"type": "text"})

Path = tuple[Any, ...]


@st.composite
def damaged(draw: DrawFn, events: list[Any]) -> list[Any]:
    """`events` with something wrong in one of them."""
    path = draw(st.sampled_from(list(_paths(events))))
    value = draw(st.sampled_from(_ANYTHING))
    spoilt = _with(events, path, value)
    assert isinstance(spoilt, list)
    return spoilt


def _paths(value: Any) -> Iterator[Path]:
    for key, inner in _items(value):
        yield (key,)
        yield from ((key, *path) for path in _paths(inner))


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _with(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    items = [(key, _with(inner, path[1:], new) if key == path[0] else inner) for key, inner in _items(value)]
    return dict(items) if isinstance(value, dict) else [inner for _, inner in items]
