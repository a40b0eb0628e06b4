"""Windows in real terminals beside those of a keeper that only notes what it is told."""

import contextlib
import math
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.fleet.court import gone, is_alive
from tianting.fleet.drivers.tmux import OPTION
from tianting.fleet.terminals import TerminalLink, Terminals
from tianting.keeper.words import Gone, Held, Start
from tianting.plumbing.tmux import TmuxServer
from tianting.protocol.errors import FleetError

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(60),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

NATIVE = Held("n1", 1, 4711, 99, native=True)
NATIVE_GONE = Gone("n2", 3, 4712, 0, None, 0.1, 0.2, 3, oom=False, at=4.0)


class NotingKeeper:
    """A `Link` to a keeper with one window that runs and one that has ended."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.broken = anyio.Event()
        self.tell, self.exits = anyio.create_memory_object_stream[Gone](math.inf)

    async def run(self) -> None:
        await self.broken.wait()
        self.tell.close()

    async def roster(self) -> tuple[list[Held], list[Gone]]:
        return [NATIVE], [NATIVE_GONE]

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        self.told.append(("start", start.window))
        return NATIVE, socket.socket()

    async def take(self, window: str, generation: int) -> socket.socket:
        self.told.append(("take", window, generation))
        return socket.socket()

    async def end(self, window: str, generation: int, *, grace: float) -> None:
        self.told.append(("end", window, generation, grace))

    async def forget(self, window: str, generation: int) -> None:
        self.told.append(("forget", window, generation))

    async def close(self) -> None:
        self.tell.close()
        self.exits.close()


class Stage:
    """A link that is read, over terminals on a server of their own."""

    def __init__(self, folder: Path, terminals: Terminals) -> None:
        self.folder = folder
        self.terminals = terminals
        self.keeper = NotingKeeper()
        self.link = TerminalLink(self.keeper, terminals)

    def start_of(self, *argv: str, window: str = "w1", generation: int = 1, terminal: bool = True) -> Start:
        return Start(
            window=window,
            generation=generation,
            argv=argv,
            cwd=str(self.folder),
            environment={"PATH": os.environ["PATH"]},
            stderr="",
            terminal=terminal,
        )

    async def started(self, *argv: str, window: str = "w1") -> Held:
        return (await self.link.start(self.start_of(*argv, window=window)))[0]

    async def next_end(self) -> Gone:
        with anyio.fail_after(10):
            return await self.link.exits.receive()


@contextlib.asynccontextmanager
async def read(stage: Stage) -> AsyncIterator[Stage]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.link.run)
        yield stage
        await stage.link.close()
        tasks.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def stage_in(folder: Path) -> AsyncIterator[Stage]:
    server = TmuxServer(folder / "tmux", option=OPTION)
    terminals = Terminals(server)
    try:
        async with read(Stage(folder, terminals)) as stage:
            yield stage
    finally:
        terminals.close()
        for pane in await server.windows():
            await server.end(pane, grace=0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage_in(tmp_path) as made:
        yield made


def without_time(gone: Gone) -> Gone:
    return gone._replace(at=0.0)


def ended(held: Held) -> Gone:
    """All that is known of the end of a program in a terminal."""
    return Gone(held.window, held.generation, held.pid, None, None, 0.0, 0.0, 0, oom=False, at=0.0)


async def test_terminals_go_to_tmux_and_all_others_to_the_keeper(stage: Stage) -> None:
    held, pipe = await stage.link.start(stage.start_of("sleep", "60"))
    native, other = await stage.link.start(stage.start_of("-p", window="n1", terminal=False))

    assert Path(f"/proc/{held.pid}/comm").read_text().strip() == "sleep"
    assert b"TIANTING_WINDOW=w1:1" in Path(f"/proc/{held.pid}/environ").read_bytes().split(b"\0")
    assert (native, stage.keeper.told) == (NATIVE, [("start", "n1")])
    with anyio.fail_after(5), other:
        await anyio.wait_readable(pipe)
        assert pipe.recv(7) == b"%begin "


async def test_roster_has_both(stage: Stage) -> None:
    held = await stage.started("sleep", "60")

    assert await stage.link.roster() == ([NATIVE, held], [NATIVE_GONE])


async def test_orders_reach_whoever_has_the_window(stage: Stage) -> None:
    await stage.started("sleep", "60")
    (await stage.link.take("n1", 1)).close()
    await stage.link.end("n1", 1, grace=2.0)
    await stage.link.forget("n1", 1)
    (await stage.link.take("w1", 1)).close()
    await stage.link.end("w1", 1, grace=2.0)
    await stage.link.forget("w1", 1)

    assert stage.keeper.told == [("take", "n1", 1), ("end", "n1", 1, 2.0), ("forget", "n1", 1)]
    assert await stage.link.roster() == ([NATIVE], [NATIVE_GONE])


async def test_ends_of_both_are_told(stage: Stage) -> None:
    before = time.time()
    held = await stage.started("sleep", "60")

    os.kill(held.pid, signal.SIGKILL)
    told = await stage.next_end()
    stage.keeper.tell.send_nowait(NATIVE_GONE)

    assert (without_time(told), before <= told.at <= time.time()) == (ended(held), True)
    assert await stage.next_end() == NATIVE_GONE


async def test_end_is_told_once_nothing_is_left_behind(stage: Stage) -> None:
    away = "import os, time; os.fork() and os._exit(0); os.setsid(); print(os.getpid(), file=open('away', 'w'))"
    held = await stage.started("sh", "-c", f'{sys.executable} -c "{away}; time.sleep(60)"; sleep 60')
    place = stage.folder / "away"
    with anyio.fail_after(10):
        while not (place.is_file() and place.read_text().strip()):
            await anyio.sleep(0.01)
    left = int(place.read_text())
    assert is_alive(left)

    os.kill(held.pid, signal.SIGKILL)

    assert without_time(await stage.next_end()) == ended(held)
    await gone(left)


async def test_next_link_hears_of_ends_that_nobody_saw(stage: Stage) -> None:
    stays, ends = await stage.started("sleep", "60"), await stage.started("sleep", "60", window="w2")
    await stage.link.close()
    os.kill(ends.pid, signal.SIGKILL)
    await gone(ends.pid)

    async with read(Stage(stage.folder, stage.terminals)) as next_one:
        running, over = await next_one.link.roster()
        os.kill(stays.pid, signal.SIGKILL)
        told = await next_one.next_end()

    assert (running, [without_time(one) for one in over[1:]]) == ([NATIVE, stays], [ended(ends)])
    assert without_time(told) == ended(stays)


async def test_next_fleet_reads_the_last_screen_until_it_is_forgotten(stage: Stage) -> None:
    held = await stage.started("true", "")
    await stage.next_end()
    server = TmuxServer(stage.folder / "tmux", option=OPTION)
    terminals = Terminals(server)

    async with read(Stage(stage.folder, terminals)) as next_one:
        _, over = await next_one.link.roster()
        pipe = await next_one.link.take("w1", 1)
        with anyio.fail_after(5):
            await anyio.wait_readable(pipe)
        await next_one.link.forget("w1", 1)

    assert [without_time(one) for one in over[1:]] == [ended(held)]
    assert await server.windows() == []


async def test_terminals_stay_when_the_keeper_breaks(stage: Stage) -> None:
    held, pipe = await stage.link.start(stage.start_of("sleep", "60"))

    stage.keeper.broken.set()
    with anyio.fail_after(5), pytest.raises(anyio.EndOfStream):
        await stage.link.exits.receive()
    await stage.link.close()

    assert (is_alive(held.pid), pipe.fileno() >= 0) == (True, True)


async def test_number_of_a_process_that_belongs_to_a_stranger_is_no_life(stage: Stage) -> None:
    held = await stage.started("sleep", "60")
    stranger = held._replace(window="w9", started=held.started - 1)

    stage.link._watch(stranger)

    assert without_time(await stage.next_end()) == ended(stranger)


async def test_dead_pane_is_not_alive_because_a_stranger_has_its_number(tmp_path: Path) -> None:
    says = tmp_path / "says"
    says.write_text(f"#!/bin/sh\nprintf '%%1\\tw1-1\\t{os.getpid()}\\t1\\tw1/1\\n'\n")
    says.chmod(0o700)
    terminals = Terminals(TmuxServer(tmp_path, option=OPTION, program=str(says)))

    running, over = await terminals.roster()

    dead = Held("w1", 1, os.getpid(), 0, native=False)
    assert (running, [without_time(one) for one in over]) == ([], [ended(dead)])


async def test_program_that_ignores_its_end_is_killed(stage: Stage) -> None:
    held = await stage.started("sh", "-c", "trap '' HUP TERM; touch deaf; while :; do sleep 1; done")
    with anyio.fail_after(10):
        while not (stage.folder / "deaf").exists():
            await anyio.sleep(0.01)

    await stage.link.end("w1", 1, grace=0.1)

    assert without_time(await stage.next_end()) == ended(held)
    await gone(held.pid)


async def test_terminal_that_a_person_has_closed_cannot_be_taken(stage: Stage) -> None:
    await stage.started("sleep", "60")
    server = TmuxServer(stage.folder / "tmux", option=OPTION)
    for pane in await server.windows():
        await server.end(pane, grace=0)

    with pytest.raises(FleetError, match="has been closed"):
        await stage.link.take("w1", 1)


async def test_keeper_is_served_where_tmux_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "tmux").touch()
    missing = Terminals(TmuxServer(tmp_path / "tmux", option=OPTION, program="no-such-tmux"))
    stage = Stage(tmp_path, missing)

    assert await stage.link.roster() == ([NATIVE], [NATIVE_GONE])
    assert "tmux is not installed" in caplog.text
    with pytest.raises(FleetError, match="tmux is not installed"):
        await stage.started("sleep", "60")
    await stage.link.close()
