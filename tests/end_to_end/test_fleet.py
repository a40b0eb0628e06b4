"""A fleet of echo agents in real processes under a real keeper: what was promised is answered, whatever is killed."""

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from tests.fleet.court import PATIENCE, ask, end_keeper, fleet_in, gone, pid_of, state, until_busy
from tianting.fleet.drivers.driver import Fault
from tianting.fleet.store.records import PromptDone

pytestmark = pytest.mark.anyio


@pytest.fixture
async def directory() -> AsyncGenerator[Path, None]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="fleet-"))
    yield made
    await end_keeper(made)
    shutil.rmtree(made, ignore_errors=True)


async def test_window_answers_and_is_destroyed(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        window = await fleet.create_window("echo", owner="ada")

        done = await ask(fleet, window, "hello")

        pid = pid_of(fleet, window.window_id)
        assert done.text == "hello"
        with anyio.fail_after(PATIENCE):
            await fleet.destroy_window(window.window_id)
            await gone(pid)
        assert fleet.list_windows() == ()


async def test_killed_agent_goes_on_with_its_conversation_and_its_prompt(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "before")
        prompt = await fleet.send(name, "!limit 1")
        window = await until_busy(fleet, name)

        os.kill(pid_of(fleet, name), signal.SIGKILL)

        with anyio.fail_after(PATIENCE):
            assert (await fleet.wait_answer(name, prompt)).text == "!limit"
        assert (await ask(fleet, name, "!recall")).text.splitlines()[0] == "before"
        assert state(fleet, name).generation == window.generation + 1


async def test_prompt_that_kills_its_agent_each_time_is_left(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id

        done = await ask(fleet, name, "!die")

        told = "3 processes ended while they worked on this prompt."
        assert done == PromptDone(uuid=done.uuid, fault=Fault(message=told, code="left"))
        assert (await ask(fleet, name, "still here")).text == "still here"


async def test_next_fleet_takes_windows_back(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "before")
        before = state(fleet, name)
        prompt = await fleet.send(name, "!limit 1")
        await until_busy(fleet, name)

    async with fleet_in(directory) as fleet:
        with anyio.fail_after(PATIENCE):
            assert (await fleet.wait_answer(name, prompt)).text == "!limit"

        after = state(fleet, name)
        assert (after.generation, after.process_id) == (before.generation, before.process_id)
        assert (await ask(fleet, name, "!recall")).text.splitlines() == ["before", "!limit 1"]


async def test_stopped_window_keeps_its_conversation(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "before")

        with anyio.fail_after(PATIENCE):
            await fleet.stop(name)
        stopped = state(fleet, name)
        await fleet.restart(name)

        assert (stopped.status, state(fleet, name).generation) == ("stopped", 2)
        assert (await ask(fleet, name, "!recall")).text == "before"


async def test_conversations_outlive_the_keeper(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "before")
        prompt = await fleet.send(name, "!limit 1")
        await until_busy(fleet, name)

        await end_keeper_of(directory)

        with anyio.fail_after(PATIENCE):
            assert (await fleet.wait_answer(name, prompt)).text == "!limit"


async def end_keeper_of(directory: Path) -> None:
    """SIGKILL: it has no chance to end its windows in order."""
    pid = int((directory / "keeper" / "socket.lock").read_text(encoding="ascii"))
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
