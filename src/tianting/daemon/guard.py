"""Starts the daemon again when it dies, where no service manager does: a crash costs its clients half a second.

    stand_guard → a child that serves → 0: over │ a code that it chose: over │ a signal, a bug: again, a little later

Standard library alone, and nothing of the fleet: what is not there cannot break.
"""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from types import FrameType

BUG = 70
"""Exit code of a daemon that met an error it did not expect (sysexits.h: EX_SOFTWARE)."""
MOST = 10
"""Crashes within `WITHIN` seconds; one more and it is given up."""
WITHIN = 60.0
FIRST = 0.05
"""Seconds before the first new start; each that follows soon waits twice as long."""
LONGEST = 2.0
"""Seconds; clients wait for longer than that (`client.CONNECTING`)."""


def stand_guard(serve: Callable[[], int]) -> int:
    """Have `serve` run in a child until it ends in order, and give back its exit code."""
    crashes: deque[float] = deque(maxlen=MOST + 1)
    guarded = _Guarded()
    while True:
        code = guarded.run(serve)
        if guarded.is_told_to_end or not crashed(code):
            return max(code, 0)
        crashes.append(time.monotonic())
        delay = pause(tuple(crashes))
        if delay is None:
            return BUG
        time.sleep(delay)


def crashed(code: int) -> bool:
    """Whether nobody wanted this end; below zero is a signal's number."""
    return code < 0 or code == BUG


def pause(crashes: tuple[float, ...]) -> float | None:
    """Seconds until the next start after these crashes, the last one just now; None to give up."""
    recent = [at for at in crashes if crashes[-1] - at < WITHIN]
    return None if len(recent) > MOST else min(FIRST * 2.0 ** (len(recent) - 1), LONGEST)


class _Guarded:
    """The child, and what is passed on to it."""

    def __init__(self) -> None:
        self.is_told_to_end = False
        self._pid = 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)

    def run(self, serve: Callable[[], int]) -> int:
        self._pid = os.fork()
        if self._pid == 0:
            _serve_in_child(serve)
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGHUP:
            self.is_told_to_end = True
        if self._pid:
            os.kill(self._pid, number)
        elif self.is_told_to_end:
            sys.exit(0)  # between two children


def _serve_in_child(serve: Callable[[], int]) -> None:
    code = BUG
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        code = serve()
    finally:
        os._exit(code)
