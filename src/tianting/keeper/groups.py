"""A control group for each window with a limit: without it a limit holds for every process alone.

Version 1 has a tree of groups for memory and one for processes, version 2 has one for both (cgroups(7)).
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import NamedTuple

from tianting.keeper.words import Limits

HIERARCHY = Path("/sys/fs/cgroup")
_PREFIX = "tianting-keeper-"


class Controllers(NamedTuple):
    """Where groups may be made; empty where they may not."""

    version: int = 0
    memory: str = ""
    processes: str = ""
    """The same directory as `memory` in version 2."""


class Group:
    """One window's control groups. Without any it limits nothing and knows nothing."""

    def __init__(self, directories: tuple[Path, ...] = ()) -> None:
        self._directories = directories

    @property
    def counts(self) -> bool:
        """Whether it holds limits."""
        return bool(self._directories)

    def enter(self) -> None:
        """Move the calling process inside. Raises `OSError`."""
        for place in self._directories:
            (place / "cgroup.procs").write_text("0")

    def met_memory_limit(self) -> bool:
        """Whether the kernel killed something in it for want of memory."""
        names = ("memory.events", "memory.oom_control")
        return any(_figure(place / name, "oom_kill") for place in self._directories for name in names)

    def kill(self) -> None:
        """Kill whatever is inside."""
        for place in self._directories:
            for pid in _processes(place):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def remove(self) -> bool:
        """False while something is still dying inside; then ask again."""
        self._directories = tuple(place for place in self._directories if not _removed(place))
        return not self._directories


def find_controllers(hierarchy: Path, membership: str) -> Controllers:
    """`membership` is the text of /proc/self/cgroup. Removes groups that dead keepers left behind."""
    paths = {}
    for line in membership.splitlines():
        _, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), path.lstrip("/")))
    found = _version_two(hierarchy, paths.get("")) or _version_one(hierarchy, paths) or Controllers()
    for parent in {found.memory, found.processes} - {""}:
        _sweep(Path(parent))
    return found


def make_group(controllers: Controllers, name: str, limits: Limits) -> Group:
    """Groups with `limits`; none where there is nothing to limit, or the kernel refuses."""
    if not controllers.version or (limits.memory is None and limits.processes is None):
        return Group()
    parents = {controllers.memory, controllers.processes}
    group = Group(tuple(Path(parent, f"{_PREFIX}{os.getpid()}-{name}") for parent in sorted(parents)))
    try:
        _make(group, controllers, f"{_PREFIX}{os.getpid()}-{name}", limits)
    except OSError:
        group.remove()
        return Group()
    return group


def _make(group: Group, controllers: Controllers, name: str, limits: Limits) -> None:
    memory, processes = Path(controllers.memory, name), Path(controllers.processes, name)
    for place in {memory, processes}:
        place.mkdir(exist_ok=True)
    if limits.memory is not None:
        most, with_swap = _MEMORY_FILES[controllers.version]
        (memory / most).write_text(str(limits.memory))
        with contextlib.suppress(OSError):  # the kernel does not count swap
            (memory / with_swap).write_text("0" if controllers.version == 2 else str(limits.memory))
    if limits.processes is not None:
        (processes / "pids.max").write_text(str(limits.processes))


_MEMORY_FILES = {
    1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    2: ("memory.max", "memory.swap.max"),
}


def _version_two(hierarchy: Path, path: str | None) -> Controllers | None:
    """A group with processes of its own can hold no limited ones, so ours may stand beside the keeper's."""
    if path is None:
        return None
    for place in ((hierarchy / path).parent, hierarchy / path):
        with contextlib.suppress(OSError):
            enabled = (place / "cgroup.subtree_control").read_text().split()
            if {"memory", "pids"} <= set(enabled) and os.access(place / "cgroup.procs", os.W_OK):
                return Controllers(2, str(place), str(place))
    return None


def _version_one(hierarchy: Path, paths: dict[str, str]) -> Controllers | None:
    places = [hierarchy / name / paths[name] for name in ("memory", "pids") if name in paths]
    if len(places) == 2 and all(os.access(place / "cgroup.procs", os.W_OK) for place in places):
        return Controllers(1, str(places[0]), str(places[1]))
    return None


def _sweep(parent: Path) -> None:
    for place in parent.glob(f"{_PREFIX}*"):
        owner = place.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            _removed(place)


def _removed(place: Path) -> bool:
    try:
        place.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _processes(place: Path) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(line) for line in (place / "cgroup.procs").read_text().split()]
    return []


def _figure(file: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
