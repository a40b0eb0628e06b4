"""One task in one window, from its prompt to its end: here, what happens in a window becomes what it means for a task.

    bound (stored) → window started again if it rests → prompt given → its answer | the window failed | it is gone

Bound first and given under a stored name, so that a fleet that comes back gives it again without its being done twice.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeVar

import anyio
from msgspec import Struct, structs

from tianting.fleet.drivers.driver import Fault, PromptTaken
from tianting.fleet.store.records import PromptDone, Snapshot, StoredEvent, StoreError, WindowMoved
from tianting.fleet.tasks import KeptTask, TaskBook, TaskDone
from tianting.fleet.window import Window
from tianting.fleet.windows import NoSuchWindow, WindowState
from tianting.protocol.errors import FleetError
from tianting.protocol.ids import NewId

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_BETWEEN_TRIES = 1.0
"""Seconds. A person makes room on the disk meanwhile."""


class Windows(Protocol):
    """What tasks need of `WindowManager`."""

    async def create_window(self, template: str, *, cwd: str | None = None, owner: str = "") -> Window: ...
    async def destroy_window(self, window_id: str, *, by: str = "") -> None: ...
    async def send(self, window_id: str, text: str, *, uuid: str | None = None) -> str: ...
    async def interrupt(self, window_id: str) -> None: ...
    async def stop(self, window_id: str) -> None: ...
    async def restart(self, window_id: str, reason: str = ...) -> None: ...
    def get_window_status(self, window_id: str) -> WindowState: ...
    def list_windows(self, owner: str | None = None) -> tuple[WindowState, ...]: ...
    def events(self, window_id: str, after: int = 0) -> AsyncIterator[StoredEvent]: ...


class TaskStore(Protocol):
    """What tasks need of `Store`."""

    async def keep_task(self, task: KeptTask) -> None: ...
    async def task(self, task_id: str) -> KeptTask | None: ...
    async def tasks(self) -> TaskBook: ...
    async def snapshot(self, window_id: str) -> Snapshot | None: ...


class WindowFailed(Struct, frozen=True, kw_only=True):
    """The window is given up. Whether the task is, too, is not decided here."""

    reason: str
    after: int
    """Number of the event that said so."""


class Errand:
    """`run` it once. `kept` is the task as it is stored."""

    def __init__(self, kept: KeptTask, window_id: str, windows: Windows, store: TaskStore, new_id: NewId) -> None:
        self.kept = kept
        self.window_id = window_id
        self._windows = windows
        self._store = store
        self._new_id = new_id
        self._has_begun = not kept.waits
        """Then a window that has failed has failed under it."""

    async def run(self) -> TaskDone | WindowFailed:
        """Have it done. Goes on where an earlier fleet, or an earlier try, has stopped."""
        try:
            await self._bind()
            await self._hand_over()
            return await self._followed()
        except NoSuchWindow:
            gone = Fault(message="Its window was destroyed before it answered.", code="destroyed")
            return TaskDone(window_id=self.window_id, fault=gone, cancelled=self.kept.withdrawn)

    async def withdraw(self) -> None:
        """End its turn, now or as soon as it has begun."""
        await self._keep(withdrawn=True)
        await self._interrupt()

    async def _bind(self) -> None:
        """A window that has its prompt already gets it under the same name."""
        if self.kept.window_id == self.window_id:
            await self._keep(waits=False)
            return
        snapshot = await insist(lambda: self._store.snapshot(self.window_id))
        after = snapshot.sequence if snapshot else 0
        await self._keep(waits=False, window_id=self.window_id, prompt=self._new_id(), after=after)

    async def _hand_over(self) -> None:
        status = self._windows.get_window_status(self.window_id).window.status
        if status == "stopped" or (status == "failed" and not self._has_begun):
            await self._windows.restart(self.window_id, "a task goes on with its conversation")
        self._has_begun = True
        kept = self.kept
        await insist(lambda: self._windows.send(self.window_id, kept.task.text, uuid=kept.prompt))

    async def _followed(self) -> TaskDone | WindowFailed:
        async for stored in self._windows.events(self.window_id, self.kept.after):
            match stored.event:
                case PromptDone(uuid=uuid) if uuid == self.kept.prompt:
                    return self._done(stored.event)
                case WindowMoved(status="failed", reason=reason) if self._has_failed():
                    return WindowFailed(reason=reason, after=stored.sequence)
                case WindowMoved(status="busy") | PromptTaken() if self.kept.withdrawn:
                    await self._interrupt()
                case _:
                    pass
        raise NoSuchWindow(self.window_id)

    def _has_failed(self) -> bool:
        """Otherwise somebody has started it again since."""
        return self._windows.get_window_status(self.window_id).window.status == "failed"

    def _done(self, done: PromptDone) -> TaskDone:
        return TaskDone(window_id=self.window_id, text=done.text, fault=done.fault, cancelled=done.interrupted)

    async def _interrupt(self) -> None:
        try:
            await self._windows.interrupt(self.window_id)
        except FleetError as error:
            log.warning("task %s cannot be interrupted: %s", self.kept.task_id, error)

    async def _keep(self, **changes: Any) -> None:
        self.kept = kept = structs.replace(self.kept, **changes)
        await insist(lambda: self._store.keep_task(kept))


async def insist(work: Callable[[], Awaitable[_T]]) -> _T:
    """Do what the disk may refuse until it does not."""
    while True:
        try:
            return await work()
        except StoreError as error:
            log.warning("tasks wait for the store: %s", error)
            await anyio.sleep(_BETWEEN_TRIES)
