"""Keeps the directories open in which files change, so that a link laid in place of one leads no change astray.

the nearest directory that is there -> is it where the change was permitted? -> the missing ones below, one by one
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from tianting.plumbing.atomic_file import DIRECTORY
from tianting.plumbing.descriptor_path import path_of
from tianting.tools.permitted_places import require_permitted


class Entry(Struct, frozen=True, kw_only=True):
    """A name in an open directory."""

    directory: int
    """Its descriptor, open as long as the `HeldDirectories` it comes from."""
    missing: tuple[str, ...] = ()
    """Directories below, on the way to the name, that were not there."""
    name: str

    def facts(self) -> os.stat_result | None:
        """Of what has the name, a link itself; None for nothing. Raises `OSError`."""
        if self.missing:
            return None
        try:
            return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None


class HeldDirectories:
    """Opens each directory once, and closes all at the end of a `with` block."""

    def __init__(self) -> None:
        self._open: dict[tuple[int | None, str], int] = {}

    def __enter__(self) -> "HeldDirectories":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def entry(self, place: Path, asked: Path) -> Entry:
        """Find `place`, asked for as `asked`. Raises `OSError`, and `ToolFailed` for what was not permitted."""
        directory, missing = self._nearest(place.parent)
        real = os.path.join(path_of(directory), *missing, place.name)  # noqa: PTH118  plain text for a comparison
        require_permitted(real, asked)
        return Entry(directory=directory, missing=missing, name=place.name)

    def made(self, entry: Entry, made: Callable[[int, str], None]) -> Entry:
        """The same entry behind its missing directories. `made` is told of each new one: where it is, its name.

        Raises `OSError`: for a link that has come into the way, too.
        """
        directory = entry.directory
        for name in entry.missing:
            try:
                os.mkdir(name, dir_fd=directory)
                made(directory, name)
            except FileExistsError:
                pass  # another change has made it, or opening it will tell
            directory = self._held(directory, name)
        return Entry(directory=directory, name=entry.name)

    def _nearest(self, directory: Path) -> tuple[int, tuple[str, ...]]:
        missing: tuple[str, ...] = ()
        while True:
            try:
                return self._held(None, str(directory)), missing
            except (FileNotFoundError, NotADirectoryError):
                missing = (directory.name, *missing)
                directory = directory.parent

    def _held(self, above: int | None, name: str) -> int:
        """A single name is no link. Links in a whole path are followed: it is compared afterwards."""
        key = (above, name)
        if key not in self._open:
            flags = DIRECTORY if above is None else DIRECTORY | os.O_NOFOLLOW
            self._open[key] = os.open(name, flags, dir_fd=above)
        return self._open[key]
