"""How far a turn may go."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of one turn."""

    max_turns: int | None = None
    """Answers the model may give in one turn; None is without end."""
    max_budget_usd: float | None = None
    """US dollars the session may cost; None is without end."""
    tool_timeout: float = 660.0
    """Seconds a call may take. Above the longest that Bash may be asked for, whose own limit is kinder."""
    max_concurrent: int = 10
    """Calls that only read, at once."""
    max_result_chars: int = 100_000
    """Characters of one result. Tools clip better themselves; this catches those that do not."""
