"""What this machine can confine a command with, and the command confined: the one door of this room.

    confinement = choose(environment)                               once; `close` it
    async with Proxy() as proxy:                                    once, if a policy names hosts
    wrapped = confinement.wrap(argv, policy, cwd=..., proxy=proxy)  for each command
    group = start_group(wrapped.argv, cwd=..., environment={**environment, **wrapped.environment},
                        keep_open=[*keep_open, *wrapped.keep_open],
                        spawn=wrapped.spawn, guarded=wrapped.ends_together)
    ...                                                             it runs, and ends with all it started
    note = wrapped.explain(exit_code, output)
    wrapped.after()

born in its control groups -> limited at the gate -> bwrap (namespaces, mounts, seccomp) -> the command
"""

import contextlib
import os
import stat
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from tianting.sandbox.abilities import Abilities, Mechanism, find_abilities
from tianting.sandbox.birthplaces import Birthplace, Birthplaces
from tianting.sandbox.bubblewrap import (
    Look,
    Standing,
    bubblewrap_options,
    options_of_command,
    unprotected,
)
from tianting.sandbox.door import Door
from tianting.sandbox.explanations import explanation
from tianting.sandbox.gate import Gate
from tianting.sandbox.landlock import landlock_argv
from tianting.sandbox.limits import counting_argv, ended_by, limiting_argv, resource_limits
from tianting.sandbox.policy import ResourceLimits, SandboxPolicy
from tianting.sandbox.protected_paths import ProtectedPaths
from tianting.sandbox.proxy import Proxy, proxy_environment
from tianting.sandbox.remembered import Remembered
from tianting.sandbox.seatbelt import seatbelt_argv
from tianting.sandbox.seccomp import filter_program

_NO_LIMITS = ResourceLimits(memory=0, cpu_time=0, processes=0)


class _Ground(Struct, frozen=True):
    """What a policy comes to, as long as the same things stand where it looks."""

    options: tuple[str, ...] = ()
    """Of bwrap."""
    unprotected: tuple[str, ...] = ()


class _Means(Struct, frozen=True, kw_only=True):
    """What one command takes of the machine."""

    birthplace: Birthplace
    protected: ProtectedPaths
    seccomp: int | None
    """A descriptor that holds a filter."""
    environment: Mapping[str, str]
    door: Door | None
    gate: Gate | None
    closing: contextlib.ExitStack
    """Gives all of it back."""


