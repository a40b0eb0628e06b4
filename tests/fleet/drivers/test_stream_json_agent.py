"""One conversation, with the test at the other end of the pipe."""

import contextlib
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import anyio
import pytest

from tests.fleet.drivers.pipes import ScriptedPipe
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    Brief,
    DriverError,
    Fault,
    Garbled,
    LineRead,
    PersonAsked,
    Prompt,
    Standing,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.stream_json import TIANTING, StreamJsonDriver
from tianting.fleet.drivers.stream_json_agent import StreamJsonAgent

pytestmark = pytest.mark.anyio

READY = {"type": "control_response", "response": {"subtype": "success", "request_id": "r0", "response": {}}}
INIT = {"type": "system", "subtype": "init", "session_id": "c1"}
DONE = {"type": "result", "subtype": "success", "result": "hi"}
ASKED = {"type": "control_request", "request_id": "q1", "request": {"subtype": "can_use_tool", "tool_name": "Bash"}}


def driver() -> StreamJsonDriver:
    numbers = count()
    return StreamJsonDriver(TIANTING, new_id=lambda: f"r{next(numbers)}", now=lambda: 0.0)


def brief(standing: Standing | None = None) -> Brief:
    return Brief(
        window_id="w", generation=1, cwd="/", conversation_id="c1", environment={}, standing=standing or Standing()
    )


async def put_away(pipe: ScriptedPipe) -> None:
    """Read what nobody has read."""
    pipe.end()
    with contextlib.suppress(anyio.ClosedResourceError):
        while await pipe.receive():
            pass


class Talk:
    """An agent that runs, and what it told."""

    def __init__(self, pipe: ScriptedPipe, agent: StreamJsonAgent) -> None:
        self.pipe = pipe
        self.agent = agent
        self.events: list[AgentEvent] = []

    async def run(self) -> None:
        async def tell(event: AgentEvent) -> None:
            self.events.append(event)

        await self.agent.run(tell)

    async def settled(self) -> None:
        await anyio.wait_all_tasks_blocked()

    @property
    def told(self) -> list[AgentEvent]:
        """Everything but the lines themselves."""
        return [event for event in self.events if not isinstance(event, LineRead)]


@contextlib.asynccontextmanager
async def talking(*, standing: Standing | None = None, taken_over: bool = False) -> AsyncIterator[Talk]:
    pipe = ScriptedPipe()
    if not taken_over:
        pipe.say(READY)
    with anyio.fail_after(5):
        agent = await driver().attach(pipe, brief(standing), taken_over=taken_over)
        async with anyio.create_task_group() as tasks:
            talk = Talk(pipe, agent)
            tasks.start_soon(talk.run)
            yield talk
            pipe.end()


async def test_hands_are_shaken_once_and_what_was_heard_is_told_first() -> None:
    async with talking() as talk:
        talk.pipe.say(INIT, DONE)
        await talk.settled()

        assert talk.pipe.sent == [
            {"type": "control_request", "request_id": "r0", "request": {"subtype": "initialize", "hooks": None}}
        ]
        assert len([event for event in talk.events if isinstance(event, LineRead)]) == 3
        assert talk.told == [TurnBegan(), TurnDone(text="hi")]


async def test_process_that_is_taken_over_is_told_nothing() -> None:
    async with talking(standing=Standing(in_turn=True), taken_over=True) as talk:
        talk.pipe.say(DONE)
        await talk.settled()

        assert talk.pipe.sent == []
        assert talk.told == [TurnDone(text="hi")]


@pytest.mark.parametrize(
    ("said", "message", "fault"),
    [
        pytest.param([], "The agent ended before it was ready.", None, id="end"),
        pytest.param(
            [{"type": "control_response", "response": {"subtype": "error", "request_id": "r0", "error": "no"}}],
            "The agent refused to begin: no",
            None,
            id="refusal",
        ),
        pytest.param(
            [{"type": "result", "subtype": "error_during_execution", "is_error": True, "errors": ["No conversation"]}],
            "The agent could not begin: No conversation",
            Fault(message="No conversation", code="error_during_execution"),
            id="conversation missing",
        ),
        pytest.param(["nonsense"] * 101, "What the agent writes is not stream-json.", None, id="nonsense"),
    ],
)
async def test_handshake_fails(said: list[Any], message: str, fault: Fault | None) -> None:
    pipe = ScriptedPipe()
    pipe.say(*said)
    pipe.end()

    with anyio.fail_after(5), pytest.raises(DriverError) as caught:
        await driver().attach(pipe, brief(), taken_over=False)
    await put_away(pipe)

    assert (str(caught.value), caught.value.fault) == (message, fault)


async def test_agent_that_is_gone_cannot_be_greeted() -> None:
    pipe = ScriptedPipe()
    pipe.broken = True

    with anyio.fail_after(5), pytest.raises(DriverError, match="ended before it was ready"):
        await driver().attach(pipe, brief(), taken_over=False)
    await put_away(pipe)


