"""One process of a window after another: started, taken over, replaced, ended, and what follows of its end.

start → … → drained, lost → _ended → failures.classify → recovery.verdict → start | in a while | parked | failed
"""

import logging
import math
from collections.abc import Callable
from typing import assert_never

from tianting.fleet.course import standing
from tianting.fleet.drivers.driver import Driver, Limited
from tianting.fleet.ending import failure_of
from tianting.fleet.facts import Fact, Ready
from tianting.fleet.ground.process_table import TICKS
from tianting.fleet.guard import Guard, Spawn
from tianting.fleet.process import LAST_WORDS, Keeper, Process
from tianting.fleet.record import Record
from tianting.fleet.standby import Standby
from tianting.fleet.starting import brief_of, planned
from tianting.fleet.templates import Template
from tianting.fleet.turns import Turns
from tianting.fleet.verdicts.failures import Failure
from tianting.fleet.verdicts.parking import Park
from tianting.fleet.verdicts.recovery import AskPerson, Failover, GiveUp, Rest, RestartAfter, Resume, Successor, Verdict
from tianting.fleet.window import OVER
from tianting.fleet.world import World
from tianting.keeper.words import Gone, Held
from tianting.plumbing.clock import iso_utc
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

DRAINING = 5.0
"""Seconds in which the last words of a process that has ended are read; somebody else may still hold its pipe."""


