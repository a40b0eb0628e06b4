"""Shuts a whole window in: without it an agent could read what other windows know, end them, or go around the gateway.

    launch -> sh (opens the filter) -> bwrap (namespaces, mounts, seccomp) -> relay to the gateway -> the agent

The walls are those of commands (`sandbox`), built of arguments alone, because the keeper starts windows and hands on
no descriptors. How much a window may take is the keeper's: `fleet.ground.limits`.
"""

import os
import sys
from pathlib import Path
from shutil import which
from typing import Literal

from msgspec import Struct, structs

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.ground import isolation_relay
from tianting.plumbing.atomic_file import write_atomically
from tianting.protocol.errors import FleetError
from tianting.sandbox.abilities import Abilities
from tianting.sandbox.bubblewrap import bubblewrap_options, options_of_command
from tianting.sandbox.confinement import look
from tianting.sandbox.places import Places, policy_for
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy
from tianting.sandbox.seccomp import filter_program
from tianting.sandbox.settings import SandboxSettings

Choice = Literal["none", "workspace", "strict"]

RELAY_PORT = 3129
"""Where the gateway is on the loopback of an isolated window. Free for sure: the loopback is new."""
_DESCRIPTOR = 9
_SECRETS_OF_THE_MACHINE = (
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
)
_SYSTEM = frozenset(
    {
        "bin",
        "dev",
        "etc",
        "gnu",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "nix",
        "opt",
        "proc",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
    }
)
"""What `strict` leaves in sight of the top of the file system."""
_INSTALLATIONS = ("pyvenv.cfg", "conda-meta")
"""Tell a directory in somebody's home that was made for programs from one like `~/.local`, where all kinds of things
lie."""


