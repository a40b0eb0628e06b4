"""Kills what a program has started and left behind, by its environment: without it whatever changes its session would
outlive its window wherever no keeper marks processes. A program that clears its environment is out of reach.
"""

import os
import signal
from pathlib import Path

import anyio.to_thread

_SWEEPS = 5
"""Looks at all processes; one is enough unless they fork meanwhile, or end slowly."""


async def kill_all_with(variable: str, value: str) -> None:
    """Kill all processes of this user that were started with this in their environment. Linux only."""
    told = f"{variable}={value}".encode()
    for _ in range(_SWEEPS):
        if not await anyio.to_thread.run_sync(_sweep, told):
            return


def _sweep(told: bytes) -> bool:
    """Whether there was one."""
    found = [_kill(int(entry), told) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208
    return any(found)


def _kill(pid: int, told: bytes) -> bool:
    """Through a descriptor: a number may belong to a stranger a moment later."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        is_left = told in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if is_left:
            signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:  # ended meanwhile, or another user's
        return False
    finally:
        os.close(process)
    return is_left
