"""When a process began: with it a process id names one process for good; without it the next to get the number would
be taken for the last."""

from pathlib import Path

_STARTED = 19
"""Position of `starttime` behind the name, in proc_pid_stat(5)."""


def started_at(pid: int) -> int | None:
    """In ticks of the kernel since boot; None where there is no such process, or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name may hold anything, spaces and brackets too: what counts is behind its last bracket.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[_STARTED])
