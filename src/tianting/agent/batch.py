"""Runs the calls of one answer: those that only read together, those that change things alone and in order.

calls -> groups of neighbours that may run together -> results, reported in call order
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import groupby

import anyio

from tianting.agent.dispatch import Prepared, ToolDispatcher
from tianting.agent.limits import Limits
from tianting.plumbing.clock import Clock
from tianting.protocol.content import ToolUse
from tianting.protocol.events import Event, ToolFinished, ToolStarted
from tianting.protocol.tool_calls import CallResult, ToolCall

Emit = Callable[[Event], Awaitable[None]]
Answered = Callable[[ToolFinished], Awaitable[None]]


class CallBatch:
    """The calls of one answer, on their way to their results."""

    def __init__(self, dispatcher: ToolDispatcher, limits: Limits, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._limiter = anyio.CapacityLimiter(limits.max_concurrent)
        self._clock = clock

    async def run(self, calls: Iterable[ToolUse], answered: Answered, emit: Emit) -> None:
        """Answer `calls`, telling `answered` of each result in call order.

        Cancelled, or where a person or a hook wants the turn to end, it leaves the rest without a result. What
        `answered` or `emit` raises gets out as it is.
        """
        for group in self._groups(calls):
            if await self._run_group(group, answered, emit):
                return

    def _groups(self, calls: Iterable[ToolUse]) -> Iterator[list["_Slot"]]:
        """Neighbours that may run together. Calls that change things are groups of one.

        A call is prepared only when those that change things before it have run: a command may lay a symlink, and
        what is permitted has to be where the call leads then.
        """
        slots = (_Slot(call, self._dispatcher.prepare(call)) for call in calls)
        for together, neighbours in groupby(slots, key=lambda slot: slot.reads_only):
            if together:
                yield list(neighbours)
            else:
                yield from ([slot] for slot in neighbours)

    async def _run_group(self, group: list["_Slot"], answered: Answered, emit: Emit) -> bool:
        """Run `group` and tell its results in order. True ends the batch."""
        if len(group) == 1:
            finished = await self._run_one(group[0], emit)
            await answered(finished)
            return finished.result.ends_turn
        try:
            await self._run_together(group, answered, emit)
        except ExceptionGroup as failures:
            raise _first(failures) from None
        return any(slot.finished.result.ends_turn for slot in group)

    async def _run_together(self, group: list["_Slot"], answered: Answered, emit: Emit) -> None:
        async with anyio.create_task_group() as tasks:
            for slot in group:
                tasks.start_soon(self._fill, slot, emit)
            for slot in group:
                await slot.done.wait()
                await answered(slot.finished)

    async def _fill(self, slot: "_Slot", emit: Emit) -> None:
        async with self._limiter:
            slot.finished = await self._run_one(slot, emit)
        slot.done.set()

    async def _run_one(self, slot: "_Slot", emit: Emit) -> ToolFinished:
        begun = self._clock.monotonic()
        match slot.prepared:
            case CallResult() as answer:
                return never_ran(slot.call, answer)
            case Prepared() as prepared:
                call, answer = await self._run_if_permitted(prepared, emit)
                return ToolFinished(call=call, result=answer, duration=self._clock.monotonic() - begun)

    async def _run_if_permitted(self, prepared: Prepared, emit: Emit) -> tuple[ToolCall, CallResult]:
        """The answer, and the call it answers: hooks may have changed it."""
        match await self._dispatcher.permit(prepared):
            case CallResult() as refusal:
                return prepared.call, refusal
            case Prepared() as permitted:
                await emit(ToolStarted(call=permitted.call))
                return permitted.call, await self._run(permitted)

    async def _run(self, permitted: Prepared) -> CallResult:
        begun = self._clock.monotonic()
        result = await self._dispatcher.run(permitted)
        return await self._dispatcher.review(permitted, result, duration=self._clock.monotonic() - begun)


class _Slot:
    """The place of one call in a group."""

    def __init__(self, call: ToolUse, prepared: Prepared | CallResult) -> None:
        self.call = call
        self.prepared = prepared
        self.done = anyio.Event()
        self.finished: ToolFinished

    @property
    def reads_only(self) -> bool:
        return isinstance(self.prepared, Prepared) and self.prepared.reads_only


def never_ran(call: ToolUse, answer: CallResult) -> ToolFinished:
    """The end of a call that never ran."""
    named = ToolCall(call_id=call.id, tool_name=call.name, arguments=call.input)
    return ToolFinished(call=named, result=answer, duration=0.0)


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """What a listener raised: whoever handles that does not look for it in a group of tasks."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
