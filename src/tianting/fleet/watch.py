"""Looks at one process from time to time: the memory of silence, probes and blindness that `health.judge` needs."""

import math

from tianting.fleet.drivers.driver import AgentEvent, Standing, TurnBegan
from tianting.fleet.templates import Care
from tianting.fleet.verdicts.activity import Activity, begun, facts, heard, ready, taken_over
from tianting.fleet.verdicts.health import Health, judge

LATE = 2.0
"""Seconds. Who looks later than that was stopped or starved meanwhile, and knows nothing of that time."""
TICK = 1.0
"""Seconds between two looks at a window that works."""
CLOSE_TICK = 0.25
"""The same, once something is done about it."""


class Watch:
    """Of one process. Times are monotonic seconds, `wall` is Unix time."""

    def __init__(self, care: Care, now: float) -> None:
        self.activity: Activity = begun(now)
        self._care = care
        self._blind = 0.0
        self._probe_since: float | None = None
        self._answered = now
        self._next_look = math.inf

    def change(self, care: Care) -> None:
        """Judge by this from now on."""
        self._care = care

    def taken_over(self, standing: Standing, now: float) -> None:
        """An earlier fleet has shaken hands with it."""
        self.activity = taken_over(standing, now)

    def ready(self, now: float) -> None:
        """It has shaken hands, which is an answer."""
        if self.activity.stage == "starting":
            self.activity = ready(self.activity, now)
        self._answered = now

    def handed_over(self, now: float, wall: float) -> None:
        """It was given a prompt: from now on its silence counts."""
        self.heard(TurnBegan(), now, wall)

    def heard(self, event: AgentEvent, now: float, wall: float) -> None:
        """It said something."""
        before, self.activity = self.activity, heard(self.activity, event, now, wall=wall)
        if self.activity.last_event != before.last_event:
            self._blind = 0.0

    def probing(self, now: float) -> None:
        """It is asked whether it answers."""
        self._probe_since = now

    def answered(self, now: float) -> None:
        """It does."""
        self._probe_since = None
        self._answered = now

    @property
    def is_probing(self) -> bool:
        """It has not answered yet."""
        return self._probe_since is not None

    def is_beat_due(self, now: float) -> bool:
        """It has not proved that it answers for a while, and is not asked right now."""
        return not self.is_probing and now - self._answered >= self._care.heartbeat

    def look(self, now: float, *, busy_tree: bool) -> Health:
        """How it is."""
        if now - self._next_look > LATE:
            self._blind += now - self._next_look
        self._next_look = math.inf
        unanswered = None if self._probe_since is None else now - self._probe_since
        seen = facts(self.activity, now, alive=True, busy_tree=busy_tree, blind=self._blind, unanswered=unanswered)
        return judge(seen, self._care.patience)

    def next_look(self, now: float, *, close: bool) -> float:
        """When to look again: often at one that works or hangs, at the others when a heartbeat is due.

        A look that is due already is not put off by asking again.
        """
        self._next_look = min(self._next_look, self._next_due(now, close))
        return self._next_look

    def _next_due(self, now: float, close: bool) -> float:
        if close:
            return now + CLOSE_TICK
        if self.is_probing or (self.activity.in_turn and not self.activity.questions):
            return now + TICK
        return max(now + CLOSE_TICK, self._answered + self._care.heartbeat)
