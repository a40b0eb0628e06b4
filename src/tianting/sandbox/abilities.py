"""What this machine can confine a command with: found out by trying, because nothing else tells for sure."""

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from tianting.sandbox.control_groups import HIERARCHY, Controllers, find_controllers
from tianting.sandbox.landlock import SHORTCOMINGS, landlock_probe
from tianting.sandbox.seatbelt import SHORTCOMINGS as SHORTCOMINGS_ON_MACOS

Mechanism = Literal["bubblewrap", "landlock", "seatbelt", "none"]

_MISSING = "bubblewrap (the program bwrap) is not installed."
_PROBE_TIME = 5.0
"""Seconds; it takes about five milliseconds."""


class Abilities(Struct, frozen=True, kw_only=True):
    """What was found out about this machine."""

    mechanism: Mechanism
    reason: str = ""
    """Why it is no better, in a sentence for a person; empty for bubblewrap."""
    program: str = ""
    """The path of bwrap."""
    is_privileged: bool = False
    """bwrap is installed with the rights of root: nobody else can limit it from outside."""
    machine: str = ""
    """The processor, as `os.uname` names it."""
    controllers: Controllers = Controllers()


def find_abilities(environment: Mapping[str, str], program: str = "") -> Abilities:
    """Try: about 5 ms with bubblewrap, 50 without. Never raises.

    `program` is the path of bwrap where it is not on PATH.
    """
    if sys.platform == "darwin":
        return Abilities(mechanism="seatbelt", reason=SHORTCOMINGS_ON_MACOS)
    if sys.platform != "linux":
        return Abilities(mechanism="none", reason=f"Nothing here confines commands on {sys.platform}.")
    found = program or _on_path("bwrap", environment)
    abilities = _try_bubblewrap(found) if found else _try_landlock(_MISSING)
    return structs.replace(abilities, machine=os.uname().machine, controllers=_controllers())


def _try_bubblewrap(program: str) -> Abilities:
    probe = [program, "--unshare-user", "--unshare-pid", "--unshare-net"]
    if failure := _failure([*probe, "--ro-bind", "/", "/", "--proc", "/proc", "--", "true"]):
        return _try_landlock(f"{program} does not work here: {failure}.")
    return Abilities(mechanism="bubblewrap", program=program, is_privileged=_is_privileged(program))


def _is_privileged(program: str) -> bool:
    try:
        return bool(Path(program).stat().st_mode & stat.S_ISUID)
    except OSError:
        return True  # not to be found by its name: the careful answer


def _try_landlock(why_not_bubblewrap: str) -> Abilities:
    if failure := _failure(landlock_probe()):
        return Abilities(mechanism="none", reason=f"{why_not_bubblewrap} Landlock does not work either: {failure}")
    return Abilities(mechanism="landlock", reason=f"{why_not_bubblewrap} {SHORTCOMINGS}")


def _on_path(name: str, environment: Mapping[str, str]) -> str | None:
    places = (Path(directory, name) for directory in os.get_exec_path(environment))
    return next((str(place) for place in places if os.access(place, os.X_OK)), None)


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
