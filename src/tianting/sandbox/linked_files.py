"""Tells which files of some places have other names too: a rule about `.env` must hold for `hard`, if that is the same
file, and only the file system knows.
"""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec import Struct

Identity = tuple[int, int]
"""What a file is, by whatever name: its device, and its number there."""
MAX_ENTRIES = 200_000
"""Looked at in one search."""
MAX_TIME = 0.25
"""Seconds for one search: nearly no project has such files, so nearly no command waits for it."""


class LinkedFiles(Struct, frozen=True):
    """The files of some places that have more than one name."""

    names: dict[Identity, tuple[str, ...]] = {}
    """Those of their names that lie in these places."""
    complete: bool = True
    """Everything there was looked at."""


def identity(path: str) -> Identity:
    """What stands at `path` itself, links not followed. Raises `OSError`."""
    facts = os.lstat(path)
    return facts.st_dev, facts.st_ino


def linked_files(places: Iterable[str], *, max_entries: int = MAX_ENTRIES, max_time: float = MAX_TIME) -> LinkedFiles:
    """Look at `places`, and at all that is in those which are directories."""
    end = time.monotonic() + max_time
    waiting = list(places)
    found: dict[Identity, tuple[str, ...]] = {}
    for looked_at, path in enumerate(waiting):
        if looked_at >= max_entries or time.monotonic() > end:
            return LinkedFiles(found, complete=False)
        try:
            facts = os.lstat(path)
            # Nothing is listed that nobody would come to look at.
            room = max(max_entries + 1 - len(waiting), 0)
            waiting += islice(_entries(path), room) if stat.S_ISDIR(facts.st_mode) and room else ()
        except (OSError, ValueError):  # not there, or not ours to read, or no name at all
            continue
        if facts.st_nlink > 1 and not stat.S_ISDIR(facts.st_mode):
            key = (facts.st_dev, facts.st_ino)
            found[key] = (*found.get(key, ()), path)
    return LinkedFiles(found)


def _entries(directory: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            yield entry.path
