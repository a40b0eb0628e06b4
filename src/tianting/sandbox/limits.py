"""How much a command may use: without it one careless test takes the machine's memory and the agent with it.

Control groups count a command together with all it started; where they cannot be written, resource limits count each
process alone. They are set from outside while bwrap waits at its gate, else by a small shell that becomes the command.
"""

import resource
import signal
from collections.abc import Mapping, Sequence

from tianting.sandbox.control_groups import Usage
from tianting.sandbox.policy import ResourceLimits

_OPTIONS = {resource.RLIMIT_CPU: ("t", 1), resource.RLIMIT_AS: ("v", 1024)}
"""Of a shell's `ulimit`, and the unit it takes."""


def resource_limits(limits: ResourceLimits, *, counted: bool) -> dict[int, tuple[int, int]]:
    """Soft and hard limit of each resource, for `resource.prlimit`; `counted` where a control group counts."""
    found = {}
    if limits.cpu_time:
        # First a signal that names the cause, one second later the end.
        found[resource.RLIMIT_CPU] = (limits.cpu_time, limits.cpu_time + 1)
    if limits.memory and not counted:
        found[resource.RLIMIT_AS] = (limits.memory, limits.memory)
    return found


def limiting_argv(entrance: Sequence[str], limits: Mapping[int, tuple[int, int]]) -> list[str]:
    """A shell that enters its groups, limits itself and becomes what follows; nothing where there is nothing to do."""
    lines = list(entrance)
    for kind, (soft, hard) in limits.items():
        option, unit = _OPTIONS[kind]
        lines.append(f"ulimit -S -{option} {soft // unit}; ulimit -H -{option} {hard // unit}")
    return ["/bin/sh", "-c", "; ".join([*lines, 'exec "$@"']), "sh"] if lines else []


def counting_argv(limits: ResourceLimits, *, counted: bool) -> list[str]:
    """Goes in front of the command, inside its user namespace: there the kernel counts only what runs in it."""
    if counted or not limits.processes:
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
