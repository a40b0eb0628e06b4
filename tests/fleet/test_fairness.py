"""Nobody waits for everything that somebody else has put into the queue."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tianting.fleet.verdicts.fairness import Queue, Waiting, joined, left, next_task, taken


def anything(task: Waiting) -> bool:
    return True


def tasks(owner: str, count: int, cost: float = 1.0) -> list[Waiting]:
    return [Waiting(task_id=f"{owner}{number}", owner=owner, cost=cost) for number in range(1, count + 1)]


def queue_of(*waiting: Waiting) -> Queue:
    queue = Queue()
    for task in waiting:
        queue = joined(queue, task)
    return queue


def served(queue: Queue, most: int = 100, weights: dict[str, float] | None = None) -> list[str]:
    order = list[str]()
    while len(order) < most and (task := next_task(queue, anything)) is not None:
        order.append(task.task_id)
        queue = taken(queue, task, weights or {})
    return order


@pytest.mark.parametrize(
    ("queue", "weights", "order"),
    [
        pytest.param(Queue(), {}, [], id="nobody waits"),
        pytest.param(queue_of(*tasks("a", 3)), {}, ["a1", "a2", "a3"], id="one owner: as they came"),
        pytest.param(
            queue_of(*tasks("a", 4), *tasks("b", 2)), {}, ["a1", "b1", "a2", "b2", "a3", "a4"], id="taking turns"
        ),
        pytest.param(
            queue_of(*tasks("a", 2, cost=3), *tasks("b", 4)), {}, ["a1", "b1", "b2", "b3", "a2", "b4"], id="by cost"
        ),
        pytest.param(
            queue_of(*tasks("a", 4), *tasks("b", 4)),
            {"b": 3},
            ["a1", "b1", "b2", "b3", "a2", "b4", "a3", "a4"],
            id="by weight",
        ),
    ],
)
def test_order(queue: Queue, weights: dict[str, float], order: list[str]) -> None:
    assert served(queue, weights=weights) == order


def test_time_that_was_not_used_is_not_saved_up() -> None:
    queue = queue_of(*tasks("a", 100))
    for task in tasks("a", 50):
        queue = taken(queue, task, {})
    for task in tasks("b", 5):
        queue = joined(queue, task)

    assert served(queue, most=4) == ["b1", "a51", "b2", "a52"]


def test_whoever_cannot_run_holds_up_nobody() -> None:
    queue = queue_of(*tasks("a", 2), *tasks("b", 1))

    assert next_task(queue, lambda task: task.task_id != "a1") == tasks("a", 2)[1]
    assert next_task(queue, lambda task: task.owner == "b") == tasks("b", 1)[0]
    assert next_task(queue, lambda task: False) is None


def test_what_was_withdrawn_costs_nothing() -> None:
    queue = queue_of(*tasks("a", 3), *tasks("b", 1))
    for task in tasks("a", 2):
        queue = left(queue, task)

    assert served(queue) == ["a3", "b1"]


def test_owners_are_forgotten_when_the_present_has_caught_up() -> None:
    queue = queue_of(*tasks("a", 1), *tasks("b", 2))
    for task in [*tasks("a", 1), *tasks("b", 2)]:
        queue = taken(queue, task, {})

    assert (len(queue), queue.lines, dict(queue.clocks)) == (0, {}, {"b": 2.0})


class QueueMachine(RuleBasedStateMachine):
    """Owners with work to do are never further apart than one task of each, whatever happens."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.waiting: list[Waiting] = []
        self.count = 0
        self.had: Counter[str] = Counter()

    @rule(owner=st.sampled_from("abc"), cost=st.sampled_from([1.0, 2.0, 3.0]), times=st.integers(1, 4))
    def join(self, owner: str, cost: float, times: int) -> None:
        for _ in range(times):
            self.count += 1
            task = Waiting(task_id=str(self.count), owner=owner, cost=cost)
            if not any(one.owner == owner for one in self.waiting):
                self.had.clear()  # a new one is busy from here on: compare from now
            self.queue = joined(self.queue, task)
            self.waiting.append(task)

    @rule()
    def take(self) -> None:
        task = next_task(self.queue, anything)
        assert (task is None) == (not self.waiting)
        if task is not None:
            self.queue = taken(self.queue, task, {})
            self.waiting.remove(task)
            self.had[task.owner] += int(task.cost)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        if self.waiting:
            task = data.draw(st.sampled_from(self.waiting))
            self.queue = left(self.queue, task)
            self.waiting.remove(task)

    @invariant()
    def all_that_waits_is_there(self) -> None:
        assert sorted(one.task_id for line in self.queue.lines.values() for one in line) == sorted(
            one.task_id for one in self.waiting
        )

    @invariant()
    def busy_owners_get_the_same(self) -> None:
        busy = {one.owner for one in self.waiting}
        shares = [self.had[owner] for owner in busy]
        assert not shares or max(shares) - min(shares) <= 6  # the largest cost of either side: the theorem's bound


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
