"""A fleet under faults, with real processes: each is noticed, told apart from the others, and outlived or said."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.fleet.court import PATIENCE, ask, echo_template, end_keeper, fleet_in, gone, pid_of, state, until_busy
from tianting.fleet.drivers.driver import Driver
from tianting.fleet.drivers.stream_json import CLAUDE, StreamJsonDriver
from tianting.fleet.store.records import PromptDone, StoredEvent
from tianting.fleet.templates import Care, Template
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.verdicts.interrupted import PromptPolicy
from tianting.fleet.verdicts.ladder import LadderPatience
from tianting.fleet.window import OVER
from tianting.fleet.windows import WindowManager

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
IMPATIENT = Care(
    patience=Patience(asking_model=1.0, streaming=1.0, probe=0.5, shortest=0.5),
    ladder=LadderPatience(interrupting=1.0, killing=1.0),
    prompts=PromptPolicy(most_tries=1),
    grace=0.5,
)


@pytest.fixture
async def directory() -> AsyncGenerator[Path, None]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="fleet-"))
    yield made
    await end_keeper(made)
    shutil.rmtree(made, ignore_errors=True)


async def until_over(fleet: WindowManager, name: str) -> str:
    with anyio.fail_after(PATIENCE):
        while state(fleet, name).status not in OVER:
            await anyio.sleep(0.01)
    return state(fleet, name).reason


async def log_of(fleet: WindowManager, name: str, prompt: str) -> list[StoredEvent]:
    """Everything up to the answer."""
    found: list[StoredEvent] = []
    with anyio.fail_after(PATIENCE):
        async for stored in fleet.events(name):
            found.append(stored)
            if isinstance(stored.event, PromptDone) and stored.event.uuid == prompt:
                break
    return found


async def test_killed_fleet_comes_back_and_keeps_every_promise(directory: Path) -> None:
    command = [sys.executable, "-m", "tests.fleet.mortal_fleet", str(directory), "3", "!limit 0.5"]
    mortal = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    promises: list[tuple[str, str]] = []
    with anyio.fail_after(PATIENCE):
        while (line := (await anyio.to_thread.run_sync(mortal.stdout.readline)).split()) != ["ready"]:  # type: ignore[union-attr]
            promises.append((line[0], line[1]))
    mortal.send_signal(signal.SIGKILL)
    await anyio.to_thread.run_sync(mortal.communicate)

    async with fleet_in(directory) as fleet:
        answers = []
        with anyio.fail_after(PATIENCE):
            for name, prompt in promises:
                answers.append((await fleet.wait_answer(name, prompt)).text)

        assert answers == ["!limit"] * 3
        assert [state(fleet, name).generation for name, _ in promises] == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "generation"),
    [
        pytest.param("!stall", 1, id="half an answer: interrupted, the process lives"),
        pytest.param("!wedge", 2, id="stopped: killed, its conversation goes on"),
    ],
)
async def test_hanging_agent_is_helped_and_its_prompt_left_in_the_end(
    directory: Path, text: str, generation: int
) -> None:
    async with fleet_in(directory, echo_template(directory, care=IMPATIENT)) as fleet:
        name = (await fleet.create_window("echo")).window_id
        prompt = await fleet.send(name, text)
        with anyio.fail_after(PATIENCE):
            done = await fleet.wait_answer(name, prompt)

        assert done.fault is not None
        assert done.fault.code == "left"
        assert state(fleet, name).generation >= generation
        assert (await ask(fleet, name, "well again")).text == "well again"


async def test_garbage_and_floods_cost_no_answer(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id

        garbage = await ask(fleet, name, "!garbage 5")
        flood = await ask(fleet, name, "!flood 1")

        assert (garbage.text, flood.text) == ("!garbage", "!flood")
        assert state(fleet, name).generation == 1


async def test_deaf_agent_and_what_it_left_behind_are_ended(directory: Path) -> None:
    async with fleet_in(directory, echo_template(directory, care=IMPATIENT)) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "!deaf")
        await ask(fleet, name, "!fork")
        await fleet.send(name, "!hang")
        pid = (await until_busy(fleet, name)).process_id

        with anyio.fail_after(PATIENCE):
            await fleet.destroy_window(name)

        assert pid is not None
        await gone(pid)


async def test_program_that_is_missing_fails_at_once(directory: Path) -> None:
    drivers: dict[str, Driver] = {"claude": StreamJsonDriver(CLAUDE)}
    template = Template(name="claude", kind="claude", cwd=str(directory), program="/nowhere/claude")
    async with fleet_in(directory, template, drivers=drivers) as fleet:
        name = (await fleet.create_window("claude")).window_id

        assert "There is no program '/nowhere/claude'" in await until_over(fleet, name)


async def test_program_that_exits_at_once_fails_with_its_last_words(directory: Path) -> None:
    program = directory / "broken"
    program.write_text("#!/bin/sh\necho 'broken: no configuration' >&2\nexit 3\n")
    program.chmod(0o700)
    drivers: dict[str, Driver] = {"claude": StreamJsonDriver(CLAUDE)}
    template = Template(name="claude", kind="claude", cwd=str(directory), program=str(program))
    async with fleet_in(directory, template, drivers=drivers) as fleet:
        name = (await fleet.create_window("claude")).window_id

        reason = await until_over(fleet, name)

        assert "2 starts in a row did not get ready" in reason
        assert state(fleet, name).status == "failed"


async def test_work_tree_that_is_gone_is_said(directory: Path) -> None:
    async with fleet_in(directory, echo_template(directory)) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "hello")
        shutil.rmtree(directory / "work")
        os.kill(pid_of(fleet, name), signal.SIGKILL)

        assert "work tree is gone" in await until_over(fleet, name)


async def test_uncommitted_work_is_saved_before_an_agent_is_killed(directory: Path) -> None:
    template = echo_template(directory, care=IMPATIENT)
    work = directory / "work"
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    (work / "draft.txt").write_text("an hour of work")
    async with fleet_in(directory, template) as fleet:
        name = (await fleet.create_window("echo")).window_id
        prompt = await fleet.send(name, "!wedge")
        with anyio.fail_after(PATIENCE):
            await fleet.wait_answer(name, prompt)

    kept = subprocess.run(
        ["git", "-C", str(work), "show", f"refs/tianting/rescue/{name}:draft.txt"], check=True, capture_output=True
    )
    assert kept.stdout == b"an hour of work"
