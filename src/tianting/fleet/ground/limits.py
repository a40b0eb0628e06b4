"""How much a window may take, as a template says it: without it one window's leak ends all of them.

The keeper sets the limits before the agent's first instruction, by control groups of version 2 or 1, else by resource
limits of each process (`keeper.groups`, `keeper.child`).
"""

from msgspec import Struct

from tianting.keeper.words import Limits
from tianting.protocol.errors import ConfigError

_LEAST_MEMORY = 64_000_000
_LEAST_PROCESSES = 8


class WindowLimits(Struct, frozen=True, kw_only=True, rename="camel"):
    """`limits` of a template. Zero means no limit."""

    memory: int = 0
    """Bytes, of the agent and all that it starts together where control groups work, else of each process."""
    processes: int = 0
    """Processes and threads at a time. Held by control groups alone."""
    cpu_time: int = 0
    """Seconds of processor time of each process. An agent lives for days: meant for windows that do one thing."""


def keeper_limits(limits: WindowLimits) -> Limits:
    """The same in the keeper's words. Raises `ConfigError` for what no agent could live with."""
    _check("memory", limits.memory, _LEAST_MEMORY)
    _check("processes", limits.processes, _LEAST_PROCESSES)
    _check("cpuTime", limits.cpu_time, 1)
    return Limits(memory=limits.memory or None, processes=limits.processes or None, cpu_seconds=limits.cpu_time or None)


def _check(name: str, value: int, least: int) -> None:
    if value and value < least:
        raise ConfigError(f"limits.{name} is {value}: no agent starts with less than {least}. 0 means no limit.")
