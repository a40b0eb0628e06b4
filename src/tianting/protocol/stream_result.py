"""The last lines of a turn: the account of it, and before it the story of a request that failed for good.

Clients raise on `is_error`. A failed request is a `success` that is an error, with the provider's status.
"""

from msgspec import UNSET

from tianting.protocol.content import Text
from tianting.protocol.events import TurnReport
from tianting.protocol.ids import NewId
from tianting.protocol.running_totals import RunningTotals
from tianting.protocol.stream_lines import (
    AssistantLine,
    Denial,
    ResultLine,
    WireMessage,
    model_usage,
    wire_usage,
)
from tianting.protocol.turn_ends import MEANINGS, complaint
from tianting.protocol.usage import Usage

_SYNTHETIC = "<synthetic>"
"""The model of words that no model wrote."""

_API_ERRORS = {
    401: ("authentication_failed", "authentication_error"),
    402: ("billing_error", "billing_error"),
    403: ("authentication_failed", "permission_error"),
    404: ("invalid_request", "not_found_error"),
    413: ("invalid_request", "request_too_large"),
    429: ("rate_limit", "rate_limit_error"),
    529: ("overloaded", "overloaded_error"),
}


def failure_line(report: TurnReport, session_id: str, new_id: NewId) -> AssistantLine:
    """What a `model_error` looks like as an answer, for clients that show answers only."""
    error, error_type = _api_error(report.error_status)
    return AssistantLine(
        message=WireMessage(
            id=new_id(),
            model=_SYNTHETIC,
            content=(Text(text=complaint(report)),),
            usage=wire_usage(Usage()),
        ),
        session_id=session_id,
        uuid=new_id(),
        error=error,
        is_api_error_message=True,
        api_error_status=report.error_status,
        api_error_type=error_type,
    )


def result_line(report: TurnReport, totals: RunningTotals, session_id: str, new_id: NewId) -> ResultLine:
    """The account of a turn; nothing follows it. `usage` is the turn's; cost and usage by model are of all turns."""
    meaning = MEANINGS[report.end]
    answered = meaning.subtype == "success"
    return ResultLine(
        subtype=meaning.subtype,
        is_error=meaning.is_error,
        api_error_status=report.error_status if report.end == "model_error" else UNSET,
        duration_ms=round(report.duration * 1000),
        duration_api_ms=round(report.api_duration * 1000),
        num_turns=report.num_turns,
        result=report.text if answered else UNSET,
        stop_reason=report.stop_reason,
        session_id=session_id,
        total_cost_usd=totals.cost_usd,
        usage=wire_usage(report.usage),
        model_usage={name: model_usage(use) for name, use in totals.models.items()},
        permission_denials=tuple(
            Denial(tool_name=call.tool_name, tool_use_id=call.call_id, tool_input=call.arguments)
            for call in report.denials
        ),
        structured_output=UNSET if report.structured_output is None else report.structured_output,
        terminal_reason=meaning.terminal_reason,
        errors=UNSET if answered else (complaint(report),),
        uuid=new_id(),
    )


def _api_error(status: int | None) -> tuple[str, str]:
    """A failure in the client's word and in the API's."""
    if status is None:
        return "unknown", "api_error"
    if known := _API_ERRORS.get(status):
        return known
    return ("server_error", "api_error") if status >= 500 else ("invalid_request", "invalid_request_error")
