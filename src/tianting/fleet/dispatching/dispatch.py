"""Takes tasks and has them done by whichever window suits: without it everybody would have to know the windows, look
for a free one, and notice by themselves when it dies.

    submit → stored → the owner's line → whose turn? → which window (`assignment`) → its `Errand` → Ticket.outcome
                           ↑ its window failed for good, once ─────────────────────────┘

Nothing is polled: whoever ends, moves or is withdrawn has everybody looked at again. A task that a window has stays
with it, over any number of its processes and of fleets.
"""

import logging
import math
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import islice
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct, structs

from tianting.fleet.dispatching.assignment import Assignment, NeedsRoom, Scene, assignment
from tianting.fleet.dispatching.backlog import Backlog, DispatchPolicy, check_policy
from tianting.fleet.dispatching.errand import Errand, TaskStore, WindowFailed, Windows, insist
from tianting.fleet.dispatching.seating import Seating, Surroundings
from tianting.fleet.drivers.driver import Fault
from tianting.fleet.store.records import StoreError
from tianting.fleet.tasks import KeptTask, NoSuchTask, Task, TaskDone
from tianting.fleet.verdicts.scheduler import Create, Place, Wait
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

_BETWEEN_TRIES = 1.0
"""Seconds until a window is asked for again that the disk has refused."""
_NO_ROOM = "every window is busy, and there is no room for another"

Judge = Callable[[KeptTask], Assignment]


class Ticket:
    """Whoever has it can wait for the task's end; several may."""

    def __init__(self, task_id: str, done: TaskDone | None = None) -> None:
        self.task_id = task_id
        self._done = done
        self._ended = anyio.Event()

    async def outcome(self) -> TaskDone:
        """How it ended. The caller has the deadline: it may take as long as agents do."""
        while self._done is None:
            await self._ended.wait()
        return self._done

    def end(self, done: TaskDone) -> None:
        """The dispatcher says so, once."""
        self._done = done
        self._ended.set()


class TaskState(Struct, frozen=True, kw_only=True):
    """An open task as it is shown."""

    kept: KeptTask
    window_id: str = ""
    """Who has it; empty while it waits."""
    reason: str = ""
    """Why it waits."""


