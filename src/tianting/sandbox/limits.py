"""How much a command may use: without it one careless test takes the machine's memory and the agent with it.

Control groups count a command together with all it started; where they cannot be written, resource limits count each
process alone. Either way a small shell in front sets them and then becomes the command (`exec`).
"""

import contextlib
import errno
import os
import shlex
import signal
from pathlib import Path

from msgspec import Struct

from tianting.sandbox.policy import ResourceLimits

HIERARCHY = Path("/sys/fs/cgroup")
_PREFIX = "tianting-"
_OWN_PROCESSES = 3
"""The shell and the two of bwrap that count, too."""
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


class LimitedGroup:
    """The control groups of one command. Without any it does nothing, and knows nothing afterwards."""

    def __init__(self, directories: tuple[Path, ...]) -> None:
        self._directories = directories

    def entrance(self) -> list[str]:
        """Shell commands by which a shell enters."""
        return [f"echo 0 >{shlex.quote(str(place / 'cgroup.procs'))} || exit 126" for place in self._directories]

    @property
    def counts(self) -> bool:
        """Whether it limits anything."""
        return bool(self._directories)

    def usage(self) -> Usage:
        """Asked before `close`."""
        kills = refused = 0
        for place in self._directories:
            kills += _figure(place / "memory.events", "oom_kill") + _figure(place / "memory.oom_control", "oom_kill")
            refused += _figure(place / "pids.events", "max")
        return Usage(memory_kills=kills, refused_processes=refused)

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
    group = LimitedGroup(tuple(sorted(directories)))
    try:
        for directory in directories:
            directory.mkdir()
        _set(Path(controllers.memory, name), Path(controllers.pids, name), controllers.version, limits)
    except OSError:
        group.close()
        return LimitedGroup(())
    return group


def limiting_script(limits: ResourceLimits, group: LimitedGroup) -> str:
    """What the shell in front does before it becomes its arguments. From then on TERM is ignored, until reset."""
    lines = ["trap '' TERM", *group.entrance()]
    if limits.cpu_time:
        # First a signal that names the cause, one second later the end.
        lines.append(f"ulimit -S -t {limits.cpu_time}; ulimit -H -t {limits.cpu_time + 1}")
    if limits.memory and not group.counts:
        lines.append(f"ulimit -v {max(limits.memory // 1024, 1)}")
    return "; ".join([*lines, 'exec "$@"'])


def counting_argv(limits: ResourceLimits, group: LimitedGroup) -> list[str]:
    """Goes in front of the command, inside its user namespace: there the kernel counts only what runs in it."""
    if group.counts or not limits.processes:
        return []
    # bash says -u, dash says -p.
    script = f'ulimit -u {limits.processes} 2>/dev/null || ulimit -p {limits.processes}; exec "$@"'
    return ["/bin/sh", "-c", script, "sh"]


def ended_by(exit_code: int, usage: Usage, limits: ResourceLimits) -> str | None:
    """Which limit a command met, in a sentence."""
    if usage.memory_kills:
        return f"It was ended because it took more than {limits.memory // 1_000_000} MB of memory."
    if exit_code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        return f"It was ended because it took {limits.cpu_time} s of processor time."
    if exit_code != 0 and usage.refused_processes:
        return f"It was refused more than {limits.processes} processes at a time."
    return None


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
            _kill_members(place)
        return False
    return True


def _kill_members(place: Path) -> None:
    with contextlib.suppress(OSError):
        for process in (place / "cgroup.procs").read_text().split():
            os.kill(int(process), signal.SIGKILL)


def _figure(file: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
