"""An ACP agent played by the test: every message it may send, and what of it happened."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, json, structs

from tests.fleet.drivers.heard import Heard, live, prompt
from tests.fleet.drivers.pipes import ScriptedPipe
from tianting.fleet.drivers.acp import AcpDriver
from tianting.fleet.drivers.acp_agent import AcpAgent
from tianting.fleet.drivers.acp_events import AcpReader
from tianting.fleet.drivers.acp_messages import CalledTool, PermissionOption, PermissionRequest
from tianting.fleet.drivers.acp_questions import question_of, result_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    Brief,
    ContextFilled,
    ConversationKnown,
    DriverError,
    Fault,
    Garbled,
    LineRead,
    ModelWaited,
    PersonAsked,
    Progressed,
    Prompt,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.json_rpc import Answered, Asked, Refusal, Told
from tianting.fleet.failure_words import kind_of_fault
from tianting.protocol.usage import Usage

pytestmark = pytest.mark.anyio

DRIVER = AcpDriver("1.0", new_id=lambda: "us")
BRIEF = Brief(window_id="w1", generation=1, cwd="/work", conversation_id="s0", program="/bin/agent")
ABLE: dict[str, Any] = {"protocolVersion": 1}
SESSION: dict[str, Any] = {"sessionId": "s1"}
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

    *_, done = read(reader, update("usage_update", used=1, cost={"amount": 1.25, "currency": "USD"}), ends())

    assert done == TurnDone(cost_usd=0.25)


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


@pytest.mark.parametrize(
    ("able", "changes", "session", "sent"),
    [
        pytest.param(ABLE, {}, SESSION, ["session/new"], id="begin"),
        pytest.param(
            {**ABLE, "agentCapabilities": {"loadSession": True, "sessionCapabilities": {"resume": {}}}},
            {"resume": True},
            {},
            ["session/resume"],
            id="go on",
        ),
        pytest.param(
            {**ABLE, "agentCapabilities": {"loadSession": True}}, {"resume": True}, {}, ["session/load"], id="load"
        ),
        pytest.param(
            ABLE,
            {"permission_mode": "plan", "model": "m"},
            {
                **SESSION,
                "modes": {"availableModes": [{"id": "plan"}]},
                "configOptions": [{"id": "x"}, {"id": "llm", "category": "model"}],
            },
            ["session/new", "session/set_mode", "session/set_config_option"],
            id="mode and model",
        ),
    ],
)
async def test_session_is_opened_as_the_brief_says(
    able: dict[str, Any], changes: dict[str, Any], session: dict[str, Any], sent: list[str]
) -> None:
    pipe = ScriptedPipe()
    pipe.answers = {"initialize": {"result": able}, sent[0]: {"result": session}}
    pipe.answers |= {method: {"result": {}} for method in sent[1:]}

    with anyio.fail_after(5):
        agent = await DRIVER.attach(pipe, structs.replace(BRIEF, **changes), taken_over=False)
        pipe.end()
        async with live(agent) as heard:
            known = await heard.until(ConversationKnown)

    assert known.conversation_id == session.get("sessionId", "s0")
    assert [message["method"] for message in pipe.sent] == ["initialize", *sent]
    assert pipe.sent[1]["params"]["mcpServers"] == []


@pytest.mark.parametrize(
    ("answers", "changes", "words", "kind"),
    [
        pytest.param({"initialize": {"result": {"protocolVersion": 2}}}, {}, "version 2", None, id="other version"),
        pytest.param({"initialize": {"result": []}}, {}, "something else", None, id="no introduction"),
        pytest.param({}, {"resume": True}, "does not keep any", "resume_missing", id="cannot go on"),
        pytest.param({}, {"permission_mode": "plan"}, "no mode 'plan'; it has: none", None, id="no modes"),
        pytest.param({}, {"model": "m"}, "model be chosen", None, id="no models"),
        pytest.param(
            {"session/new": {"error": {"code": -32000, "message": "Log in"}}}, {}, "Log in", "auth", id="not logged in"
        ),
        pytest.param(
            {"session/new": {"error": {"code": -32002, "message": "s0"}}}, {}, "s0", "resume_missing", id="not found"
        ),
        pytest.param({"session/new": {"error": {"code": 1, "message": "Odd"}}}, {}, "Odd", None, id="refused"),
    ],
)
async def test_what_cannot_be_had_is_said(
    answers: dict[str, Any], changes: dict[str, Any], words: str, kind: str | None
) -> None:
    pipe = ScriptedPipe()
    pipe.answers = {"initialize": {"result": ABLE}, "session/new": {"result": SESSION}, **answers}

    with anyio.fail_after(5), pytest.raises(DriverError, match=words) as raised:
        await DRIVER.attach(pipe, structs.replace(BRIEF, **changes), taken_over=False)

    assert (kind_of_fault(raised.value.fault) if raised.value.fault is not None else None) == kind


def test_agent_without_a_name_cannot_be_launched() -> None:
    with pytest.raises(DriverError, match="path of its program"):
        DRIVER.launch(structs.replace(BRIEF, program=None))


def test_agent_is_launched_by_its_name() -> None:
    launch = DRIVER.launch(structs.replace(BRIEF, arguments=("--acp",)))

    assert (launch.argv, launch.cwd, launch.native) == (("/bin/agent", "--acp"), "/work", False)


@contextlib.asynccontextmanager
async def running(standing: Standing | None = None) -> AsyncIterator[tuple[ScriptedPipe, AcpAgent, Heard]]:
    """The session `s1` of an agent that was taken over."""
    pipe = ScriptedPipe()
    brief = structs.replace(BRIEF, conversation_id="s1", standing=standing or Standing())
    agent = await DRIVER.attach(pipe, brief, taken_over=True)
    with anyio.fail_after(5):
        async with live(agent) as heard:
            await anyio.wait_all_tasks_blocked()
            yield pipe, agent, heard
            pipe.end()


async def test_turn_has_begun_before_the_agent_says_anything() -> None:
    async with running() as (pipe, agent, heard):
        await agent.prompt(prompt("hi"))
        await heard.until(ModelWaited)

        assert heard.events == [TurnBegan(), ModelWaited()]
        assert [message["method"] for message in pipe.sent] == ["session/prompt"]


async def test_next_prompt_may_come_from_whoever_hears_the_end_of_a_turn() -> None:
    pipe = ScriptedPipe()
    pipe.answers = {"session/prompt": {"result": {"stopReason": "end_turn"}}}
    agent = await DRIVER.attach(pipe, structs.replace(BRIEF, conversation_id="s1"), taken_over=True)
    heard: list[AgentEvent] = []

    async def tell(event: AgentEvent) -> None:
        heard.append(event)
        if isinstance(event, TurnDone):
            if heard.count(event) == 2:
                pipe.end()
            else:
                await agent.prompt(Prompt(text="again", uuid="u2"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.run, tell)
            await anyio.wait_all_tasks_blocked()
            await agent.prompt(Prompt(text="hi", uuid="u1"))

    turns = [event for event in heard if isinstance(event, TurnBegan | PromptTaken | TurnDone)]
    assert turns == [TurnBegan(), PromptTaken(uuid="u1"), TurnDone(), TurnBegan(), PromptTaken(uuid="u2"), TurnDone()]


async def test_interrupt_first_answers_what_is_open() -> None:
    async with running(Standing(in_turn=True)) as (pipe, agent, heard):
        pipe.say({"id": 4, "method": "session/request_permission", "params": json.decode(asks().params)})
        asked = await heard.until(PersonAsked)
        await agent.answer(asked.question_id, Answer(allow=False, interrupt=True))
        await agent.answer(asked.question_id, Answer(allow=True))
        assert await heard.until(QuestionClosed) == QuestionClosed(question_id=asked.question_id)

    cancelled = {"outcome": {"outcome": "cancelled"}}
    assert [message.get("result") or message["method"] for message in pipe.sent] == [cancelled, "session/cancel"]


async def test_nothing_is_interrupted_between_turns() -> None:
    async with running() as (pipe, agent, _):
        await agent.interrupt()

    assert pipe.sent == []


async def test_end_of_a_turn_of_an_earlier_fleet_is_known_by_its_shape() -> None:
    async with running(Standing(in_turn=True)) as (pipe, _, heard):
        pipe.say({"id": "them/1", "result": {}}, {"id": "them/2", "result": {"stopReason": "end_turn"}})
        assert await heard.until(TurnDone) == TurnDone()


async def test_files_and_terminals_are_refused() -> None:
    async with running() as (pipe, _, heard):
        for number, method in enumerate(("fs/read_text_file", "fs/write_text_file", "terminal/create")):
            pipe.say({"id": number, "method": method, "params": {"sessionId": "s1", "path": "/etc/passwd"}})
        pipe.say("nonsense")
        await heard.until(Garbled)
        await anyio.wait_all_tasks_blocked()

    assert [(message["id"], message["error"]["code"]) for message in pipe.sent] == [(n, -32601) for n in range(3)]
    assert len(heard.of(LineRead)) == 3


async def test_refusal_of_a_probe_is_an_answer() -> None:
    async with running() as (pipe, agent, _):
        pipe.answers = {"_tianting/probe": {"error": {"code": -32601, "message": "Method not found"}}}
        await agent.probe()
        pipe.answers = {"_tianting/probe": {"result": None}}
        await agent.probe()


async def test_probe_of_an_agent_that_ends_is_an_error() -> None:
    async with running() as (pipe, agent, _):
        pipe.end()
        with pytest.raises(DriverError, match="ended"):
            await agent.probe()


async def test_leaving_ends_its_input() -> None:
    async with running() as (pipe, agent, _):
        await agent.leave()
        await anyio.wait_all_tasks_blocked()
        assert pipe.finished
