"""Lines in, events out; a turn that began is done once, in whatever order the lines come."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet.drivers.agent_lines import read_line
from tianting.fleet.drivers.driver import (
    AgentEvent,
    ContextFilled,
    ConversationKnown,
    Fault,
    Limited,
    ModelWaited,
    PersonAsked,
    Progressed,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.stream_json_events import StreamJsonEvents
from tianting.protocol.usage import Usage

Line = dict[str, Any]

INIT: Line = {"type": "system", "subtype": "init", "session_id": "c1"}
RUNNING: Line = {"type": "system", "subtype": "session_state_changed", "state": "running"}
IDLE: Line = {**RUNNING, "state": "idle"}
DONE: Line = {"type": "result", "subtype": "success", "result": "hi"}
ASKED: Line = {
    "type": "control_request",
    "request_id": "q1",
    "request": {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "make"}, "title": "May I?"},
}


def events(known: StreamJsonEvents, *lines: Line) -> list[AgentEvent]:
    return [event for line in lines for event in known.events(read_line(msgspec.json.encode(line)))]


def fresh(standing: Standing | None = None) -> StreamJsonEvents:
    return StreamJsonEvents("c1", standing or Standing(), lambda: 1000.0)


def piece(event: Line, parent: str | None = None) -> Line:
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}


def words(text: str, parent: str | None = None) -> Line:
    return piece({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}, parent)


def system(subtype: str, **facts: Any) -> Line:
    return {"type": "system", "subtype": subtype, **facts}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([RUNNING, INIT, DONE, IDLE], [TurnBegan(), TurnDone(text="hi")], id="a turn"),
        pytest.param([INIT, DONE, INIT, DONE], [TurnBegan(), TurnDone(text="hi")] * 2, id="two without rest"),
        pytest.param([DONE], [TurnBegan(), TurnDone(text="hi")], id="result of a turn that nobody saw begin"),
        pytest.param([RUNNING, IDLE], [TurnBegan(), TurnDone()], id="rest without a result"),
        pytest.param([IDLE], [], id="rest"),
        pytest.param(
            [system("init", session_id="c2"), system("init", session_id="c2")],
            [ConversationKnown(conversation_id="c2"), TurnBegan()],
            id="another conversation",
        ),
        pytest.param(
            [{"type": "conversation_reset", "new_conversation_id": "c3"}],
            [ConversationKnown(conversation_id="c3")],
            id="conversation forgotten",
        ),
        pytest.param([system("status", status="requesting")], [ModelWaited()], id="model asked"),
        pytest.param([system("status", status=None), {"type": "command_lifecycle"}], [], id="nothing of interest"),
        pytest.param(
            [words("a"), words("b", parent="call"), piece({"type": "content_block_stop"})],
            [Progressed(text="a"), Progressed(), Progressed()],
            id="words, those of a sub-agent, and none",
        ),
        pytest.param(
            [
                {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "t", "name": "Bash"}]}},
                {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t"}]}},
            ],
            [ToolBegan(call_id="t", name="Bash"), ToolEnded(call_id="t")],
            id="tool",
        ),
        pytest.param(
            [{"type": "user", "message": {"content": "hi"}, "uuid": "u", "isReplay": True}],
            [PromptTaken(uuid="u")],
            id="prompt taken",
        ),
        pytest.param([{"type": "user", "message": {"content": "hi"}, "uuid": "u"}], [], id="words in its name"),
        pytest.param(
            [system("api_retry", error_status=429, error="rate_limit", retry_delay_ms=1500)],
            [Limited(cause="rate_limit", until=1001.5, retrying=True)],
            id="rate limit",
        ),
        pytest.param(
            [system("api_retry", error_status=529, error="overloaded", retry_delay_ms=0)],
            [Limited(cause="overloaded", until=1000.0, retrying=True)],
            id="overloaded",
        ),
        pytest.param([system("api_retry", error="connection_error")], [ModelWaited()], id="trouble on the way"),
        pytest.param(
            [{"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 7}}],
            [Limited(cause="rate_limit", until=7)],
            id="limit without a name",
        ),
        pytest.param(
            [
                {
                    "type": "rate_limit_event",
                    "rate_limit_info": {"status": "rejected", "resetsAt": 7, "rateLimitType": "five_hour"},
                }
            ],
            [Limited(cause="usage_limit", until=7)],
            id="usage limit",
        ),
        pytest.param(
            [{"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning"}}], [], id="limit is near"
        ),
        pytest.param(
            [system("compact_boundary", compact_metadata={"post_tokens": 9}), system("compact_boundary")],
            [ContextFilled(tokens=9)],
            id="compacted",
        ),
        pytest.param(
            [{"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}}],
            [],
            id="question that is not for a person",
        ),
    ],
)
def test_lines_tell(lines: list[Line], expected: list[AgentEvent]) -> None:
    assert events(fresh(), *lines) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(
            {"result": "API Error: 401", "is_error": True, "api_error_status": 401},
            TurnDone(fault=Fault(message="API Error: 401", status=401, code="authentication_failed")),
            id="failed request",
        ),
        pytest.param(
            {"subtype": "error_max_turns", "is_error": True, "result": None, "errors": ["too many", "turns"]},
            TurnDone(fault=Fault(message="too many; turns", code="authentication_failed")),
            id="limit of ours",
        ),
        pytest.param(
            {"subtype": "error_during_execution", "is_error": True, "terminal_reason": "aborted_tools"},
            TurnDone(interrupted=True),
            id="interrupted",
        ),
    ],
)
def test_turn_that_fails_says_why(result: Line, expected: TurnDone) -> None:
    known = fresh()
    failed = {"type": "assistant", "error": "authentication_failed", "message": {"content": [{"type": "text"}]}}

    told = events(known, INIT, failed, {**DONE, "result": "", **result})

    assert told == [TurnBegan(), Progressed(), expected]
    assert events(known, INIT, {**DONE, "is_error": True, "subtype": "error_x", "result": ""})[-1] == TurnDone(
        fault=Fault(message="error_x", code="error_x")
    ), "an old error says nothing about a new turn"


def test_context_is_counted_and_its_size_learnt() -> None:
    message = {"model": "m", "usage": {"input_tokens": 10, "cache_read_input_tokens": 5}}
    started = piece({"type": "message_start", "message": message})
    ended = piece({"type": "message_delta", "usage": {"output_tokens": 3}})
    done = {**DONE, "modelUsage": {"m": {"contextWindow": 100}, "other": {"contextWindow": 7}}}
    known = fresh()

    told = events(known, INIT, started, ended, done, INIT, ended, done)

    assert [event for event in told if isinstance(event, ContextFilled)] == [
        ContextFilled(tokens=18),
        ContextFilled(tokens=18, window=100),
        ContextFilled(tokens=18, window=100),
    ]


def test_size_that_nobody_asked_for_is_not_told() -> None:
    done = {**DONE, "modelUsage": {"": {"contextWindow": 100}}}

    assert events(fresh(), INIT, done) == [TurnBegan(), TurnDone(text="hi")]


def test_usage_and_cost_are_those_of_the_turn() -> None:
    usage = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_creation_input_tokens": None,
        "cache_read_input_tokens": 3,
        "cache_creation": {"ephemeral_1h_input_tokens": 4},
        "output_tokens_details": {"thinking_tokens": 5},
    }
    done = {**DONE, "usage": usage, "total_cost_usd": 3.0}
    known = fresh(Standing(spent_usd=2.5))

    [_, first] = events(known, INIT, done)
    [_, second] = events(known, INIT, {**done, "usage": None, "total_cost_usd": 4.0})

    assert first == TurnDone(
        text="hi",
        cost_usd=0.5,
        usage=Usage(
            input_tokens=1,
            output_tokens=2,
            cache_read_input_tokens=3,
            cache_creation_1h_input_tokens=4,
            thinking_tokens=5,
        ),
    )
    assert second == TurnDone(text="hi", cost_usd=1.0)


QUESTION = PersonAsked(question_id="q1", kind="approval", tool="Bash", input={"command": "make"}, text="May I?")
CLOSED = QuestionClosed(question_id="q1")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param({"type": "control_cancel_request", "request_id": "q1"}, [CLOSED], id="withdrawn"),
        pytest.param({"type": "control_cancel_request", "request_id": "q2"}, [], id="another withdrawn"),
        pytest.param({"type": "control_response", "response": {"request_id": "q1"}}, [CLOSED], id="answer repeated"),
        pytest.param(DONE, [CLOSED, TurnDone(text="hi")], id="turn over"),
    ],
)
def test_question_is_closed_once(line: Line, expected: list[AgentEvent]) -> None:
    known = fresh()

    assert events(known, INIT, ASKED) == [TurnBegan(), QUESTION]
    assert events(known, line) == expected
    assert known.open_questions == (frozenset() if expected else {"q1"})


def test_answer_closes_its_question_before_anything_else_is_told() -> None:
    known = fresh()
    events(known, INIT, ASKED)

    known.answered("q1")
    known.answered("q1")

    assert known.open_questions == frozenset()
    assert events(known, DONE) == [CLOSED, TurnDone(text="hi")]


def test_question_of_a_tool_that_is_one_wants_input() -> None:
    line = {**ASKED, "request": {"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "decision_reason": "why"}}

    assert events(fresh(), line) == [PersonAsked(question_id="q1", kind="input", tool="AskUserQuestion", text="why")]


def test_process_that_is_taken_over_goes_on_where_it_was() -> None:
    known = fresh(Standing(in_turn=True, open_questions=("q1",)))

    assert known.open_questions == {"q1"}
    assert events(known, RUNNING, INIT, DONE) == [CLOSED, TurnDone(text="hi")]


ANY_LINE = st.sampled_from(
    [
        INIT,
        RUNNING,
        IDLE,
        {**RUNNING, "state": "requires_action"},
        DONE,
        {**DONE, "is_error": True, "terminal_reason": "aborted_streaming"},
        ASKED,
        {"type": "control_cancel_request", "request_id": "q1"},
        words("a"),
        system("status", status="requesting"),
        {"type": "user", "message": {"content": "hi"}, "uuid": "u", "isReplay": True},
        {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": "t", "name": "Bash"}]}},
        {"type": "task_notification"},
    ]
)


@given(st.lists(ANY_LINE | st.just("answer"), max_size=30), st.booleans())
def test_each_turn_is_done_once_and_each_question_closed_once(lines: list[Line | str], in_turn: bool) -> None:
    known = fresh(Standing(in_turn=in_turn))
    busy, asked = in_turn, 0

    for line in lines:
        if isinstance(line, str):
            known.answered("q1")
            continue
        for event in events(known, line):
            if isinstance(event, TurnBegan | TurnDone):
                assert busy == isinstance(event, TurnDone)
                busy = not busy
            asked += isinstance(event, PersonAsked) and not asked
            if isinstance(event, QuestionClosed):
                assert asked == 1
                asked = 0
        if line is DONE:
            assert not busy
            assert not known.open_questions
