"""Where something stands in a JSON text."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.settings.positions import Position, Step, dotted, position_at, position_of

TEXT = """{
  "model": "a, b: {c} [d] \\" e",
  "permissions": {"allow": [], "deny": ["x",
     {"y": [1, [2]]}, null]},
  "ümlaut": {}, "last": true
}"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param((), Position(1, 1), id="the whole"),
        pytest.param(("model",), Position(2, 3), id="first member"),
        pytest.param(("permissions", "deny"), Position(3, 32), id="inner member"),
        pytest.param(("permissions", "deny", 0), Position(3, 41), id="first item"),
        pytest.param(("permissions", "deny", 1), Position(4, 6), id="object in a list"),
        pytest.param(("permissions", "deny", 1, "y", 1, 0), Position(4, 17), id="deep"),
        pytest.param(("permissions", "deny", 2), Position(4, 23), id="last item"),
        pytest.param(("last",), Position(5, 17), id="columns are characters"),
        pytest.param(("permissions", "allow", 0), Position(1, 1), id="not there"),
    ],
)
def test_position(path: tuple[Step, ...], expected: Position) -> None:
    assert position_of(TEXT, path) == expected


def test_last_of_two_equal_names_is_meant() -> None:
    assert position_of('{"a": 1,\n "a": 2}', ("a",)) == Position(2, 2)


def test_escaped_name_is_found() -> None:
    assert position_of(r'{"b": 0, "\u0061": 1}', ("a",)) == Position(1, 10)


def test_path_is_written_short() -> None:
    assert dotted(("permissions", "allow", 2, "x")) == "permissions.allow[2].x"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(JSON, st.sampled_from([None, 0, 2]))
def test_every_value_is_found_where_it_stands(value: Any, indent: int | None) -> None:
    text = json.dumps({"root": value}, indent=indent)

    for path, at_path in _walk(("root",), value):
        position = position_of(text, path)
        line = text.split("\n")[position.line - 1]
        offset = sum(len(before) + 1 for before in text.split("\n")[: position.line - 1]) + position.column - 1
        assert position_at(text, offset) == position
        expected = path[-1] if isinstance(path[-1], str) else at_path
        found, _ = json.JSONDecoder().raw_decode(text, offset)
        assert found == expected, line


def _walk(path: tuple[Step, ...], value: Any) -> list[tuple[tuple[Step, ...], Any]]:
    found = [(path, value)]
    if isinstance(value, dict):
        for name, inner in value.items():
            found += _walk((*path, name), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _walk((*path, index), inner)
    return found
