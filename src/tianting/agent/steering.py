"""Holds what is said to the agent until it can be heard: without it, words typed while a turn runs would be lost.

    post -> waits, by priority -> drain (a running turn, at a safe point) or next_prompt (a turn of its own)

now     before everything else
next    at the next safe point of the running turn
later   never within a turn: it begins one
"""

from bisect import insort_right
from collections.abc import Iterable
from typing import Literal, Protocol

import anyio
from msgspec import Struct

from tianting.protocol.messages import UserMessage

Priority = Literal["now", "next", "later"]

_ORDER: tuple[Priority, ...] = ("now", "next", "later")


class Posted(Struct, frozen=True, kw_only=True):
    """A message on its way to the model."""

    uuid: str
    """Whoever posted it knows it by this, and so does the transcript."""
    message: UserMessage
    priority: Priority = "next"
    asks: bool = True
    """False: the turn that begins with it only makes it part of what was said."""


class Steering(Protocol):
    """What a running turn asks at its safe points: is there anything to be heard?"""

    async def drain(self) -> tuple[Posted, ...]:
        """What the model is to be told now, in order. It is the loop's from then on; cancelled, nothing is lost."""
        ...


class Inbox:
    """The messages of one conversation that nobody has taken yet: by priority, and in order of arrival within one.

    One task takes from it; any may post. Each message is handed out once or withdrawn, and none is lost.
    """

    def __init__(self) -> None:
        self._waiting: list[Posted] = []
        self._changed = anyio.Event()
        self._closed = False

    def post(self, posted: Posted) -> None:
        """Take `posted` in. Raises `anyio.ClosedResourceError` after `close`: nobody would come for it."""
        if self._closed:
            raise anyio.ClosedResourceError
        insort_right(self._waiting, posted, key=_rank)
        self._changed.set()

    def withdraw(self, uuid: str) -> bool:
        """Take a message back; False when it was handed out already, or never came."""
        before = len(self._waiting)
        self._waiting = [posted for posted in self._waiting if posted.uuid != uuid]
        return len(self._waiting) < before

    def withdraw_all(self) -> tuple[str, ...]:
        """Take every message back, and say which."""
        taken, self._waiting = self._waiting, []
        return tuple(posted.uuid for posted in taken)

    def waiting(self) -> tuple[str, ...]:
        """Who waits, in the order in which they will be handed out."""
        return tuple(posted.uuid for posted in self._waiting)

    def drain(self) -> tuple[Posted, ...]:
        """All `now`, then all `next`. Never waits."""
        taken = tuple(posted for posted in self._waiting if posted.priority != "later")
        del self._waiting[: len(taken)]
        return taken

    def restore(self, taken: Iterable[Posted]) -> None:
        """Take back what was drained and reached nobody: it stands before all others of its priority."""
        self._waiting = sorted([*taken, *self._waiting], key=_rank)

    async def next_prompt(self) -> Posted | None:
        """Wait for what begins a turn; None once the inbox is closed and empty. Cancelled, it takes nothing."""
        while not self._waiting:
            if self._closed:
                return None
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._waiting.pop(0)

    def close(self) -> None:
        """Let nothing more in. What waits is still handed out."""
        self._closed = True
        self._changed.set()


def _rank(posted: Posted) -> int:
    return _ORDER.index(posted.priority)
