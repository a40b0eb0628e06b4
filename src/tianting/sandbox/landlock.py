"""The policy as rules of Landlock, the kernel's own walls, for machines without bubblewrap.

Weaker, and it says so (`SHORTCOMINGS`): rights can only be granted, so what is hidden is left out of the grants, and
what is protected inside a writable directory is not protected.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tianting.sandbox.policy import SandboxPolicy

SHORTCOMINGS = (
    "Landlock does not protect .git/hooks and .git/config, hides nothing inside the project, shares /tmp, "
    "shows which processes run, and cannot let single hosts through: commands have no network at all."
)
Entries = Callable[[str], tuple[str, ...]]
"""The names in a directory; none where it cannot be read."""

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "fd")
_SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108 - these names are the subject


def landlock_argv(policy: SandboxPolicy, *, entries: Entries, filter_descriptor: int | None) -> list[str]:
    """What stands in front of the command."""
    rules = [] if filter_descriptor is None else [f"filter:{filter_descriptor}"]
    if policy.files_confined:
        hidden = (*policy.hidden, *_processes(entries))
        rules += [f"read:{path}" for path in readable("/", hidden, entries)]
        rules += [f"read:{path}" for path in policy.read_only]
        rules += [f"write:{path}" for path in _writable(policy)]
        rules.append("list:/")
    else:
        rules.append("write:/")
    return [*landlock_probe(), *rules, "--"]


def landlock_probe() -> list[str]:
    """A command that fails where the kernel has no Landlock."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("landlocked.py"))]


def readable(directory: str, hidden: Sequence[str], entries: Entries) -> tuple[str, ...]:
    """The fewest paths that together are `directory` without `hidden`."""
    prefix = directory.rstrip("/") + "/"
    inside = [path for path in hidden if path.startswith(prefix)]
    if directory in hidden:
        return ()
    if not inside:
        return (directory,)
    return tuple(path for name in entries(directory) for path in readable(prefix + name, inside, entries))


def _writable(policy: SandboxPolicy) -> tuple[str, ...]:
    scratch = (*_SCRATCH, policy.private_tmp) if policy.private_tmp else _SCRATCH
    return (*policy.writable, *scratch, *(f"/dev/{name}" for name in _DEVICES))


def _processes(entries: Entries) -> tuple[str, ...]:
    """What /proc tells of each: the agent's environment holds the keys of its models."""
    return tuple(f"/proc/{name}" for name in entries("/proc") if name.isdigit())
