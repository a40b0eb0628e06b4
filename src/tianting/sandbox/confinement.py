"""What this machine can confine a command with, and the command confined: the one door of this room.

    confinement = choose(environment)                               once
    async with Proxy() as proxy:                                    once, if a policy names hosts
    wrapped = confinement.wrap(argv, policy, cwd=..., proxy=proxy)  for each command
    group = start_group(wrapped.argv, cwd=..., environment={**environment, **wrapped.environment},
                        keep_open=[*keep_open, *wrapped.keep_open])
    ...                                                             it runs, and ends with all it started
    note = wrapped.explain(exit_code, output)
    wrapped.after()

sh (limits) -> bwrap (namespaces, mounts, seccomp) -> env (TERM works again) -> the command
"""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from tianting.sandbox.bubblewrap import Standing, bubblewrap_argv, unprotected
from tianting.sandbox.door import Door
from tianting.sandbox.explanations import explanation
from tianting.sandbox.landlock import SHORTCOMINGS, landlock_argv, landlock_probe
from tianting.sandbox.limits import (
    HIERARCHY,
    Controllers,
    LimitedGroup,
    counting_argv,
    ended_by,
    find_controllers,
    limiting_script,
    make_group,
)
from tianting.sandbox.policy import SandboxPolicy
from tianting.sandbox.protected_paths import ProtectedPaths
from tianting.sandbox.proxy import Proxy, proxy_environment
from tianting.sandbox.seatbelt import SHORTCOMINGS as SHORTCOMINGS_ON_MACOS
from tianting.sandbox.seatbelt import seatbelt_argv
from tianting.sandbox.seccomp import filter_program

Mechanism = Literal["bubblewrap", "landlock", "seatbelt", "none"]

_MISSING = "bubblewrap (the program bwrap) is not installed."
_PROBE_TIME = 5.0
"""Seconds; it takes about five milliseconds."""
_DEFAULT_TERM = ("env", "--default-signal=TERM")
"""Of GNU coreutils. bwrap itself must not hear TERM, or the command would be killed before it can clean up."""


class Abilities(Struct, frozen=True, kw_only=True):
    """What was found out about this machine."""

    mechanism: Mechanism
    reason: str = ""
    """Why it is no better, in a sentence for a person; empty for bubblewrap."""
    program: str = ""
    """The path of bwrap."""
    can_reset_signals: bool = False
    machine: str = ""
    """The processor, as `os.uname` names it."""
    controllers: Controllers = Controllers()


class Wrapped:
    """One command, ready to start, and what to ask about it afterwards."""

    def __init__(
        self,
        argv: list[str],
        policy: SandboxPolicy,
        *,
        group: LimitedGroup,
        protected: ProtectedPaths,
        descriptors: tuple[int, ...],
        environment: Mapping[str, str],
        door: Door | None,
        leave: Callable[[LimitedGroup], None],
        ends_together: bool = False,
    ) -> None:
        self.argv = argv
        self.ends_together = ends_together
        """The kernel ends all that the command started when it ends itself."""
        self.keep_open = (*descriptors, door.descriptor) if door else descriptors
        """The command needs them; they are ours and closed by `after`."""
        self.environment = {**environment, **(proxy_environment() if door else {})}
        """To be added to the command's own."""
        self._door = door
        self._policy = policy
        self._group = group
        self._leave = leave
        self._protected = protected
        self._taken_back: tuple[str, ...] = ()
        self._descriptors = list(descriptors)

    def explain(self, exit_code: int, output: str) -> str | None:
        """What the sandbox had to do with the end of the command, for the model; at most 600 bytes.

        Puts protected paths right first. Call it when the command has ended, before `after`.
        """
        self._taken_back += self._protected.restore()
        limit = ended_by(exit_code, self._group.usage(), self._policy.limits)
        return explanation(
            exit_code,
            output,
            self._policy,
            limit=limit,
            blocked_hosts=self._door.blocked if self._door else (),
            taken_back=self._taken_back,
        )

    def after(self) -> None:
        """Clean up. Ends what is left of the command; may be called again."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        if self._door:
            self._door.close()
        self._protected.restore()
        if not self._group.close():
            self._leave(self._group)


class Confinement:
    """This machine's way to confine."""

    def __init__(self, abilities: Abilities) -> None:
        self.abilities = abilities
        self._leaving: list[LimitedGroup] = []

    @property
    def confines(self) -> bool:
        """Whether a wrapped command is kept from anything but taking too much. If not, ask a person each time."""
        return self.abilities.mechanism != "none"

    def wrap(self, argv: Sequence[str], policy: SandboxPolicy, *, cwd: Path, proxy: Proxy | None = None) -> Wrapped:
        """`argv` inside `policy`. Start it in a session of its own, with input that is no terminal.

        Without a `proxy` a policy that names hosts lets a command reach none.
        Raises `OSError` where descriptors or control groups run out.
        """
        # A group whose processes are still dying cannot be removed; the next command finds it empty.
        self._leaving = [group for group in self._leaving if not group.close()]
        group = make_group(self.abilities.controllers, policy.limits)
        descriptors = self._filter(policy)
        by_proxy = self._has_bubblewrap and policy.network.reach == "hosts"
        door = proxy.open(policy.network) if proxy and by_proxy else None
        walls = [*self._walls(policy, cwd, descriptors), *(door.argv if door else ())]
        inner = [*walls, *counting_argv(policy.limits, group), *argv] if self.confines else argv
        script = limiting_script(policy.limits, group)
        return Wrapped(
            ["/bin/sh", "-c", script, "sh", *inner],
            policy,
            group=group,
            protected=ProtectedPaths(unprotected(policy, look) if self.confines else ()),
            descriptors=descriptors,
            environment=self._scratch(policy),
            door=door,
            leave=self._leaving.append,
            ends_together=self._has_bubblewrap,
        )

    @property
    def _has_bubblewrap(self) -> bool:
        return self.abilities.mechanism == "bubblewrap"

    def _scratch(self, policy: SandboxPolicy) -> dict[str, str]:
        """Where temporary files can be written: the agent's own TMPDIR may be out of reach."""
        match self.abilities.mechanism:
            case "bubblewrap" if policy.files_confined:
                return {"TMPDIR": "/tmp"}  # noqa: S108 - the one inside
            case "landlock" if policy.private_tmp:
                return {"TMPDIR": policy.private_tmp}
            case "landlock" if policy.files_confined:
                return {"TMPDIR": "/tmp"}  # noqa: S108
        return {}

    def _walls(self, policy: SandboxPolicy, cwd: Path, descriptors: tuple[int, ...]) -> list[str]:
        descriptor = descriptors[0] if descriptors else None
        match self.abilities.mechanism:
            case "bubblewrap":
                program = self.abilities.program
                argv = bubblewrap_argv(program, policy, cwd=str(cwd), look=look, filter_descriptor=descriptor)
            case "landlock":
                argv = landlock_argv(policy, entries=_entries, filter_descriptor=descriptor)
            case "seatbelt":
                argv = seatbelt_argv(policy)
            case "none":
                return []
        return [*argv, *_DEFAULT_TERM] if self.abilities.can_reset_signals else argv

    def _filter(self, policy: SandboxPolicy) -> tuple[int, ...]:
        if self.abilities.mechanism not in ("bubblewrap", "landlock"):
            return ()
        program = filter_program(
            self.abilities.machine,
            unix_sockets=policy.all_unix_sockets or bool(policy.unix_sockets),
            network=self._has_bubblewrap or policy.network.reach == "all",
            nested_namespaces=policy.nested_namespaces,
        )
        return (_in_memory(program),) if program else ()


