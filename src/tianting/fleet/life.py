"""One window from its request to its end: every fact goes through one inbox, so that no two of them can race.

    orders, facts, time → _take → _sort → turns (prompts, answers) · succession (processes) · guard (health)
                                              each move is stored before anything follows from it

Decisions are the pure functions' (`health`, `ladder`, `failures`, `recovery`, `interrupted`); here they are carried
out. What an older generation says is dropped.
"""

import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from tianting.fleet import facts
from tianting.fleet.drivers.driver import Agent, Answer, Driver, DriverError, Fault, Prompt
from tianting.fleet.facts import Fact, Ordered
from tianting.fleet.foresight import Subject
from tianting.fleet.fortune import Fortune
from tianting.fleet.ground.process_table import TICKS
from tianting.fleet.guard import Guard
from tianting.fleet.process import Keeper
from tianting.fleet.record import Record
from tianting.fleet.store.records import Forewarned
from tianting.fleet.succession import Succession
from tianting.fleet.templates import Template
from tianting.fleet.turns import Turns
from tianting.fleet.verdicts.health import Dead, Health
from tianting.fleet.verdicts.parking import Park
from tianting.fleet.verdicts.recovery import AskPerson, Failover, GiveUp, Rest, RestartAfter, Resume, Verdict
from tianting.fleet.window import OVER, RUNNING, Window
from tianting.fleet.world import World
from tianting.keeper.words import Gone, Held
from tianting.protocol.errors import FleetError
from tianting.telemetry.context import about

log = logging.getLogger(__name__)

LONGEST_REST = 30.0
"""Seconds between two looks at a calendar: a machine may sleep meanwhile."""


