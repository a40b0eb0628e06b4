"""Control groups: without them a limit holds for each process alone, and a hundred processes take a hundred times it.

Version 1 has a tree of groups for memory and one for processes, version 2 has one for both (cgroups(7)).
"""

import contextlib
import errno
import os
import shlex
import signal
import threading
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from tianting.sandbox.policy import ResourceLimits

HIERARCHY = Path("/sys/fs/cgroup")
_PREFIX = "tianting-"
_OWN_PROCESSES = 3
"""What starts the command, a shell or a thread of ours, and the two of bwrap count, too."""
_MEMORY_FILES = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")


class Controllers(Struct, frozen=True, kw_only=True):
    """The control groups that groups of ours may be made in; empty where there are none."""

    version: int = 0
    """1 or 2; 0 is none."""
    memory: str = ""
    pids: str = ""
    """The same directory as `memory` in version 2."""


class Usage(Struct, frozen=True, kw_only=True):
    """How often a limit was met."""

    memory_kills: int = 0
    refused_processes: int = 0

    def since(self, before: "Usage") -> "Usage":
        """What came after `before`."""
        return Usage(
            memory_kills=self.memory_kills - before.memory_kills,
            refused_processes=self.refused_processes - before.refused_processes,
        )


class LimitedGroup:
    """Control groups with limits. Without any it does nothing, and knows nothing afterwards."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        self._directories = directories
        self._kills = _present(directories, ("memory.events", "memory.oom_control"))
        self._refusals = _present(directories, ("pids.events",))
        self._counts = _present(directories, ("pids.current",))
        self._room = 0

    @property
    def counts(self) -> bool:
        """Whether it limits anything."""
        return bool(self._directories)

    def entrance(self) -> list[str]:
        """Shell commands by which a shell enters."""
        return [f"echo 0 >{shlex.quote(str(place / 'cgroup.procs'))} || exit 126" for place in self._directories]

    def admit_this_thread(self) -> None:
        """Version 1 only, where a thread may stand elsewhere than its process. Raises `OSError`."""
        for place in self._directories:
            (place / "tasks").write_text(str(threading.get_native_id()))

    def usage(self) -> Usage:
        """Since the groups were made. Asked before `close`."""
        return Usage(
            memory_kills=sum(_figure(file, "oom_kill") for file in self._kills),
            refused_processes=sum(_figure(file, "max") for file in self._refusals),
        )

    def dead(self) -> int:
        """How many count besides a thread of ours where nobody else is alive.

        The dead count until they are reaped, and those of bwrap wait for the first process of the machine.
        """
        return max([0, *(int(_lines(file)[0]) - 1 for file in self._counts)])

    def make_room(self, processes: int) -> None:
        """Allow `processes` beside those that are dead now."""
        for file in self._counts if processes else ():
            room = processes + _OWN_PROCESSES + self.dead()
            if room != self._room:
                Path(file).with_name("pids.max").write_text(str(room))
                self._room = room

    def kill_others(self) -> bool:
        """Kill every process inside that is not our own; true where there was none."""
        # Whoever is in one of the groups is in the other, too: all were born in both.
        return not any(_kill_others(place) for place in self._directories[:1])

    def close(self) -> bool:
        """Kill what is left inside and remove the groups; false while something is still dying, then call again."""
        self._directories = tuple(place for place in self._directories if not _removed(place))
        return not self._directories


def find_controllers(hierarchy: Path, membership: str) -> Controllers:
    """Where groups may be made. `membership` is the text of /proc/self/cgroup (cgroups(7)).

    Removes groups that agents left behind which are gone.
    """
    paths = {}
    for line in membership.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = path.lstrip("/")
    found = _version_two(hierarchy, paths.get("")) or _version_one(hierarchy, paths) or Controllers()
    for place in {found.memory, found.pids} - {""}:
        _sweep(Path(place))
    return found


def make_group(controllers: Controllers, limits: ResourceLimits) -> LimitedGroup:
    """Groups with `limits`. Where the kernel refuses a number there is no group, and resource limits must do."""
    name = f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
    directories = {Path(parent, name) for parent in (controllers.memory, controllers.pids) if parent}
    try:
        for directory in directories:
            directory.mkdir()
        _set(Path(controllers.memory, name), Path(controllers.pids, name), controllers.version, limits)
    except OSError:
        LimitedGroup(tuple(directories)).close()
        return LimitedGroup(())
    return LimitedGroup(tuple(sorted(directories)))


def _version_two(hierarchy: Path, path: str | None) -> Controllers | None:
    """A group with processes of its own can hold no limited ones, so ours stand beside the agent's."""
    if path is None:
        return None
    for place in ((hierarchy / path).parent, hierarchy / path):
        with contextlib.suppress(OSError):
            enabled = (place / "cgroup.subtree_control").read_text().split()
            if {"memory", "pids"} <= set(enabled) and os.access(place / "cgroup.procs", os.W_OK):
                return Controllers(version=2, memory=str(place), pids=str(place))
    return None


def _version_one(hierarchy: Path, paths: dict[str, str]) -> Controllers | None:
    places = [hierarchy / name / paths[name] for name in ("memory", "pids") if name in paths]
    if len(places) == 2 and all(os.access(place / "cgroup.procs", os.W_OK) for place in places):
        return Controllers(version=1, memory=str(places[0]), pids=str(places[1]))
    return None


def _set(memory: Path, pids: Path, version: int, limits: ResourceLimits) -> None:
    if limits.memory and version == 2:
        (memory / "memory.max").write_text(str(limits.memory))
        with contextlib.suppress(OSError):  # no swap accounting: then swap does not count
            (memory / "memory.swap.max").write_text("0")
    if limits.memory and version == 1:
        (memory / _MEMORY_FILES[0]).write_text(str(limits.memory))
        with contextlib.suppress(OSError):
            (memory / _MEMORY_FILES[1]).write_text(str(limits.memory))
    if limits.processes and version:
        (pids / "pids.max").write_text(str(limits.processes + _OWN_PROCESSES))


def _sweep(parent: Path) -> None:
    for group in parent.glob(f"{_PREFIX}*"):
        owner = group.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            _removed(group)


def _removed(place: Path) -> bool:
    try:
        place.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno == errno.EBUSY:
            _kill_others(place)
        return False
    return True


def _kill_others(place: Path) -> bool:
    """Whether there was any."""
    others: list[int] = []
    with contextlib.suppress(OSError):
        # Where a thread of ours stands, the kernel lists our own process.
        others = [process for line in _lines(f"{place}/cgroup.procs") if (process := int(line)) != os.getpid()]
        for process in others:
            os.kill(process, signal.SIGKILL)
    return bool(others)


def _present(directories: Iterable[Path], names: Iterable[str]) -> list[str]:
    return [str(file) for place in directories for name in names if (file := place / name).exists()]


def _figure(file: str, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in _lines(file):
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _lines(file: str) -> list[str]:
    # A third of the time of `Path.read_text`, and asked several times for every command.
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return os.read(descriptor, 65_536).decode().splitlines()
    finally:
        os.close(descriptor)
