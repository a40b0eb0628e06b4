"""Looks at the processes of all windows: at what they use, slowly, and at which of those that work really do, often."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from tianting.fleet.ground.process_table import TICKS, Leader
from tianting.fleet.ground.resources import BusyTrees, Sample, Sampler
from tianting.fleet.window import Window
from tianting.plumbing.clock import Clock

EVERY = 1.0
"""Seconds between two looks at the windows that work."""


class ServiceWatch:
    """Of one fleet. `windows` are all that there are now; it may be set once there is a manager."""

    def __init__(self, clock: Clock, place: Path) -> None:
        """`place` is where the windows' own directories are."""
        self.windows: Callable[[], Iterable[Window]] = tuple
        self._trees = BusyTrees(clock)
        self._sampler = Sampler(clock)
        self._place = place
        self._busy: frozenset[str] = frozenset()
        self._seen: frozenset[str] = frozenset()

    def is_busy(self, window: Window) -> bool:
        """Whether its tools have worked lately. One that was not looked at yet counts as working."""
        return window.window_id not in self._seen or window.window_id in self._busy

    async def watch_work(self) -> None:
        """Look at the windows that work, until cancelled."""
        while True:
            leaders = self._leaders(lambda window: window.status == "busy")
            self._busy = await anyio.to_thread.run_sync(self._trees.look, leaders) if leaders else frozenset()
            self._seen = frozenset(leader.window_id for leader in leaders)
            await anyio.sleep(EVERY)

    async def watch_use(self, tell: Callable[[Sequence[Sample]], None]) -> None:
        """Tell what every window uses, until cancelled."""

        async def told(samples: tuple[Sample, ...]) -> None:
            tell(samples)

        await self._sampler.watch(lambda: [*self._leaders(lambda _: True), *self._standbys()], told)

    def _leaders(self, wanted: Callable[[Window], bool]) -> list[Leader]:
        found = (_leader(window, self._place) for window in self.windows() if wanted(window))
        return [leader for leader in found if leader is not None]

    def _standbys(self) -> list[Leader]:
        """What they use counts, too; work is never theirs."""
        return [
            Leader(
                window_id=window.window_id, pid=window.standby_id, started=round((window.standby_started or 0) * TICKS)
            )
            for window in self.windows()
            if window.standby_id is not None
        ]


def _leader(window: Window, place: Path) -> Leader | None:
    if window.process_id is None or window.process_started is None:
        return None
    return Leader(
        window_id=window.window_id,
        pid=window.process_id,
        started=round(window.process_started * TICKS),
        directories=(str(place / window.window_id),),
    )
