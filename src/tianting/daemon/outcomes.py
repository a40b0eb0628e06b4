"""What becomes of a question, as values: whoever passes them on need not know how they come about."""

from collections.abc import Awaitable, Callable

from msgspec import Struct


class Outcome(Struct, frozen=True, kw_only=True):
    """How a question ended."""

    text: str = ""
    """The final answer."""
    said: str = ""
    """All that the agent said, the final answer included."""
    reasoning: str = ""
    declined: int = 0
    error: str | None = None


class Piece(Struct, frozen=True, kw_only=True):
    """Of an answer on its way."""

    text: str = ""
    reasoning: str = ""


Tell = Callable[[Piece], Awaitable[None]]
