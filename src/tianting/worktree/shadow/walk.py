"""Looks at every name of a work tree, and says which folders are not as they were; contents are not read.

A file is as it was when kind, permissions, inode, size and time of change are; nobody can set that time. One that
changed within a moment of the former walk may have changed again unseen, so it counts as changed. Where a folder's
own time is old, its list of names is not read again: of ten thousand files this spares a third of the time.
"""

import os
import stat
import time
from typing import Literal

from msgspec import Struct

from tianting.protocol.errors import CheckpointError
from tianting.worktree.shadow.limits import Coverage

Stamp = tuple[int, int, int, int]
"""Mode, inode, size and time of change in ns; at folders the time of modification stands in the place of the size."""

LeftOut = Literal["dependency", "git", "special", "other file system", "unreadable", "too large", "budget", "our own"]

LEFTOVER = b".tianting-restore."
"""How a file begins that a restore was about to put in place when it was killed."""
_SAME_MOMENT = 100_000_000
"""Nanoseconds. File systems tell time in steps, of 10 ms at most on those of today."""


class Folder(Struct, frozen=True, eq=False, array_like=True):
    """One folder, as it was when it was looked at."""

    stamp: Stamp
    files: dict[bytes, Stamp]
    """Files and links that may be kept."""
    folders: list[bytes]
    left_out: dict[bytes, LeftOut]
    """An empty name stands for the folder itself."""


class Walk(Struct, frozen=True, eq=False, array_like=True):
    """All folders by their path below the root; the root's is empty. What is equal to the former walk is the same."""

    started: int
    """In ns since 1970."""
    folders: dict[bytes, Folder]
    leftovers: tuple[bytes, ...] = ()
    """Paths of files that begin with `LEFTOVER`."""

    def may_have_missed(self, stamp: Stamp) -> bool:
        """Whether a file with `stamp` may have changed after it was read, and look the same."""
        return stamp[3] >= self.started - _SAME_MOMENT


def walk(root: bytes, coverage: Coverage, *, own: bytes = b"", former: Walk | None = None, thorough: bool) -> Walk:
    """Look at the tree at `root`; a missing one is empty. `own` is a folder of ours that may lie in it.

    `thorough` reads every list of names, for file systems whose folders' times cannot be trusted.
    Raises `CheckpointError` for a tree that is too large, and `OSError` when its root cannot be reached.
    """
    walker = _Walker(root, coverage, own, former)
    try:
        walker.run(thorough=thorough)
    except _TooManyFilesError:
        raise CheckpointError(
            f"{os.fsdecode(root)} holds more than {coverage.files} files: undo is off. Start in a project's folder."
        ) from None
    return Walk(walker.started, walker.folders, tuple(walker.leftovers))


class _TooManyFilesError(Exception):
    pass


class _Walker:
    def __init__(self, root: bytes, coverage: Coverage, own: bytes, former: Walk | None) -> None:
        self.started = time.time_ns()
        self.folders: dict[bytes, Folder] = {}
        self.leftovers: list[bytes] = []
        self._root = root
        self._coverage = coverage
        self._names_left_out = {os.fsencode(name) for name in coverage.left_out}
        self._own = own
        self._former = former.folders if former else {}
        self._settled = former.started - _SAME_MOMENT if former else 0
        """Changes before this moment were seen by the former walk."""
        self._files = 0
        self._device = -1

    def run(self, *, thorough: bool) -> None:
        waiting = [b""]
        while waiting:
            path = waiting.pop()
            folder = self._folder(path, thorough=thorough)
            if folder is None:
                continue
            self.folders[path] = folder
            self._files += len(folder.files)
            if self._files > self._coverage.files:
                raise _TooManyFilesError
            prefix = path + b"/" if path else b""
            waiting += [prefix + name for name in folder.folders]

    def _folder(self, path: bytes, *, thorough: bool) -> Folder | None:
        """The folder at `path`; None when it went away."""
        place = self._root + b"/" + path if path else self._root
        try:
            facts = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not path:
            self._device = facts.st_dev
        stamp = (facts.st_mode, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)
        former = self._former.get(path)
        if former is None:
            return self._listed(place, path, stamp)
        if not thorough and former.stamp == stamp and stamp[3] < self._settled and self._unchanged(place, former):
            return former
        listed = self._listed(place, path, stamp)
        return former if listed is not None and self._is_same(listed, former) else listed

    def _unchanged(self, place: bytes, former: Folder) -> bool:
        """Whether the files that were in a folder are as they were. The hot path: it runs for every file."""
        prefix, lstat, settled = place + b"/", os.lstat, self._settled
        try:
            for name, was in former.files.items():
                facts = lstat(prefix + name)
                now = (facts.st_mode, facts.st_ino, facts.st_size, facts.st_ctime_ns)
                if now != was or was[3] >= settled:
                    return False
        except OSError:
            return False
        return True

    def _is_same(self, listed: Folder, former: Folder) -> bool:
        return (
            listed.files == former.files
            and listed.stamp == former.stamp
            and listed.left_out == former.left_out
            and set(listed.folders) == set(former.folders)
            and all(was[3] < self._settled for was in former.files.values())
        )

    def _listed(self, place: bytes, path: bytes, stamp: Stamp) -> Folder | None:
        if not stat.S_ISDIR(stamp[0]):
            return None
        folder = Folder(stamp, {}, [], {})
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    self._sort_in(entry, path, folder)
        except FileNotFoundError:
            return None
        except OSError:
            folder.left_out[b""] = "unreadable"
        return folder

    def _sort_in(self, entry: "os.DirEntry[bytes]", path: bytes, folder: Folder) -> None:
        name = entry.name
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError:
            folder.left_out[name] = "unreadable"
            return
        if name.startswith(LEFTOVER):
            self.leftovers.append(path + b"/" + name if path else name)
        elif reason := self._reason(entry, facts):
            folder.left_out[name] = reason
        elif stat.S_ISDIR(facts.st_mode):
            folder.folders.append(name)
        else:
            folder.files[name] = (facts.st_mode, facts.st_ino, facts.st_size, facts.st_ctime_ns)

    def _reason(self, entry: "os.DirEntry[bytes]", facts: os.stat_result) -> LeftOut | None:
        """Why a name is left out, if it is."""
        if entry.name == b".git":
            return "git"
        if stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode):
            return None
        if not stat.S_ISDIR(facts.st_mode):
            return "special"
        if entry.name in self._names_left_out:
            return "dependency"
        if facts.st_dev != self._device:
            return "other file system"
        return "our own" if entry.path == self._own else None
