"""What the keeper and the fleet tell each other: plain values, for the keeper has nothing but the standard library.

A window's process is named by the window's id and its generation; a pid is never enough, for it may be given again.
"""

from typing import Any, NamedTuple

Name = tuple[str, int]
"""A window's id and its generation."""


class Limits(NamedTuple):
    """How much one window may take, with all that it starts; None is no limit."""

    memory: int | None = None
    """Bytes. Counted together by a control group; for each process alone where there is none."""
    processes: int | None = None
    """Held by a control group only: without one the kernel can merely count all processes of a user."""
    cpu_seconds: int | None = None
    """Of each process alone. First SIGXCPU, a second later SIGKILL."""


class Start(NamedTuple):
    """One process that is wanted."""

    window: str
    generation: int
    argv: tuple[str, ...]
    """Of a native window: without the program's name."""
    cwd: str
    environment: dict[str, str]
    """All of it. `TIANTING_WINDOW` is added."""
    stderr: str
    """Path of a log file that standard error is appended to; made with mode 0600."""
    native: bool = False
    """Forked from the warm image; otherwise `argv` is executed, found on the PATH of `environment`."""
    limits: Limits = Limits()
    terminal: bool = False
    """Not the keeper starts it, but a tmux server: such a start does not come here."""


class Held(NamedTuple):
    """A window that runs."""

    window: str
    generation: int
    pid: int
    """Leader of a session and a process group of this number."""
    started: int
    """Clock ticks since boot, field 22 of /proc/PID/stat: with the pid it names a process for good."""
    native: bool


class Gone(NamedTuple):
    """A window whose process has ended. What it left behind is killed by the time this is told."""

    window: str
    generation: int
    pid: int
    exit_code: int | None
    """None where a signal ended it. 127: the command does not exist; 126: it could not be started. The log says why."""
    signal: int | None
    user_seconds: float
    system_seconds: float
    peak_rss: int
    """Bytes. At least what the keeper itself had when it forked: the kernel counts those pages to the child."""
    oom: bool
    """The memory limit of its control group killed something in it."""
    at: float
    """Unix time."""


def start_from(fields: dict[str, Any]) -> Start:
    """A `Start` as it came over the wire. Raises `TypeError` for what is none."""
    limits = Limits(*fields.pop("limits", ()))
    return Start(argv=tuple(fields.pop("argv")), limits=limits, **fields)