class Succession:
    """Of one window. Called by its life alone, never by two at once."""

    def __init__(
        self,
        record: Record,
        turns: Turns,
        *,
        template: Template,
        driver: Driver,
        world: World,
        keeper: Keeper,
        tell: Callable[[Fact], None],
        spawn: Spawn,
    ) -> None:
        self.guard: Guard | None = None
        """Of the process that there is."""
        self.start_at = math.inf
        """Monotonic seconds, of a start that is to come."""
        self._record = record
        self._turns = turns
        self.template = template
        self._driver = driver
        self._world = world
        self._keeper = keeper
        self._tell = tell
        self._spawn = spawn
        self._is_stopping = False
        self._again: str | None = None
        """Why a new process follows the one that is ending, whatever it ends of."""
        self._is_fresh_wanted = False
        self._model = template.model
        self.standby = Standby(record, driver=driver, world=world, keeper=keeper, tell=tell, spawn=spawn)

    @property
    def is_ending(self) -> bool:
        """The process ends because somebody wants that."""
        return self._is_stopping or self._again is not None

    @property
    def attended(self) -> Guard | None:
        """The guard of a process that can be talked to, and is wanted."""
        is_here = self.guard is not None and self.guard.process.agent is not None and not self.is_ending
        return self.guard if is_here else None

    @property
    def successors(self) -> frozenset[Successor]:
        """What could take over while the process lives. Only of one that has ended is a standby the heir."""
        has_other = self.template.fallback_model not in {None, self._model}
        return frozenset({"model"}) if has_other else frozenset()

    @property
    def heirs(self) -> frozenset[Successor]:
        """What could take over once it has ended."""
        return self.standby.heirs(self._turns.course)

    def change(self, template: Template) -> None:
        """The next process is made after this; how the present one is looked after changes at once."""
        if template.model != self.template.model:
            self._model = template.model
        if template != self.template:
            self.standby.outdated()
        self.template = template
        if self.guard is not None:
            self.guard.change(template.care)

    async def start(self, reason: str = "") -> None:
        """The next process. The window is `requested` or `recovering`."""
        self.start_at, self._again = math.inf, None
        self.standby.outdated()
        resume = self._turns.course.begun and not self._is_fresh_wanted and self._driver.abilities.resume
        self._is_fresh_wanted, self._turns.is_fresh = False, not resume
        conversation = self._record.window.conversation_id if resume else self._world.new_id()
        await self._record.succeed(self._record.next_number(), reason, conversation_id=conversation)
        window, template, world = self._record.window, self.template, self._world
        try:
            plan = planned(window, template, self._driver, world, model=self._model, resume=resume)
        except FleetError as error:
            self._turns.fortune.started(ready=False)
            await self._fail(Failure(kind="spawn_missing", said=str(error).rstrip(".")))
            return
        await self._record.insist(lambda: world.store.launched(window, plan.launch))
        process, patience = self._look_after(self._process(None)).process, template.care.patience.starting
        self._spawn(lambda: process.begin(self._driver, plan.brief, plan.start, patience=patience))

    async def stand_by(self) -> None:
        """An idle moment: have somebody ready who knows all that was said."""
        if self._turns.course.begun and not self.is_ending:
            await self.standby.renew(self.template, self._model)

    async def replace(self, reason: str, *, fresh: bool = False) -> None:
        """Go on in a new process, in a new conversation if it must be; the old process may end in order."""
        self._is_fresh_wanted = fresh
        await self._recover(reason)
        if self.guard is None:
            await self.start(reason)
        elif self._again is None:
            self._again = reason
            self._end_in_order(self.guard.process)

    async def fall_back(self, reason: str) -> None:
        """Go on with the other model."""
        self._model = self.template.fallback_model
        await self.replace(reason)

    async def park(self, park: Park) -> None:
        """Rest. One that does not wake by itself has no time at which it would."""
        told = park.reason if park.wakes else f"{park.reason}, over at {iso_utc(park.until)}: restart it to go on"
        await self._record.move("parked", told, parked_until=park.until if park.wakes else None)

    async def stop(self) -> None:
        """End what there is; what follows is `stopped`."""
        if self._record.window.status in OVER or self._is_stopping:
            return
        self.start_at, self._is_stopping = math.inf, True
        self.standby.end()
        await self._record.move("stopping")
        if self.guard is None:
            await self._stopped()
        else:
            self._end_in_order(self.guard.process)

    async def drained(self, process: Process, error: FleetError | None) -> None:
        """Nothing more is read from the process."""
        process.is_drained, process.error = True, error
        if process.held is None:  # it never came to be
            process.is_over.set()
        if process.is_over.is_set():
            await self._ended(process)
        else:
            self._spawn(lambda: process.cut(LAST_WORDS))

    async def lost(self, process: Process, gone: Gone | None) -> None:
        """The process has ended; its last words may still be in the pipe."""
        if gone is None and process.held is None:  # it is being started at this moment, by the keeper that came after
            return
        process.gone = gone
        process.is_over.set()
        if process.is_drained:
            await self._ended(process)
        else:
            self._spawn(lambda: process.stop_reading(DRAINING))

    async def take_over(self, found: Held | Gone) -> None:
        """Go on with a process that an earlier fleet has started, or read its last words."""
        window = self._record.window
        guard, stands = self._look_after(self._process(found)), standing(self._turns.course)
        guard.taken_over(stands)
        self.standby.outdated()
        environment = self._world.grounds.environment(window, self.template)
        brief = brief_of(window, self.template, environment, model=self._model, resume=True, standing=stands)
        mark = await self._world.store.mark(window.window_id, window.generation)
        self._spawn(lambda: guard.process.go_on(self._driver, brief, mark))

    async def end_unheard(self, held: Held) -> None:
        """Nobody can talk to this process: an earlier fleet's handshake with it was cut off."""
        process = self._look_after(self._process(held)).process
        process.is_drained = True
        self._is_stopping = self._record.window.status == "stopping"
        if not self._is_stopping:
            self._again = "its fleet ended before it was ready"
            await self._recover(self._again)
        self._spawn(lambda: process.end(grace=self.template.care.grace))

    async def missing(self) -> None:
        """An earlier fleet's process is gone, and nobody saw how."""
        if self._record.window.status == "stopping":
            await self._stopped()
        else:
            failure, window = Failure(kind="unknown", said="its process and its keeper are gone"), self._record.window
            await self._record.insist(
                lambda: self._world.store.ended(window.window_id, window.generation, failure.kind)
            )
            self._turns.process_ended(crashed=True)
            await self._fail(failure)

    async def _ended(self, process: Process) -> None:
        """The process and its words are both at their end."""
        window, limit = self._record.window, self._turns.course.limit
        failure = await self._failure_of(process)
        await self._record.insist(lambda: self._world.store.ended(window.window_id, window.generation, failure.kind))
        await process.forget()
        self.guard = None
        if process.agent is None:
            self._turns.fortune.started(ready=False)
        self._turns.process_ended(crashed=failure.meaning.crash)
        if self._is_stopping:
            await self._stopped()
        elif self._again is not None:
            await self.start(self._again)
        elif window.status != "parked":  # who rests needs no process until it is woken
            await self._fail(failure, limit)

    async def _failure_of(self, process: Process) -> Failure:
        if self.is_ending:
            return Failure(kind="clean")
        hang = self.guard.hang if self.guard else None
        return await failure_of(process, self._turns.course, self._record.window, hang=hang, logs=self._world.logs)

    async def _fail(self, failure: Failure, limit: Limited | None = None) -> None:
        """There is no process any more."""
        await self._recover(failure.line)
        answer = self._turns.fortune.decide(failure, self.template.care.restarts, limit, self.successors | self.heirs)
        if answer != Failover(to="standby", reason=failure.line):
            self.standby.end()
        await self._carry_out(answer)

    async def _carry_out(self, answer: Verdict) -> None:
        match answer:
            case Failover(to="standby", reason=reason):
                await self._step_in(reason)
            case Resume():
                await self.start(self._record.window.reason)
            case RestartAfter(delay=delay, fresh=fresh):
                self._is_fresh_wanted = fresh
                self.start_at = self._world.clock.monotonic() + delay
            case Failover(reason=reason):
                await self.fall_back(reason)
            case Park():
                await self.park(answer)
            case AskPerson(reason=reason) | GiveUp(reason=reason):
                await self._record.move("failed", reason)
            case Rest():
                await self._record.move("stopping")
                await self._stopped()
            case _:
                assert_never(answer)

    async def _step_in(self, reason: str) -> None:
        """The standby is the window's process from now on. It has shaken hands already."""
        heir = self.standby.take()
        await self._record.succeed(
            heir.process.generation, reason, process_id=heir.held.pid, process_started=heir.held.started / TICKS
        )
        self._turns.is_fresh = False
        await self._record.insist(lambda: self._world.store.launched(self._record.window, heir.launch))
        await self._record.said((), heir.mark)
        self._look_after(heir.process)
        self._tell(Ready(generation=heir.process.generation, agent=heir.agent))

    async def _stopped(self) -> None:
        self._is_stopping, self._again = False, None
        await self._record.move("stopped")

    async def _recover(self, reason: str) -> None:
        if self._record.window.status != "recovering":
            await self._record.move("recovering", reason)

    def _end_in_order(self, process: Process) -> None:
        works, grace = self._turns.is_open, self.template.care.grace
        self._turns.is_cut_off = True

        async def end() -> None:
            if works:
                await self._world.grounds.save(self._record.window)
            else:
                await process.leave(grace)
            if not process.is_over.is_set():
                await process.end(grace=grace)

        self._spawn(end)

    def _process(self, found: Held | Gone | None) -> Process:
        """That of this generation; None is one that is yet to be started."""
        window = self._record.window
        return Process(
            window_id=window.window_id, generation=window.generation, keeper=self._keeper, tell=self._tell, found=found
        )

    def _look_after(self, process: Process) -> Guard:
        self.guard = Guard(
            process,
            self._driver.abilities,
            self.template.care,
            clock=self._world.clock,
            save=lambda: self._world.grounds.save(self._record.window),
            spawn=self._spawn,
            tell=self._tell,
        )
        return self.guard
