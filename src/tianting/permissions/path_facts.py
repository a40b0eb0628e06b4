"""Looks at the file system for the judge: where links lead, how many names a file has, what a pattern matches.

The only module of this room that touches the disk. What it says can change before the call runs; the sandbox, not
the judge, holds against a program that races.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tianting.permissions.glob_words import shell_pattern
from tianting.permissions.questions import Place

MAX_MATCHES = 256
_MAX_LOOKS = 4_096


class LocalPaths:
    """`PathFacts` of this machine."""

    def __init__(self) -> None:
        self._real_directories: dict[str, str] = {}

    def for_one_call(self) -> "LocalPaths":
        """A view that looks at each directory once."""
        return LocalPaths()

    def place(self, path: str) -> Place:
        """Where `path` leads; a path that cannot be followed leads to itself."""
        try:
            return self._place(path)
        except (OSError, ValueError):
            return Place(os.path.normpath(path))

    def _place(self, path: str) -> Place:
        directory, _, name = path.rpartition("/")
        if name in {"", ".", ".."}:
            return _followed(path)
        real = f"{self._real_directories.get(directory) or self._real_directory(directory)}{name}"
        try:
            found = os.lstat(real)  # a third of the time of a `Path`, and asked for every word of a command
        except FileNotFoundError:
            return Place(real)
        if stat.S_ISLNK(found.st_mode):
            return _followed(path)
        return Place(real, _names_of(found))

    def _real_directory(self, directory: str) -> str:
        """Where `directory` leads, ending with a slash."""
        real = os.path.realpath(directory or "/")
        real = self._real_directories[directory] = real if real.endswith("/") else f"{real}/"
        return real

    def matches(self, pattern: str, *, prefix: str) -> tuple[str, ...] | None:
        """What the shell makes of `pattern`: one level a component, names with a dot only where a dot is written."""
        looks = iter(range(_MAX_LOOKS))
        found: list[str] = []
        for path in _walk(prefix, pattern[len(prefix) :].split("/"), looks):
            found.append(path)
            if len(found) > MAX_MATCHES:
                return None
        return None if next(looks, None) is None else tuple(found)


def _followed(path: str) -> Place:
    real = os.path.realpath(path)
    try:
        return Place(real, _names_of(os.lstat(real)))
    except OSError:
        return Place(real)


def _names_of(found: os.stat_result) -> int:
    """A directory has one name; its other links are its own `.` and its children's `..`."""
    return 1 if stat.S_ISDIR(found.st_mode) else found.st_nlink


def folds_case(directory: str) -> bool:
    """Whether the file system that holds `directory` takes upper for lower case."""
    swapped = directory.swapcase()
    try:
        return swapped != directory and Path(directory).samefile(swapped)
    except OSError:
        return False


def _walk(directory: str, components: list[str], looks: Iterator[int]) -> Iterator[str]:
    """Every path below `directory` that fits; stops when `looks` run out."""
    first, *rest = components
    if not first:
        if rest:
            yield from _walk(directory, rest, looks)
        elif Path(directory).is_dir():
            yield directory
        return
    expression = shell_pattern(first)
    for name in _names(directory, first):
        if next(looks, None) is None:
            return
        if expression.fullmatch(name) is None:
            continue
        path = f"{directory.rstrip('/')}/{name}"
        if not rest:
            yield path
        elif Path(path).is_dir():
            yield from _walk(path, rest, looks)


def _names(directory: str, component: str) -> list[str]:
    try:
        names = [entry.name for entry in Path(directory or "/").iterdir()]
    except OSError:
        return []
    return sorted([*names, ".", ".."] if component.startswith(".") else [name for name in names if name[0] != "."])
