"""Conversations with echo agents in real processes: kept, woken, put to sleep, and never in each other's way."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.fleet.court import PATIENCE, echo_template, end_keeper, fleet_in, pid_of, state
from tianting.daemon.conversations import Book, Conversation
from tianting.daemon.outcomes import Outcome, Piece
from tianting.daemon.talking import Talk, TalkPolicy
from tianting.daemon.words import Ask
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.windows import WindowManager
from tianting.plumbing.clock import SystemClock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def directory() -> AsyncGenerator[Path, None]:
    made = Path(tempfile.mkdtemp(prefix="talk-"))
    yield made
    await end_keeper(made)
    shutil.rmtree(made, ignore_errors=True)


class Table:
    """A fleet, and conversations in it."""

    def __init__(self, directory: Path, fleet: WindowManager, policy: TalkPolicy) -> None:
        self.fleet = fleet
        self.work = str(directory / "work")
        self.book = Book(directory / "book.json")
        self.talk = Talk(fleet, self.book, template="echo", last=self._last, clock=SystemClock(), policy=policy)
        self.pieces: list[Piece] = []

    async def ask(self, text: str, name: str = "c", **more: Any) -> Outcome:
        with anyio.fail_after(PATIENCE):
            return await self.talk.ask(Ask(question=text, **more), name, self.work, self._hear)

    def window(self, name: str = "c") -> str:
        known = self.book.get(name)
        assert known is not None
        return known.window_id

    def status(self, name: str = "c") -> str:
        return next(one.status for one in self.talk.shown() if one.name == name)

    async def _hear(self, piece: Piece) -> None:
        self.pieces.append(piece)

    async def _last(self, window_id: str) -> int:
        # What the store numbers, the log has: the echo agents of a test say little.
        last = 0
        with anyio.move_on_after(0.05):
            async for stored in self.fleet.events(window_id):
                last = stored.sequence
        return last


@asynccontextmanager
async def table(directory: Path, *templates: Template, **policy: Any) -> AsyncGenerator[Table]:
    async with fleet_in(directory, *templates) as fleet:
        yield Table(directory, fleet, TalkPolicy(**policy))


async def test_conversation_is_kept_between_questions(directory: Path) -> None:
    async with table(directory) as at:
        first = await at.ask("one")
        second = await at.ask("!recall")

        assert (first.text, second.text.splitlines()) == ("one", ["one"])
        assert len(at.fleet.list_windows()) == 1
        assert at.talk.shown()[0].answers == 2


async def test_conversations_know_nothing_of_each_other(directory: Path) -> None:
    async with table(directory) as at:
        await at.ask("one", "a")

        assert (await at.ask("!recall", "b")).text == ""


async def test_same_question_is_asked_once(directory: Path) -> None:
    async with table(directory) as at:
        first = await at.ask("once", id="7")
        again = await at.ask("once", id="7")
        await at.ask("twice", id="8")

        assert (first.text, again.text) == ("once", "once")
        assert (await at.ask("!recall")).text.splitlines() == ["once", "twice"]


async def test_next_daemon_goes_on_and_answers_what_was_asked(directory: Path) -> None:
    async with table(directory) as at:
        await at.ask("before")
        with anyio.move_on_after(0.3):
            await at.ask("!limit 1", id="7")

    async with table(directory) as at:
        assert (await at.ask("!limit 1", id="7")).text == "!limit"
        assert (await at.ask("!recall")).text.splitlines()[0] == "before"


async def test_question_that_a_stop_cut_off_is_answered_by_the_next_daemon(directory: Path) -> None:
    async with table(directory) as at:
        await at.ask("before")
        with anyio.move_on_after(0.3):
            await at.ask("!limit 1", id="7")
        await at.talk.sleep()

    async with table(directory) as at:
        assert (await at.ask("!limit 1", id="7")).text == "!limit"


async def test_long_questions_delay_no_other_conversation(directory: Path) -> None:
    async with table(directory) as at, anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            tasks.start_soon(at.ask, "!hang", name)

        assert (await at.ask("quick", "d")).text == "quick"
        assert [at.book.get(name) is not None for name in ("a", "b", "c")] == [True, True, True]
        tasks.cancel_scope.cancel()


async def test_question_that_takes_too_long_is_let_go(directory: Path) -> None:
    async with table(directory) as at:
        await at.ask("before")

        late = await at.ask("!hang", timeout=0.3)

        assert late.error == "No answer came within 0.3 s; the conversation goes on. Give it more `timeout`."
        assert (await at.ask("!recall")).text.splitlines()[0] == "before"


async def test_sleeping_conversation_wakes_when_it_is_asked(directory: Path) -> None:
    async with table(directory) as at:
        await at.ask("before")
        await at.talk.sleep()
        slept = at.status()

        after = await at.ask("!recall")

        assert (slept, after.text, state(at.fleet, at.window()).generation) == ("asleep", "before", 2)


async def test_room_is_made_by_the_one_that_was_used_longest_ago(directory: Path) -> None:
    async with table(directory, most_awake=2) as at:
        for name in ("a", "b", "c"):
            await at.ask("hello", name)

        assert [at.status(name) == "asleep" for name in ("a", "b", "c")] == [True, False, False]


async def test_no_room_where_all_are_at_work(directory: Path) -> None:
    async with table(directory, most_awake=1) as at, anyio.create_task_group() as tasks:
        tasks.start_soon(at.ask, "!hang", "a")
        with anyio.fail_after(PATIENCE):
            while at.book.get("a") is None or not at.window("a"):
                await anyio.sleep(0.01)

        refused = await at.ask("hello", "b")

        assert refused.error == "1 conversations are at work, and there may be no more: ask again later."
        tasks.cancel_scope.cancel()


async def test_unused_conversations_sleep_and_are_forgotten(directory: Path) -> None:
    async with table(directory, sleeps_after=0.0, looked_after=0.01, forgotten_after=1_000.0) as at:
        await at.ask("hello")
        at.talk.change(Conversation(name="old", cwd="/"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(at.talk.tidy)
            with anyio.fail_after(PATIENCE):
                while at.status() != "asleep" or at.book.get("old") is not None:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

        assert (await at.ask("!recall")).text == "hello"


async def test_agent_that_cannot_start_is_tried_anew(directory: Path) -> None:
    broken = echo_template(directory, program="/nowhere/agent")
    async with table(directory, broken) as at:
        failed = await at.ask("hello")

        assert failed.error is not None
        assert "/nowhere/agent" in failed.error
        at.fleet.reconfigure(FleetPolicy(templates=(echo_template(directory),)))
        assert (await at.ask("hello again")).text == "hello again"
        assert (await at.ask("!recall")).text == "hello again"


async def test_directory_that_is_gone_is_said(directory: Path) -> None:
    async with table(directory) as at:
        at.work = "/nowhere/at/all"

        assert (await at.ask("hello")).error == "/nowhere/at/all is no directory: name another as `cwd`."


async def test_answer_survives_the_death_of_its_agent(directory: Path) -> None:
    async with table(directory) as at:
        await at.ask("before")
        outcomes: list[Outcome] = []

        async def ask() -> None:
            outcomes.append(await at.ask("!limit 1"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            with anyio.fail_after(PATIENCE):
                while state(at.fleet, at.window()).status != "busy":
                    await anyio.sleep(0.005)
            os.kill(pid_of(at.fleet, at.window()), signal.SIGKILL)

        assert outcomes[0].text == "!limit"


async def test_nobody_is_there_to_be_asked(directory: Path) -> None:
    async with table(directory) as at:
        outcome = await at.ask("!ask bash")

        assert (outcome.error, outcome.declined) == (None, 1)


async def test_limit_that_lasts_is_said(directory: Path) -> None:
    async with table(directory) as at:
        outcome = await at.ask("!rejected 4000000000")

        assert outcome.error is not None
        assert "The question stays asked." in outcome.error


async def test_conversation_that_nobody_remembers_is_destroyed(directory: Path) -> None:
    async with table(directory, forgotten_after=0.0, looked_after=0.01) as at, anyio.create_task_group() as tasks:
        await at.ask("hello")

        tasks.start_soon(at.talk.tidy)
        with anyio.fail_after(PATIENCE):
            while at.book.get("c") is not None:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()

        assert at.fleet.list_windows() == ()


async def test_two_first_questions_begin_one_conversation(directory: Path) -> None:
    async with table(directory) as at:
        answers: list[str] = []

        async def ask(text: str) -> None:
            answers.append((await at.ask(text)).text)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "one")
            tasks.start_soon(ask, "two")

        assert (answers, len(at.fleet.list_windows())) == (["one", "two"], 1)
