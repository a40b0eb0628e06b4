"""Which processes belong to which window, and what they have used: read from /proc by hand, because with 200 windows a
library that makes an object of each process costs three times as much.

A window's processes are those that carry its keeper's mark (`keeper.marks`); where there is none, as in a terminal,
those of its leader's session and all that descends from them. Fields are told in proc(5). Linux only.
"""

import os
import resource
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

TICKS = os.sysconf("SC_CLK_TCK")
"""A second has that many of the kernel's units of processor time."""
_LEAST_MARK = 1 << 60
_ENOUGH = 4_096


class Leader(Struct, frozen=True, kw_only=True):
    """The first process of a window."""

    window_id: str
    pid: int
    started: int
    """Clock ticks since boot: with the pid it names a process for good."""
    directories: tuple[str, ...] = ()
    """The window's own, whose size is watched."""


class Process(NamedTuple):
    """One line of the table."""

    pid: int
    parent: int
    session: int
    own_ticks: int
    """Processor time of the process itself."""
    reaped_ticks: int
    """That of its children which have ended, and of theirs."""
    started: int
    mark: int
    """Of its keeper; 0 for none."""
    dead: bool = False
    """It has ended and waits to be reaped."""


class Tree(NamedTuple):
    """A window's processes, as they were at one moment."""

    leader: Process
    others: tuple[Process, ...]
    standby: tuple[Process, ...] = ()
    """The window's second process, and what that has started."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The leader's first."""
        return (self.leader.pid, *(process.pid for process in (*self.others, *self.standby)))

    @property
    def ticks(self) -> int:
        """Processor time that all of them have taken. What an orphan took goes with it."""
        waiting = sum(process.own_ticks + process.reaped_ticks for process in self.standby)
        return self.leader.own_ticks + self.ticks_below + waiting

    @property
    def ticks_below(self) -> int:
        """The same without the leader's own: what its tools took."""
        return self.leader.reaped_ticks + sum(process.own_ticks + process.reaped_ticks for process in self.others)


def read_trees(leaders: Sequence[Leader]) -> dict[str, Tree]:
    """The trees of the windows whose leaders live, by window. Half a millisecond, and 10 µs for each process in them.

    Blocks; never raises for what ends meanwhile.
    """
    marks = {mark for leader in leaders if (mark := _mark(leader.pid))}
    whole = len(marks) < len(leaders)
    return trees_of(leaders, _processes(lambda mark: whole or mark in marks))


def trees_of(leaders: Iterable[Leader], processes: Iterable[Process]) -> dict[str, Tree]:
    """`processes` by window; the second leader of one is its standby's. Who belongs to nobody is left out, and so are
    the dead."""
    table = {process.pid: process for process in processes if not process.dead}
    alive = {
        leader.pid: leader.window_id
        for leader in leaders
        if leader.pid in table and table[leader.pid].started == leader.started
    }
    marks = {table[pid].mark: pid for pid in alive if table[pid].mark}
    others: dict[int, list[Process]] = {pid: [] for pid in alive}
    for process in table.values():
        if process.pid not in alive and (leader := _leader_of(process, table, alive, marks)) is not None:
            others[leader].append(process)
    trees: dict[str, Tree] = {}
    for pid, window in alive.items():
        before = trees.get(window)
        if before is None:
            trees[window] = Tree(table[pid], tuple(others[pid]))
        else:
            trees[window] = before._replace(standby=(*before.standby, table[pid], *others[pid]))
    return trees


def parsed(stat: bytes, mark: int = 0) -> Process:
    """One /proc/PID/stat. The name in parentheses may hold anything, parentheses too."""
    fields = stat[stat.rindex(b")") + 2 :].split(None, 20)
    return Process(
        pid=int(stat[: stat.index(b" ")]),
        parent=int(fields[1]),
        session=int(fields[3]),
        own_ticks=int(fields[11]) + int(fields[12]),
        reaped_ticks=int(fields[13]) + int(fields[14]),
        started=int(fields[19]),
        mark=mark,
        dead=fields[0] in (b"Z", b"X"),
    )


def memory_of(pid: int) -> int:
    """Bytes in proportion to how many share each page (PSS). 0 where it has ended, or is another user's."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    start = text.find(b"\nPss:") + len(b"\nPss:")
    return int(text[start : text.index(b"kB", start)]) * 1024 if text else 0


def descriptors_of(pid: int) -> int:
    """How many files it has open. 0 where it has ended, or is another user's."""
    place = f"/proc/{pid}/fd"
    try:
        # Since Linux 6.2 the size is the number of files.
        return os.stat(place).st_size or len(os.listdir(place))  # noqa: PTH116, PTH208 - a path object costs more
    except OSError:
        return 0


def _processes(wanted: Callable[[int], bool]) -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and wanted(mark := _mark(int(name))) and (stat := _read(f"/proc/{name}/stat")):
            yield parsed(stat, mark)


def _leader_of(
    process: Process, table: Mapping[int, Process], alive: Mapping[int, str], marks: Mapping[int, int]
) -> int | None:
    """Up the line of parents, which cannot be a circle, to the first who says whom it belongs to."""
    at: Process | None = process
    while at is not None:
        if at.mark in marks:
            return marks[at.mark]
        if at.pid in alive:
            return at.pid
        if at.session in alive:
            return at.session
        at = table.get(at.parent)
    return None


def _mark(pid: int) -> int:
    try:
        soft, _ = resource.prlimit(pid, resource.RLIMIT_RTTIME)
    except (ProcessLookupError, PermissionError):
        return 0
    return soft if soft >= _LEAST_MARK else 0


def _read(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, _ENOUGH)
    except OSError:
        return b""
    finally:
        os.close(file)
