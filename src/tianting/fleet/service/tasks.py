"""Tasks behind a fleet's door; all else goes on to the service of its windows, which knows nothing of tasks."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

from tianting.fleet.dispatching.dispatch import Dispatcher, TaskState
from tianting.fleet.door import words
from tianting.fleet.door.tasks import AwaitTask, CancelTask, Queued, ReadQueue, RunTask, TaskEnded, TaskRow, Ticketed
from tianting.fleet.tasks import FleetBusy, Task
from tianting.fleet.templates import Template
from tianting.protocol.errors import FleetError

_SHOWN = 200
"""Characters of a task's text."""


class WindowService(Protocol):
    """Who answers everything else."""

    def welcome(self) -> words.Answer: ...
    async def answer(self, ask: words.WindowAsk) -> words.Answer: ...
    def stream(self, ask: words.Stream) -> AsyncGenerator[words.Answer, None]: ...


class TaskDesk:
    """`door.Behind`."""

    def __init__(
        self,
        windows: WindowService,
        dispatcher: Dispatcher,
        template: Callable[[str], Template],
        shed: Callable[[], None] = lambda: None,
    ) -> None:
        """`template` raises `FleetError` for one that there is not; `shed` is told of each task that is refused."""
        self._windows = windows
        self._dispatcher = dispatcher
        self._template = template
        self._shed = shed

    @property
    def waiting(self) -> int:
        """Tasks that no window has."""
        return sum(not state.window_id for state in self._dispatcher.open_tasks())

    def welcome(self) -> words.Answer:
        """Said to each client first."""
        return self._windows.welcome()

    def stream(self, ask: words.Stream) -> AsyncGenerator[words.Answer, None]:
        """See `door.Behind`."""
        return self._windows.stream(ask)

    async def answer(self, ask: words.Ask) -> words.Answer:
        """Do what is asked. Raises `TiantingError`."""
        match ask:
            case RunTask():
                return await self._accepted(ask)
            case AwaitTask(task=told):
                return await self._ended(self._meant(told))
            case CancelTask(task=told):
                task_id = self._meant(told)
                await self._dispatcher.cancel(task_id)
                return await self._ended(task_id)
            case ReadQueue():
                return Queued(tasks=tuple(map(_row, self._dispatcher.open_tasks())))
            case words.EndFleet():
                self._dispatcher.hold()  # what waits would take the place of each window that ends
                return await self._windows.answer(ask)
            case _:
                return await self._windows.answer(ask)

    async def _accepted(self, ask: RunTask) -> Ticketed:
        has_place = self._template(ask.template).cwd is not None
        tree = ask.work_tree if ask.work_tree or has_place else ask.here
        if tree is not None and not Path(tree).is_dir():
            raise FleetError(f"There is no directory {tree}: name one that exists with --tree.")
        task = Task(
            text=ask.text,
            template=ask.template,
            owner=ask.owner,
            conversation=ask.conversation,
            work_tree=None if tree is None else str(Path(tree).resolve()),
        )
        try:
            return Ticketed(task=(await self._dispatcher.submit(task)).task_id)
        except FleetBusy:
            self._shed()
            raise

    async def _ended(self, task_id: str) -> TaskEnded:
        ticket = await self._dispatcher.ticket(task_id)
        return TaskEnded(task=task_id, done=await ticket.outcome())

    def _meant(self, told: str) -> str:
        """The id of an open task that begins like this; otherwise it must be a whole id."""
        found = [state.kept.task_id for state in self._dispatcher.open_tasks() if state.kept.task_id.startswith(told)]
        if told in found or not found:
            return told
        if len(found) > 1:
            raise FleetError(f"{told!r} may be any of {len(found)} tasks: write more of it.")
        return found[0]


def _row(state: TaskState) -> TaskRow:
    kept = state.kept
    task = kept.task
    return TaskRow(
        task=kept.task_id,
        text=task.text.strip().partition("\n")[0][:_SHOWN],
        template=task.template,
        accepted_at=kept.accepted_at,
        owner=task.owner,
        conversation=task.conversation,
        work_tree=task.work_tree,
        window=state.window_id,
        reason=state.reason,
    )
