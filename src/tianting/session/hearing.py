"""What a running turn hears: without it, words posted while the agent works would pass by the hooks of prompts.

    notes of the harness, then the inbox -> hooks of prompts -> the turn

What a hook refuses reaches the model neither now nor later, and the person is told so.
"""

from collections import deque
from collections.abc import Awaitable, Callable

from tianting.agent.steering import Inbox, Posted

MayPass = Callable[[Posted], Awaitable[bool]]
"""Asks hooks about one message; whoever answers no has told the person."""


class Hearing:
    """`Steering` for one session."""

    def __init__(self, inbox: Inbox, brief: Callable[[], Awaitable[None]], may_pass: MayPass) -> None:
        """`brief` tells the model what the harness has to say."""
        self._inbox = inbox
        self._brief = brief
        self._may_pass = may_pass

    async def drain(self) -> tuple[Posted, ...]:
        """See `Steering`. Where it breaks off, what was not refused goes back into the inbox."""
        await self._brief()
        waiting, passed = deque(self._inbox.drain()), list[Posted]()
        try:
            while waiting:
                if await self._may_pass(waiting[0]):
                    passed.append(waiting[0])
                waiting.popleft()
        except BaseException:
            self._inbox.restore((*passed, *waiting))
            raise
        return tuple(passed)
