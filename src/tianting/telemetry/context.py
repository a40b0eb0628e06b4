"""Which window, which process of it and which turn a task is busy with: without it a log of 200 windows is noise.

with about(window="w1", generation=2):        holds for the task and for all it starts
    log.info("resumed")                       the line carries both
"""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

_current: ContextVar[Mapping[str, str | int]] = ContextVar("telemetry", default={})  # noqa: B039 - never written to


@contextlib.contextmanager
def about(*, window: str | None = None, generation: int | None = None, turn: str | None = None) -> Iterator[None]:
    """Say what happens inside is about; what is left out stays as it was."""
    given = {"window": window, "generation": generation, "turn": turn}
    token = _current.set({**_current.get(), **{name: value for name, value in given.items() if value is not None}})
    try:
        yield
    finally:
        _current.reset(token)


def subject() -> Mapping[str, str | int]:
    """`window`, `generation` and `turn`, as far as they are known here."""
    return _current.get()
