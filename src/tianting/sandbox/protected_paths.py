"""Watches protected paths that do not exist yet: nothing can be mounted over nothing, so they are put right afterwards.

A mount point made for the purpose would leave an empty `.git/hooks` or `.vscode` in every project.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

SUFFIX = ".blocked-by-sandbox"


class ProtectedPaths:
    """What stood at some paths before a command, and how to get back there."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._before = {path: _link(path) for path in paths}

    def restore(self) -> tuple[str, ...]:
        """Move aside what came to stand there meanwhile. Returns those paths; nothing is ever deleted."""
        return tuple(path for path, before in self._before.items() if _restored(path, before))


def _restored(path: str, before: str | None) -> bool:
    if _link(path) == before and (before is not None or not os.path.lexists(path)):
        return False
    with contextlib.suppress(OSError):
        if os.path.lexists(path):
            Path(path).rename(f"{path}{SUFFIX}-{os.urandom(2).hex()}")
        if before is not None:
            Path(path).symlink_to(before)
        return True
    return False


def _link(path: str) -> str | None:
    try:
        return str(Path(path).readlink())
    except OSError:
        return None
