"""The windows that tasks are done in: which there are for it, which are made, and which are let go to make room.

A window that tasks were done in belongs to its conversation, so for a new one there is a new window. Where there may be
no more, one that has nothing to do is stopped; a later task of its conversation starts it again.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from tianting.fleet.dispatching.assignment import Scene, Seat, Worker, idle_ones, is_alone
from tianting.fleet.dispatching.backlog import DispatchPolicy
from tianting.fleet.dispatching.errand import Errand, TaskStore, Windows, insist
from tianting.fleet.store.records import WindowMoved
from tianting.fleet.tasks import KeptTask, Task, TaskBook
from tianting.fleet.templates import Template
from tianting.fleet.window import OVER
from tianting.fleet.windows import FleetFull, WindowState
from tianting.plumbing.clock import Clock
from tianting.protocol.errors import FleetError
from tianting.protocol.ids import NewId

log = logging.getLogger(__name__)


class Surroundings(Struct, frozen=True, kw_only=True):
    """What tasks need of the world, beside windows and a store."""

    clock: Clock
    random: Callable[[], float]
    """A number in [0, 1)."""
    new_id: NewId
    template: Callable[[str], Template]
    """Raises `FleetError` for one that there is not."""
    load: Callable[[str], float] = lambda _: 0.0
    """How used a window is, by its id."""
    made: Callable[[str], None] = lambda _: None
    """Told the id of each window that is made."""


class Seating:
    """Of one fleet. `changed` is called whenever it may be that a task can be given out which could not before."""

    def __init__(
        self, windows: Windows, store: TaskStore, surroundings: Surroundings, changed: Callable[[], None]
    ) -> None:
        self._windows = windows
        self._store = store
        self._around = surroundings
        self._changed = changed
        self._homes: dict[tuple[str, str], str] = {}
        """By owner and name: the window of each conversation."""
        self._used: set[str] = set()
        """Made for tasks, and had one."""
        self._unused: set[str] = set()
        self._leaving: set[str] = set()
        self._watched: set[str] = set()
        self._full_at = math.inf
        """As many windows were alive when the fleet refused one more."""

    def remember(self, book: TaskBook) -> None:
        """What an earlier fleet knew."""
        self._homes.update(book.conversations)
        self._used.update(book.windows)

    def is_guest(self, window_id: str) -> bool:
        """Whether this window was made by somebody for himself."""
        return window_id not in self._used and window_id not in self._unused

    def take(self, kept: KeptTask, window_id: str) -> None:
        """The window has this task from now on."""
        if window_id in self._unused:
            self._unused.remove(window_id)
            self._used.add(window_id)
        if kept.task.conversation is not None:
            self._homes[kept.task.owner, kept.task.conversation] = window_id

    def scene(self, errands: Collection[Errand], policy: DispatchPolicy) -> Scene:
        """The fleet as it is."""
        states = {state.window.window_id: state for state in self._windows.list_windows()}
        self._used &= states.keys()
        self._unused &= states.keys()
        alive = sum(state.window.status not in OVER for state in states.values())
        if alive < self._full_at:
            self._full_at = math.inf
        working = {errand.window_id for errand in errands}
        return Scene(
            seats={window_id: self._seat(state, working) for window_id, state in states.items()},
            homes=self._homes,
            running=tuple(errand.kept for errand in errands),
            workers=(*self._ours(states, errands), *_theirs(states, working)),
            most_windows=policy.windows,
            most_by_key=policy.most_by_key,
            most_by_owner=policy.most_by_owner,
            is_full=alive >= self._full_at,
        )

    async def create_for(self, task: Task) -> str | None:
        """A new window that has no task yet; None where the fleet is full. Raises `FleetError`."""
        try:
            window = await self._windows.create_window(task.template, cwd=task.work_tree, owner=task.owner)
        except FleetFull:
            self._full_at = sum(state.window.status not in OVER for state in self._windows.list_windows())
            return None
        self._unused.add(window.window_id)
        self._around.made(window.window_id)
        return window.window_id

    def leaving(self, scene: Scene, wanted: int) -> list[str]:
        """Idle windows to be let go, so that `wanted` tasks have room, those included that are leaving already."""
        idle = [window.window_id for window in idle_ones(scene) if window.window_id not in self._leaving]
        chosen = idle[: max(0, wanted - len(self._leaving))]
        self._leaving.update(chosen)
        return chosen

    def resting(self, scene: Scene, policy: DispatchPolicy) -> tuple[list[str], float]:
        """Windows to be let go because they have rested for long, and the seconds until the next one will have."""
        now = self._around.clock.now()
        due = {
            window.window_id: window.since + policy.rest_after - now
            for window in idle_ones(scene)
            if window.window_id not in self._leaving
        }
        chosen = [window_id for window_id, rest in due.items() if rest <= 0]
        self._leaving.update(chosen)
        return chosen, min((rest for rest in due.values() if rest > 0), default=math.inf)

    async def let_go(self, window_id: str) -> None:
        """End the process of a window that has nothing to do."""
        try:
            if window_id in self._unused:
                await self._windows.destroy_window(window_id, by="tasks")
            else:
                await self._windows.stop(window_id)
                if self._windows.get_window_status(window_id).open_prompts:  # somebody was quicker
                    await self._windows.restart(window_id, "it was given a prompt while it was stopped")
        except FleetError as error:
            log.warning("window %s cannot be let go: %s", window_id, error)
        finally:
            self._leaving.discard(window_id)
            self._changed()

    def unwatched(self, errands: Collection[Errand]) -> list[str]:
        """Windows whose next move may give a task its place, and that nobody has an eye on."""
        eyed = self._watched | self._leaving | {errand.window_id for errand in errands}
        alive = (state.window for state in self._windows.list_windows() if state.window.status not in OVER)
        chosen = [window.window_id for window in alive if window.window_id not in eyed]
        self._watched.update(chosen)
        return chosen

    async def watch(self, window_id: str, is_wanted: Callable[[], bool]) -> None:
        """Tell of its moves, until it is over, or has moved once more when nobody wants to know."""
        try:
            snapshot = await insist(lambda: self._store.snapshot(window_id))
            # The newest event may be a move that is stored, and not yet shown.
            after = max(0, snapshot.sequence - 1) if snapshot else 0
            async for stored in self._windows.events(window_id, after):
                if isinstance(stored.event, WindowMoved):
                    self._changed()
                    if stored.event.status in OVER or not is_wanted():
                        break
        except FleetError as error:
            log.debug("window %s is watched no more: %s", window_id, error)
        finally:
            self._watched.discard(window_id)
            self._changed()

    def _seat(self, state: WindowState, working: Collection[str]) -> Seat:
        window_id = state.window.window_id
        return Seat(
            window=state.window,
            is_working=window_id in working or window_id in self._leaving or _is_at_work(state),
            is_unused=window_id in self._unused,
            is_ours=window_id in self._unused or window_id in self._used,
            load=self._around.load(window_id),
        )

    def _ours(self, states: Mapping[str, WindowState], errands: Collection[Errand]) -> list[Worker]:
        """Those who do tasks."""
        return [
            Worker(directory=cwd, is_alone=self._is_alone(errand.kept.task, cwd))
            for errand in errands
            if errand.window_id in states
            for cwd in (states[errand.window_id].window.cwd,)
        ]

    def _is_alone(self, task: Task, directory: str) -> bool:
        try:
            return is_alone(task, directory, self._around.template(task.template))
        except FleetError:  # the settings have no such template any more
            return True


def _theirs(states: Mapping[str, WindowState], working: Collection[str]) -> list[Worker]:
    """Those who work for somebody who asked them himself."""
    return [
        Worker(directory=state.window.cwd, is_alone=False)
        for window_id, state in states.items()
        if window_id not in working and _is_at_work(state)
    ]


def _is_at_work(state: WindowState) -> bool:
    status = state.window.status
    return status in {"busy", "waiting"} or (state.open_prompts > 0 and status not in OVER)
