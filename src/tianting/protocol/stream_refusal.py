"""What a client reads when a session cannot even begin: without a result it would wait for ever, or guess."""

import msgspec

from tianting.protocol.ids import NewId
from tianting.protocol.stream_lines import ResultLine, wire_usage
from tianting.protocol.usage import Usage


def refusal_line(reason: str, session_id: str, new_id: NewId) -> bytes:
    """The result of a run that ended before its first turn: a conversation is not there, or in other hands."""
    line = ResultLine(
        subtype="error_during_execution",
        is_error=True,
        duration_ms=0,
        duration_api_ms=0,
        num_turns=0,
        stop_reason=None,
        session_id=session_id,
        total_cost_usd=0.0,
        usage=wire_usage(Usage()),
        model_usage={},
        permission_denials=(),
        terminal_reason="session_error",
        errors=(reason,),
        uuid=new_id(),
    )
    return msgspec.json.encode(line) + b"\n"
