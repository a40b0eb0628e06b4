"""A dispatcher over windows in memory: a test says what happens in them, and time stands still.

async with Desk().open() as desk:
    ticket = await desk.submit("one", owner="ada")
    desk.answer("w1")                         the window w1 is through with what it has
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from msgspec import structs

from tianting.fleet.dispatching.backlog import DispatchPolicy
from tianting.fleet.dispatching.dispatch import Dispatcher, Ticket
from tianting.fleet.dispatching.seating import Surroundings
from tianting.fleet.drivers.driver import Prompt, PromptTaken
from tianting.fleet.store.records import LoggedEvent, PromptDone, Snapshot, StoredEvent, StoreError, WindowMoved
from tianting.fleet.tasks import KeptTask, Task, TaskBook, TaskDone
from tianting.fleet.templates import Template
from tianting.fleet.window import OVER, Status, Window
from tianting.fleet.windows import FleetFull, NoSuchWindow, WindowState
from tianting.protocol.errors import FleetError

SHARED = "/shared"
"""Where the template sends tasks that name no tree."""
STEPS = 100
"""Of the event loop: far more than one thing needs until all that follows from it has happened."""


class StillClock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Room:
    """One window: a log, and the prompts it owes answers to."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.open: list[Prompt] = []
        self.log: list[StoredEvent] = []
        self.is_over = False
        self.news = anyio.Event()

    def says(self, event: LoggedEvent) -> None:
        self.log.append(StoredEvent(sequence=len(self.log) + 1, generation=1, at=0.0, event=event))
        self.news.set()
        self.news = anyio.Event()

    def moves(self, status: Status, at: float, reason: str = "") -> None:
        self.window = structs.replace(self.window, status=status, since=at, reason=reason)
        self.says(WindowMoved(status=status, reason=reason))


class StillWindows:
    """`errand.Windows`. Nothing happens in a window by itself, but that it takes a prompt as soon as it can."""

    def __init__(self, clock: StillClock) -> None:
        self.rooms: dict[str, Room] = {}
        self.most = 64
        self.refuses: str | None = None
        self.given: list[tuple[str, str]] = []
        """Text and window of every prompt that a window accepted."""
        self.interrupted: list[str] = []
        self.uuids: set[str] = set()
        self._clock = clock
        self._names = (f"w{number}" for number in count(1))

    async def create_window(self, template: str, *, cwd: str | None = None, owner: str = "") -> Window:
        await checkpoint()
        if self.refuses is not None:
            raise FleetError(self.refuses)
        if sum(room.window.status not in OVER for room in self.rooms.values()) >= self.most:
            raise FleetFull("It is full.")
        name = next(self._names)
        now = self._clock.now()
        window = Window(window_id=name, kind="echo", template=template, owner=owner, cwd=cwd or SHARED, since=now)
        window = structs.replace(window, conversation_id=f"talk of {name}", status="ready")
        self.rooms[name] = Room(window)
        return window

    async def destroy_window(self, window_id: str, *, by: str = "") -> None:
        room = self.room(window_id)
        await checkpoint()
        del self.rooms[window_id]
        room.is_over = True
        room.news.set()

    async def send(self, window_id: str, text: str, *, uuid: str | None = None) -> str:
        room = self.room(window_id)
        await checkpoint()
        name = uuid or f"person's {len(self.uuids)}"
        if name not in self.uuids:
            self.uuids.add(name)
            self.given.append((text, window_id))
            room.open.append(Prompt(text=text, uuid=name))
            self.works_on(room)
        return name

    async def interrupt(self, window_id: str) -> None:
        room = self.room(window_id)
        await checkpoint()
        self.interrupted.append(window_id)
        if room.window.status == "busy":
            self.ends(window_id, interrupted=True)

    async def stop(self, window_id: str) -> None:
        room = self.room(window_id)
        await checkpoint()
        room.moves("stopped", self._clock.now())

    async def restart(self, window_id: str, reason: str = "") -> None:
        room = self.room(window_id)
        await checkpoint()
        room.moves("ready", self._clock.now(), reason)
        self.works_on(room)

    def get_window_status(self, window_id: str) -> WindowState:
        room = self.room(window_id)
        return WindowState(window=room.window, open_prompts=len(room.open))

    def list_windows(self, owner: str | None = None) -> tuple[WindowState, ...]:
        return tuple(self.get_window_status(name) for name in self.rooms)

    async def events(self, window_id: str, after: int = 0) -> AsyncIterator[StoredEvent]:
        room = self.room(window_id)
        while True:
            news = room.news
            for event in room.log[after:]:
                after = event.sequence
                yield event
            if room.is_over:
                return
            if after == len(room.log):
                await news.wait()

    def room(self, window_id: str) -> Room:
        if window_id not in self.rooms:
            raise NoSuchWindow(f"There is no window {window_id!r}.")
        return self.rooms[window_id]

    def works_on(self, room: Room) -> None:
        if room.open and room.window.status == "ready":
            room.moves("busy", self._clock.now())
            room.says(PromptTaken(uuid=room.open[0].uuid))

    def ends(self, window_id: str, **how: Any) -> None:
        """The turn that runs is over."""
        room = self.room(window_id)
        prompt = room.open.pop(0)
        room.says(PromptDone(**{"uuid": prompt.uuid, "text": f"done: {prompt.text}", **how}))
        room.moves("ready", self._clock.now())
        self.works_on(room)


