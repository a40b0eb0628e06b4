"""Joins the parts of the daemon. Nothing here decides.

    places private → held → socket open → (fleet loaded → store → windows taken up → conversations) → … → in reverse

It listens before the fleet is loaded: whoever asks meanwhile waits a moment, and is not refused.
"""

import logging
import resource
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import Any

import anyio
import anyio.to_thread

from tianting import __version__
from tianting.cli.daemon_places import DaemonPlaces, DaemonWish
from tianting.daemon import notices, pid_file
from tianting.daemon.desk import Desk, Talks
from tianting.daemon.leases import Leases
from tianting.daemon.listener import Listener, free_place
from tianting.daemon.pulse import Pulse
from tianting.daemon.words import Status
from tianting.fleet.door.place import DoorTaken, held_door, make_private
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

ENDING = 10.0
"""Seconds in which all agents end in order; then the keeper ends them."""
DESCRIPTORS = 4096


OpenFleet = Callable[[DaemonPlaces, Mapping[str, str], DaemonWish], AbstractAsyncContextManager[Talks]]

ShowFigures = Callable[[DaemonPlaces, Callable[[], Status]], Coroutine[Any, Any, None]]


class DaemonWiring:
    """One daemon, from its start to its end."""

    def __init__(self, places: DaemonPlaces, environment: Mapping[str, str], wish: DaemonWish) -> None:
        self._places = places
        self._environment = environment
        self._wish = wish
        self._end = anyio.Event()
        self._fleet_ended = anyio.Event()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until a signal ends it; `ready` is called when clients can connect.

        Raises `FleetError` where the place is taken or not private, `ConfigError`, `OSError`.
        """
        places = self._places
        _allow_descriptors()
        with ExitStack() as stack:
            for directory in (places.state, places.run):
                make_private(directory)
            try:
                stack.enter_context(held_door(places.state / "daemon"))
            except DoorTaken as taken:
                holder = str(taken).rpartition(": ")[2].rstrip(".")
                raise FleetError(
                    f"A daemon of this home runs already: {holder}. See `tianting daemon check`."
                ) from None
            stack.enter_context(free_place(places.socket))
            stack.enter_context(pid_file.written(pid_file.place_of(places.socket), self._wish.guard))
            places.note_address()
            await self._serve(ready)

    async def _serve(self, ready: Callable[[], None]) -> None:
        leases, pulse = Leases(self._unneeded), Pulse(self._beat)
        home = self._environment.get("HOME", "/")
        desk = Desk(pulse, version=__version__, agent=self._wish.agent, home=home, hold=leases.hold)
        async with anyio.create_task_group() as tasks:
            leases.begin(tasks)
            if self._wish.held_by is not None:
                leases.hold(self._wish.held_by)
            tasks.start_soon(pulse.run)
            tasks.start_soon(self._hear_signals)
            async with anyio.create_task_group() as clients:
                listener = Listener(desk)
                await clients.start(listener.serve, self._places.socket)
                tasks.start_soon(self._keep_fleet, desk, listener)
                ready()
                notices.notify(self._environment, notices.READY)
                await self._end.wait()
                notices.notify(self._environment, notices.STOPPING)
                # Nobody is told a last word: who waits for an answer asks the next daemon for it, under the same id.
                clients.cancel_scope.cancel()
            await self._fleet_ended.wait()
            tasks.cancel_scope.cancel()

    async def _keep_fleet(self, desk: Desk, listener: Listener) -> None:
        """Load the fleet beside the clients, and have it until the end."""
        try:
            open_fleet, show_figures = await anyio.to_thread.run_sync(self._load)
            async with (
                open_fleet(self._places, self._environment, self._wish) as talk,
                anyio.create_task_group() as tasks,
            ):
                desk.open(talk)
                tasks.start_soon(show_figures, self._places, lambda: desk.status(listener.clients))
                log.info("the daemon serves", extra={"socket": str(self._places.socket), "agent": self._wish.agent})
                await self._end.wait()
                log.info("the daemon is ending")
                with anyio.move_on_after(ENDING):
                    await talk.sleep()
                tasks.cancel_scope.cancel()
        finally:
            self._fleet_ended.set()

    def _load(self) -> tuple[OpenFleet, ShowFigures]:
        """In a thread: it takes a third of a second."""
        from tianting.cli.daemon_figures import show_figures
        from tianting.cli.daemon_fleet import open_fleet
        from tianting.cli.daemon_log import begin_log

        begin_log(self._places.log)
        return open_fleet, show_figures

    async def _hear_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                self._end.set()

    def _unneeded(self) -> None:
        if self._wish.held_by is not None:
            self._end.set()

    def _beat(self) -> None:
        if notices.wants_watchdog(self._environment):
            notices.notify(self._environment, notices.ALIVE)


def _allow_descriptors() -> None:
    """As many as we may have: each client takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, DESCRIPTORS) if hard != resource.RLIM_INFINITY else DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
