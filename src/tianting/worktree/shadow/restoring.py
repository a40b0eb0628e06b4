"""Makes a work tree what it was: put away what must go, make folders, put files in place, set folders' modes.

Each step is whole or not done, so a restore that is killed leaves a tree from which the next one goes on. Nothing
is overwritten or removed that the checkpoint just taken does not hold: what changed since, what was left out, and
what stands in the way unseen is refused, and named. No symlink is followed on the way to a file.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from tianting.protocol.errors import CheckpointError
from tianting.worktree.shadow.comparison import Difference
from tianting.worktree.shadow.objects import ObjectReader
from tianting.worktree.shadow.snapshot import Snapshot, parent
from tianting.worktree.shadow.trees import TreeEntry
from tianting.worktree.shadow.walk import LEFTOVER, LeftOut

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PERMISSIONS = 0o7777


class Refusal(Struct, frozen=True, kw_only=True):
    """A path that a restore left as it is."""

    path: str
    reason: str


def give_back(
    root: bytes,
    differences: Sequence[Difference],
    present: Snapshot,
    left_out_then: Mapping[bytes, LeftOut],
    reader: ObjectReader,
) -> list[Refusal]:
    """Carry out `differences`, which lead from `present`, taken just now, to the state that is wanted.

    `left_out_then` is what that state does not hold although it was there. Everything that can be done is done.
    """
    with _Tree(root) as tree:
        restoring = _Restoring(tree, present, left_out_then, reader)
        restoring.clear(present.walk.leftovers)
        restoring.run(differences)
        return restoring.refusals


def shown(path: bytes) -> str:
    """A path for people and for JSON, whatever its bytes."""
    return path.decode("utf-8", "backslashreplace")


class _RefusedError(Exception):
    """`str(error)` is the reason, for a person."""


class _Restoring:
    def __init__(
        self, tree: "_Tree", present: Snapshot, left_out_then: Mapping[bytes, LeftOut], reader: ObjectReader
    ) -> None:
        self.refusals: list[Refusal] = []
        self._tree = tree
        self._present = present
        self._left_out_then = left_out_then
        self._reader = reader

    def clear(self, leftovers: Iterable[bytes]) -> None:
        """Remove what a killed restore left beside the files it was to replace."""
        for path in leftovers:
            self._try(path, self._tree.unlink, path)

    def run(self, differences: Sequence[Difference]) -> None:
        for difference in reversed(differences):  # what is in a folder goes before the folder
            if difference.after is None:
                self._try(difference.path, self._remove, difference)
        for difference in differences:
            if difference.after is not None:
                self._try(difference.path, self._put, difference, difference.after)
        self._tree.relock()
        for difference in reversed(differences):  # a folder that is closed again must be full by then
            if difference.after is not None and difference.after.is_folder:
                self._try(difference.path, self._tree.set_folder_mode, difference.path, difference.after.mode)

    def _try(self, path: bytes, step: Callable[..., None], *arguments: object) -> None:
        try:
            step(*arguments)
        except (_RefusedError, CheckpointError) as refused:
            self.refusals.append(Refusal(path=shown(path), reason=str(refused)))
        except OSError as error:
            self.refusals.append(Refusal(path=shown(path), reason=error.strerror or str(error)))

    def _remove(self, difference: Difference) -> None:
        if any(path in self._left_out_then for path in _upwards(difference.path)):
            raise _RefusedError("It was there and not covered then, so it stays.")
        if difference.is_folder:
            self._remove_folder(difference.path)
        else:
            self._require_unchanged(difference.path)
            self._tree.unlink(difference.path)

    def _remove_folder(self, path: bytes) -> None:
        try:
            self._tree.rmdir(path)
        except FileNotFoundError:
            return
        except OSError as error:
            # Not empty: what is in it is left out of checkpoints, or came just now.
            raise _RefusedError("It holds what checkpoints do not cover, so it stays.") from error

    def _put(self, difference: Difference, after: TreeEntry) -> None:
        if after.is_folder:
            if difference.before is None:
                self._tree.mkdir(difference.path)
            return
        if difference.before is None:
            self._require_nothing_there(difference.path)
        else:
            self._require_unchanged(difference.path)
        self._tree.put(difference.path, after, self._reader.read(after.id))

    def _require_unchanged(self, path: bytes) -> None:
        folder = self._present.walk.folders.get(parent(path))
        seen = folder.files.get(path.rpartition(b"/")[2]) if folder else None
        facts = self._tree.lstat(path)
        if facts is None:
            return
        if seen != (facts.st_mode, facts.st_ino, facts.st_size, facts.st_ctime_ns):
            raise _RefusedError("It was changed this very moment, so it stays.")

    def _require_nothing_there(self, path: bytes) -> None:
        if self._tree.lstat(path) is not None:
            raise _RefusedError("What is there now is not covered by checkpoints: move it away first.")


class _Tree:
    """A work tree that is entered folder by folder from its root, so that no link leads out of it."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._open: dict[bytes, int] = {}
        self._unlocked: dict[bytes, int] = {}
        """Folders that had to be made writable, and their modes."""

    def __enter__(self) -> "_Tree":
        os.makedirs(self._root, exist_ok=True)  # noqa: PTH103 - names of any bytes
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def lstat(self, path: bytes) -> os.stat_result | None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._folder_of(path) as (folder, name):
            return os.lstat(name, dir_fd=folder)
        return None

    def unlink(self, path: bytes) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._do(path, lambda folder, name: os.unlink(name, dir_fd=folder))

    def rmdir(self, path: bytes) -> None:
        self._close()  # nothing may hold it
        self._do(path, lambda folder, name: os.rmdir(name, dir_fd=folder))

    def mkdir(self, path: bytes) -> None:
        with contextlib.suppress(FileExistsError):
            self._do(path, lambda folder, name: os.mkdir(name, 0o700, dir_fd=folder))

    def put(self, path: bytes, entry: TreeEntry, content: bytes) -> None:
        """Put a file or a link in place, in one step."""
        self._do(path, lambda folder, name: _put_whole(folder, name, entry, content))

    def set_folder_mode(self, path: bytes, mode: int) -> None:
        if path:
            with self._folder_of(path) as (folder, name):
                descriptor = os.open(name, _FOLDER, dir_fd=folder)
        else:
            descriptor = os.open(self._root, _FOLDER)
        try:
            if os.fstat(descriptor).st_mode != mode:
                os.fchmod(descriptor, mode & _PERMISSIONS)
        finally:
            os.close(descriptor)

    def relock(self) -> None:
        """Give folders that had to be opened the modes they had."""
        for path, mode in self._unlocked.items():
            with contextlib.suppress(OSError):
                self.set_folder_mode(path, mode)

    def _do(self, path: bytes, step: Callable[[int, bytes], None]) -> None:
        """Do it in the folder of `path`; where that folder is closed to writing, open it for the time being."""
        with self._folder_of(path) as (folder, name):
            try:
                step(folder, name)
            except PermissionError:
                mode = os.fstat(folder).st_mode
                os.fchmod(folder, mode & _PERMISSIONS | 0o700)
                self._unlocked.setdefault(parent(path), mode)
                step(folder, name)

    @contextlib.contextmanager
    def _folder_of(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        yield self._entered(parent(path)), path.rpartition(b"/")[2]

    def _entered(self, path: bytes) -> int:
        """A descriptor of the folder `path`. The last one stays open: neighbours come one after the other."""
        if path not in self._open:
            self._close()
            self._open[path] = self._enter(path)
        return self._open[path]

    def _enter(self, path: bytes) -> int:
        descriptor = os.open(self._root, _FOLDER)
        for name in path.split(b"/") if path else ():
            outer = descriptor
            try:
                descriptor = os.open(name, _FOLDER, dir_fd=outer)
            finally:
                os.close(outer)
        return descriptor

    def _close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])


def _put_whole(folder: int, name: bytes, entry: TreeEntry, content: bytes) -> None:
    temporary = LEFTOVER + os.urandom(6).hex().encode()
    try:
        if entry.is_link:
            os.symlink(content, temporary, dir_fd=folder)
        else:
            _write_new(folder, temporary, stat.S_IMODE(entry.mode), content)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _write_new(folder: int, name: bytes, mode: int, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)


def _upwards(path: bytes) -> Iterator[bytes]:
    """`a/b/c`, `a/b`, `a`, and the root."""
    while path:
        yield path
        path = parent(path)
    yield path
