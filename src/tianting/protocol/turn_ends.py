"""What the end of a turn means to whoever waits outside: a subtype, a reason, an exit code.

Subtypes and reasons are those of today's stream-json `result` lines. Two ends have no word there and get ours:
a model that refuses is a `success` that is an error, as every answer of the provider's that is none; a turn that
went in circles is an `error_during_execution` whose `terminal_reason` says so.
"""

from typing import Literal

from msgspec import Struct

from tianting.protocol.events import TurnEnd, TurnReport

ResultSubtype = Literal[
    "success",
    "error_during_execution",
    "error_max_turns",
    "error_max_budget_usd",
    "error_max_structured_output_retries",
]


class Meaning(Struct, frozen=True, kw_only=True):
    """One end, as clients read it."""

    subtype: ResultSubtype
    terminal_reason: str
    exit_code: int = 1

    @property
    def is_error(self) -> bool:
        """Whether clients should raise."""
        return self.exit_code != 0


MEANINGS: dict[TurnEnd, Meaning] = {
    "answered": Meaning(subtype="success", terminal_reason="completed", exit_code=0),
    "hook_stopped": Meaning(subtype="success", terminal_reason="hook_stopped", exit_code=0),
    "model_error": Meaning(subtype="success", terminal_reason="api_error"),
    "refused": Meaning(subtype="success", terminal_reason="completed"),
    "max_turns": Meaning(
        subtype="error_max_turns",
        terminal_reason="max_turns",
    ),
    "max_budget": Meaning(
        subtype="error_max_budget_usd",
        terminal_reason="budget_exhausted",
    ),
    "no_structured_output": Meaning(
        subtype="error_max_structured_output_retries",
        terminal_reason="structured_output_retries",
    ),
    "going_in_circles": Meaning(
        subtype="error_during_execution",
        terminal_reason="going_in_circles",
    ),
    "interrupted_streaming": Meaning(
        subtype="error_during_execution",
        terminal_reason="aborted_streaming",
    ),
    "interrupted_tools": Meaning(
        subtype="error_during_execution",
        terminal_reason="aborted_tools",
    ),
}


def complaint(report: TurnReport) -> str:
    """The one line a person reads when `report` is no success."""
    return " ".join(report.text.split()) or f"The turn ended without an answer ({report.end})."
