"""Into the background, and out of the terminal's reach, without a library: two forks, and a word when it is ready.

start ── fork ── setsid ── fork ── the daemon's guard
  └ waits for `ready`, or for the line that says why not
"""

import os
import select
import sys
import time
from collections.abc import Callable

READY = b"ready\n"
STARTING = 20.0
"""Seconds in which a daemon listens; it takes a quarter of one."""
Say = Callable[[bytes], None]
"""Tells whoever waits; nobody may wait any more."""


def detached(work: Callable[[Say], int]) -> str | None:
    """Do `work` in the background. None once it has said `READY`, else why it has not. Returns in the parent alone."""
    read, write = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(read)
        _become_background(work, write)
    os.close(write)
    os.waitpid(first, 0)
    try:
        said = _hear(read)
    finally:
        os.close(read)
    return None if said == READY else said.decode(errors="replace").strip() or "it ended without a word"


def _become_background(work: Callable[[Say], int], write: int) -> None:
    """Never returns."""
    code = 1
    try:
        os.setsid()
        if os.fork():
            code = 0
            return
        os.chdir("/")  # a directory that is somebody's work must stay free to be removed
        sys.stdout.flush()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        os.close(nowhere)
        code = work(lambda said: _say(write, said))
    finally:
        os._exit(code)


def _say(write: int, said: bytes) -> None:
    try:
        os.write(write, said)
        os.close(write)
    except OSError:  # told before, or nobody listens any more
        return


def _hear(read: int) -> bytes:
    deadline, said = time.monotonic() + STARTING, b""
    while not said.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([read], [], [], left)[0]:
            return said or f"it did not listen within {STARTING:g} s".encode()
        data = os.read(read, 4096)
        if not data:
            break
        said += data
    return said