class Dispatcher:
    """Of one fleet, within its context. Leaving it ends no task: the next fleet goes on with them."""

    def __init__(
        self, windows: Windows, store: TaskStore, surroundings: Surroundings, policy: DispatchPolicy | None = None
    ) -> None:
        self._windows = windows
        self._store = store
        self._around = surroundings
        self._policy = check_policy(policy or DispatchPolicy())
        self._seating = Seating(windows, store, surroundings, self._look_again)
        self._backlog = Backlog()
        self._errands: dict[str, Errand] = {}
        """By task: those that windows have."""
        self._tickets: dict[str, Ticket] = {}
        """Of the tasks that are open."""
        self._is_held = False
        self._news = anyio.Event()
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            await self._take_up()
            self._tasks.start_soon(self._run)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    async def submit(self, task: Task) -> Ticket:
        """Promise that `task` will be done; once this returns it is never lost.

        Raises `FleetBusy` where it would wait too long, `StoreError` where it cannot be kept, and `FleetError` for a
        template that is not there, or that has no directory where the task names none.
        """
        template = self._around.template(task.template)
        if task.work_tree is None and template.cwd is None:
            raise FleetError(f"Template {task.template!r} has no directory to work in: name a work tree.")
        self._backlog.check(task.owner, len(self._errands), self._policy, self._around.random)
        kept = KeptTask(task_id=self._around.new_id(), task=task, accepted_at=self._around.clock.now())
        # Shielded: what the store has taken must join the queue, also where the caller goes away.
        with anyio.CancelScope(shield=True):
            await self._store.keep_task(kept)
            self._join(kept)
        return self._tickets[kept.task_id]

    async def ticket(self, task_id: str) -> Ticket:
        """That of a task which was submitted before, to this fleet or an earlier one. Raises `NoSuchTask`."""
        if (ticket := self._tickets.get(task_id)) is not None:
            return ticket
        kept = await self._store.task(task_id)
        if kept is None or kept.done is None:
            raise NoSuchTask(f"There is no task {task_id!r}: see `tianting windows queue`.")
        return Ticket(task_id, kept.done)

    async def cancel(self, task_id: str) -> None:
        """Withdraw a task. The turn of one that a window has is interrupted; its ticket says when it has ended.

        One that has ended stays as it is. Raises `NoSuchTask`.
        """
        await self.ticket(task_id)
        if (errand := self._errands.get(task_id)) is not None:
            self._tasks.start_soon(errand.withdraw)
        elif (kept := self._backlog.get(task_id)) is not None:
            self._backlog.leave(kept)
            self._tasks.start_soon(self._end, kept, TaskDone(window_id=kept.window_id, cancelled=True))

    def open_tasks(self) -> tuple[TaskState, ...]:
        """Those that windows have, then those that wait, each in the order in which they came."""
        judge = self._judge(self._scene())
        running = [TaskState(kept=one.kept, window_id=one.window_id) for one in self._errands.values()]
        waiting = [TaskState(kept=kept, reason=_why(judge(kept))) for kept in self._backlog.tasks]
        return (*running, *waiting)

    def reconfigure(self, policy: DispatchPolicy) -> None:
        """Share windows like this from now on. Raises `FleetError` for a policy that is wrong; then nothing changes."""
        self._policy = check_policy(policy)
        self._look_again()

    def hold(self) -> None:
        """Give out no more tasks: the fleet is about to end its windows. What waits is kept."""
        self._is_held = True

    async def _take_up(self) -> None:
        """Go on where an earlier fleet stood."""
        book = await self._store.tasks()
        self._seating.remember(book)
        for kept in book.open:
            self._tickets[kept.task_id] = Ticket(kept.task_id)
            if not kept.waits:
                self._begin(kept, kept.window_id)
            elif kept.withdrawn:
                await self._end(kept, TaskDone(window_id=kept.window_id, cancelled=True))
            else:
                self._backlog.join(kept)

    async def _run(self) -> None:
        while True:
            self._news = news = anyio.Event()
            with anyio.move_on_after(await self._look()):
                await news.wait()

    async def _look(self) -> float:
        """Give out what can be given out. Returns the seconds after which something is due by itself."""
        try:
            while not self._is_held:
                judge = self._judge(self._scene())
                kept = self._backlog.next(lambda one, judge=judge: isinstance(judge(one), Place | Create))  # type: ignore[misc]
                if kept is None:
                    return self._settle(judge)
                await self._give(kept, judge(kept))
        except StoreError as error:
            log.warning("tasks wait for the store: %s", error)
            return _BETWEEN_TRIES
        return math.inf

    def _judge(self, scene: Scene) -> Judge:
        """What can be done for a task as things stand. Tasks that need the same are judged once."""
        known: dict[tuple[str | None, ...], Assignment] = {}

        def judge(kept: KeptTask) -> Assignment:
            task = kept.task
            need = (task.template, task.owner, task.conversation, task.work_tree, task.key)
            if need not in known:
                known[need] = self._judged(kept, scene)
            return known[need]

        return judge

    def _judged(self, kept: KeptTask, scene: Scene) -> Assignment:
        try:
            template = self._around.template(kept.task.template)
        except FleetError as error:
            return Wait(reason=str(error))
        return assignment(kept, scene, template, self._around.random)

    async def _give(self, kept: KeptTask, where: Assignment) -> None:
        window_id = where.window_id if isinstance(where, Place) else await self._made_for(kept)
        if window_id is not None and kept.task_id in self._backlog:  # it may have been withdrawn meanwhile
            self._backlog.take(kept, self._policy)
            self._begin(structs.replace(kept, is_guest=self._seating.is_guest(window_id)), window_id)

    async def _made_for(self, kept: KeptTask) -> str | None:
        try:
            return await self._seating.create_for(kept.task)
        except StoreError:
            raise
        except FleetError as error:  # a quota, say: what is refused now would be refused again
            if kept.task_id in self._backlog:
                self._backlog.leave(kept)
                await self._end(kept, TaskDone(fault=Fault(message=str(error), code="refused")))
            return None

    def _settle(self, judge: Judge) -> float:
        """Nobody else can be given out: see to it that somebody can be later."""
        scene = self._scene()
        needy = (kept for kept in self._backlog.tasks if isinstance(judge(kept), NeedsRoom))
        leaving = self._seating.leaving(scene, len(tuple(islice(needy, self._policy.windows))))
        rested, rest = self._seating.resting(scene, self._policy)
        for window_id in (*leaving, *rested):
            self._tasks.start_soon(self._seating.let_go, window_id)
        if len(self._backlog):
            for window_id in self._seating.unwatched(self._errands.values()):
                self._tasks.start_soon(self._seating.watch, window_id, lambda: len(self._backlog) > 0)
        return rest

    def _begin(self, kept: KeptTask, window_id: str) -> None:
        errand = Errand(kept, window_id, self._windows, self._store, self._around.new_id)
        self._errands[kept.task_id] = errand
        self._seating.take(kept, window_id)
        self._tasks.start_soon(self._carry, errand)

    async def _carry(self, errand: Errand) -> None:
        began = self._around.clock.monotonic()
        try:
            outcome = await insist(errand.run)
        except FleetError as error:
            outcome = WindowFailed(reason=str(error), after=errand.kept.after)
        except Exception:  # a bug here must not end the other tasks; and this one must not be done twice
            log.exception("task %s broke", errand.kept.task_id)
            bug = Fault(message="The fleet has a bug; its log says more.", code="bug")
            outcome = TaskDone(window_id=errand.window_id, fault=bug)
        if isinstance(outcome, TaskDone):
            self._backlog.note_served(self._around.clock.monotonic() - began)
            await self._end(errand.kept, outcome)
        elif errand.kept.troubles or errand.kept.withdrawn:
            fault = Fault(message=f"Its window failed: {outcome.reason}", code="window_failed")
            withdrawn = errand.kept.withdrawn
            await self._end(errand.kept, TaskDone(window_id=errand.window_id, fault=fault, cancelled=withdrawn))
        else:
            await self._give_back(errand, outcome)
        self._look_again()

    async def _give_back(self, errand: Errand, failed: WindowFailed) -> None:
        """To the queue. A conversation's own window is tried again; of another, the task must not stay behind in it."""
        kept = errand.kept
        has_home = kept.task.conversation is not None
        home = kept.window_id if has_home else ""
        kept = structs.replace(kept, waits=True, window_id=home, after=failed.after, troubles=(failed.reason,))
        await insist(lambda: self._store.keep_task(kept))
        if not has_home:
            try:
                await self._windows.destroy_window(errand.window_id, by="tasks")
            except FleetError as error:
                log.warning("window %s, which failed, cannot be destroyed: %s", errand.window_id, error)
        if errand.kept.withdrawn:
            await self._end(kept, TaskDone(window_id=errand.window_id, cancelled=True))
            return
        del self._errands[kept.task_id]
        self._backlog.join(kept)

    async def _end(self, kept: KeptTask, done: TaskDone) -> None:
        ended = structs.replace(kept, waits=False, done=done, ended_at=self._around.clock.now())
        self._errands.pop(kept.task_id, None)  # first: what has ended must not be withdrawn
        await insist(lambda: self._store.keep_task(ended))
        self._tickets.pop(kept.task_id).end(done)
        self._look_again()

    def _join(self, kept: KeptTask) -> None:
        self._tickets[kept.task_id] = Ticket(kept.task_id)
        self._backlog.join(kept)
        self._look_again()

    def _scene(self) -> Scene:
        return self._seating.scene(self._errands.values(), self._policy)

    def _look_again(self) -> None:
        self._news.set()


def _why(where: Assignment) -> str:
    """Why a task waits that is judged like this."""
    match where:
        case Wait(reason=reason):
            return reason
        case NeedsRoom():
            return _NO_ROOM
        case Place() | Create():
            return "its turn comes"