class StillStore:
    """`errand.TaskStore`, which outlives dispatchers."""

    def __init__(self, windows: StillWindows) -> None:
        self.kept: dict[str, KeptTask] = {}
        self.is_full = False
        self._windows = windows

    async def keep_task(self, task: KeptTask) -> None:
        await checkpoint()
        if self.is_full:
            raise StoreError("The disk is full.")
        self.kept[task.task_id] = task

    async def task(self, task_id: str) -> KeptTask | None:
        await checkpoint()
        return self.kept.get(task_id)

    async def tasks(self) -> TaskBook:
        await checkpoint()
        given = [one for one in self.kept.values() if one.window_id]
        return TaskBook(
            open=tuple(one for one in self.kept.values() if one.done is None),
            conversations={
                (one.task.owner, one.task.conversation): one.window_id for one in given if one.task.conversation
            },
            windows=frozenset(one.window_id for one in given if not one.is_guest),
        )

    async def snapshot(self, window_id: str) -> Snapshot | None:
        await checkpoint()
        room = self._windows.rooms.get(window_id)
        return None if room is None else Snapshot(window=room.window, sequence=len(room.log))


class Desk:
    """All that a test touches."""

    def __init__(self, **policy: Any) -> None:
        self.clock = StillClock()
        self.windows = StillWindows(self.clock)
        self.store = StillStore(self.windows)
        self.policy = DispatchPolicy(**policy)
        self.templates = {"py": Template(name="py", kind="echo", cwd=SHARED)}
        self.tickets: dict[str, Ticket] = {}
        """By the texts of their tasks."""
        self.dispatcher: Dispatcher
        self._ids = (f"id{number}" for number in count(1))
        self._random = Random(7)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Desk"]:
        """A dispatcher; the next one goes on where it stood."""
        around = Surroundings(
            clock=self.clock,
            random=self._random.random,
            new_id=lambda: next(self._ids),
            template=self._template,
        )
        async with Dispatcher(self.windows, self.store, around, self.policy) as self.dispatcher:
            await self.settle()
            yield self

    async def submit(self, text: str, owner: str = "ada", **more: Any) -> Ticket:
        ticket = await self.dispatcher.submit(Task(**{"text": text, "owner": owner, "template": "py", **more}))
        self.tickets[text] = ticket
        await self.settle()
        return ticket

    async def answer(self, window_id: str, **how: Any) -> None:
        """A window is through with its turn."""
        self.windows.ends(window_id, **how)
        await self.settle()

    async def fails(self, window_id: str, reason: str = "crash loop") -> None:
        """A window is given up."""
        self.windows.room(window_id).moves("failed", self.clock.now(), reason)
        await self.settle()

    async def cancel(self, text: str) -> None:
        await self.dispatcher.cancel(self.tickets[text].task_id)
        await self.settle()

    async def passes(self, seconds: float) -> None:
        self.clock.time += seconds
        self.dispatcher.reconfigure(self.policy)
        await self.settle()

    async def outcome(self, text: str) -> TaskDone:
        with anyio.fail_after(5):
            return await self.tickets[text].outcome()

    async def settle(self) -> None:
        """Let everything happen that follows from what has happened: nothing here waits for anything outside."""
        for _ in range(STEPS):
            await checkpoint()

    @property
    def waiting(self) -> dict[str, str]:
        """Tasks in the queue, and why."""
        return {one.kept.task.text: one.reason for one in self.dispatcher.open_tasks() if not one.window_id}

    @property
    def running(self) -> dict[str, str]:
        """Tasks in windows, and in which."""
        return {one.kept.task.text: one.window_id for one in self.dispatcher.open_tasks() if one.window_id}

    def _template(self, name: str) -> Template:
        if name not in self.templates:
            raise FleetError(f"There is no template {name!r}.")
        return self.templates[name]
