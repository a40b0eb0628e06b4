"""Which processes belong to a window, wherever they have gone: without marks a daemon would outlive its window.

A process can leave its group, its session, its parent and its environment, but it hands its resource limits on to all
that it starts. RLIMIT_RTTIME means nothing to a process that is not scheduled in real time, so a window's is set to a
number of its own, far above any time that will ever pass: that number is its mark (getrlimit(2)).

Asking a process for it takes a microsecond and opens no file.
"""

import os
import resource
import signal
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress

_SERIALS = 24
"""Bits; the others tell keepers apart."""
_ROUNDS = 100
"""Nobody forks that often between two looks unless it is to escape."""


class Marks:
    """The marks that one keeper gives. Made before its guard and the keeper part, so that both know them."""

    def __init__(self) -> None:
        self._first = (1 << 60) + (int.from_bytes(os.urandom(4), "big") << _SERIALS)
        self._next = 0

    @property
    def all(self) -> range:
        """Every mark that may have been given."""
        return range(self._first, self._first + (1 << _SERIALS))

    def new(self) -> int:
        """A mark that no living process has."""
        mark = self._first + self._next
        self._next = (self._next + 1) % (1 << _SERIALS)
        return mark


@contextmanager
def inherited(mark: int) -> Iterator[None]:
    """A child that is forked meanwhile has `mark` from its first moment, so that nothing can slip away before."""
    before = resource.getrlimit(resource.RLIMIT_RTTIME)
    resource.setrlimit(resource.RLIMIT_RTTIME, (mark, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_RTTIME, before)


def signal_marked(marks: Container[int], *numbers: signal.Signals) -> set[int]:
    """Send `numbers` to every process with one of `marks`, and to those that are born meanwhile.

    Gives back the marks that were seen. Zombies have theirs until they are reaped.
    """
    told: dict[int, int] = {}
    for _ in range(_ROUNDS):
        new = {pid: mark for pid, mark in _marked(marks) if pid not in told}
        if not new:
            break
        for pid, mark in new.items():
            _signal(pid, mark, numbers)
        told |= new
    return set(told.values())


def _marked(marks: Container[int]) -> Iterator[tuple[int, int]]:
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit() and (mark := _mark(int(entry.name))) in marks:
                yield int(entry.name), mark


def _signal(pid: int, mark: int, numbers: tuple[signal.Signals, ...]) -> None:
    # The number may belong to somebody else by now: first a process is held, and then asked for its mark.
    with suppress(ProcessLookupError, PermissionError):
        held = os.pidfd_open(pid)
        try:
            if _mark(pid) == mark:
                for number in numbers:
                    signal.pidfd_send_signal(held, number)
        finally:
            os.close(held)


def _mark(pid: int) -> int:
    try:
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[0]
    except (ProcessLookupError, PermissionError):  # ended meanwhile, or another user's
        return -1
