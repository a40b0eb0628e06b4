"""Several files or none: changes are carried out in order, and a failure takes back those before it.

hold the directories -> refuse the protected -> keep a second link to each -> write and delete -> drop the links, or
put them back

All of it happens in directories held open: see `held_directories`.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from tianting.plumbing.atomic_file import replace_in
from tianting.tools.contract import ToolFailed
from tianting.tools.editing.held_directories import Entry, HeldDirectories

log = logging.getLogger(__name__)


class FileChange(Struct, frozen=True, kw_only=True):
    """What shall stand at `path`. Missing directories are made, symlinks are written through."""

    path: Path
    data: bytes | None
    """None deletes; a symlink itself then, not what it points to."""
    mode: int | None = None
    """Permission bits of a new file; one that stands there keeps its own."""

    @property
    def place(self) -> Path:
        """Where the bytes really change."""
        return self.path if self.data is None else Path(os.path.realpath(self.path))


def carry_out(changes: Sequence[FileChange], shown: Callable[[Path], str]) -> list[os.stat_result | None]:
    """Make all of `changes`, at most one for a path. Raises `ToolFailed`; then everything is as it was.

    Returns the facts of each file as it was left; None for one that is gone. Its path may lead elsewhere by now.
    """
    with HeldDirectories() as directories:
        entries = [_permitted(change, directories, shown) for change in changes]
        undo, left = _Undo(), list[os.stat_result | None]()
        for change, entry in zip(changes, entries, strict=True):
            try:
                reached = directories.made(entry, undo.made_directory)
                left.append(_carry_out(change, reached, undo, alone=len(changes) == 1))
            except OSError as error:
                undo.run()
                raise _unwritable(change, shown, error) from error
            except BaseException:
                undo.run()
                raise
        undo.forget()
    return left


def _permitted(change: FileChange, directories: HeldDirectories, shown: Callable[[Path], str]) -> Entry:
    try:
        entry = directories.entry(change.place, change.path)
        _refuse_protected(entry, shown(change.path))
    except OSError as error:
        raise _unwritable(change, shown, error) from error
    return entry


def _refuse_protected(entry: Entry, shown: str) -> None:
    """Replacing a file needs no right to write it, only one for its directory; so the bits are asked first."""
    facts = entry.facts()
    if facts is None or stat.S_ISLNK(facts.st_mode):
        return
    if not facts.st_mode & 0o222 or not os.access(entry.name, os.W_OK, dir_fd=entry.directory):
        raise ToolFailed(
            f"{shown} is write-protected (mode {facts.st_mode & 0o777:o}); nothing was changed. "
            f"If it may be changed, run chmod u+w on it first."
        )


def _carry_out(change: FileChange, entry: Entry, undo: "_Undo", *, alone: bool) -> os.stat_result | None:
    if change.data is None:
        undo.keep(entry)
        os.unlink(entry.name, dir_fd=entry.directory)
        return None
    if entry.facts() is None:
        undo.added(entry)
    elif not alone:  # one atomic write needs no way back
        undo.keep(entry)
    return replace_in(entry.directory, entry.name, change.data, bits=change.mode)


class _Undo:
    """The way back. Second links need no room, so it works on a full disk too."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self._links: list[Entry] = []

    def keep(self, entry: Entry) -> None:
        directory, name, link = entry.directory, entry.name, f".{os.getpid()}.{os.urandom(8).hex()}.kept"
        self._links.append(Entry(directory=directory, name=link))
        try:
            os.link(name, link, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except OSError:  # a file system without hard links
            _copy(entry, link)
        self._steps.append(lambda: os.replace(link, name, src_dir_fd=directory, dst_dir_fd=directory))

    def added(self, entry: Entry) -> None:
        self._steps.append(lambda: _remove(entry))

    def made_directory(self, above: int, name: str) -> None:
        self._steps.append(lambda: os.rmdir(name, dir_fd=above))

    def run(self) -> None:
        for step in reversed(self._steps):
            try:
                step()
            except OSError:  # the other files are still worth putting back
                log.exception("a change could not be taken back")
        self.forget()

    def forget(self) -> None:
        for link in self._links:
            with contextlib.suppress(OSError):
                _remove(link)


def _remove(entry: Entry) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(entry.name, dir_fd=entry.directory)


def _copy(entry: Entry, copy: str) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    source = os.open(entry.name, flags, dir_fd=entry.directory)
    with os.fdopen(source, "rb") as file:
        facts, data = os.fstat(source), file.read()
    replace_in(entry.directory, copy, data, bits=facts.st_mode & 0o7777)
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns), dir_fd=entry.directory, follow_symlinks=False)


def _unwritable(change: FileChange, shown: Callable[[Path], str], error: OSError) -> ToolFailed:
    return ToolFailed(
        f"Cannot write {shown(change.path)}: {error.strerror}. Nothing was changed; the user must mend that first."
    )