def choose(environment: Mapping[str, str], program: str = "") -> Confinement:
    """Find out what works here: about 5 ms with bubblewrap, 50 without. Ask once; never raises.

    `program` is the path of bwrap where it is not on PATH.
    """
    if sys.platform == "darwin":
        return Confinement(Abilities(mechanism="seatbelt", reason=SHORTCOMINGS_ON_MACOS))
    if sys.platform != "linux":
        return Confinement(Abilities(mechanism="none", reason=f"Nothing here confines commands on {sys.platform}."))
    found = program or _on_path("bwrap", environment)
    abilities = _try_bubblewrap(found) if found else _try_landlock(_MISSING)
    return Confinement(structs.replace(abilities, machine=os.uname().machine, controllers=_controllers()))


def _try_bubblewrap(program: str) -> Abilities:
    probe = [program, "--unshare-user", "--unshare-pid", "--unshare-net"]
    probe += ["--ro-bind", "/", "/", "--proc", "/proc", "--"]
    if not _failure([*probe, *_DEFAULT_TERM, "true"]):
        return Abilities(mechanism="bubblewrap", program=program, can_reset_signals=True)
    if failure := _failure([*probe, "true"]):
        return _try_landlock(f"{program} does not work here: {failure}.")
    return Abilities(mechanism="bubblewrap", program=program)


def _try_landlock(why_not_bubblewrap: str) -> Abilities:
    if failure := _failure(landlock_probe()):
        return Abilities(mechanism="none", reason=f"{why_not_bubblewrap} Landlock does not work either: {failure}")
    can_reset = not _failure([*_DEFAULT_TERM, "true"])
    return Abilities(mechanism="landlock", reason=f"{why_not_bubblewrap} {SHORTCOMINGS}", can_reset_signals=can_reset)


def _on_path(name: str, environment: Mapping[str, str]) -> str | None:
    places = (Path(directory, name) for directory in os.get_exec_path(environment))
    return next((str(place) for place in places if os.access(place, os.X_OK)), None)


def look(path: str) -> Standing:
    """What stands at `path` itself, links not followed."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "missing"
    if stat.S_ISLNK(mode):
        return "link"
    return "directory" if stat.S_ISDIR(mode) else "file"


def _failure(argv: list[str]) -> str:
    """The last line of what `argv` complained about; empty if it worked."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PROBE_TIME,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return (done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}").splitlines()[-1][:300]


def _controllers() -> Controllers:
    with contextlib.suppress(OSError, ValueError):
        return find_controllers(HIERARCHY, Path("/proc/self/cgroup").read_text())
    return Controllers()


def _entries(directory: str) -> tuple[str, ...]:
    try:
        return tuple(path.name for path in Path(directory).iterdir())
    except OSError:
        return ()


def _in_memory(data: bytes) -> int:
    descriptor = os.memfd_create("sandbox-filter", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
