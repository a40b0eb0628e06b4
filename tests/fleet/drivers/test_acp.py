"""An ACP agent played by the test: every message it may send, and what of it happened."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from msgspec import structs

from tests.fleet.drivers.heard import Heard, live, prompt
from tests.fleet.drivers.pipes import ScriptedPipe
from tianting.fleet.drivers.acp import AcpDriver
from tianting.fleet.drivers.acp_agent import AcpAgent
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    Brief,
    ConversationKnown,
    DriverError,
    Garbled,
    LineRead,
    ModelWaited,
    PersonAsked,
    Prompt,
    PromptTaken,
    QuestionClosed,
    Standing,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.verdicts.failure_words import kind_of_fault

pytestmark = pytest.mark.anyio

DRIVER = AcpDriver("1.0", new_id=lambda: "us")
BRIEF = Brief(window_id="w1", generation=1, cwd="/work", conversation_id="s0", program="/bin/agent")
ABLE: dict[str, Any] = {"protocolVersion": 1}
SESSION: dict[str, Any] = {"sessionId": "s1"}
PERMISSION: dict[str, Any] = {
    "method": "session/request_permission",
    "params": {
        "sessionId": "s1",
        "toolCall": {"toolCallId": "c1"},
        "options": [{"optionId": "yes", "kind": "allow_once"}],
    },
}


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
        pipe.say({"id": 4, **PERMISSION})
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
