"""Asks git which files the project ignores: they are mostly products, and kept within narrower limits."""

import os
import subprocess
from collections.abc import Iterable

_TIMEOUT = 30.0
"""Seconds."""
# Asking must not run what the repository brings along, nor take its lock.
_CHECK_IGNORE = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "check-ignore", "-z", "--stdin")


def ignored_by_git(root: bytes, paths: Iterable[bytes]) -> frozenset[bytes]:
    """Which of `paths`, relative to `root`, are ignored. None are where git is missing, slow, or knows no repository.

    Tracked files never are. Paths in nested repositories make git give up, so leave them out.
    """
    try:
        done = subprocess.run(
            (*_CHECK_IGNORE,),
            cwd=root,
            input=b"".join(b"./" + path + b"\0" for path in paths),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    return frozenset(path.removeprefix(b"./") for path in done.stdout.split(b"\0") if path)
