"""What each window uses, with everything it has started: without it a leak shows when the machine stands still.

    Sampler.watch: look (in a thread) -> tell -> rest, longer the more the look has cost -> look …
    BusyTrees.look: whose tools have worked since the last look? asked by health, while a tool is open

Measuring memory takes the kernel half a millisecond a process, so 200 windows are looked at every ten seconds or so,
and four every second.
"""

import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

import anyio
import anyio.to_thread
from msgspec import Struct

from tianting.fleet.ground.process_table import TICKS, Leader, Tree, descriptors_of, memory_of, read_trees
from tianting.plumbing.clock import Clock

_MOST_ENTRIES = 200_000
"""Of directories: beyond that a size is a lower bound."""
_WORKING = 0.01
"""Of a core: a tool that takes less waits for something. A shell that sleeps in a loop takes a fifth of that."""


class Sample(Struct, frozen=True, kw_only=True):
    """What a window used at one moment."""

    window_id: str
    at: float
    """Monotonic seconds."""
    memory: int
    """Bytes, in proportion to how many share each page (PSS)."""
    standby_memory: int = 0
    """How much of it is the standby's, which has a limit of its own."""
    cpu_seconds: float
    """So far. What an orphan took is lost with it."""
    cpu: float
    """Cores in use since the sample before; 0 for the first."""
    processes: int
    descriptors: int
    disk: int | None = None
    """Bytes of the window's own directories, as they were lately; None until they were measured."""


class Pace(Struct, frozen=True, kw_only=True):
    """How often to look."""

    share: float = 0.01
    """Of a core, that looking may take on average."""
    shortest: float = 1.0
    """Seconds between two looks."""
    longest: float = 60.0
    disk_age: float = 300.0
    """Seconds until directories are measured again."""

    def rest(self, cost: float) -> float:
        """Seconds to wait after a look that took `cost` seconds of processor time."""
        return min(max(cost / self.share, self.shortest), self.longest)


class Sampler:
    """Looks at all windows, again and again."""

    def __init__(self, clock: Clock, pace: Pace | None = None) -> None:
        self._clock = clock
        self._pace = pace or Pace()
        self._before: dict[str, Sample] = {}
        self._disks: dict[str, tuple[float, int]] = {}

    async def watch(
        self, leaders: Callable[[], Sequence[Leader]], tell: Callable[[tuple[Sample, ...]], Awaitable[None]]
    ) -> None:
        """Sample `leaders()` and `tell` it, until cancelled."""
        while True:
            samples, cost = await anyio.to_thread.run_sync(self._timed_look, leaders())
            await tell(samples)
            await anyio.sleep(self._pace.rest(cost))

    def look(self, leaders: Sequence[Leader]) -> tuple[Sample, ...]:
        """One sample of each window whose leader lives. Blocks; one call at a time."""
        trees = read_trees(leaders)
        self._measure_one_disk([leader for leader in leaders if leader.window_id in trees])
        samples = tuple(self._sample(window_id, tree) for window_id, tree in trees.items())
        self._before = {sample.window_id: sample for sample in samples}
        self._disks = {window_id: disk for window_id, disk in self._disks.items() if window_id in trees}
        return samples

    def _timed_look(self, leaders: Sequence[Leader]) -> tuple[tuple[Sample, ...], float]:
        began = time.thread_time()
        return self.look(leaders), time.thread_time() - began

    def _sample(self, window_id: str, tree: Tree) -> Sample:
        pids, now, used = tree.pids, self._clock.monotonic(), tree.ticks / TICKS
        memory = {pid: memory_of(pid) for pid in pids}
        before = self._before.get(window_id)
        return Sample(
            window_id=window_id,
            at=now,
            memory=sum(memory.values()),
            standby_memory=sum(memory[process.pid] for process in tree.standby),
            cpu_seconds=used,
            cpu=max(used - before.cpu_seconds, 0.0) / (now - before.at) if before and now > before.at else 0.0,
            processes=len(pids),
            descriptors=sum(map(descriptors_of, pids)),
            disk=self._disks.get(window_id, (0.0, None))[1],
        )

    def _measure_one_disk(self, leaders: Sequence[Leader]) -> None:
        """One window's a look, the oldest first: a large one must not hold up the others' samples for long."""
        now = self._clock.monotonic()
        measured = [
            (self._disks.get(leader.window_id, (-1e9, 0))[0], leader) for leader in leaders if leader.directories
        ]
        if not measured:
            return
        at, leader = min(measured, key=lambda entry: entry[0])
        if now - at >= self._pace.disk_age:
            self._disks[leader.window_id] = (now, sum(map(directory_size, leader.directories)))


class BusyTrees:
    """Whether tools work. The agents' own processor time does not count: an idle one has timers, too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before: dict[str, tuple[float, int]] = {}

    def look(self, leaders: Sequence[Leader]) -> frozenset[str]:
        """The windows whose tools have worked since the look before. Blocks for about a millisecond.

        Seen for the first time, a window counts as working: nobody can tell yet.
        """
        now = self._clock.monotonic()
        ticks = {window_id: tree.ticks_below for window_id, tree in read_trees(leaders).items()}
        busy = frozenset(window_id for window_id, used in ticks.items() if self._has_worked(window_id, used, now))
        self._before = {window_id: (now, used) for window_id, used in ticks.items()}
        return busy

    def _has_worked(self, window_id: str, used: int, now: float) -> bool:
        if window_id not in self._before:
            return True
        at, before = self._before[window_id]
        # Less than before: an orphan has taken its time along, so something has ended at least.
        return used < before or (used - before) / TICKS > _WORKING * (now - at)


def directory_size(path: str) -> int:
    """Bytes that the files below `path` take on the disk, links not followed. Unreadable ones do not count."""
    total = 0
    for count, entry in enumerate(_files(path)):
        if count == _MOST_ENTRIES:
            break
        with contextlib.suppress(OSError):
            total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _files(path: str) -> Iterator["os.DirEntry[str]"]:
    pending = [path]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