class Isolation(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a template wants its windows shut in."""

    choice: Choice = "none"
    """`workspace` can read the machine, but no secret and no other window; `strict` sees programs and its own alone."""
    writable: tuple[str, ...] = ()
    """Directories besides the work tree and the window's own."""
    readable: tuple[str, ...] = ()
    """Directories that would be hidden. The agent's program and what is installed with it can be read anyway."""
    network: Literal["gateway", "machine"] = "gateway"
    nested_namespaces: bool = False
    """Whether the agent may build sandboxes of its own with user namespaces."""


class Walled(Struct, frozen=True, kw_only=True):
    """What belongs to one window."""

    root: str
    """Of its own directories: `workspaces.make_directories`."""
    git_directory: str = ""
    """Of the repository that its work tree belongs to, wherever that is kept; commits are written there."""


class Isolator:
    """Builds the walls of all windows of one fleet."""

    def __init__(self, abilities: Abilities, *, state: Path, home: str, gateway: Path | None = None) -> None:
        """`state` is the fleet's directory, hidden from windows; `home` the person's.

        `gateway` is its Unix socket, which must stand alone in its directory: windows see that directory, so that a
        gateway that comes again is found again.
        """
        self._abilities = abilities
        self._state = state
        self._home = home
        self._gateway = gateway

    def wrap(self, launch: Launch, isolation: Isolation, walled: Walled) -> Launch:
        """`launch` inside its walls. A native one is executed then, not forked. Looks at the file system.

        Raises `FleetError` where this machine cannot build them: a wish for walls is never passed over.
        """
        if isolation.choice == "none":
            return launch
        if self._abilities.mechanism != "bubblewrap":
            raise FleetError(f"Windows cannot be isolated here: {self._abilities.reason} Install bubblewrap.")
        policy = self._policy(launch, isolation, walled)
        options = [
            *bubblewrap_options(policy, look),
            *options_of_command(cwd=launch.cwd, filter_descriptor=_DESCRIPTOR),
        ]
        argv = [self._abilities.program, *options, "--", *self._relay(isolation), *self._executed(launch)]
        return structs.replace(
            launch,
            argv=("/bin/sh", "-c", f'exec "$@" {_DESCRIPTOR}<"$0"', self._filter(isolation), *argv),
            native=False,
            environment={**launch.environment, "TMPDIR": "/tmp"},  # noqa: S108 - the window's own, see `_policy`
        )

    def _policy(self, launch: Launch, isolation: Isolation, walled: Walled) -> SandboxPolicy:
        gateway = (str(self._gateway.parent),) if self._gateway and isolation.network == "gateway" else ()
        places = Places(
            home=self._home,
            roots=(launch.cwd, walled.root, *isolation.writable),
            git_directory=walled.git_directory,
            private_tmp=str(Path(walled.root, "tmp")),
            hidden=(str(self._state), *_SECRETS_OF_THE_MACHINE, *self._hidden(isolation)),
            readable=(*isolation.readable, *gateway, *self._programs(launch)),
        )
        policy = policy_for(SandboxSettings(), places)
        return structs.replace(
            policy,
            network=NetworkPolicy(reach="none" if isolation.network == "gateway" else "all"),
            all_unix_sockets=True,
            nested_namespaces=isolation.nested_namespaces,
        )

    def _hidden(self, isolation: Isolation) -> tuple[str, ...]:
        if isolation.choice != "strict":
            return ()
        top = sorted(path.name for path in Path("/").iterdir())
        return (self._home, *(f"/{name}" for name in top if name not in _SYSTEM))

    def _programs(self, launch: Launch) -> tuple[str, ...]:
        """What must be seen for the program to start: the interpreter, and ours or what the agent is installed in."""
        found = _found(launch)
        if launch.native or found == sys.executable:
            return (sys.base_prefix, sys.prefix, str(Path(__file__).parents[2]))
        if found is None:
            return (sys.base_prefix,)
        files = (Path(found), Path(found).resolve())
        places = [place for file in files if (place := self.installation(file)) and not _overlap(place, launch.cwd)]
        return (sys.base_prefix, *map(str, (*files, *places)))

    def _executed(self, launch: Launch) -> tuple[str, ...]:
        if launch.native:
            return (sys.executable, "-P", "-m", "tianting", *launch.argv)
        found = _found(launch)
        if found is None or self.installation(Path(found)) is not None or not found.startswith(f"{self._home}/"):
            return launch.argv
        return (os.path.realpath(found), *launch.argv[1:])  # a link in a hidden directory is not there

    def installation(self, program: Path) -> Path | None:
        """The directory that holds a program and what belongs to it; None where much else would be seen with it."""
        if program.parent.name != "bin" and "node_modules" not in program.parts:
            return None
        place = program.parent.parent if program.parent.name == "bin" else program.parent
        home, state = Path(self._home), self._state
        if place in (home, *home.parents, *state.parents):
            return None
        is_marked = any((place / name).exists() for name in _INSTALLATIONS)
        return place if is_marked or place.parent != home else None

    def _relay(self, isolation: Isolation) -> list[str]:
        if self._gateway is None or isolation.network != "gateway":
            return []
        text = Path(isolation_relay.__file__).read_text(encoding="utf-8")
        return [os.path.realpath(sys.executable), "-I", "-S", "-c", text, str(RELAY_PORT), str(self._gateway)]

    def _filter(self, isolation: Isolation) -> str:
        """The path of the seccomp filter: out of the reach of every window, which could change a file of its own."""
        program = filter_program(
            self._abilities.machine, unix_sockets=True, network=True, nested_namespaces=isolation.nested_namespaces
        )
        if program is None:
            raise FleetError(
                f"Windows cannot be isolated on {self._abilities.machine}: it has no filter of system calls."
            )
        path = self._state / f"isolation{'-nesting' * isolation.nested_namespaces}.bpf"
        if not path.is_file() or path.read_bytes() != program:
            write_atomically(path, program, mode=0o600)
        return str(path)


def relay_address() -> str:
    """Where agents in isolated windows find the gateway."""
    return f"http://127.0.0.1:{RELAY_PORT}"


def _overlap(place: Path, cwd: str) -> bool:
    """Whether one is within the other: what can be read only must not cover the work tree."""
    return place.is_relative_to(cwd) or Path(cwd).is_relative_to(place)


def _found(launch: Launch) -> str | None:
    """The file of its program, as far as it is not ours."""
    return None if launch.native else which(launch.argv[0], path=launch.environment.get("PATH", os.defpath))
