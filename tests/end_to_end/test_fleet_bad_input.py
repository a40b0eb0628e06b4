"""What nobody wishes a fleet, with real processes and real disks: each is outlived, or said in a line that helps."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.fleet.court import PATIENCE, ask, echo_template, end_keeper, fleet_in, gone, state, until_busy
from tianting.fleet.drivers.driver import Driver
from tianting.fleet.drivers.stream_json import CLAUDE, StreamJsonDriver
from tianting.fleet.ground.limits import WindowLimits
from tianting.fleet.store.records import StoreError
from tianting.fleet.templates import Care, Template
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.window import OVER
from tianting.fleet.windows import WindowManager

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")]

PAGE = 4096
IMPATIENT = Care(patience=Patience(starting=0.5, probe=0.5, shortest=0.5), grace=0.5)


@pytest.fixture
async def directory() -> AsyncGenerator[Path, None]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="fleet-"))
    yield made
    await end_keeper(made)
    shutil.rmtree(made, ignore_errors=True)


def foreign(directory: Path, script: str) -> tuple[Template, dict[str, Driver]]:
    """A template whose program is this shell script."""
    program = directory / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    template = Template(name="claude", kind="claude", cwd=str(directory), program=str(program), care=IMPATIENT)
    return template, {"claude": StreamJsonDriver(CLAUDE)}


async def until_over(fleet: WindowManager, name: str) -> str:
    with anyio.fail_after(PATIENCE):
        while state(fleet, name).status not in OVER:
            await anyio.sleep(0.01)
    return state(fleet, name).reason


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("while :; do echo '<p>no JSON</p>'; sleep 0.01; done", id="prints garbage"),
        pytest.param("exec cat /dev/zero", id="floods without a line"),
        pytest.param("yes", id="floods with lines"),
        pytest.param("trap '' TERM; while :; do sleep 1; done", id="says nothing and ignores SIGTERM"),
        pytest.param("kill -STOP $$", id="stops itself"),
        pytest.param("(setsid sleep 600 &); exit 0", id="forks away"),
        pytest.param("exit 7", id="exits at once"),
    ],
)
async def test_program_that_is_no_agent_fails_and_leaves_nothing(directory: Path, script: str) -> None:
    template, drivers = foreign(directory, script)
    async with fleet_in(directory, template, drivers=drivers) as fleet:
        name = (await fleet.create_window("claude")).window_id

        reason = await until_over(fleet, name)

        assert "2 starts in a row did not get ready" in reason
        with anyio.fail_after(PATIENCE):
            while processes_of(directory):
                await anyio.sleep(0.01)


async def test_what_forked_away_ends_with_its_window(directory: Path) -> None:
    async with fleet_in(directory, echo_template(directory, care=IMPATIENT)) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "!fork")
        pids = processes_of(directory)

        with anyio.fail_after(PATIENCE):
            await fleet.destroy_window(name)

        assert len(pids) == 2
        for pid in pids:
            await gone(pid)


async def test_leak_meets_the_limit_of_its_own_window(directory: Path) -> None:
    template = echo_template(directory, limits=WindowLimits(memory=150_000_000))
    async with fleet_in(directory, template) as fleet:
        leaking, other = [(await fleet.create_window("echo")).window_id for _ in range(2)]
        await ask(fleet, leaking, "!leak 100")
        with anyio.fail_after(PATIENCE):
            while memory(fleet, leaking) > 160_000_000:
                await anyio.sleep(0.01)

        assert (await ask(fleet, leaking, "still here")).text == "still here"
        assert (await ask(fleet, other, "well")).text == "well"
        assert state(fleet, other).generation == 1


async def test_torn_page_of_the_store_costs_no_window(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        names = [(await fleet.create_window("echo")).window_id for _ in range(3)]
        for name in names:
            await ask(fleet, name, f"remember {name}")
            await ask(fleet, name, "!flood 1")
    tear_events(directory / "fleet.db")

    async with fleet_in(directory) as fleet:
        answers = [(await ask(fleet, name, "!recall")).text for name in names]

        assert [answer.splitlines()[0] for answer in answers] == [f"remember {name}" for name in names]
    assert list(directory.glob("fleet.db.damaged-*"))


async def test_second_fleet_on_one_store_is_refused_and_the_first_is_unharmed(directory: Path) -> None:
    async with fleet_in(directory) as fleet:
        name = (await fleet.create_window("echo")).window_id

        with pytest.raises(StoreError, match=f"in use by process {os.getpid()} since .* One store has one fleet"):
            async with fleet_in(directory):
                pass

        assert (await ask(fleet, name, "hello")).text == "hello"


async def test_deleted_work_tree_is_said_and_restored_on_its_return(directory: Path) -> None:
    async with fleet_in(directory, echo_template(directory)) as fleet:
        name = (await fleet.create_window("echo")).window_id
        await ask(fleet, name, "hello")
        shutil.rmtree(directory / "work")

        await fleet.restart(name)
        assert "work tree is gone" in await until_over(fleet, name)

        (directory / "work").mkdir()
        await fleet.restart(name)
        assert (await ask(fleet, name, "!recall")).text == "hello"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
async def test_full_disk_refuses_prompts_loses_none_and_goes_on_once_there_is_room(directory: Path) -> None:
    with small_disk(directory / "disk") as disk:
        async with fleet_in(disk, echo_template(directory)) as fleet:
            name = (await fleet.create_window("echo")).window_id
            await ask(fleet, name, "before")
            await fleet.send(name, "!limit 0.3")
            await until_busy(fleet, name)
            fill(disk / "ballast")

            with pytest.raises(StoreError, match="full: nothing is accepted until there is room"):
                await send_much(fleet, name)
            (disk / "ballast").unlink()

            answered = (await ask(fleet, name, "after")).text
            recalled = (await ask(fleet, name, "!recall")).text.splitlines()
            assert answered == "after"
            assert recalled[:2] == ["before", "!limit 0.3"]
        await end_keeper(disk)


async def send_much(fleet: WindowManager, name: str) -> None:
    """More than the gaps of a full disk hold."""
    for number in range(200):
        await fleet.send(name, f"{number} " + "x" * PAGE)


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """4 MB that nobody else writes to."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Leave no byte."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * PAGE)
        except OSError:
            pass


def tear_events(path: Path) -> None:
    """Overwrite a page that holds events, as a broken disk would."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    data = path.read_bytes()
    place = data.index(b"x" * 800) // PAGE * PAGE
    path.write_bytes(data[:place] + b"\xff" * PAGE + data[place + PAGE :])


def processes_of(directory: Path) -> list[int]:
    """Windows of this fleet, and what they started: their home is below its directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(f"HOME={directory}/windows/") in environment:
                found.append(int(entry.name))
    return found


def memory(fleet: WindowManager, name: str) -> int:
    """Bytes that the window's process has; 0 between two processes."""
    pid = state(fleet, name).process_id
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
