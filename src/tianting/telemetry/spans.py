"""What the fleet says about the parts of its work, and nobody who listens: traces cost nothing until they are wanted.

    with tracer.span("window.create", kind="claude") as span:
        ...
        span.note(origin="warm")

`telemetry.traces` is the tracer that exports them; only a command that was told an endpoint imports it.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

Fact = str | int | float | bool


class Span(Protocol):
    """One piece of work that goes on."""

    def note(self, **facts: Fact) -> None:
        """Add what has become known."""
        ...


class Tracer(Protocol):
    """Hears of pieces of work."""

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """The work of the `with` block, named `window.create`, `window.recover` and so on. Spans in it are its parts.

        An exception is noted and goes on.
        """
        ...


class NoTracer:
    """Hears nothing."""

    @contextlib.contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[Span]:
        """Does nothing."""
        yield _SILENT


class _SilentSpan:
    def note(self, **facts: Fact) -> None:
        """Does nothing."""


_SILENT = _SilentSpan()
