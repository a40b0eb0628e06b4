"""The tasks that wait, in one line for each owner, and whether one more may join: without it a fleet would promise
what it cannot do in time, and notice when everybody has given up.
"""

import math
from collections.abc import Callable, Mapping

from msgspec import Struct

from tianting.fleet.tasks import FleetBusy, KeptTask
from tianting.fleet.verdicts.fairness import Queue, Waiting, joined, left, next_task, taken
from tianting.fleet.verdicts.scheduler import Shed, admission
from tianting.protocol.errors import FleetError

_NEWEST = 0.2
"""Share of the last task in the average of how long tasks take."""


class DispatchPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How tasks share the windows. Replaced as a whole while the fleet runs."""

    windows: int = 8
    """For tasks, alive at a time."""
    weights: Mapping[str, float] = {}
    """By owner: who has 2 gets twice the share of who has 1, which is everybody who is not named."""
    most_by_key: Mapping[str, int] = {}
    """Tasks at a time for each key; a key that is not named has no limit."""
    most_by_owner: int | None = None
    """Tasks of one owner at a time; None sets no limit while nobody else waits."""
    patience: float = 600.0
    """Seconds that a task may have to wait; one that would wait longer is refused."""
    most_waiting: int = 5_000
    """Whatever the patience."""
    rest_after: float = 900.0
    """Seconds after which a window that has no task is stopped. Its conversation can be gone on with."""


def check_policy(policy: DispatchPolicy) -> DispatchPolicy:
    """`policy`, or a `FleetError` that says what is wrong with it."""
    if policy.windows < 1 or policy.most_waiting < 1:
        raise FleetError("Tasks need 1 window at least, and room for 1 that waits.")
    if wrong := [owner for owner, weight in policy.weights.items() if not 0 < weight < math.inf]:
        raise FleetError(f"The weight of {wrong[0]!r} must be above 0.")
    if policy.patience <= 0 or policy.rest_after <= 0:
        raise FleetError("`patience` and `restAfter` must be above 0 seconds.")
    return policy


class Backlog:
    """Of one fleet."""

    def __init__(self) -> None:
        self._queue = Queue()
        self._waiting: dict[str, KeptTask] = {}
        self._mean: float | None = None
        """Seconds that a task takes."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._waiting

    def get(self, task_id: str) -> KeptTask | None:
        """One that waits."""
        return self._waiting.get(task_id)

    @property
    def tasks(self) -> tuple[KeptTask, ...]:
        """All that wait, in the order in which they joined."""
        return tuple(self._waiting.values())

    def check(self, owner: str, running: int, policy: DispatchPolicy, random: Callable[[], float]) -> None:
        """Raises `FleetBusy` where one more task of `owner` would wait too long while `running` are done at a time."""
        served = running / self._mean if self._mean else 0.0
        before = ahead(self._queue, owner, policy.weights)
        answer = admission(before, served, policy.patience, random)
        if isinstance(answer, Shed):
            raise FleetBusy(before, answer.retry_after)
        if len(self) >= policy.most_waiting:
            raise FleetBusy(len(self), policy.patience * (1 + random()) / 2)

    def join(self, kept: KeptTask) -> None:
        """At the end of its owner's line."""
        self._waiting[kept.task_id] = kept
        self._queue = joined(self._queue, _line(kept))

    def next(self, may_run: Callable[[KeptTask], bool]) -> KeptTask | None:
        """Whose turn it is."""
        chosen = next_task(self._queue, lambda one: may_run(self._waiting[one.task_id]))
        return None if chosen is None else self._waiting[chosen.task_id]

    def take(self, kept: KeptTask, policy: DispatchPolicy) -> None:
        """A window has it."""
        del self._waiting[kept.task_id]
        self._queue = taken(self._queue, _line(kept), policy.weights)

    def leave(self, kept: KeptTask) -> None:
        """It was withdrawn."""
        del self._waiting[kept.task_id]
        self._queue = left(self._queue, _line(kept))

    def note_served(self, seconds: float) -> None:
        """A task took so long in its window."""
        before = seconds if self._mean is None else self._mean
        self._mean = max(before + _NEWEST * (seconds - before), 0.001)


def ahead(queue: Queue, owner: str, weights: Mapping[str, float]) -> int:
    """How many tasks are served before one more of `owner`, about: a short line does not wait for all of a long one."""
    line = len(queue.lines.get(owner, ()))
    mine = weights.get(owner, 1.0)
    others = sum(
        min(len(theirs), math.ceil((line + 1) * weights.get(other, 1.0) / mine))
        for other, theirs in queue.lines.items()
        if other != owner
    )
    return line + others


def _line(kept: KeptTask) -> Waiting:
    return Waiting(task_id=kept.task_id, owner=kept.task.owner)
