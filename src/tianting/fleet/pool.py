"""Windows that are warm before anybody asks: without them each new window would cost its owner a start.

    claim → the spare is somebody's window at once, and its place is filled again in the background
    even_out → as many spares as `sizing` wants of each template: started, or ended

A spare is a window like any other, that has no owner yet: started, ready, its conversation named and empty.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.verdicts.sizing import PoolFacts, PoolPolicy, next_rate, wanted
from tianting.fleet.window import OVER, Window
from tianting.plumbing.clock import Clock


class Member(Protocol):
    """A window in the fleet: `life.Life`."""

    @property
    def window(self) -> Window:
        """As it is now."""
        ...


class Pool:
    """The spares of all templates. Choosing one is one step, so two that come at once never get the same."""

    def __init__(
        self,
        clock: Clock,
        *,
        members: Callable[[], Sequence[Member]],
        begin: Callable[[Template], Awaitable[None]],
        end: Callable[[str], Awaitable[None]],
    ) -> None:
        """`begin` starts a spare, `end` destroys one."""
        self._clock = clock
        self._members = members
        self._begin = begin
        self._end = end
        self._claimed: set[str] = set()
        """Given away, though their windows do not say so yet."""
        self._demand: dict[str, _Demand] = {}

    def claim(self, template: Template) -> str | None:
        """The id of a spare that is ready, which is the caller's from now on; None where there is none."""
        demand = self._demand_of(template)
        demand.arrivals += 1
        for window in self._spares(template):
            if window.status == "ready":
                demand.learn(window)
                self._claimed.add(window.window_id)
                return window.window_id
        return None

    def is_free(self, window: Window) -> bool:
        """A spare that nobody has claimed."""
        return window.is_spare and window.status not in OVER and window.window_id not in self._claimed

    async def even_out(self, policy: FleetPolicy) -> None:
        """Start or end spares until there are as many as there should be."""
        alive = [one.window for one in self._members() if one.window.status not in OVER]
        self._claimed &= {window.window_id for window in alive if window.is_spare}
        room = policy.most_windows - len(alive)
        for template in policy.templates:
            surplus = self._surplus(template, alive)
            for _ in range(min(-surplus, room)):
                room -= 1
                await self._begin(template)
            for window in self._spares(template)[: max(0, surplus)]:
                await self._end(window.window_id)
        await self._make_room(-room)

    async def _make_room(self, count: int) -> None:
        """Spares give way to windows that somebody wants."""
        spares = [one.window for one in self._members() if self.is_free(one.window)]
        for window in spares[: max(0, count)]:
            await self._end(window.window_id)

    def _surplus(self, template: Template, alive: Sequence[Window]) -> int:
        """How many spares there are too many; negative where some are missing."""
        free = len(self._spares(template))
        if template.pool is None:
            return free
        in_use = sum(window.template == template.name for window in alive) - free
        facts = self._demand_of(template).facts(in_use, self._clock.monotonic(), template.pool)
        return free - (wanted(facts, template.pool) - in_use)

    def _spares(self, template: Template) -> list[Window]:
        every = (one.window for one in self._members())
        return [window for window in every if window.template == template.name and self.is_free(window)]

    def _demand_of(self, template: Template) -> "_Demand":
        return self._demand.setdefault(template.name, _Demand(self._clock.monotonic()))


class _Demand:
    """How often a template is asked for."""

    def __init__(self, now: float) -> None:
        self.arrivals = 0
        """Since the last look."""
        self.start_seconds = 1.0
        self._rate = 0.0
        self._looked = now
        self._last_arrival = now

    def learn(self, window: Window) -> None:
        """How long its start took, if it is still in its first rest."""
        if window.generation == 1:
            self.start_seconds += 0.3 * (window.since - window.created_at - self.start_seconds)

    def facts(self, in_use: int, now: float, policy: PoolPolicy) -> PoolFacts:
        if self.arrivals:
            self._last_arrival = now
        self._rate = next_rate(self._rate, self.arrivals, now - self._looked, policy)
        if now > self._looked:
            self.arrivals, self._looked = 0, now
        return PoolFacts(
            in_use=in_use,
            arrival_rate=self._rate,
            start_seconds=self.start_seconds,
            idle_for=now - self._last_arrival,
        )
