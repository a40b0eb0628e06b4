"""An isolated window in the keeper's hands: its pipe works, its use is counted, its limits hold, nothing is left."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import anyio
import pytest

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.ground.isolation import Isolation, Isolator, Walled
from tianting.fleet.ground.limits import WindowLimits, keeper_limits
from tianting.fleet.ground.process_table import Leader, read_trees
from tianting.fleet.ground.resources import Sampler
from tianting.fleet.ground.workspaces import Wanted, make_directories, window_environment
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.keeper.words import Gone, Held, Limits, Start
from tianting.plumbing.clock import SystemClock
from tianting.sandbox.abilities import find_abilities

pytestmark = pytest.mark.anyio

IMAGE = "tianting.keeper.frames:pack"
"""Any function: no native window is started here."""


@pytest.fixture
def place() -> Iterator[Path]:
    """Short, for the paths of sockets; and outside /tmp, which windows have one of their own of."""
    roots = (os.environ.get("TIANTING_TEST_PLACE", ""), "/var/cache", "/srv", str(Path.cwd()))
    path = Path(tempfile.mkdtemp(prefix="t-", dir=next(root for root in roots if root and os.access(root, os.W_OK))))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def link(place: Path) -> AsyncGenerator[KeeperLink, None]:
    await launch_keeper(place / "keeper", image=IMAGE, environment=dict(os.environ))
    opened = await KeeperLink.open(place / "keeper")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(opened.run)
        yield opened
        os.kill(opened.keeper_pid, signal.SIGTERM)
        with anyio.move_on_after(10):
            async for _ in opened.exits:
                continue
        await opened.close()
        tasks.cancel_scope.cancel()


class Isolated:
    """Starts shells in windows with walls."""

    def __init__(self, place: Path, link: KeeperLink) -> None:
        self.abilities = find_abilities(os.environ)
        if self.abilities.mechanism != "bubblewrap":
            pytest.skip(f"no bubblewrap here: {self.abilities.reason}")
        self.place, self.link = place, link
        self.isolator = Isolator(self.abilities, state=place / "state", home=str(place / "person"))
        (place / "work").mkdir()

    async def start(self, script: str, limits: Limits) -> tuple[Held, socket.socket]:
        root = make_directories(self.place / "state" / "windows", "w1")
        launch = self.isolator.wrap(
            Launch(
                argv=("bash", "-c", script),
                environment=window_environment(os.environ, root, Wanted()).variables,
                cwd=str(self.place / "work"),
            ),
            Isolation(choice="strict"),
            Walled(root=str(root)),
        )
        start = Start(
            window="w1",
            generation=1,
            argv=launch.argv,
            cwd=launch.cwd,
            environment=dict(launch.environment),
            stderr=str(self.place / "w1.log"),
            limits=limits,
        )
        return await self.link.start(start)

    async def end_of_it(self) -> Gone:
        with anyio.fail_after(20):
            return await self.link.exits.receive()


@pytest.fixture
def isolated(place: Path, link: KeeperLink) -> Isolated:
    return Isolated(place, link)


async def line_from(pipe: socket.socket) -> str:
    line = b""
    with anyio.fail_after(10):
        while not line.endswith(b"\n"):
            await anyio.wait_readable(pipe)
            line += pipe.recv(1)
    return line.decode().strip()


async def test_it_is_spoken_to_counted_and_ended_with_all_it_started(isolated: Isolated) -> None:
    script = "setsid sh -c 'sleep 60 & echo up; sleep 60' </dev/null & read line; echo heard $line; read again"
    held, pipe = await isolated.start(script, Limits())
    leader = Leader(window_id="w1", pid=held.pid, started=held.started)
    with pipe:
        assert await line_from(pipe) == "up"
        pipe.send(b"hello\n")
        assert await line_from(pipe) == "heard hello"
        [sample] = Sampler(SystemClock()).look([leader])
        members = read_trees([leader])["w1"].pids

        await isolated.link.end("w1", 1, grace=1.0)
        gone = await isolated.end_of_it()

    assert (gone.window, gone.generation, gone.pid) == ("w1", 1, held.pid)
    # The two processes of the walls, the shell, the daemon's shell and what that has started.
    assert (sample.processes >= 5, len(members) >= 5) == (True, True)
    assert sample.memory > 1_000_000
    with anyio.fail_after(5):
        for pid in members:
            await end_of(pid)


async def test_its_limits_hold_within_the_walls(isolated: Isolated) -> None:
    limits = keeper_limits(WindowLimits(memory=100_000_000, cpu_time=20))
    script = "x=$(head -c 300000000 /dev/zero | tr '\\0' a); echo took ${#x}"
    _, pipe = await isolated.start(script, limits)
    with pipe:
        gone = await isolated.end_of_it()
        said = said_by_now(pipe)

    assert said == b""
    assert gone.oom or gone.exit_code != 0


def said_by_now(pipe: socket.socket) -> bytes:
    try:
        return pipe.recv(100)
    except BlockingIOError:
        return b""


async def end_of(pid: int) -> None:
    """Killed is not dead yet: the kernel takes some milliseconds."""
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await anyio.wait_readable(held)
    finally:
        os.close(held)
