"""What native windows of these tests run; a keeper imports it as its image."""

import json
import os
import random
import signal
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

warmed: list[int] = []

RESERVED = 0b11 << 31
"""Signals 32 and 33 belong to the C library: some programs leave them ignored, and nobody may set them."""


def warm() -> None:
    warmed.append(os.getpid())


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int | None:
    return WAYS[argv[0]](argv[1:], environment)


def echo(_words: Sequence[str], _environment: Mapping[str, str]) -> None:
    while data := os.read(0, 65_536):
        os.write(1, data)


def leave(words: Sequence[str], _environment: Mapping[str, str]) -> int:
    return int(words[0])


def leave_by_exception(words: Sequence[str], _environment: Mapping[str, str]) -> int:
    raise {"exit": SystemExit(4), "words": SystemExit("enough"), "bug": ZeroDivisionError("a bug")}[words[0]]


def tell(_words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Everything that a window could have inherited."""
    mask = os.umask(0)
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {
        "environment": dict(environment),
        "os.environ": dict(os.environ),
        "warmed before": warmed != [os.getpid()] and len(warmed) == 1,
        "cwd": str(Path.cwd()),
        "descriptors": _descriptors(),
        "log mode": stat.S_IMODE(os.fstat(2).st_mode),
        "umask": mask,
        "leads": os.getsid(0) == os.getpgrp() == os.getpid(),
        "blocked": int(status["SigBlk"], 16),
        "ignored": int(status["SigIgn"], 16) & ~RESERVED,
        "python ignores": sorted(n for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN),
        "random": random.random(),
    }
    sys.stdout.write(json.dumps(facts))


def defy(_words: Sequence[str], _environment: Mapping[str, str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(1, b"deaf\n")
    while True:
        time.sleep(60)


def _descriptors() -> list[int]:
    """But the one that reads the list."""
    with os.scandir("/proc/self/fd") as entries:
        return sorted(int(entry.name) for entry in entries)[:-1]


WAYS: dict[str, Callable[[Sequence[str], Mapping[str, str]], int | None]] = {
    "echo": echo,
    "leave": leave,
    "raise": leave_by_exception,
    "tell": tell,
    "defy": defy,
}

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ))
