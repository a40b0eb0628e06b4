"""Outlives the keeper by a moment: without it a keeper that is killed would leave behind what its windows had started.

    launcher ── guard ── keeper ── windows ── what they start

The kernel kills the windows with the keeper. What they started becomes the guard's, which kills it and leaves.
"""

import contextlib
import os
import signal
import time

from tianting.keeper import linux
from tianting.keeper.marks import Marks, signal_marked

_PATIENCE = 10.0
"""Seconds after which whatever the kernel still holds is left to it."""


def stand_guard(marks: Marks) -> None:
    """Part in two: the keeper's half returns at once, the guard's never does."""
    linux.adopt_orphans()
    keeper = os.fork()
    if keeper == 0:
        linux.adopt_orphans()
        return
    try:
        _leave_streams()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: os.kill(keeper, number))
        os.waitpid(keeper, 0)
        _clear(marks)
    finally:
        os._exit(0)


def _leave_streams() -> None:
    """Whoever launched us waits for the end of our output."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)


def _clear(marks: Marks) -> None:
    deadline = time.monotonic() + _PATIENCE
    while signal_marked(marks.all, signal.SIGKILL) and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)