class Wrapped:
    """One command, ready to start, and what to ask about it afterwards."""

    def __init__(self, argv: list[str], policy: SandboxPolicy, means: _Means, *, ends_together: bool) -> None:
        self.argv = argv
        self.ends_together = ends_together
        """The kernel ends all that the command started when it ends itself, and all of it with the first process."""
        filters = () if means.seccomp is None else (means.seccomp,)
        self.keep_open = (*filters, *(passage.descriptor for passage in (means.gate, means.door) if passage))
        """The command needs them; they are ours and closed by `after`."""
        self.environment = {**means.environment, **(proxy_environment() if means.door else {})}
        """To be added to the command's own."""
        self._policy = policy
        self._means = means
        self._taken_back: tuple[str, ...] = ()

    def spawn(self, *arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        """`subprocess.Popen`, but what it starts is limited from its first moment. Nothing else can start `argv`."""
        process = self._means.birthplace.start(lambda: subprocess.Popen(*arguments, **options))
        if self._means.gate:
            try:
                self._means.gate.open(process.pid)
            except BaseException:
                process.kill()
                process.wait()
                raise
        return process

    def explain(self, exit_code: int, output: str) -> str | None:
        """What the sandbox had to do with the end of the command, for the model; at most 600 bytes.

        Puts protected paths right first. Call it when the command has ended, before `after`.
        """
        self._taken_back += self._means.protected.restore()
        if self.ends_together:
            self._means.protected.forget()  # nobody is left who could write there
        limit = ended_by(exit_code, self._means.birthplace.usage(), self._policy.limits)
        return explanation(
            exit_code,
            output,
            self._policy,
            limit=limit,
            blocked_hosts=self._means.door.blocked if self._means.door else (),
            taken_back=self._taken_back,
        )

    def after(self) -> None:
        """Clean up. Ends what is left of the command; may be called again."""
        self._means.closing.close()


class Confinement:
    """This machine's way to confine."""

    def __init__(self, abilities: Abilities) -> None:
        self.abilities = abilities
        self._birthplaces = Birthplaces(abilities.controllers)
        self._known: tuple[SandboxPolicy, Remembered[_Ground]] | None = None

    @property
    def confines(self) -> bool:
        """Whether a wrapped command is kept from anything but taking too much. If not, ask a person each time."""
        return self.abilities.mechanism != "none"

    def wrap(self, argv: Sequence[str], policy: SandboxPolicy, *, cwd: Path, proxy: Proxy | None = None) -> Wrapped:
        """`argv` inside `policy`. Start it in a session of its own, with input that is no terminal.

        Without a `proxy` a policy that names hosts lets a command reach none.
        Raises `OSError` where descriptors or control groups run out.
        """
        with contextlib.ExitStack() as opened:
            means = self._means(policy, cwd, proxy, opened)
            return Wrapped([*self._front(policy, means), *argv], policy, means, ends_together=self._has_bubblewrap)

    def close(self) -> None:
        """End what stands ready for the next command. Takes at most 0.05 s."""
        self._birthplaces.close()

    @property
    def _has_bubblewrap(self) -> bool:
        return self.abilities.mechanism == "bubblewrap"

    def _means(self, policy: SandboxPolicy, cwd: Path, proxy: Proxy | None, opened: contextlib.ExitStack) -> _Means:
        birthplace = self._birthplaces.take(policy.limits)
        opened.callback(self._birthplaces.give_back, birthplace)
        ground = self._ground_of(policy)
        protected = ProtectedPaths(ground.unprotected)
        opened.callback(protected.restore)
        seccomp = self._filter(policy, opened)
        gate = door = None
        if self._has_bubblewrap:
            options = [*ground.options, *options_of_command(cwd=str(cwd), filter_descriptor=seccomp)]
            gate = Gate(options, {} if self.abilities.is_privileged else _limits(policy, birthplace))
            opened.callback(gate.close)
        if proxy and gate and policy.network.reach == "hosts":
            door = proxy.open(policy.network)
            opened.callback(door.close)
        return _Means(
            birthplace=birthplace,
            protected=protected,
            seccomp=seccomp,
            environment=self._scratch(policy),
            door=door,
            gate=gate,
            closing=opened.pop_all(),
        )

    def _ground_of(self, policy: SandboxPolicy) -> _Ground:
        """Asked for each command, and nearly always the same."""
        policy = structs.replace(policy, limits=_NO_LIMITS)
        if self._known is None or self._known[0] != policy:
            self._known = (policy, Remembered(partial(_ground, policy, self.abilities.mechanism)))
        return self._known[1].answer(look)

    def _front(self, policy: SandboxPolicy, means: _Means) -> list[str]:
        """What stands before the command: a shell that limits, where nothing else does, and the walls."""
        place = means.birthplace
        limits = {} if means.gate and not self.abilities.is_privileged else _limits(policy, place)
        walls = self._walls(policy, means)
        door = means.door.argv if means.door else []
        counting = counting_argv(policy.limits, counted=place.group.counts) if self.confines else []
        return [*limiting_argv(place.entrance, limits), *walls, *door, *counting]

    def _walls(self, policy: SandboxPolicy, means: _Means) -> list[str]:
        match self.abilities.mechanism:
            case "bubblewrap":
                return [self.abilities.program, *(means.gate.argv if means.gate else ()), "--"]
            case "landlock":
                return landlock_argv(policy, entries=_entries, filter_descriptor=means.seccomp)
            case "seatbelt":
                return seatbelt_argv(policy)
            case "none":
                return []

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

    def _filter(self, policy: SandboxPolicy, opened: contextlib.ExitStack) -> int | None:
        if self.abilities.mechanism not in ("bubblewrap", "landlock"):
            return None
        program = _filter_program(
            self.abilities.machine,
            unix_sockets=policy.all_unix_sockets or bool(policy.unix_sockets),
            network=self._has_bubblewrap or policy.network.reach == "all",
            nested_namespaces=policy.nested_namespaces,
        )
        if program is None:
            return None
        descriptor = _in_memory(program)
        opened.callback(os.close, descriptor)
        return descriptor


def choose(environment: Mapping[str, str], program: str = "") -> Confinement:
    """What works here; see `find_abilities`. Ask once, and `close` it."""
    return Confinement(find_abilities(environment, program))


def look(path: str) -> Standing:
    """What stands at `path` itself, links not followed."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "missing"
    if stat.S_ISLNK(mode):
        return "link"
    return "directory" if stat.S_ISDIR(mode) else "file"


def _ground(policy: SandboxPolicy, mechanism: Mechanism, look: Look) -> _Ground:
    if mechanism == "none":
        return _Ground()
    options = bubblewrap_options(policy, look) if mechanism == "bubblewrap" else ()
    return _Ground(tuple(options), unprotected(policy, look))


def _limits(policy: SandboxPolicy, birthplace: Birthplace) -> dict[int, tuple[int, int]]:
    return resource_limits(policy.limits, counted=birthplace.group.counts)


_filter_program = lru_cache(maxsize=8)(filter_program)


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
