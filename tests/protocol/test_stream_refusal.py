"""The result of a run that never began, read by the client it is written for."""

import msgspec
from claude_agent_sdk import ResultMessage
from claude_agent_sdk._internal.message_parser import parse_message

from tianting.protocol.stream_refusal import refusal_line


def test_client_reads_why_nothing_began() -> None:
    line = refusal_line("There is no such session.", "session-1", lambda: "line-1")

    message = parse_message(msgspec.json.decode(line))

    assert line.endswith(b"\n")
    assert isinstance(message, ResultMessage)
    assert (message.subtype, message.is_error, message.session_id) == ("error_during_execution", True, "session-1")
    assert (message.errors, message.num_turns) == (["There is no such session."], 0)
