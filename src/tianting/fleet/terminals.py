"""Joins the windows in a terminal to those under the keeper: without it all of the fleet would have to know which is
which.

    start, terminal → a marked pane of our tmux server → a connection in control mode, which is its pipe
    start, any other → the keeper                                      roster, exits → those of both

A tmux server outlives the fleet, as a keeper does. It outlives the keeper, too: panes, and the connections to them,
stay when a link breaks. How a program in a pane has ended, and what it has used, nobody says.
"""

import contextlib
import logging
import math
import os
import socket
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from tianting.fleet.drivers.tmux import mark, session
from tianting.fleet.ground.leftovers import kill_all_with
from tianting.fleet.ground.process_table import parsed
from tianting.fleet.keeping import Link
from tianting.keeper.words import Gone, Held, Name, Start
from tianting.plumbing.tmux import Connection, Opening, TmuxServer
from tianting.plumbing.tmux import Held as Pane
from tianting.plumbing.tmux_control import TmuxError
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

_VARIABLE = "TIANTING_WINDOW"
"""As the keeper has it: every process of a window carries it."""


class Terminals:
    """The panes of one fleet. `FleetError` where tmux is missing, refuses, or does not answer."""

    def __init__(self, server: TmuxServer) -> None:
        self._server = server
        self._connections: dict[Name, Connection] = {}
        self._names: set[Name] = set()

    def has(self, name: Name) -> bool:
        """Whether it was started here, or found in a roster, and is not forgotten."""
        return name in self._names

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        """Open a pane, and connect. Limits are the keeper's to set: none of them holds here."""
        name = (start.window, start.generation)
        opening = Opening(
            session=session(*name),
            mark=mark(*name),
            argv=start.argv,
            cwd=start.cwd,
            environment={**start.environment, _VARIABLE: _said(name)},
        )
        self._names.add(name)
        with _reaching():
            pane = await self._server.open(opening)
            return _held(name, pane) or Held(*name, pane.pid, 0, native=False), self._connect(name, pane)

    async def take(self, name: Name) -> socket.socket:
        """A new connection, also to a pane whose program has ended: what it showed last is still there."""
        with _reaching():
            pane = await self._server.find(mark(*name))
            if pane is None:
                raise FleetError(f"The tmux window of {name[0]} has been closed.")
            return self._connect(name, pane)

    async def end(self, name: Name, *, grace: float) -> None:
        """HUP and TERM, KILL after `grace` seconds, and to all that it has started; then close the pane."""
        with _reaching():
            if (pane := await self._server.find(mark(*name))) is not None:
                await self._server.end(pane, grace=grace)
        await kill_all_with(_VARIABLE, _said(name))

    async def forget(self, name: Name) -> None:
        """Close the pane, with what its program showed last, and the connection."""
        self._names.discard(name)
        self._hang_up(name)
        await self.end(name, grace=0)

    async def roster(self) -> tuple[list[Held], list[Gone]]:
        """Who runs, and who has ended."""
        with _reaching():
            panes = await self._server.windows()
        running: list[Held] = []
        ended: list[Gone] = []
        for pane in panes:
            name = _name(pane.mark)
            self._names.add(name)
            held = None if pane.is_dead else _held(name, pane)
            if held is None:
                ended.append(await self.end_of(name, pane.pid))
            else:
                running.append(held)
        return running, ended

    async def end_of(self, name: Name, pid: int) -> Gone:
        """What is told of one that has ended, once all that it has left behind is killed."""
        await kill_all_with(_VARIABLE, _said(name))
        return Gone(
            *name,
            pid,
            exit_code=None,
            signal=None,
            user_seconds=0.0,
            system_seconds=0.0,
            peak_rss=0,
            oom=False,
            at=time.time(),
        )

    def close(self) -> None:
        """Hang up; the panes stay, for the next fleet."""
        for name in list(self._connections):
            self._hang_up(name)

    def _connect(self, name: Name, pane: Pane) -> socket.socket:
        self._hang_up(name)
        connection = self._connections[name] = self._server.connect(pane)
        return connection.socket

    def _hang_up(self, name: Name) -> None:
        if (connection := self._connections.pop(name, None)) is not None:
            connection.close()


