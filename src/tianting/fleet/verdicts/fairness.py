"""Whose task is next: without it whoever puts a hundred tasks into the queue makes everybody else wait for all of them.

Start-time fair queuing (Goyal, Vin and Cheng, 1996), by owner: each has a virtual clock that advances by cost / weight
with what is taken from their line, and the one whose clock is furthest behind is next. Who comes back after a pause
starts at the present: time not used is not saved up. Pure; `Queue` is a value.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct, structs


class Waiting(Struct, frozen=True, kw_only=True):
    """One task in the queue."""

    task_id: str
    owner: str
    cost: float = 1.0
    """How much of the fleet it takes, beside others."""


class Queue(Struct, frozen=True, kw_only=True):
    """All that waits, and how much each owner has had."""

    lines: Mapping[str, tuple[Waiting, ...]] = {}
    """By owner, in the order in which they came; no line is empty."""
    clocks: Mapping[str, float] = {}
    """Virtual time of each owner; who is not here is at the present."""
    present: float = 0.0
    """Virtual time of whoever was served last."""

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))


def joined(queue: Queue, task: Waiting) -> Queue:
    """`queue` with `task` at the end of its owner's line."""
    line = queue.lines.get(task.owner, ())
    clock = queue.clocks.get(task.owner, queue.present)
    return structs.replace(
        queue,
        lines={**queue.lines, task.owner: (*line, task)},
        clocks={**queue.clocks, task.owner: clock if line else max(clock, queue.present)},
    )


def next_task(queue: Queue, may_run: Callable[[Waiting], bool]) -> Waiting | None:
    """Whose turn it is among the tasks that `may_run` now; one that may not holds up nobody, not even its owner."""
    for owner in sorted(queue.lines, key=lambda one: (queue.clocks[one], one)):
        for task in queue.lines[owner]:
            if may_run(task):
                return task
    return None


def taken(queue: Queue, task: Waiting, weights: Mapping[str, float]) -> Queue:
    """`queue` after `task` has been given to a window. A weight of 2 is twice the share; 1 unless told."""
    start = queue.clocks[task.owner]
    served = structs.replace(
        queue,
        clocks={**queue.clocks, task.owner: start + task.cost / weights.get(task.owner, 1.0)},
        present=max(queue.present, start),
    )
    return left(served, task)


def left(queue: Queue, task: Waiting) -> Queue:
    """`queue` without `task`, which was withdrawn: its owner has had nothing for it."""
    rest = tuple(one for one in queue.lines[task.owner] if one.task_id != task.task_id)
    lines = {owner: line for owner, line in {**queue.lines, task.owner: rest}.items() if line}
    # A clock that is not ahead says no more than the present does, so owners are forgotten in time.
    clocks = {owner: clock for owner, clock in queue.clocks.items() if owner in lines or clock > queue.present}
    return structs.replace(queue, lines=lines, clocks=clocks)
