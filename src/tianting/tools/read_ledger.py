"""What the model has seen of which file, so that an edit never works on a memory that went stale."""

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

Freshness = Literal["unread", "fresh", "changed"]


class Seen(Struct, frozen=True, kw_only=True):
    """A file as it was when the model last saw or wrote it."""

    size: int
    mtime_ns: int
    whole: bool
    """False when only a part was shown: enough for an exact edit, not for overwriting the file."""


class FileChange(Struct, frozen=True, kw_only=True):
    """A file that is no longer as the model saw it."""

    path: Path
    is_gone: bool = False


class ReadLedger:
    """One per session; Read, Bash (`cat file`) and the editing tools keep it."""

    def __init__(self) -> None:
        self._seen: dict[Path, Seen] = {}
        self._told: dict[Path, tuple[int, int] | None] = {}

    def note(self, path: Path, *, whole: bool, facts: os.stat_result | None = None) -> None:
        """Remember `path` as it is on disk now, or as `facts` of the open file tell.

        A part never takes back a whole reading of the same content.
        """
        facts = facts or path.stat()
        former = self._seen.get(path)
        same = former is not None and (former.size, former.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
        whole = whole or (same and former is not None and former.whole)
        self._seen[path] = Seen(size=facts.st_size, mtime_ns=facts.st_mtime_ns, whole=whole)
        self._told.pop(path, None)

    def freshness(self, path: Path) -> Freshness:
        """Whether `path` is still as the model saw it. A missing file that was seen has changed."""
        seen = self._seen.get(path)
        if seen is None:
            return "unread"
        return "fresh" if _state(path) == (seen.size, seen.mtime_ns) else "changed"

    def saw_whole(self, path: Path) -> bool:
        """Whether all of `path` was shown, at its last reading."""
        seen = self._seen.get(path)
        return seen is not None and seen.whole

    def newly_changed(self) -> tuple[FileChange, ...]:
        """The files that changed or vanished since the model saw them, each change once."""
        changes: list[FileChange] = []
        for path, seen in self._seen.items():
            state = _state(path)
            if state == (seen.size, seen.mtime_ns):
                self._told.pop(path, None)
            elif path not in self._told or self._told[path] != state:
                self._told[path] = state
                changes.append(FileChange(path=path, is_gone=state is None))
        return tuple(changes)


def _state(path: Path) -> tuple[int, int] | None:
    """Size and time of the last change; None for a file that cannot be looked at."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
