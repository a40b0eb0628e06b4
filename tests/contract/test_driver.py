"""One suite for `Driver`: every kind of agent there is, each a real process at the other end of a real socket."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.contract.driver_kinds import KINDS, Kind, Scene, Stage
from tests.contract.driver_window import PATIENCE, Window, attended, started, window
from tianting.fleet.drivers.driver import (
    Answer,
    ConversationKnown,
    Limited,
    LineRead,
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
from tianting.protocol.ids import random_uuid

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@contextlib.asynccontextmanager
async def playing(kind: Kind, folder: Path, scene: Scene) -> AsyncIterator[tuple[Stage, Window]]:
    """A window in `scene`. However it goes, no turn may begin twice or be done twice."""
    async with (
        kind.stage(folder, scene) as stage,
        window(stage.driver, stage.brief, stage.way_in) as opened,
    ):
        yield stage, opened
        turns = [event for event in opened.events if isinstance(event, TurnBegan | TurnDone)]
        assert all(isinstance(event, TurnBegan) for event in turns[::2])
        assert all(isinstance(event, TurnDone) for event in turns[1::2])


async def test_prompt_is_answered(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "talk") as (stage, opened):
        uuid = await opened.prompt(stage.prompts[0])
        done = await opened.until(TurnDone)

        assert (done.text, done.fault, done.interrupted) == (stage.answers[0], None, False)
        assert opened.all(PromptTaken) == [PromptTaken(uuid=uuid)]
        assert "".join(event.text for event in opened.all(Progressed)) == stage.answers[0]
        assert done.usage.output_tokens > 0


async def test_every_line_is_told_as_it_came(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "talk") as (stage, opened):
        await opened.turn(stage.prompts[0])

        lines = [json.loads(event.line) for event in opened.all(LineRead)]
        assert len(lines) >= 3
        assert all(isinstance(line, dict) for line in lines)


async def test_conversation_goes_on_in_another_process(kind: Kind, tmp_path: Path) -> None:
    """After a kill in the middle of a turn. Each answer comes once, so whoever forgot would hear the first again."""
    async with kind.stage(tmp_path, "stall") as stage:
        async with window(stage.driver, stage.brief, stage.way_in) as opened:
            assert (await opened.turn(stage.prompts[0])).text == stage.answers[0]
            await opened.prompt(stage.prompts[1])
            await opened.until(Progressed, len(opened.all(Progressed)) + 1)
            opened.kill()
            with anyio.fail_after(PATIENCE):
                await opened.ended.wait()
            assert len(opened.all(TurnDone)) == 1

        again = structs.replace(stage.brief, conversation_id=opened.conversation_id, resume=True, generation=2)
        async with window(stage.driver, again, stage.way_in) as opened:
            assert (await opened.turn(stage.prompts[-1])).text == stage.answers[1]


async def test_conversation_is_copied(kind: Kind, tmp_path: Path) -> None:
    async with kind.stage(tmp_path, "talk") as stage:
        if not stage.driver.abilities.fork:
            pytest.skip(f"{kind.name} cannot copy a conversation")
        async with window(stage.driver, stage.brief, stage.way_in) as opened:
            await opened.turn(stage.prompts[0])
        first = opened.conversation_id
        copy = structs.replace(stage.brief, conversation_id=random_uuid(), copy_of=first)
        again = structs.replace(stage.brief, conversation_id=first, resume=True)
        for brief in (copy, again):
            async with window(stage.driver, brief, stage.way_in) as opened:
                assert (await opened.turn(stage.prompts[1])).text == stage.answers[1]
                assert (opened.conversation_id == first) is brief.resume
                if kind.name != "codex":  # which names its conversations itself
                    assert opened.all(ConversationKnown) == []


async def test_prompt_in_a_turn_is_taken(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "approval") as (stage, opened):
        if not stage.driver.abilities.steering:
            pytest.skip(f"{kind.name} takes no prompt in a turn")
        first = await opened.prompt(stage.prompts[0])
        asked = await opened.until(PersonAsked)
        second = await opened.prompt(stage.prompts[1])
        await opened.agent.answer(asked.question_id, Answer(allow=True))
        await opened.until(PromptTaken, 2)
        await opened.until(TurnDone, len(opened.all(TurnBegan)))

        assert [event.uuid for event in opened.all(PromptTaken)] == [first, second]


async def test_stalled_turn_is_probed_and_interrupted(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "stall") as (stage, opened):
        await opened.turn(stage.prompts[0])
        await opened.prompt(stage.prompts[1])
        await opened.until(Progressed, len(opened.all(Progressed)) + 1)
        with anyio.fail_after(PATIENCE):
            await opened.agent.probe()
        assert len(opened.all(TurnDone)) == 1
        await opened.agent.interrupt()
        done = await opened.until(TurnDone, 2)

        assert (done.interrupted, done.fault) == (True, None)
        assert (await opened.turn(stage.prompts[-1])).text == stage.answers[1]


@pytest.mark.parametrize("allow", [True, False], ids=["allowed", "denied"])
async def test_person_is_asked_and_obeyed(kind: Kind, tmp_path: Path, allow: bool) -> None:
    async with playing(kind, tmp_path, "approval") as (stage, opened):
        await opened.prompt(stage.prompts[0])
        asked = await opened.until(PersonAsked)
        await opened.agent.answer("no such question", Answer(allow=True))
        await opened.agent.answer(asked.question_id, Answer(allow=allow, text="" if allow else "Not today."))
        done = await opened.until(TurnDone)

        assert (asked.kind, asked.tool, done.fault) == ("approval", stage.tool, None)
        assert opened.all(QuestionClosed) == [QuestionClosed(question_id=asked.question_id)]
        assert [event.call_id for event in opened.all(ToolBegan)] == [event.call_id for event in opened.all(ToolEnded)]
        if kind.name != "echo":  # which does nothing but ask
            assert stage.made.exists() == allow


async def test_interrupt_closes_an_open_question(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "approval") as (stage, opened):
        await opened.prompt(stage.prompts[0])
        asked = await opened.until(PersonAsked)
        await opened.agent.interrupt()
        done = await opened.until(TurnDone)

        assert done.interrupted
        assert opened.all(QuestionClosed) == [QuestionClosed(question_id=asked.question_id)]


async def test_work_in_the_background_begins_a_turn_when_it_is_over(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "background") as (stage, opened):
        uuid = await opened.prompt(stage.prompts[0])
        await opened.until(TurnDone, 2)

        assert [done.text for done in opened.all(TurnDone)] == [stage.answers[0], stage.answers[1]]
        assert opened.all(PromptTaken)[0] == PromptTaken(uuid=uuid)


async def test_limit_is_told_and_waited_for(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "limit") as (stage, opened):
        done = await opened.turn(stage.prompts[0])

        assert (done.text, done.fault) == (stage.answers[0], None)
        assert [(limit.cause, limit.retrying) for limit in opened.all(Limited) if limit.retrying] == [
            ("rate_limit", True)
        ]


async def test_wrong_key_is_a_fault_of_the_turn(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "refused") as (stage, opened):
        done = await opened.turn(stage.prompts[0])

        assert done.fault is not None
        assert kind_of_fault(done.fault) == "auth"
        if kind.name != "acp":  # which has errors of its own
            assert done.fault.status == 401


async def test_window_goes_on_under_another_fleet(kind: Kind, tmp_path: Path) -> None:
    """The first fleet vanishes in a turn, with a question open; what it had stored is all that is left of it."""
    async with (
        kind.stage(tmp_path, "approval") as stage,
        started(stage.driver.launch(stage.brief), stage.way_in) as (_, sock),
    ):
        async with attended(stage.driver, stage.brief, sock) as first:
            await first.prompt(stage.prompts[0])
            await first.until(PersonAsked)
            await anyio.wait_all_tasks_blocked()
        questions = tuple(event.question_id for event in first.stored if isinstance(event, PersonAsked))
        again = structs.replace(stage.brief, conversation_id=first.conversation_id)
        standing = structs.replace(again, standing=Standing(in_turn=True, open_questions=questions))

        async with attended(stage.driver, standing, sock, mark=first.mark, taken_over=True) as second:
            with anyio.fail_after(PATIENCE):
                await second.agent.probe()
            await second.agent.answer(questions[0], Answer(allow=True))
            await second.until(TurnDone)
            done = await second.turn(stage.prompts[1])

        told = first.stored + second.events
        lines = [event.line for event in told if isinstance(event, LineRead)]
        assert [type(event) for event in told if isinstance(event, TurnBegan | TurnDone)] == [TurnBegan, TurnDone] * 2
        assert len(set(lines)) == len(lines)
        assert second.all(QuestionClosed) == [QuestionClosed(question_id=questions[0])]
        assert (done.text, done.fault) == ("two", None)


async def test_end_of_the_process_is_the_end_of_the_run(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "talk") as (_, opened):
        opened.kill()
        with anyio.fail_after(PATIENCE):
            await opened.ended.wait()


async def test_agent_leaves_in_order(kind: Kind, tmp_path: Path) -> None:
    async with playing(kind, tmp_path, "talk") as (stage, opened):
        await opened.turn(stage.prompts[0])
        await opened.agent.leave()
        with anyio.fail_after(PATIENCE):
            await opened.ended.wait()
            assert await opened.process.wait() == 0
