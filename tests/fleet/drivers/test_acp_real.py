"""An ACP agent of other people's under our driver, offline, from the first prompt to the end of its process."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import msgspec
import pytest
from msgspec import structs

from tests.end_to_end.real_agents import acp_schema
from tests.fleet.drivers.heard import Heard, live, prompt
from tests.fleet.drivers.pipes import ProcessPipe
from tests.fleet.drivers.real_acp import AcpStage, acp_stage
from tianting.fleet.drivers.acp_agent import AcpAgent
from tianting.fleet.drivers.driver import (
    Answer,
    ContextFilled,
    ConversationKnown,
    DriverError,
    LineRead,
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
from tianting.fleet.verdicts.failure_words import kind_of_fault
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault

pytestmark = pytest.mark.anyio

SLOW = Reply(text="slow " * 100, chunk=5, pause=0.05)


@contextlib.asynccontextmanager
async def window(stage: AcpStage) -> AsyncIterator[tuple[AcpAgent, Heard, ProcessPipe]]:
    async with stage.process() as pipe:
        with anyio.fail_after(20):
            agent = await stage.driver.attach(pipe, stage.brief, taken_over=False)
        async with live(agent) as heard:
            yield agent, heard, pipe


def conversation(heard: Heard) -> str:
    [known] = heard.of(ConversationKnown)
    return known.conversation_id


async def test_a_prompt_is_taken_and_answered(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, says("Hello.")) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))

        assert await heard.answer() == "Hello."
        told = [event for event in heard.events if not isinstance(event, LineRead | Progressed | ContextFilled)]
        [done] = heard.of(TurnDone)
        assert [type(event) for event in told[:-1]] == [ConversationKnown, TurnBegan, ModelWaited, PromptTaken]
        assert heard.of(PromptTaken) == [PromptTaken(uuid="uuid-of-hi")]
        assert "".join(event.text for event in heard.of(Progressed)) == "Hello."
        assert (done.usage.prompt_tokens > 0, done.cost_usd > 0) == (True, True)


async def test_a_killed_agent_goes_on_with_its_conversation(tmp_path: Path) -> None:
    """The answers come in order of the history, so whoever forgot would hear the first again."""
    hangs = says("This hangs in its middle.", fault=Fault(kind="hang_mid_stream"))
    async with acp_stage(tmp_path, says("One."), hangs, says("Two.")) as stage:
        async with window(stage) as (agent, heard, pipe):
            await agent.prompt(prompt("first"))
            await heard.answer()
            await agent.prompt(prompt("second"))
            await heard.until(PromptTaken, count=2)
            await heard.until(Progressed, count=len(heard.of(Progressed)) + 1)
            pipe.kill()
            await pipe.process.wait()
        stage.brief = stage.going_on_with(conversation(heard))

        async with window(stage) as (agent, heard, _):
            assert heard.of(TurnDone) == []
            await agent.prompt(prompt("third"))
            assert await heard.answer() == "Two."


@pytest.mark.parametrize(
    ("answer", "written", "interrupted"),
    [
        pytest.param(Answer(allow=True), True, False, id="allowed"),
        pytest.param(Answer(allow=False), False, False, id="denied"),
        pytest.param(Answer(allow=False, interrupt=True), False, True, id="stopped"),
    ],
)
async def test_what_a_person_says_holds(tmp_path: Path, answer: Answer, written: bool, interrupted: bool) -> None:
    write = calls("Write", file_path=str(tmp_path / "work" / "a.txt"), content="x")
    async with acp_stage(tmp_path, says("", write), says("As you like.")) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))
        asked = await heard.until(PersonAsked)
        assert (asked.kind, asked.input["content"]) == ("approval", "x")

        await agent.answer(asked.question_id, answer)
        await agent.answer(asked.question_id, Answer(allow=True))

        done = await heard.until(TurnDone)
        assert (done.fault, done.interrupted) == (None, interrupted)
        assert heard.of(QuestionClosed) == [QuestionClosed(question_id=asked.question_id)]
        assert (tmp_path / "work" / "a.txt").exists() is written
        assert len(heard.of(ToolBegan)) == 1
        assert len(heard.of(ToolEnded)) == (0 if interrupted else 1)


async def test_a_turn_is_probed_and_stopped_in_its_middle(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, SLOW) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))
        await heard.until(Progressed, count=2)
        with anyio.fail_after(5):
            await agent.probe()
        with pytest.raises(DriverError, match="A turn is running"):
            await agent.prompt(prompt("too early"))

        await agent.interrupt()

        done = await heard.until(TurnDone)
        assert (done.interrupted, done.fault) == (True, None)
        await agent.interrupt()
        await agent.prompt(prompt("next"))
        await heard.until(PromptTaken, count=2)


async def test_a_provider_that_fails_is_told_from_an_agent_that_fails(tmp_path: Path) -> None:
    failing = structs.replace(says(fault=Fault(kind="status", status=400, message="Not like this")), times=9)
    async with acp_stage(tmp_path, failing) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))

        done = await heard.until(TurnDone)
        assert done.fault is not None
        assert kind_of_fault(done.fault) == "bad_request"


async def test_a_conversation_that_is_unknown_is_called_so(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, says("Hello.")) as stage, stage.process() as pipe:
        brief = stage.going_on_with("01a1f96b-a81b-7633-b35b-429b49007b9f")

        with anyio.fail_after(20), pytest.raises(DriverError) as raised:
            await stage.driver.attach(pipe, brief, taken_over=False)

        assert raised.value.fault is not None
        assert kind_of_fault(raised.value.fault) == "resume_missing"


async def test_a_mode_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, says("Hello.")) as stage, stage.process() as pipe:
        brief = structs.replace(stage.brief, permission_mode="careful")

        with anyio.fail_after(20), pytest.raises(DriverError, match=r"has no mode 'careful'; it has: .*plan"):
            await stage.driver.attach(pipe, brief, taken_over=False)


async def test_a_process_that_is_taken_over_is_answered_and_done(tmp_path: Path) -> None:
    write = calls("Write", file_path=str(tmp_path / "work" / "a.txt"), content="x")
    async with acp_stage(tmp_path, says("", write), says("Written.")) as stage, stage.process() as pipe:
        agent = await stage.driver.attach(pipe, stage.brief, taken_over=False)
        async with live(agent) as heard:
            await agent.prompt(prompt("hi"))
            asked = await heard.until(PersonAsked)
        standing = Standing(in_turn=True, open_questions=(asked.question_id,))
        brief = structs.replace(stage.going_on_with(conversation(heard)), standing=standing)

        agent = await stage.driver.attach(pipe, brief, taken_over=True)
        async with live(agent) as heard:
            await agent.probe()
            await agent.answer(asked.question_id, Answer(allow=True))
            assert await heard.answer() == "Written."

    assert (heard.of(ConversationKnown), heard.of(TurnBegan)) == ([], [])
    assert (tmp_path / "work" / "a.txt").exists()


async def test_our_messages_keep_to_the_published_schema(tmp_path: Path) -> None:
    write = calls("Write", file_path=str(tmp_path / "work" / "a.txt"), content="x")
    async with acp_stage(tmp_path, says("", write), SLOW) as stage:
        stage.brief = structs.replace(stage.brief, permission_mode="default", model="sonnet")
        async with window(stage) as (agent, heard, pipe):
            await agent.prompt(prompt("hi"))
            asked = await heard.until(PersonAsked)
            await agent.answer(asked.question_id, Answer(allow=True, suggestions=asked.suggestions))
            await heard.until(ToolEnded)
            await agent.interrupt()
            await heard.until(TurnDone)
            await agent.leave()
            with anyio.fail_after(10):
                await pipe.process.wait()
        stage.brief = stage.going_on_with(conversation(heard))
        async with window(stage) as (_, _, second):
            pass

    schema = msgspec.json.decode(acp_schema().read_bytes())
    kinds = {definition.get("x-method"): name for name, definition in schema["$defs"].items() if ours(name, definition)}
    assert len(pipe.sent) == 7
    for message in (*pipe.sent, *second.sent):
        name = kinds[message["method"]] if "method" in message else "RequestPermissionResponse"
        about: dict[str, Any] = {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}
        jsonschema.validate(message.get("params", message.get("result")), about)
        jsonschema.validate(message, schema)


def ours(name: str, definition: dict[str, Any]) -> bool:
    """Whether it is something that clients send."""
    return definition.get("x-side") == "agent" and name.endswith(("Request", "Notification"))
