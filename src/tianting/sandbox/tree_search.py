"""Finds what patterns name below a directory, for each command anew: a file that came meanwhile must be hidden, too.

A directory that did not change is not read again: its time of change is asked, and the rest remembered.
"""

import os
import re
import time
from collections.abc import Iterator

from msgspec import Struct

from tianting.sandbox.linked_files import Identity, identity

MAX_ENTRIES = 20_000
"""Looked at for one command."""
MAX_TIME = 0.05
"""Seconds for one command."""
_SETTLED = 50_000_000
"""Nanoseconds: what changed so shortly before it was read may have changed once more within one tick of the clock."""
_PASSED_OVER = frozenset({".git"})
"""Large, and read by git and not by name."""


class Search(Struct, frozen=True):
    """What to find where, by absolute paths."""

    top: str
    named: re.Pattern[str]
    directories: re.Pattern[str]
    """What is named only if it is a directory."""
    depth: int | None = None
    """Levels below `top`; None for all."""
    files: frozenset[Identity] = frozenset()
    """What is found by whatever name, be it in a directory that is passed over otherwise."""


class _Level(Struct, frozen=True):
    """One directory as it was read."""

    changed: int
    size: int
    """How many entries."""
    found: tuple[str, ...]
    below: tuple[str, ...]
    """Directories to go on in: what is found is found whole."""


class TreeSearch:
    """Remembers every directory it read."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._levels: dict[str, _Level] = {}
        self.left_out: str = ""
        """The first directory that the last search did not come to; empty where it came to all."""

    def paths(self, *, max_entries: int = MAX_ENTRIES, max_time: float = MAX_TIME) -> Iterator[str]:
        """Every path that is named, links not followed. What is near the top comes first."""
        self.left_out = ""
        waiting, end = [(self._search.top, 0)], time.monotonic() + max_time
        for directory, depth in waiting:
            if max_entries <= 0 or time.monotonic() > end:
                self.left_out = directory
                return
            level = self._level(directory)
            max_entries -= level.size
            yield from level.found
            if self._search.depth is None or depth + 1 < self._search.depth:
                waiting += [(path, depth + 1) for path in level.below]

    def _level(self, directory: str) -> _Level:
        try:
            changed = os.stat(directory).st_mtime_ns  # noqa: PTH116 - asked for thousands of directories
            known = self._levels.get(directory)
            if known is None or known.changed != changed:
                known = self._read(directory, changed)
        except OSError:  # gone, or not ours to read: nor the command's
            return _Level(0, 1, (), ())
        if time.time_ns() - changed > _SETTLED:
            self._levels[directory] = known
        return known

    def _read(self, directory: str, changed: int) -> _Level:
        search, found, below, size = self._search, [], [], 0
        with os.scandir(directory) as entries:
            for entry in entries:
                size += 1
                is_directory = entry.is_dir(follow_symlinks=False)
                if self._is_meant(entry.path, is_directory=is_directory):
                    found.append(entry.path)
                elif is_directory and (entry.name not in _PASSED_OVER or search.files):
                    below.append(entry.path)
        return _Level(changed, size, tuple(sorted(found)), tuple(sorted(below)))

    def _is_meant(self, path: str, *, is_directory: bool) -> bool:
        search = self._search
        if search.named.fullmatch(path) or (is_directory and search.directories.fullmatch(path)):
            return True
        # A new name changes its directory, so what is remembered holds for this, too.
        return bool(search.files) and not is_directory and identity(path) in search.files
