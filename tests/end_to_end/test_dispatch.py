"""Tasks over real windows with echo agents: shared between owners, and done to the last whatever is killed."""

import os
import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.fleet.court import PATIENCE, echo_template, end_keeper, fleet_in, pid_of, until_busy
from tianting.fleet.dispatching.backlog import DispatchPolicy
from tianting.fleet.dispatching.dispatch import Dispatcher
from tianting.fleet.dispatching.seating import Surroundings
from tianting.fleet.drivers.driver import PromptTaken
from tianting.fleet.tasks import Task, TaskDone
from tianting.fleet.windows import WindowManager
from tianting.plumbing.clock import SystemClock
from tianting.protocol.ids import random_uuid

pytestmark = pytest.mark.anyio

OWNERS = ("ada", "bob", "cyd")


@pytest.fixture
async def directory() -> AsyncGenerator[Path]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="fleet-"))
    yield made
    await end_keeper(made)
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def dispatching(directory: Path) -> AsyncGenerator[tuple[WindowManager, Dispatcher]]:
    """Three windows at a time."""
    template = echo_template(directory)
    async with fleet_in(directory, template) as fleet:
        around = Surroundings(
            clock=SystemClock(), random=random.Random(7).random, new_id=random_uuid, template=lambda _: template
        )
        store = fleet._world.store
        async with Dispatcher(fleet, store, around, DispatchPolicy(windows=3)) as dispatcher:
            yield fleet, dispatcher


def running(dispatcher: Dispatcher) -> dict[str, str]:
    """By text: the windows of those that one has."""
    return {one.kept.task.text: one.window_id for one in dispatcher.open_tasks() if one.window_id}


async def prompts_taken(fleet: WindowManager, window_id: str) -> int:
    """How often the window's agents have acknowledged a prompt."""
    snapshot = await fleet._world.store.snapshot(window_id)
    taken, last = 0, snapshot.sequence if snapshot else 0
    async for stored in fleet.events(window_id):
        taken += isinstance(stored.event, PromptTaken)
        if stored.sequence >= last:
            break
    return taken


async def test_twelve_tasks_of_three_owners_are_done_by_three_windows_also_when_one_is_killed(directory: Path) -> None:
    async with dispatching(directory) as (fleet, dispatcher):
        slow = await dispatcher.submit(Task(text="!limit 1", owner="ada", template="echo"))
        tickets = [
            await dispatcher.submit(Task(text=f"{owner} {number}", owner=owner, template="echo"))
            for number in range(4)
            for owner in OWNERS
        ][:11]
        with anyio.fail_after(PATIENCE):
            while "!limit 1" not in running(dispatcher):
                await anyio.sleep(0.01)
        victim = running(dispatcher)["!limit 1"]
        await until_busy(fleet, victim)

        os.kill(pid_of(fleet, victim), signal.SIGKILL)

        with anyio.fail_after(3 * PATIENCE):
            answers = [await ticket.outcome() for ticket in tickets]
            assert await slow.outcome() == TaskDone(window_id=victim, text="!limit")
        assert [one.text for one in answers] == [f"{owner} {number}" for number in range(4) for owner in OWNERS][:11]
        assert set(Counter(one.window_id for one in answers).values()) == {1}
        assert dispatcher.open_tasks() == ()
        assert {await prompts_taken(fleet, one.window_id) for one in answers} == {1}


async def test_next_fleet_does_what_waits_and_nothing_twice(directory: Path) -> None:
    async with dispatching(directory) as (fleet, dispatcher):
        ids = [
            (await dispatcher.submit(Task(text="!limit 1" if number < 3 else f"{number}", template="echo"))).task_id
            for number in range(6)
        ]
        with anyio.fail_after(PATIENCE):
            while not running(dispatcher):
                await anyio.sleep(0.01)
        for window_id in {one.window_id for one in dispatcher.open_tasks() if one.window_id}:
            await until_busy(fleet, window_id)

    async with dispatching(directory) as (fleet, dispatcher):
        with anyio.fail_after(3 * PATIENCE):
            answers = [await (await dispatcher.ticket(task_id)).outcome() for task_id in ids]
        taken = {await prompts_taken(fleet, one.window_id) for one in answers}

    assert [one.text for one in answers] == ["!limit", "!limit", "!limit", "3", "4", "5"]
    assert taken == {1}


async def test_conversation_of_tasks_remembers_after_its_window_has_rested(directory: Path) -> None:
    async with dispatching(directory) as (fleet, dispatcher):

        async def done(text: str) -> TaskDone:
            with anyio.fail_after(PATIENCE):
                task = Task(text=text, template="echo", conversation="main")
                return await (await dispatcher.submit(task)).outcome()

        first = await done("before")
        with anyio.fail_after(PATIENCE):
            await fleet.stop(first.window_id)
        second = await done("!recall")

    assert (second.window_id, second.text.splitlines()[0]) == (first.window_id, "before")
