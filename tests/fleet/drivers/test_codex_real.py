"""The real Codex under our driver, offline, from the first prompt to the end of its process."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import jsonschema
import msgspec
import pytest
from msgspec import structs

from tests.fleet.drivers.heard import Heard, live, prompt
from tests.fleet.drivers.pipes import ProcessPipe
from tests.fleet.drivers.real_codex import CodexStage, codex_stage
from tianting.fleet.drivers.codex_host import SoleThread
from tianting.fleet.drivers.codex_messages import reasoning_of
from tianting.fleet.drivers.codex_thread import TurnOptions
from tianting.fleet.drivers.driver import (
    Answer,
    ContextFilled,
    ConversationKnown,
    DriverError,
    Limited,
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
async def window(stage: CodexStage) -> AsyncIterator[tuple[SoleThread, Heard, ProcessPipe]]:
    async with stage.process() as pipe:
        with anyio.fail_after(10):
            agent = await stage.driver.attach(pipe, stage.brief, taken_over=False)
        async with live(agent) as heard:
            yield agent, heard, pipe


def conversation(heard: Heard) -> str:
    [known] = heard.of(ConversationKnown)
    return known.conversation_id


async def test_a_prompt_is_taken_and_answered(tmp_path: Path) -> None:
    async with codex_stage(tmp_path, says("Hello.", thinking="Well.")) as stage, window(stage) as (agent, heard, _):
        await agent.ask(prompt("hi"), TurnOptions(effort="high", summary="detailed"))

        assert await heard.answer() == "Hello."
        told = [event for event in heard.events if not isinstance(event, LineRead | Progressed)]
        kinds = [ConversationKnown, TurnBegan, ModelWaited, PromptTaken, ContextFilled, TurnDone]
        assert [type(event) for event in told] == kinds
        assert heard.of(PromptTaken) == [PromptTaken(uuid="uuid-of-hi")]
        assert [event.text for event in heard.of(Progressed) if event.text] == ["Hello."]
        assert "".join(reasoning_of(event.line) for event in heard.of(LineRead)) == "Well."
        [done] = heard.of(TurnDone)
        assert done.usage.prompt_tokens > 0
        assert len(heard.of(ContextFilled)) == 1
        await agent.prompt(prompt("again"))  # a request is in the log by the time the next one is answered
        await heard.answer(count=2)
        assert stage.network.requests()[0]["reasoning"]["effort"] == "high"


async def test_a_killed_agent_goes_on_with_its_conversation(tmp_path: Path) -> None:
    """The answers come in order of the history, so whoever forgot would hear the first again."""
    hangs = says("This hangs in its middle.", fault=Fault(kind="hang_mid_stream"))
    async with codex_stage(tmp_path, says("One."), hangs, says("Two.")) as stage:
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


async def test_what_is_allowed_runs_and_what_is_denied_does_not(tmp_path: Path) -> None:
    replies = (
        says("", calls("exec_command", cmd="touch allowed; ls")),
        says("Done."),
        says("", calls("exec_command", cmd="touch denied; ls")),
        says("As you like."),
    )
    async with codex_stage(tmp_path, *replies) as stage, window(stage) as (agent, heard, _):
        for turn, allow, text in ((1, True, "Done."), (2, False, "As you like.")):
            await agent.prompt(prompt(f"prompt {turn}"))
            asked = await heard.until(PersonAsked, count=turn)
            assert (asked.kind, asked.tool) == ("approval", "commandExecution")
            await agent.answer(asked.question_id, Answer(allow=allow))
            await agent.answer(asked.question_id, Answer(allow=not allow))
            assert await heard.answer(count=turn) == text
            assert heard.of(QuestionClosed)[-1] == QuestionClosed(question_id=asked.question_id)

        assert [path.name for path in Path(stage.brief.cwd).iterdir() if path.suffix == ""] == ["allowed"]
        assert (len(heard.of(ToolBegan)), len(heard.of(ToolEnded))) == (2, 2)


async def test_a_no_can_end_the_turn(tmp_path: Path) -> None:
    asks = says("", calls("exec_command", cmd="touch denied; ls"))
    async with codex_stage(tmp_path, asks) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))
        asked = await heard.until(PersonAsked)

        await agent.answer(asked.question_id, Answer(allow=False, interrupt=True))

        done = await heard.until(TurnDone)
        assert (done.interrupted, done.fault) == (True, None)


async def test_a_turn_is_stopped_joined_and_probed_in_its_middle(tmp_path: Path) -> None:
    async with codex_stage(tmp_path, SLOW) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))
        await heard.until(Progressed)
        with anyio.fail_after(5):
            await agent.probe()

        await agent.prompt(prompt("and then"))
        await agent.interrupt()

        done = await heard.until(TurnDone)
        assert (done.interrupted, len(heard.of(TurnBegan)), len(heard.of(TurnDone))) == (True, 1, 1)
        await agent.interrupt()
        await agent.prompt(prompt("next"))
        await heard.until(TurnBegan, count=2)


@pytest.mark.parametrize(
    ("fault", "limits", "kind"),
    [
        pytest.param(
            Fault(kind="status", status=429, retry_after=1),
            [Limited(cause="rate_limit", retrying=True), Limited(cause="rate_limit")],
            "rate_limited",
            id="too many requests",
        ),
        pytest.param(Fault(kind="status", status=401), [], "auth", id="wrong key"),
        pytest.param(Fault(kind="status", status=400), [], "bad_request", id="bad request"),
        pytest.param(
            Fault(kind="status", status=503, error_type="server_is_overloaded"),
            [Limited(cause="overloaded")],
            "overloaded",
            id="overloaded",
        ),
        pytest.param(Fault(kind="disconnect"), [], "network", id="broken off"),
    ],
)
async def test_a_provider_that_fails_is_told_from_an_agent_that_fails(
    tmp_path: Path, fault: Fault, limits: list[Limited], kind: str
) -> None:
    failing = structs.replace(says("Never.", fault=fault), times=9)
    async with codex_stage(tmp_path, failing) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))

        done = await heard.until(TurnDone)
        assert done.fault is not None
        assert kind_of_fault(done.fault) == kind
        assert heard.of(Limited) == limits


async def test_a_limit_that_passes_is_waited_for(tmp_path: Path) -> None:
    busy = says(fault=Fault(kind="status", status=429, retry_after=0))
    async with codex_stage(tmp_path, busy, says("At last.")) as stage, window(stage) as (agent, heard, _):
        await agent.prompt(prompt("hi"))

        assert await heard.answer() == "At last."
        assert heard.of(Limited) == [Limited(cause="rate_limit", retrying=True)]


async def test_a_conversation_that_is_unknown_is_called_so(tmp_path: Path) -> None:
    async with codex_stage(tmp_path, says("Hello.")) as stage, stage.process() as pipe:
        brief = stage.going_on_with("01a1f96b-a81b-7633-b35b-429b49007b9f")

        with anyio.fail_after(10), pytest.raises(DriverError, match="no rollout found") as raised:
            await stage.driver.attach(pipe, brief, taken_over=False)

        assert raised.value.fault is not None
        assert kind_of_fault(raised.value.fault) == "resume_missing"


async def test_one_process_holds_many_windows(tmp_path: Path) -> None:
    async with codex_stage(tmp_path, says("One."), says("Two.")) as stage, stage.process() as pipe:
        host = await stage.driver.host(pipe, stage.brief, taken_over=False)
        first = await host.join(stage.brief, taken_over=False)
        outside = Heard()
        async with anyio.create_task_group() as tasks, live(first) as heard:
            tasks.start_soon(host.run, outside.tell)
            await first.prompt(prompt("to the first"))
            assert await heard.answer() == "One."
            copied = structs.replace(stage.brief, copy_of=first.thread_id)
            second = await host.join(copied, taken_over=False)
            async with live(second) as heard_too:
                await second.prompt(prompt("to the second"))
                assert await heard_too.answer() == "Two."
                assert len(heard.of(TurnDone)) == 1
                await second.leave()
            await host.probe()
            assert conversation(heard) != conversation(heard_too)
            assert [type(event) for event in outside.events] == [LineRead] * len(outside.events)
            await host.leave()
            with anyio.fail_after(5):
                assert await pipe.process.wait() == 0


async def test_a_process_that_is_taken_over_is_stopped_asked_and_answered(tmp_path: Path) -> None:
    replies = (says("", calls("exec_command", cmd="touch allowed; ls")), SLOW)
    async with codex_stage(tmp_path, *replies) as stage, stage.process() as pipe:
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
            await heard.until(ToolEnded)
            await heard.until(Progressed, count=3)
            await agent.interrupt()
            done = await heard.until(TurnDone)

    assert (done.interrupted, heard.of(ConversationKnown)) == (True, [])


async def test_a_process_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    async with codex_stage(tmp_path, says("Hello.")) as stage, stage.process() as pipe:
        agent = await stage.driver.attach(pipe, stage.brief, taken_over=False)
        heard = Heard()
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(agent.run, heard.tell)
                await heard.until(ConversationKnown)
                await agent.leave()
            assert await pipe.process.wait() == 0
        with pytest.raises(DriverError):
            await agent.probe()


async def test_our_messages_keep_to_the_schema_of_codex(tmp_path: Path) -> None:
    replies = (says("", calls("exec_command", cmd="touch a; ls")), SLOW)
    async with codex_stage(tmp_path, *replies) as stage, window(stage) as (agent, heard, pipe):
        options = TurnOptions(effort="low", summary="auto", output_schema={"type": "object"})
        await agent.ask(prompt("hi"), options)
        asked = await heard.until(PersonAsked)
        await agent.answer(asked.question_id, Answer(allow=True, suggestions=asked.suggestions))
        await heard.until(ToolEnded)
        await agent.probe()
        await agent.interrupt()
        await heard.until(TurnDone)
        generate = (stage.driver.launch(stage.brief).argv[0], "app-server", "generate-json-schema", "--out")
        await anyio.run_process([*generate, str(tmp_path / "schema")], env=stage.brief.environment)

    schema = {path.stem: msgspec.json.decode(path.read_bytes()) for path in (tmp_path / "schema").glob("*.json")}
    for message in pipe.sent:
        if "result" in message:
            jsonschema.validate(message["result"], schema["CommandExecutionRequestApprovalResponse"])
        else:
            jsonschema.validate(message, schema["ClientRequest" if "id" in message else "ClientNotification"])