async def test_words_that_are_no_line_are_garbled_and_torn_ones_too() -> None:
    pipe = ScriptedPipe(b"\n  \n", b"x" * 300 + b"\n", b'{"type": "resu')
    agent = await driver().attach(pipe, brief(), taken_over=True)
    talk = Talk(pipe, agent)
    pipe.end()

    with anyio.fail_after(5):
        await talk.run()

    assert talk.events == [Garbled(sample="x" * 200), Garbled(sample='{"type": "resu')]


@pytest.mark.parametrize(
    ("answer", "payload"),
    [
        pytest.param(Answer(allow=True), {"behavior": "allow"}, id="yes"),
        pytest.param(
            Answer(allow=True, updated_input={"command": "ls"}, suggestions=({"type": "setMode"},)),
            {"behavior": "allow", "updatedInput": {"command": "ls"}, "updatedPermissions": [{"type": "setMode"}]},
            id="yes, but",
        ),
        pytest.param(Answer(allow=False), {"behavior": "deny", "message": "The user declined this call."}, id="no"),
        pytest.param(
            Answer(allow=False, text="Stop it.", interrupt=True),
            {"behavior": "deny", "message": "Stop it.", "interrupt": True},
            id="no, and stop",
        ),
    ],
)
async def test_answer_is_given_once(answer: Answer, payload: dict[str, Any]) -> None:
    async with talking() as talk:
        talk.pipe.say(ASKED)
        await talk.settled()
        for question in ("q1", "q1", "q2"):
            await talk.agent.answer(question, answer)
        await talk.settled()

        assert talk.told == [PersonAsked(question_id="q1", kind="approval", tool="Bash")]
        assert talk.pipe.sent[1:] == [
            {"type": "control_response", "response": {"subtype": "success", "request_id": "q1", "response": payload}}
        ]


async def test_question_that_nobody_serves_is_refused() -> None:
    async with talking() as talk:
        talk.pipe.say({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}})
        await talk.settled()

        refusal = {"subtype": "error", "request_id": "h", "error": "hook_callback is not served here."}
        assert talk.pipe.sent[1:] == [{"type": "control_response", "response": refusal}]


async def test_prompt_interrupt_and_leave_go_out_in_order() -> None:
    async with talking() as talk:
        await talk.agent.prompt(Prompt(text="hi", uuid="u1"))
        await talk.agent.interrupt()
        await talk.agent.leave()
        await talk.settled()

        assert talk.pipe.sent[1:] == [
            {
                "type": "user",
                "message": {"role": "user", "content": "hi"},
                "parent_tool_use_id": None,
                "session_id": "default",
                "uuid": "u1",
            },
            {"type": "control_request", "request_id": "r1", "request": {"subtype": "interrupt"}},
        ]
        assert talk.pipe.finished
        with pytest.raises(DriverError, match="was asked to leave"):
            await talk.agent.prompt(Prompt(text="hi", uuid="u2"))


async def test_probe_returns_with_its_own_answer() -> None:
    async with talking() as talk:
        answered = anyio.Event()

        async def probe() -> None:
            await talk.agent.probe()
            answered.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(probe)
            await talk.settled()
            assert not answered.is_set()
            talk.pipe.say({"type": "control_response", "response": {"subtype": "success", "request_id": "r1"}})

        assert talk.pipe.sent[1:] == [
            {"type": "control_request", "request_id": "r1", "request": {"subtype": "mcp_status"}}
        ]


async def test_probe_fails_with_the_agent() -> None:
    async with talking() as talk:
        async with anyio.create_task_group() as tasks:

            async def probe() -> None:
                with pytest.raises(DriverError, match="ended before it answered"):
                    await talk.agent.probe()

            tasks.start_soon(probe)
            await talk.settled()
            talk.pipe.end()
        with pytest.raises(DriverError, match="has ended"):
            await talk.agent.probe()


async def test_agent_that_reads_no_more_is_refused_prompts() -> None:
    async with talking() as talk:
        talk.pipe.broken = True
        await talk.agent.prompt(Prompt(text="lost", uuid="u1"))
        await talk.settled()
        talk.pipe.say({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}})
        await talk.settled()

        with pytest.raises(DriverError, match="reads no more"):
            await talk.agent.prompt(Prompt(text="refused", uuid="u2"))


async def test_agent_that_does_not_read_is_given_only_so_much() -> None:
    pipe = ScriptedPipe()
    agent = await driver().attach(pipe, brief(), taken_over=True)
    for number in range(256):
        await agent.prompt(Prompt(text="hi", uuid=str(number)))

    with pytest.raises(DriverError, match="does not read: 256 messages"):
        await agent.interrupt()
    await put_away(pipe)


async def test_whoever_tells_stops_the_reading_where_it_fails() -> None:
    pipe = ScriptedPipe()
    pipe.say(INIT, DONE)
    agent = await driver().attach(pipe, brief(), taken_over=True)

    async def tell(_: AgentEvent) -> None:
        raise OSError("disk full")

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        await agent.run(tell)
    await put_away(pipe)

    assert caught.group_contains(OSError, match="disk full")
