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
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.sandbox.bubblewrap import Standing, bubblewrap_argv, unprotected
from tianting.sandbox.explanations import explanation
from tianting.sandbox.limits import (
    HIERARCHY,
    Controllers,
    LimitedGroup,
    ended_by,
    find_controllers,
    limiting_script,
    make_group,
)
from tianting.sandbox.policy import SandboxPolicy
from tianting.sandbox.protected_paths import ProtectedPaths
from tianting.sandbox.proxy import Door, Proxy, proxy_environment
from tianting.sandbox.seccomp import filter_program

Mechanism = Literal["bubblewrap", "none"]

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
        door: Door | None,
        leave: Callable[[LimitedGroup], None],
    ) -> None:
        self.argv = argv
        self.keep_open = (*descriptors, door.descriptor) if door else descriptors
        """The command needs them; they are ours and closed by `after`."""
        self.environment = proxy_environment() if door else {}
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
        door = proxy.open(policy.network) if proxy and self.confines and policy.network.reach == "hosts" else None
        inner = [*self._walls(policy, cwd, descriptors), *(door.argv if door else ()), *argv]
        script = limiting_script(policy.limits, group)
        return Wrapped(
            ["/bin/sh", "-c", script, "sh", *inner],
            policy,
            group=group,
            protected=ProtectedPaths(unprotected(policy, look) if self.confines else ()),
            descriptors=descriptors,
            door=door,
            leave=self._leaving.append,
        )

    def _walls(self, policy: SandboxPolicy, cwd: Path, descriptors: tuple[int, ...]) -> list[str]:
        if self.abilities.mechanism == "none":
            return []
        argv = bubblewrap_argv(
            self.abilities.program,
            policy,
            cwd=str(cwd),
            look=look,
            filter_descriptor=descriptors[0] if descriptors else None,
        )
        return [*argv, *_DEFAULT_TERM] if self.abilities.can_reset_signals else argv

    def _filter(self, policy: SandboxPolicy) -> tuple[int, ...]:
        program = filter_program(
            self.abilities.machine,
            unix_sockets=policy.all_unix_sockets or bool(policy.unix_sockets),
            nested_namespaces=policy.nested_namespaces,
        )
        return (_in_memory(program),) if program and self.confines else ()


def choose(environment: Mapping[str, str], program: str = "") -> Confinement:
    """Find out what works here. Takes about 5 ms, so ask once; never raises.

    `program` is the path of bwrap where it is not on PATH.
    """
    controllers = _controllers()
    if sys.platform != "linux":
        return Confinement(
            Abilities(mechanism="none", reason="Only Linux is supported so far.", controllers=controllers)
        )
    found = program or shutil.which("bwrap", path=environment.get("PATH"))
    if found is None:
        reason = "bubblewrap (the program bwrap) is not installed."
        return Confinement(Abilities(mechanism="none", reason=reason, controllers=controllers))
    can_reset = True
    failure = _failure([found, *_PROBE, *_DEFAULT_TERM, "true"])
    if failure:
        can_reset, failure = False, _failure([found, *_PROBE, "true"])
    if failure:
        reason = f"{found} does not work here: {failure}"
        return Confinement(Abilities(mechanism="none", reason=reason, controllers=controllers))
    return Confinement(
        Abilities(
            mechanism="bubblewrap",
            program=found,
            can_reset_signals=can_reset,
            machine=os.uname().machine,
            controllers=controllers,
        )
    )


_PROBE = ("--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "--")


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


def _in_memory(data: bytes) -> int:
    descriptor = os.memfd_create("sandbox-filter", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