class TerminalLink:
    """The `keeping.Link` to both: a keeper, and the terminals, which stay when it breaks."""

    def __init__(self, keeper: Link, terminals: Terminals) -> None:
        self._keeper = keeper
        self._terminals = terminals
        self._unwatched: deque[Held] = deque()
        self._arrived = anyio.Event()
        # Without a bound, as the keeper's own: nothing may wait for whoever listens.
        self._tell, exits = anyio.create_memory_object_stream[Gone](math.inf)
        self.exits: MemoryObjectReceiveStream[Gone] = exits
        """Every end as it happens, once `roster` was asked. Is over when the keeper's is."""

    async def run(self) -> None:
        """Tell every end, until the keeper's connection ends."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keeper.run)
                tasks.start_soon(self._watch_all)
                with contextlib.suppress(anyio.ClosedResourceError):  # `close` was faster
                    async for gone in self._keeper.exits:
                        self._pass_on(gone)
                tasks.cancel_scope.cancel()
        finally:
            self._tell.close()

    async def roster(self) -> tuple[list[Held], list[Gone]]:
        """See `KeeperLink`. Windows under the keeper must not suffer where tmux fails: then there are no others."""
        running, ended = await self._keeper.roster()
        try:
            shown, closed = await self._terminals.roster()
        except FleetError as error:
            log.warning("nobody knows which windows have a terminal: %s", error)
            return running, ended
        for held in shown:
            self._watch(held)
        return [*running, *shown], [*ended, *closed]

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        """See `KeeperLink`."""
        if not start.terminal:
            return await self._keeper.start(start)
        held, pipe = await self._terminals.start(start)
        self._watch(held)
        return held, pipe

    async def take(self, window: str, generation: int) -> socket.socket:
        """See `KeeperLink`. Of a terminal nothing is lost: all that counts is on its screen."""
        if self._terminals.has((window, generation)):
            return await self._terminals.take((window, generation))
        return await self._keeper.take(window, generation)

    async def end(self, window: str, generation: int, *, grace: float) -> None:
        """See `KeeperLink`."""
        if self._terminals.has((window, generation)):
            await self._terminals.end((window, generation), grace=grace)
        else:
            await self._keeper.end(window, generation, grace=grace)

    async def forget(self, window: str, generation: int) -> None:
        """See `KeeperLink`."""
        if self._terminals.has((window, generation)):
            await self._terminals.forget((window, generation))
        else:
            await self._keeper.forget(window, generation)

    async def close(self) -> None:
        """Hang up on the keeper. Windows run on, and what is connected to a terminal stays so."""
        self._tell.close()
        self.exits.close()
        await self._keeper.close()

    def _watch(self, held: Held) -> None:
        self._unwatched.append(held)
        self._arrived.set()

    async def _watch_all(self) -> None:
        async with anyio.create_task_group() as tasks:
            while True:
                self._arrived = anyio.Event()
                while self._unwatched:
                    tasks.start_soon(self._watch_one, self._unwatched.popleft())
                await self._arrived.wait()

    async def _watch_one(self, held: Held) -> None:
        with _opened(held) as process:
            if process is not None:
                await anyio.wait_readable(process)
        self._pass_on(await self._terminals.end_of((held.window, held.generation), held.pid))

    def _pass_on(self, gone: Gone) -> None:
        # Nobody listens any more: whoever opens the next link finds it in the roster.
        with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._tell.send_nowait(gone)


@contextlib.contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except TmuxError as error:
        raise FleetError(str(error)) from None


@contextlib.contextmanager
def _opened(held: Held) -> Iterator[int | None]:
    """A descriptor of the process, and of no other that has its number by now; None where it is gone."""
    try:
        process = os.pidfd_open(held.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield process if _started(held.pid) == held.started else None
    finally:
        os.close(process)


def _held(name: Name, pane: Pane) -> Held | None:
    started = _started(pane.pid)
    return None if started is None else Held(*name, pane.pid, started, native=False)


def _started(pid: int) -> int | None:
    try:
        return parsed(Path(f"/proc/{pid}/stat").read_bytes(), 0).started
    except OSError:
        return None


def _name(said: str) -> Name:
    window, _, generation = said.rpartition("/")
    return window, int(generation)


def _said(name: Name) -> str:
    return f"{name[0]}:{name[1]}"
