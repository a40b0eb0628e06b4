"""Several files or none: changes are carried out in order, and a failure takes back those before it.

refuse the protected -> keep a second link to each -> write and delete -> drop the links, or put them back
"""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from tianting.plumbing.atomic_file import write_atomically
from tianting.tools.contract import ToolFailed

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


def carry_out(changes: Sequence[FileChange], shown: Callable[[Path], str]) -> None:
    """Make all of `changes`, at most one for a path. Raises `ToolFailed`; then everything is as it was."""
    for change in changes:
        _refuse_protected(change, shown)
    undo = _Undo()
    for change in changes:
        try:
            _carry_out(change, undo, alone=len(changes) == 1)
        except OSError as error:
            undo.run()
            raise ToolFailed(_advice(shown(change.path), error)) from error
        except BaseException:
            undo.run()
            raise
    undo.forget()


def _refuse_protected(change: FileChange, shown: Callable[[Path], str]) -> None:
    """Replacing a file needs no right to write it, only one for its directory; so the bits are asked first."""
    try:
        mode = change.place.stat().st_mode
    except OSError:
        return
    if not mode & 0o222 or not os.access(change.place, os.W_OK):
        raise ToolFailed(
            f"{shown(change.path)} is write-protected (mode {mode & 0o777:o}); nothing was changed. "
            f"If it may be changed, run chmod u+w on it first."
        )


def _carry_out(change: FileChange, undo: "_Undo", *, alone: bool) -> None:
    place = change.place
    if change.data is None:
        undo.keep(place)
        place.unlink()
        return
    undo.make_directories(place.parent)
    if not place.exists():
        undo.added(place)
    elif not alone:  # one atomic write needs no way back
        undo.keep(place)
    write_atomically(place, change.data)
    if change.mode is not None:
        place.chmod(change.mode)


class _Undo:
    """The way back. Second links need no room, so it works on a full disk too."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self._links: list[Path] = []

    def keep(self, place: Path) -> None:
        link = place.parent / f".{os.getpid()}.{os.urandom(8).hex()}.kept"
        self._links.append(link)
        try:
            os.link(place, link, follow_symlinks=False)
        except OSError:  # a file system without hard links
            _copy(place, link)
        self._steps.append(lambda: link.replace(place))

    def added(self, place: Path) -> None:
        self._steps.append(lambda: place.unlink(missing_ok=True))

    def make_directories(self, directory: Path) -> None:
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._steps.append(path.rmdir)

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
                link.unlink(missing_ok=True)


def _copy(source: Path, copy: Path) -> None:
    facts = source.stat()
    write_atomically(copy, source.read_bytes())
    copy.chmod(facts.st_mode & 0o7777)
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _advice(shown: str, error: OSError) -> str:
    return f"Cannot write {shown}: {error.strerror}. Nothing was changed; the user must mend that first."
