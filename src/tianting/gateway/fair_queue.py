"""Who is next when all keys are busy: owners in turn, so that one with a hundred windows cannot starve one with one.

Start-time fair queueing: each owner has a time of its own that advances with every request served; the one who is
furthest behind is next. Who comes back after a pause begins at the present and has saved up nothing.
"""

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items by owner. Within an owner the first in is the first out."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Item]] = {}
        self._served: dict[str, float] = {}
        self._present = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def length(self, owner: str) -> int:
        """How many of `owner` wait."""
        return len(self._waiting.get(owner, ()))

    def push(self, owner: str, item: Item) -> None:
        """Put `item` last among its owner's."""
        if owner not in self._waiting:
            self._waiting[owner] = deque()
            self._served[owner] = max(self._served.get(owner, 0.0), self._present)
        self._waiting[owner].append(item)

    def order(self) -> list[Item]:
        """The first of each owner, the owner who is furthest behind first."""
        owners = sorted(self._waiting, key=self._served.__getitem__)  # stable: who waits longer goes first
        return [self._waiting[owner][0] for owner in owners]

    def remove(self, owner: str, item: Item, *, served: bool) -> None:
        """Take `item` out: its turn has come, or it gave up. One that is not there is left alone."""
        waiting = self._waiting.get(owner, deque())
        if item not in waiting:
            return
        waiting.remove(item)
        if served:
            self._present = max(self._present, self._served[owner])
            self._served[owner] += 1.0
        if not waiting:
            del self._waiting[owner]
            self._forget_the_caught_up()

    def _forget_the_caught_up(self) -> None:
        behind = {owner: time for owner, time in self._served.items() if time > self._present or owner in self._waiting}
        self._served = behind
