"""A second process that has already resumed a window's conversation: without it each crash costs the start of an agent,
which takes some of them a second.

    an idle moment → renew → it reads the conversation → ready → the first process ends → take → it is the window's own
                       ↑ a turn is done: what it has read is old, so it is ended

It reads when it starts, and writes nothing before it is given a prompt. So it is kept only as long as it knows all that
was said; and it is no heir where a tool has run since, for it would not know what was done and do it again. It has
nothing to lose, and is always killed: an agent that ends in order may write into the conversation.
"""

import logging
from collections.abc import Callable

import anyio
from msgspec import Struct, structs

from tianting.fleet.course import Course
from tianting.fleet.drivers.driver import Agent, AgentEvent, Driver, Launch, TurnDone
from tianting.fleet.facts import Drained, Fact, Lost, OfProcess, Ready, Said, Started
from tianting.fleet.ground.process_table import TICKS
from tianting.fleet.guard import Spawn
from tianting.fleet.intake import Mark
from tianting.fleet.process import Keeper, Process
from tianting.fleet.record import Record
from tianting.fleet.starting import planned
from tianting.fleet.templates import Template
from tianting.fleet.verdicts.recovery import Successor
from tianting.fleet.world import World
from tianting.keeper.words import Held
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

ENDING = 5.0
"""Seconds that the end of one is waited for, also by who destroys its window; a later fleet ends what is left."""


class Heir(Struct, frozen=True, kw_only=True):
    """A standby that has shaken hands, and all that is known of it."""

    process: Process
    agent: Agent
    held: Held
    launch: Launch
    mark: Mark | None
    """How far its pipe has been read; what stood there was of no interest."""


class _Candidate:
    """The standby that there is."""

    def __init__(self, process: Process, launch: Launch) -> None:
        self.process = process
        self.launch = launch
        self.mark: Mark | None = None


class Standby:
    """Of one window. Called by its life alone, which hands on the facts that are not about its own process."""

    def __init__(
        self,
        record: Record,
        *,
        driver: Driver,
        world: World,
        keeper: Keeper,
        tell: Callable[[Fact], None],
        spawn: Spawn,
    ) -> None:
        self._record = record
        self._driver = driver
        self._world = world
        self._keeper = keeper
        self._tell = tell
        self._spawn = spawn
        self._candidate: _Candidate | None = None
        self._is_due = False
        """At most one is begun for each turn, so that one that dies at once does not keep the machine busy."""

    @property
    def generation(self) -> int | None:
        """Of its process; None while there is none."""
        return self._candidate.process.generation if self._candidate else None

    def heirs(self, course: Course) -> frozenset[Successor]:
        """`standby`, where it may take over from a process that ended like this."""
        return frozenset({"standby"}) if self._ready() is not None and not course.tools_ran else frozenset()

    def take(self) -> Heir:
        """The process, which is the caller's from now on. Only where it is one of the `heirs`."""
        heir = self._ready()
        assert heir is not None
        self._candidate = None
        return heir

    async def renew(self, template: Template, model: str | None) -> None:
        """The window is idle: begin a process that knows the whole conversation, unless there is one."""
        if not (self._is_due and template.standby and self._driver.abilities.standby):
            return
        self._is_due = False
        window = self._record.window
        own = structs.replace(window, generation=self._record.next_number())
        try:
            plan = planned(own, template, self._driver, self._world, model=model, resume=True)
        except FleetError as error:
            log.warning("window %s has no standby: %s", window.window_id, error)
            return
        process = self._process(own.generation)
        self._candidate = _Candidate(process, plan.launch)
        patience = template.care.patience.starting
        self._spawn(lambda: process.begin(self._driver, plan.brief, plan.start, patience=patience))

    def heard(self, event: AgentEvent) -> None:
        """The window's own agent said something."""
        if isinstance(event, TurnDone):
            self.outdated()

    def work_begins(self) -> None:
        """A prompt is handed over: one that still reads the conversation may read half of a turn."""
        if self._candidate is not None and self._ready() is None:
            self.outdated()

    def outdated(self) -> None:
        """What it knows is no longer all; the next idle moment makes another."""
        self.end()
        self._is_due = True

    def end(self) -> None:
        """Have none, until something has happened that one could know."""
        self._is_due = False
        if self._candidate is None:
            return
        process, self._candidate = self._candidate.process, None
        self._record.note(standby_id=None, standby_started=None)
        self._spawn(lambda: _end(process))

    def hear(self, fact: OfProcess) -> None:
        """Something has happened to a process that is not the window's own."""
        candidate = self._candidate
        if candidate is not None and candidate.process.generation == fact.generation:
            self._hear(fact, candidate)
        elif isinstance(fact, Started):  # its end was ordered before its start was carried out
            self._spawn(lambda: _end(self._process(fact.generation)))

    def _hear(self, fact: OfProcess, candidate: _Candidate) -> None:
        match fact:
            case Started(held=held):
                candidate.process.held = held
                self._record.note(standby_id=held.pid, standby_started=held.started / TICKS)
            case Ready(agent=agent):
                candidate.process.agent = agent
            case Said(mark=mark):
                candidate.mark = mark or candidate.mark
            case Drained():
                self._lost()
            case Lost() if candidate.process.held is not None:
                self._lost()
            case _:
                pass

    def _lost(self) -> None:
        log.warning("the standby of window %s has ended by itself", self._record.window.window_id)
        self.end()

    def _process(self, generation: int) -> Process:
        window_id = self._record.window.window_id
        return Process(window_id=window_id, generation=generation, keeper=self._keeper, tell=self._tell)

    def _ready(self) -> Heir | None:
        known = self._candidate
        if known is None or known.process.agent is None or known.process.held is None:
            return None
        return Heir(
            process=known.process,
            agent=known.process.agent,
            held=known.process.held,
            launch=known.launch,
            mark=known.mark,
        )


async def _end(process: Process) -> None:
    # Whoever destroys the window ends this task, too, and must not leave the process behind.
    with anyio.move_on_after(ENDING, shield=True):
        await process.end(grace=0.0)
        await process.forget()
