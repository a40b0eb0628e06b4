"""What an ACP agent says, and what of it happened."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, json

from tianting.fleet.drivers.acp_events import AcpReader
from tianting.fleet.drivers.acp_messages import CalledTool, PermissionOption, PermissionRequest
from tianting.fleet.drivers.acp_questions import question_of, result_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    ContextFilled,
    Fault,
    Garbled,
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
from tianting.fleet.drivers.json_rpc import Answered, Asked, Refusal, Told
from tianting.protocol.usage import Usage

OPTIONS = (
    PermissionOption(option_id="always", kind="allow_always", name="Always"),
    PermissionOption(option_id="yes", kind="allow_once"),
    PermissionOption(option_id="no", kind="reject_once"),
)


def update(kind: str, session: str = "s1", **fields: Any) -> Told:
    params = {"sessionId": session, "update": {"sessionUpdate": kind, **fields}}
    return Told(method="session/update", params=Raw(json.encode(params)), line=b"a line")


def says(text: str, message: str | None = None) -> Told:
    return update("agent_message_chunk", content={"type": "text", "text": text}, messageId=message)


def asks(request_id: int = 0) -> Asked:
    options = [{"optionId": o.option_id, "kind": o.kind, "name": o.name} for o in OPTIONS]
    call = {"toolCallId": "c1", "title": "Write a.txt", "kind": "edit", "rawInput": {"path": "a.txt"}}
    params = {"sessionId": "s1", "toolCall": call, "options": options}
    return Asked(id=request_id, method="session/request_permission", params=Raw(json.encode(params)), line=b"a line")


def ends(reason: str = "end_turn", **more: Any) -> Answered:
    result = Raw(json.encode({"stopReason": reason, **more}))
    return Answered(topic="turn", result=result, refusal=None, line=b"a line")


def refuses(code: int, message: str = "No.") -> Answered:
    return Answered(topic="turn", result=Raw(b"null"), refusal=Refusal(code=code, message=message), line=b"a line")


def read(reader: AcpReader, *messages: Told | Asked | Answered) -> list[AgentEvent]:
    events: list[AgentEvent] = []
    for message in messages:
        events += reader.finish(message) if isinstance(message, Answered) else reader.read(message)
    return events


@pytest.mark.parametrize(
    ("messages", "events"),
    [
        pytest.param([ends()], [PromptTaken(uuid="u"), TurnDone()], id="nothing to say"),
        pytest.param(
            [says("Hel"), says("lo."), ends()],
            [PromptTaken(uuid="u"), Progressed(text="Hel"), Progressed(text="lo."), TurnDone(text="Hello.")],
            id="an answer in pieces",
        ),
        pytest.param(
            [says("First.", "m1"), says("Last.", "m2"), ends()],
            [PromptTaken(uuid="u"), Progressed(text="First."), Progressed(text="Last."), TurnDone(text="Last.")],
            id="the last message is the answer",
        ),
        pytest.param(
            [
                says("Look."),
                update("tool_call", toolCallId="c1", title="Read", status="pending"),
                update("tool_call_update", toolCallId="c1", status="in_progress"),
                update("tool_call_update", toolCallId="c1", status="completed"),
                ends(),
            ],
            [
                PromptTaken(uuid="u"),
                Progressed(text="Look."),
                ToolBegan(call_id="c1", name="Read"),
                Progressed(),
                Progressed(),
                ToolEnded(call_id="c1"),
                ModelWaited(),
                TurnDone(),
            ],
            id="a tool",
        ),
        pytest.param(
            [
                update("tool_call", toolCallId="c1", name="Read"),
                update("tool_call", toolCallId="c2", name="Read", status="failed"),
            ],
            [
                PromptTaken(uuid="u"),
                ToolBegan(call_id="c1", name="Read"),
                Progressed(),
                ToolBegan(call_id="c2", name="Read"),
                ToolEnded(call_id="c2"),
            ],
            id="the model waits for all tools",
        ),
        pytest.param(
            [update("agent_thought_chunk", content={}), update("plan", entries=[])],
            [PromptTaken(uuid="u"), Progressed(), Progressed()],
            id="thoughts and plans",
        ),
        pytest.param(
            [
                update("usage_update", used=5, size=100, cost={"amount": 0.5, "currency": "USD"}),
                ends(usage={"inputTokens": 2, "outputTokens": 3, "cachedReadTokens": 4, "cachedWriteTokens": None}),
            ],
            [
                ContextFilled(tokens=5, window=100),
                PromptTaken(uuid="u"),
                TurnDone(usage=Usage(input_tokens=2, output_tokens=3, cache_read_input_tokens=4), cost_usd=0.5),
            ],
            id="usage and cost",
        ),
        pytest.param(
            [update("usage_update", used=5, size=None, cost={"amount": 0.5, "currency": "EUR"}), ends("cancelled")],
            [ContextFilled(tokens=5), PromptTaken(uuid="u"), TurnDone(interrupted=True)],
            id="another currency, and interrupted",
        ),
        pytest.param([refuses(-32800)], [PromptTaken(uuid="u"), TurnDone(interrupted=True)], id="cancelled by error"),
        pytest.param(
            [refuses(-32000)], [TurnDone(fault=Fault(message="No.", code="authentication_failed"))], id="not logged in"
        ),
        pytest.param([refuses(-32603)], [TurnDone(fault=Fault(message="No.", code="-32603"))], id="internal error"),
        pytest.param(
            [ends("max_turn_requests")],
            [TurnDone(fault=Fault(message="The agent stopped early: max_turn_requests.", code="max_turn_requests"))],
            id="stopped early",
        ),
        pytest.param(
            [Answered(topic="turn", result=Raw(b"{}"), refusal=None, line=b"")],
            [TurnDone(fault=Fault(message="The agent answered the prompt with something else."))],
            id="another answer",
        ),
        pytest.param([update("agent_message_chunk", "s2", content={})], [], id="another session"),
        pytest.param([update("available_commands_update")], [], id="other news"),
        pytest.param(
            [says("x"), ends(), says("late"), ends()],
            [PromptTaken(uuid="u"), Progressed(text="x"), TurnDone(text="x")],
            id="too late",
        ),
        pytest.param(
            [update("agent_message_chunk", content=5)],
            [PromptTaken(uuid="u"), Garbled(sample="a line")],
            id="another shape",
        ),
    ],
)
def test_messages_become_events(messages: list[Told | Answered], events: list[AgentEvent]) -> None:
    reader = AcpReader("s1", Standing())

    assert list(reader.begin("u")) == [TurnBegan(), ModelWaited()]
    assert read(reader, *messages) == events


def test_cost_is_of_this_turn_alone() -> None:
    reader = AcpReader("s1", Standing(in_turn=True, spent_usd=1.0))
    costs: list[float] = []

    for amount in (1.25, 1.75):
        events = read(reader, update("usage_update", used=1, cost={"amount": amount, "currency": "USD"}), ends())
        costs += [event.cost_usd for event in events if isinstance(event, TurnDone)]
        list(reader.begin("u"))

    assert costs == [0.25, 0.5]


def test_open_questions_are_closed_with_the_turn() -> None:
    reader = AcpReader("s1", Standing(in_turn=True))

    asked, closed, done = read(reader, asks(), ends())

    assert isinstance(asked, PersonAsked)
    assert (asked.tool, asked.text, asked.input) == ("edit", "Write a.txt", {"path": "a.txt"})
    assert asked.suggestions == ({"optionId": "always", "kind": "allow_always", "name": "Always"},)
    assert (closed, done) == (QuestionClosed(question_id=asked.question_id), TurnDone())


@pytest.mark.parametrize(
    ("options", "answer", "chosen"),
    [
        pytest.param(OPTIONS, Answer(allow=True), "yes", id="yes"),
        pytest.param(OPTIONS, Answer(allow=True, suggestions=({"optionId": "always"},)), "always", id="always"),
        pytest.param(OPTIONS, Answer(allow=True, suggestions=("always",)), "always", id="always, in another word"),
        pytest.param(OPTIONS, Answer(allow=False), "no", id="no"),
        pytest.param(OPTIONS[:1], Answer(allow=True), "always", id="only always"),
        pytest.param(OPTIONS[:2], Answer(allow=False), None, id="no is not offered"),
        pytest.param(OPTIONS, Answer(allow=False, interrupt=True), None, id="no, and stop"),
        pytest.param(OPTIONS[2:], Answer(allow=True), None, id="yes is not offered"),
    ],
)
def test_answer_chooses_an_option(options: tuple[PermissionOption, ...], answer: Answer, chosen: str | None) -> None:
    request = PermissionRequest(session_id="s1", tool_call=CalledTool(), options=options)
    question = question_of(asks(7), request)

    outcome = {"outcome": "cancelled"} if chosen is None else {"outcome": "selected", "optionId": chosen}
    assert result_of(question.question_id, answer) == (7, {"outcome": outcome})


@given(st.lists(st.sampled_from(["begin", says("x"), asks(), ends(), refuses(1), update("usage_update")]), max_size=30))
@settings(max_examples=100)
def test_turns_begin_and_end_in_turn_whatever_is_said(messages: list[Any]) -> None:
    reader = AcpReader("s1", Standing())
    events: list[AgentEvent] = []
    for message in messages:
        if message != "begin":
            events += read(reader, message)
        elif not reader.in_turn:
            events += reader.begin("u")

    turns = [type(event) for event in events if isinstance(event, TurnBegan | TurnDone)]
    assert all(kind is (TurnDone if place % 2 else TurnBegan) for place, kind in enumerate(turns))
