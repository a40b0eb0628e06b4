"""Watches protected paths that do not exist yet: nothing can be mounted over nothing, so they are put right afterwards.

A mount point made for the purpose would leave an empty `.git/hooks` or `.vscode` in every project.
"""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

SUFFIX = ".blocked-by-sandbox"
_SOMETHING = "\0"
"""No link leads there."""


class ProtectedPaths:
    """What stood at some paths before a command, and how to get back there."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._before = {path: _standing(path) for path in paths}

    def restore(self) -> tuple[str, ...]:
        """Move aside what came to stand there meanwhile. Returns those paths; nothing is ever deleted."""
        return tuple(path for path, before in self._before.items() if _restored(path, before))

    def forget(self) -> None:
        """Let what stands there stand from now on."""
        self._before = {}


def _restored(path: str, before: str) -> bool:
    now = _standing(path)
    if before in (now, _SOMETHING):
        return False
    with contextlib.suppress(OSError):
        if now:
            Path(path).rename(f"{path}{SUFFIX}-{os.urandom(2).hex()}")
        if before:
            Path(path).symlink_to(before)
        return True
    return False


def _standing(path: str) -> str:
    """Where a link leads, nothing where nothing stands, and no path for all else."""
    try:
        # Asked three times for every command: a `Path` would take four times as long.
        return os.readlink(path)  # noqa: PTH115
    except OSError as error:
        return "" if error.errno in (errno.ENOENT, errno.ENOTDIR) else _SOMETHING
