"""What is a line of the protocol, and what is not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.drivers.agent_lines import (
    AgentLine,
    Asked,
    AskedNoMore,
    Init,
    LimitInfo,
    LimitLine,
    NoLine,
    Other,
    Question,
    Result,
    Retry,
    State,
    read_line,
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            b'{"type":"system","subtype":"init","session_id":"s","tools":[]}', Init(session_id="s"), id="init"
        ),
        pytest.param(
            b'{"type":"system","subtype":"session_state_changed","state":"idle"}', State(state="idle"), id="state"
        ),
        pytest.param(
            b'{"type":"system","subtype":"api_retry","retry_delay_ms":612.4,"error_status":null,"error":"x"}',
            Retry(error="x", retry_delay_ms=612.4),
            id="retry",
        ),
        pytest.param(b'{"type":"system","subtype":"never_heard_of"}', Other(), id="unknown system line"),
        pytest.param(b'{"type":"system","subtype":7}', Other(), id="subtype that is no word"),
        pytest.param(b'{"type":"keep_alive"}', Other(), id="unknown type"),
        pytest.param(
            b'{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash"}}',
            Asked(request_id="r", request=Question(subtype="can_use_tool", tool_name="Bash")),
            id="question",
        ),
        pytest.param(
            b'{"type":"control_cancel_request","request_id":"r"}', AskedNoMore(request_id="r"), id="withdrawal"
        ),
        pytest.param(
            b'{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":5}}',
            LimitLine(rate_limit_info=LimitInfo(status="rejected", resets_at=5)),
            id="limit",
        ),
        pytest.param(
            b'{"type":"result","subtype":"success","usage":null,"errors":null,"new":1}',
            Result(subtype="success", errors=None),
            id="result with nulls and news",
        ),
        pytest.param(
            b'{"type":"result","result":"cut \\ud83d"}',
            Result(result="cut \N{REPLACEMENT CHARACTER}"),
            id="half surrogate",
        ),
    ],
)
def test_line_is_read(line: bytes, expected: AgentLine) -> None:
    assert read_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"Warning: something", id="words"),
        pytest.param(b'{"type":"result"', id="torn"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b'{"kind":"result"}', id="no type"),
        pytest.param(b'{"type":7}', id="type that is no word"),
        pytest.param(b'{"type":"result","is_error":"maybe"}', id="broken shape"),
        pytest.param(b'{"type":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"type":"result","x":"\\ud83d"', id="torn behind half a surrogate"),
        pytest.param(b'{"a":' * 5000, id="too deep"),
    ],
)
def test_what_is_no_line(line: bytes) -> None:
    with pytest.raises(NoLine):
        read_line(line)


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: f'{{"type":"user",{text}'.encode()))
def test_anything_is_a_line_or_none(line: bytes) -> None:
    with contextlib.suppress(NoLine):
        read_line(line)
