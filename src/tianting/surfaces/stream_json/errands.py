"""Requests that take their time: without it a slow one would keep the reader from the interrupt behind it.

carry_out ─→ a task ─→ answer      what changes the session goes one by one, in order, and the next turn waits
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio.abc import TaskGroup
from msgspec import UNSET

from tianting.protocol.control_answers import answer_line, error_line
from tianting.protocol.errors import TiantingError
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.controls import ControlRefused
from tianting.surfaces.stream_json.link import ClientGone, ClientRefused, ClientSilent
from tianting.surfaces.stream_json.outlet import Outlet

log = logging.getLogger(__name__)

MOST = 100
"""Requests that may be worked on at once."""

Work = Callable[[], Awaitable[Any]]
"""Gives back the payload of the answer, or None for an answer without one."""


class Errands:
    """What a client asked for and has not been answered yet."""

    def __init__(self, outlet: Outlet, tasks: TaskGroup) -> None:
        self._outlet = outlet
        self._tasks = tasks
        self._open: list[_Errand] = []
        self._one_change = anyio.Lock()
        self._something_ended = anyio.Event()

    @property
    def are_too_many(self) -> bool:
        """Whether the next one should be refused."""
        return len(self._open) >= MOST

    def carry_out(self, request_id: str, work: Work) -> None:
        """Do `work` beside everything else, and answer. A request that comes again takes the place of the first."""
        self._start(_Errand(request_id, work, is_change=False))

    def change(self, request_id: str, work: Work) -> None:
        """The same for what changes the session."""
        self._start(_Errand(request_id, work, is_change=True))

    def withdraw(self, request_id: str) -> None:
        """End the work on a request, without an answer."""
        for errand in self._open:
            if errand.request_id == request_id:
                errand.scope.cancel()

    async def until_settled(self) -> None:
        """Wait until all changes are made."""
        while any(errand.is_change for errand in self._open):
            await self._until_something_ends()

    async def until_done(self) -> None:
        """Wait until everything is answered."""
        while self._open:
            await self._until_something_ends()

    def _start(self, errand: "_Errand") -> None:
        self.withdraw(errand.request_id)
        self._open.append(errand)
        self._tasks.start_soon(self._carry_out, errand)

    async def _carry_out(self, errand: "_Errand") -> None:
        try:
            with errand.scope:
                self._outlet.post(await self._answer(errand))
        finally:
            self._open.remove(errand)
            self._something_ended.set()

    async def _answer(self, errand: "_Errand") -> bytes:
        if not errand.is_change:
            return await answer_to(errand.request_id, errand.work)
        async with self._one_change:
            return await answer_to(errand.request_id, errand.work)

    async def _until_something_ends(self) -> None:
        self._something_ended = anyio.Event()
        await self._something_ended.wait()


class _Errand:
    """One request on its way to its answer."""

    def __init__(self, request_id: str, work: Work, *, is_change: bool) -> None:
        self.request_id = request_id
        self.work = work
        self.is_change = is_change
        self.scope = anyio.CancelScope()


async def answer_to(request_id: str, work: Work) -> bytes:
    """The line that says what came of `work`. Only cancellation and `OutputClosed` get out."""
    try:
        payload = await work()
    except OutputClosed:
        raise
    except Exception as error:  # a request that breaks must not end the session
        return failure_line(request_id, error)
    return answer_line(request_id, UNSET if payload is None else payload)


def failure_line(request_id: str, error: Exception) -> bytes:
    """The line that says why a request failed; a bug is logged with its traceback."""
    match error:
        case ControlRefused() | ClientRefused() | ClientSilent() | ClientGone() | TiantingError():
            return error_line(request_id, str(error))
        case _:
            log.error("the control request %r broke", request_id, exc_info=error)
            return error_line(request_id, f"This request broke ({type(error).__name__}); the log says more.")
