"""Guards one process against hanging: looks at it, and climbs the ladder, one rung a look.

    silence, probes → health.judge → ladder.next_step → probe · interrupt · save the work tree · kill

What takes time runs beside; its outcome comes back as a fact, and the next look goes on from there.
"""

from collections import deque
from collections.abc import Awaitable, Callable

from tianting.fleet.drivers.driver import Abilities, AgentEvent, Standing, TurnDone
from tianting.fleet.facts import Fact, Saved
from tianting.fleet.process import Process
from tianting.fleet.templates import Care
from tianting.fleet.verdicts.health import Hang, Health, Stuck
from tianting.fleet.verdicts.ladder import Ladder, LadderFacts, Step, after, next_step
from tianting.fleet.watch import Watch
from tianting.plumbing.clock import Clock

Spawn = Callable[[Callable[[], Awaitable[None]]], None]
"""Runs something beside."""
Save = Callable[[], Awaitable[bool]]
"""Makes the work tree safe, and says whether it is."""


MOST_LATENCIES = 240


class Guard:
    """Of one process."""

    def __init__(
        self,
        process: Process,
        abilities: Abilities,
        care: Care,
        *,
        clock: Clock,
        save: Save,
        spawn: Spawn,
        tell: Callable[[Fact], None],
    ) -> None:
        self.hang: Hang | None = None
        """Why we killed it, if we did."""
        self.latencies: deque[float] = deque(maxlen=MOST_LATENCIES)
        """Of its answers to probes, in seconds, oldest first."""
        self._watch = Watch(care, clock.monotonic())
        self.process = process
        self._abilities = abilities
        self._care = care
        self._clock = clock
        self._save = save
        self._spawn = spawn
        self._tell = tell
        self._ladder = Ladder()
        self._stuck: Stuck | None = None
        self._saved: bool | None = None

    def change(self, care: Care) -> None:
        """Be more patient from now on, or less."""
        self._care = care
        self._watch.change(care)

    def taken_over(self, standing: Standing) -> None:
        """An earlier fleet has shaken hands with it."""
        self._watch.taken_over(standing, self._clock.monotonic())

    def ready(self) -> None:
        """It has shaken hands."""
        self._watch.ready(self._clock.monotonic())

    def answered(self, took: float) -> None:
        """It has answered a probe, `took` seconds after it was asked."""
        self.latencies.append(took)
        self._watch.answered(self._clock.monotonic())

    def heard(self, event: AgentEvent) -> None:
        """It said something. A turn that ended is what an interrupt was for."""
        self._watch.heard(event, self._clock.monotonic(), self._clock.now())
        if isinstance(event, TurnDone) and self._ladder.rung in {"probing", "interrupting"}:
            self._ladder = Ladder()

    def handed_over(self) -> None:
        """It was given a prompt: from now on its silence counts."""
        self._watch.handed_over(self._clock.monotonic(), self._clock.now())

    def saved(self, *, well: bool) -> None:
        """The work tree is safe, or could not be saved."""
        self._saved = well

    def look(self, *, turn_open: bool, busy_tree: bool) -> Step:
        """Take the next step, and say which."""
        now = self._clock.monotonic()
        health = self.health(busy_tree=busy_tree)
        if self._abilities.probe and self._watch.is_beat_due(now):
            self._probe(now)
        facts = LadderFacts(
            health=health,
            now=now,
            turn_open=turn_open,
            can_probe=self._abilities.probe,
            can_interrupt=self._abilities.interrupt,
            saved=self._saved,
        )
        step = next_step(self._ladder, facts, self._care.ladder)
        self._ladder = after(self._ladder, step, now)
        self._carry_out(step, now)
        return step

    def health(self, *, busy_tree: bool) -> Health:
        """How it is, at this moment."""
        health = self._watch.look(self._clock.monotonic(), busy_tree=busy_tree)
        self._stuck = health if isinstance(health, Stuck) else None
        return health

    def next_look(self) -> float:
        """Monotonic seconds."""
        close = self._ladder.rung not in {"watching", "holding"}
        return self._watch.next_look(self._clock.monotonic(), close=close)

    def probe(self) -> None:
        """Ask it whether it answers, unless it is asked already."""
        self._probe(self._clock.monotonic())

    def _carry_out(self, step: Step, now: float) -> None:
        match step.action:
            case "probe":
                self._probe(now)
            case "interrupt":
                self._spawn(self.process.interrupt)
            case "save":
                self._saved = None
                self._spawn(self._save_tree)
            case "kill":
                self.hang = self._stuck.hang if self._stuck else "stall"
                self._spawn(lambda: self.process.end(grace=0.0))
            case _:
                pass

    def _probe(self, now: float) -> None:
        if self._abilities.probe and not self._watch.is_probing:
            self._watch.probing(now)
            self._spawn(lambda: self.process.probe(self._clock.monotonic))

    async def _save_tree(self) -> None:
        self._tell(Saved(generation=self.process.generation, saved=await self._save()))