class Life:
    """Of one window. `run` it in a task of its own, and tell it facts."""

    def __init__(self, window: Window, template: Template, driver: Driver, *, world: World, keeper: Keeper) -> None:
        self.record = Record(window, world.store, world.clock)
        self.taken_up = anyio.Event()
        """What an earlier fleet had promised has been read: what is promised from now on is told."""
        self._world = world
        self._turns = Turns(self.record, Fortune(world.clock, world.random), template.care)
        self._succession = Succession(
            self.record,
            self._turns,
            template=template,
            driver=driver,
            world=world,
            keeper=keeper,
            tell=self.tell,
            spawn=self._spawn,
        )
        self._inbox: deque[Fact] = deque()
        self._arrived = anyio.Event()
        self._tasks: TaskGroup
        self._recycle: str | None = None
        """Why it is to go on in a new process as soon as it is idle."""
        self._look_at = math.inf
        """Monotonic seconds."""

    @property
    def window(self) -> Window:
        """As it is now."""
        return self.record.window

    @property
    def template(self) -> Template:
        """What its next process is made after."""
        return self._succession.template

    @property
    def open_prompts(self) -> int:
        """Accepted, and not done."""
        return len(self._turns.promises)

    @property
    def subject(self) -> Subject:
        """What may say where it is heading."""
        guard = self._succession.guard
        return Subject(
            window=self.window,
            memory_limit=self.template.limits.memory,
            latencies=() if guard is None else tuple(guard.latencies),
            context=self._turns.course.context,
        )

    @property
    def has_standby(self) -> bool:
        """A second process would take over at once."""
        return bool(self._succession.heirs)

    @property
    def generations(self) -> tuple[int, ...]:
        """Of the processes that there are; the window's own is the last."""
        standby = self._succession.standby.generation
        return (self.window.generation,) if standby is None else (standby, self.window.generation)

    def tell(self, fact: Fact) -> None:
        """Something has happened."""
        self._inbox.append(fact)
        self._arrived.set()

    async def order(self, order: facts.Order) -> facts.Outcome:
        """Have a command carried out. Returns when it is under way; raises `FleetError` where it makes no sense."""
        outcome = facts.Outcome()
        self.tell(Ordered(order=order, outcome=outcome))
        await outcome.done.wait()
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def run(self, found: Held | Gone | None = None) -> None:
        """Live until cancelled. `found` is what the keeper says of the process that an earlier fleet has started."""
        async with anyio.create_task_group() as self._tasks:
            await self._take(facts.Begun(found=found))
            self.taken_up.set()
            while True:
                await self._take(await self._next_fact())

    async def _next_fact(self) -> Fact:
        due = min(self._look_at, self._succession.start_at) - self._world.clock.monotonic()
        with anyio.move_on_after(max(0.0, due)):
            while not self._inbox:
                self._arrived = anyio.Event()
                await self._arrived.wait()
        return self._inbox.popleft() if self._inbox else facts.Looked()

    async def _take(self, fact: Fact) -> None:
        try:
            with about(window=self.window.window_id, generation=self.window.generation):
                await self._sort(fact)
            self._plan()
        except FleetError as error:
            if isinstance(fact, Ordered):
                fact.outcome.error = error
            else:
                log.warning("window %s: %s", self.window.window_id, error)
        except Exception:  # a bug here must not end the lives of the others
            log.exception("window %s could not take %s", self.window.window_id, type(fact).__name__)
            if isinstance(fact, Ordered):
                fact.outcome.error = FleetError("The fleet has a bug; its log says more.")
        finally:
            if isinstance(fact, facts.Said):
                fact.kept.set()
            elif isinstance(fact, Ordered):
                fact.outcome.done.set()

    async def _sort(self, fact: Fact) -> None:
        match fact:
            case facts.Begun(found=found):
                await self._take_up(found)
            case facts.Looked():
                await self._look()
            case facts.Foreseen(reason=reason):
                await self.record.said((Forewarned(reason=reason),), None)
            case Ordered():
                await self._obey(fact)
            case _:
                guard = self._succession.guard
                if guard is not None and guard.process.generation == fact.generation:
                    await self._hear(fact, guard)
                else:
                    self._succession.standby.hear(fact)

    async def _hear(self, fact: facts.OfProcess, guard: Guard) -> None:
        match fact:
            case facts.Started(held=held):
                guard.process.held = held
                self.record.note(process_id=held.pid, process_started=held.started / TICKS)
            case facts.Ready(agent=agent):
                await self._ready(guard, agent)
            case facts.Said():
                await self._said(fact, guard)
            case facts.Refused(error=error):
                await self._refused(error)
            case facts.Drained(error=error):
                await self._succession.drained(guard.process, error)
            case facts.Lost(gone=gone):
                await self._succession.lost(guard.process, gone)
            case facts.Probed(took=took):
                await self._probed(guard, took)
            case facts.Saved(saved=saved):
                guard.saved(well=saved)
            case _:
                assert_never(fact)

    async def _obey(self, ordered: Ordered) -> None:
        match ordered.order:
            case facts.Send(prompt=prompt):
                self._turns.promises.add(prompt)
                await self._hand_over()
            case facts.Interrupt():
                self._interrupt()
            case facts.Reply(question_id=question, answer=answer):
                self._answer(question, answer)
            case facts.Stop():
                await self._succession.stop()
            case facts.Restart(reason=reason):
                await self._restart(reason)
            case facts.Recycle(reason=reason):
                self._recycle = reason
                await self._go_on()
            case facts.Change(template=template):
                self._turns.care = template.care
                self._succession.change(template)
            case facts.Claim(owner=owner):
                await self.record.claim(owner)
            case facts.Check():
                ordered.outcome.health = self._check()
            case _:
                assert_never(ordered.order)

    async def _ready(self, guard: Guard, agent: Agent) -> None:
        """It has shaken hands."""
        guard.process.agent = agent
        guard.ready()
        self._turns.fortune.started(ready=True)
        if self._turns.is_doubtful:
            guard.probe()
        await self._go_on()

    async def _go_on(self, reason: str = "") -> None:
        """Show what the agent does, and give it what there is to do."""
        if self._succession.attended is None:
            return
        await self._turns.settle(reason)
        await self._hand_over()
        if self._recycle is not None and self.window.status == "ready":
            reason, self._recycle = self._recycle, None
            await self._succession.replace(reason)
        elif self.window.status == "ready":
            await self._succession.stand_by()

    async def _hand_over(self) -> None:
        if self._succession.attended is not None:
            await self._turns.hand_over(self._give)

    def _give(self, prompt: Prompt) -> None:
        if (guard := self._succession.attended) is not None:
            guard.handed_over()
            self._succession.standby.work_begins()
            self._spawn(lambda: guard.process.prompt(prompt))

    async def _said(self, said: facts.Said, guard: Guard) -> None:
        """The agent spoke: stored first, then shown."""
        for event in said.events:
            guard.heard(event)
            self._succession.standby.heard(event)
        self.record.note(last_heartbeat=self._world.clock.now())
        await self._follow(await self._turns.said(said, self._succession.successors))

    async def _refused(self, error: DriverError) -> None:
        """The agent did not take the prompt."""
        fault = error.fault or Fault(message=str(error))
        await self._follow(await self._turns.refused(fault, self._succession.successors))

    async def _follow(self, follows: Verdict | None) -> None:
        """What comes after a turn, while its process lives."""
        if self._succession.is_ending:
            return
        match follows:
            case None | Resume() | Rest():
                await self._go_on()
            case AskPerson(reason=reason, blocks=True):
                await self.record.move("parked", reason, parked_until=None)
            case AskPerson(reason=reason) | GiveUp(reason=reason):
                await self._go_on(reason)
            case Park():
                await self._succession.park(follows)
            case RestartAfter(fresh=True):
                await self._succession.replace("the conversation is lost: a new one begins", fresh=True)
            case RestartAfter(delay=delay):
                until = self._world.clock.now() + delay
                await self._succession.park(Park(until=until, reason="its turn failed, and is tried again"))
            case Failover(reason=reason):
                await self._succession.fall_back(reason)
            case _:
                assert_never(follows)

    async def _look(self) -> None:
        """Time has passed: is something due, and how is the process?"""
        if self._world.clock.monotonic() >= self._succession.start_at:
            await self._succession.start(self.window.reason)
        elif self.window.status == "parked" and self.record.rest() == 0:
            await self._wake("what it waited for is over")
        if (guard := self._succession.attended) is not None:
            self._climb(guard)

    def _climb(self, guard: Guard) -> None:
        step = guard.look(turn_open=self._turns.is_open, busy_tree=self._world.busy_tree(self.window))
        if step.action in {"interrupt", "save", "kill", "hold"}:
            log.warning("window %s: %s: %s", self.window.window_id, step.action, step.reason)
            self.record.note(reason=step.reason)
        if step.action == "interrupt":
            self._turns.is_interrupted_by_us = True
        if step.action == "kill":
            self._turns.is_cut_off = True

    async def _probed(self, guard: Guard, took: float) -> None:
        guard.answered(took)
        await self.record.beat(took)
        if (again := self._turns.doubted()) is not None:
            self._give(again)

    def _interrupt(self) -> None:
        guard = self._succession.guard
        if guard is not None and self._turns.is_open:
            self._turns.is_interrupted_by_us = False
            self._spawn(guard.process.interrupt)

    def _answer(self, question_id: str, answer: Answer) -> None:
        guard = self._succession.guard
        if guard is None or not self._turns.is_asked(question_id):
            raise FleetError(f"Window {self.window.window_id} does not ask {question_id!r}, or no longer.")
        self._spawn(lambda: guard.process.answer(question_id, answer))

    def _check(self) -> Health:
        if (guard := self._succession.guard) is None:
            return Dead(reason=self.window.reason or f"it is {self.window.status}")
        guard.probe()
        return guard.health(busy_tree=self._world.busy_tree(self.window))

    async def _restart(self, reason: str) -> None:
        """A person has looked at it: what was held against it is forgotten."""
        self._turns.fortune.forgive()
        match self.window.status:
            case "stopped" | "failed":
                await self.record.move("requested", reason)
                await self._succession.start(reason)
            case "parked":
                await self._wake(reason)
            case "stopping":
                raise FleetError(f"Window {self.window.window_id} is stopping: restart it when it has stopped.")
            case _:
                await self._succession.replace(reason)

    async def _wake(self, reason: str) -> None:
        """Its rest is over. Who waited for a person may need what only a new process sees: a login, another model."""
        if self._succession.attended is None or self.window.parked_until is None:
            await self._succession.replace(reason)
        else:
            await self.record.move("ready", reason)
            await self._hand_over()

    async def _take_up(self, found: Held | Gone | None) -> None:
        """Begin, or go on where an earlier fleet stood."""
        status = self.window.status
        await self._turns.remember(self._world.store, has_process=found is not None)
        if status in OVER:
            return
        if status == "requested":
            await self._succession.start()
        elif status in RUNNING and found is not None:
            await self._succession.take_over(found)
        elif isinstance(found, Held):
            await self._succession.end_unheard(found)
        elif status == "recovering":
            await self._succession.start(self.window.reason)
        elif status != "parked":
            await self._succession.missing()

    def _plan(self) -> None:
        """When to look again."""
        guard = self._succession.attended
        self._look_at = guard.next_look() if guard is not None else math.inf
        if self.window.status == "parked":
            rest = min(self.record.rest(), LONGEST_REST)
            self._look_at = min(self._look_at, self._world.clock.monotonic() + rest)

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.start_soon(self._beside, work)

    async def _beside(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:  # a bug here must not end the lives of the others
            log.exception("window %s: something beside its life broke", self.window.window_id)
