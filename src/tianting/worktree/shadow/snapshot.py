"""From a walk to a stored tree: read what changed, write its contents, then the folders from the deepest up.

A checkpoint's root is a tree of two names: `files` is the work tree, `left-out` says what is not in it and why.
"""

import os
import stat
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from tianting.worktree.shadow.ignored import ignored_by_git
from tianting.worktree.shadow.limits import Coverage
from tianting.worktree.shadow.objects import ObjectStore
from tianting.worktree.shadow.trees import TreeEntry, encode_tree
from tianting.worktree.shadow.walk import Folder, LeftOut, Walk

FILES, LEFT_OUT = b"files", b"left-out"


class Contents(Struct, frozen=True, eq=False, array_like=True):
    """What is stored of one folder."""

    tree: bytes
    blobs: dict[bytes, bytes]
    left_out: dict[bytes, LeftOut]
    """Beyond what the walk left out."""
    ignored: frozenset[bytes]
    """Names in it that git ignores."""


class Snapshot(Struct, frozen=True, eq=False, array_like=True):
    """A work tree that is stored, and all that the next one needs in order to be cheap."""

    walk: Walk
    contents: dict[bytes, Contents]
    tree: bytes
    """Of the files alone: equal trees, equal files."""
    root: bytes
    """What a restore starts from."""

    def left_out(self) -> dict[bytes, LeftOut]:
        """Every path that is there and not stored."""
        found: dict[bytes, LeftOut] = {}
        for path, folder in self.walk.folders.items():
            for name, reason in (folder.left_out | self.contents[path].left_out).items():
                found[joined(path, name) if name else path] = reason
        return found


def snapshot(root: bytes, walk: Walk, former: Snapshot | None, store: ObjectStore, coverage: Coverage) -> Snapshot:
    """Store the tree that `walk` saw at `root`. What `former` has is not read again. Raises what the store raises."""
    changed = _changed(walk, former)
    if former is not None and not changed and walk.folders.keys() == former.walk.folders.keys():
        return Snapshot(walk, former.contents, former.tree, former.root)
    taking = _Taking(root, walk, former, store, coverage)
    taking.read(changed)
    return taking.finish(changed)


def joined(folder: bytes, name: bytes) -> bytes:
    """The path of `name` in `folder`."""
    return folder + b"/" + name if folder else name


def parent(path: bytes) -> bytes:
    """The folder that `path` is in."""
    return path.rpartition(b"/")[0]


def _changed(walk: Walk, former: Snapshot | None) -> list[bytes]:
    """The folders to look into. Where one went away, the one it was in is among them."""
    known = former.walk.folders if former else {}
    gone = {parent(path) for path in known.keys() - walk.folders.keys()}
    return [path for path, folder in walk.folders.items() if known.get(path) is not folder or path in gone]


class _Fresh(Struct, frozen=True):
    """A file that must be read."""

    folder: bytes
    name: bytes
    size: int
    ignored: bool


class _Taking:
    """One snapshot while it is made."""

    def __init__(
        self, root: bytes, walk: Walk, former: Snapshot | None, store: ObjectStore, coverage: Coverage
    ) -> None:
        self._root = root
        self._walk = walk
        self._former = former
        self._store = store
        self._coverage = coverage
        self._contents = {
            path: former.contents[path] for path in walk.folders if former is not None and path in former.contents
        }

    def read(self, changed: Iterable[bytes]) -> None:
        """Store the contents of `changed` folders, small files first: they are worth most for their room."""
        fresh: list[_Fresh] = []
        ignored = self._ignored(changed)
        for path in changed:
            fresh += self._carry_over(path, ignored)
        used = self._room_used()
        for file in sorted(fresh, key=lambda file: file.size):
            self._read_one(file, used)

    def finish(self, changed: Iterable[bytes]) -> Snapshot:
        """Write the trees that are not as they were."""
        for path in sorted(_with_parents(changed, self._walk), key=_depth, reverse=True):
            contents = self._contents[path]
            tree = self._store.put("tree", encode_tree(self._entries(path)), known=contents.tree)
            self._contents[path] = Contents(tree, contents.blobs, contents.left_out, contents.ignored)
        if b"" not in self._contents:  # the work tree itself is gone
            self._contents[b""] = Contents(self._store.put("tree", b""), {}, {}, frozenset())
            return self._rooted(self._contents[b""].tree, stat.S_IFDIR | 0o755)
        return self._rooted(self._contents[b""].tree, self._walk.folders[b""].stamp[0])

    def _rooted(self, tree: bytes, mode: int) -> Snapshot:
        partly = Snapshot(self._walk, self._contents, tree, b"")
        left_out = msgspec.msgpack.encode(dict(sorted(partly.left_out().items())))
        entries = (
            TreeEntry(FILES, mode, tree),
            TreeEntry(LEFT_OUT, stat.S_IFREG | 0o644, self._store.put("blob", left_out)),
        )
        root = self._store.put("tree", encode_tree(entries))
        return Snapshot(self._walk, self._contents, tree, root)

    def _ignored(self, changed: Iterable[bytes]) -> frozenset[bytes]:
        """Which of the new names git ignores; names that were there keep what they were."""
        nested = [path + b"/" for path, folder in self._walk.folders.items() if path and b".git" in folder.left_out]
        new = []
        for path in changed:
            known = self._known(path)
            inside_other = any((path + b"/").startswith(prefix) for prefix in nested)
            if not inside_other:
                new += [joined(path, name) for name in self._walk.folders[path].files if name not in known]
        return ignored_by_git(self._root, new) if new else frozenset()

    def _known(self, path: bytes) -> set[bytes]:
        former = self._contents.get(path)
        return {*former.blobs, *former.left_out} if former else set()

    def _carry_over(self, path: bytes, ignored: frozenset[bytes]) -> Iterator[_Fresh]:
        """Begin the new contents of a folder with what is as it was; the rest must be read."""
        folder, former = self._walk.folders[path], self._contents.get(path)
        known = former.blobs if former else {}
        names = frozenset(
            name
            for name in folder.files
            if (former is not None and name in former.ignored) or joined(path, name) in ignored
        )
        settled = self._settled(path)
        blobs = {name: blob for name, blob in known.items() if name in settled}
        self._contents[path] = Contents(former.tree if former else b"", blobs, {}, names)
        for name, stamp in folder.files.items():
            if name not in blobs:
                yield _Fresh(path, name, stamp[2], name in names)

    def _settled(self, path: bytes) -> set[bytes]:
        """Names whose files are for certain as the former walk saw them."""
        if self._former is None or path not in self._former.walk.folders:
            return set()
        walk = self._former.walk
        was = walk.folders[path].files
        now = self._walk.folders[path].files
        return {name for name, stamp in now.items() if was.get(name) == stamp and not walk.may_have_missed(stamp)}

    def _room_used(self) -> dict[bool, int]:
        """Bytes that are stored of files git ignores, and of all others."""
        used = {True: 0, False: 0}
        for path, contents in self._contents.items():
            folder: Folder = self._walk.folders[path]
            for name in contents.blobs:
                used[name in contents.ignored] += folder.files[name][2]
        return used

    def _read_one(self, file: _Fresh, used: dict[bool, int]) -> None:
        contents = self._contents[file.folder]
        reason = self._too_much(file, file.size, used)
        try:
            content = b"" if reason else self._content(file)
        except FileNotFoundError:
            return
        except OSError:
            reason, content = "unreadable", b""
        reason = reason or self._too_much(file, len(content), used)  # it may have grown meanwhile
        if reason is not None:
            contents.left_out[file.name] = reason
            return
        contents.blobs[file.name] = self._store.put("blob", content, known=self._former_blob(file))
        used[file.ignored] += len(content)

    def _former_blob(self, file: _Fresh) -> bytes | None:
        former = self._former.contents.get(file.folder) if self._former else None
        return former.blobs.get(file.name) if former else None

    def _too_much(self, file: _Fresh, size: int, used: dict[bool, int]) -> LeftOut | None:
        coverage = self._coverage
        most = coverage.ignored_file_bytes if file.ignored else coverage.file_bytes
        in_total = coverage.ignored_total_bytes if file.ignored else coverage.total_bytes
        if size > most:
            return "too large"
        return "budget" if used[file.ignored] + size > in_total else None

    def _content(self, file: _Fresh) -> bytes:
        path = self._root + b"/" + joined(file.folder, file.name)
        if stat.S_ISLNK(self._walk.folders[file.folder].files[file.name][0]):
            return os.readlink(path)  # noqa: PTH115 - names of any bytes
        # Whatever stands there by now: no pipe may hold us up, and no link lead us away.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(path)
            return opened.read(self._coverage.file_bytes + 1)

    def _entries(self, path: bytes) -> Iterator[TreeEntry]:
        folder, contents = self._walk.folders[path], self._contents[path]
        for name, blob in contents.blobs.items():
            yield TreeEntry(name, folder.files[name][0], blob)
        for name in folder.folders:
            below = joined(path, name)
            if below in self._walk.folders:
                yield TreeEntry(name, self._walk.folders[below].stamp[0], self._contents[below].tree)


def _with_parents(paths: Iterable[bytes], walk: Walk) -> set[bytes]:
    found: set[bytes] = set()
    for start in paths:
        path = start
        while path not in found:
            found.add(path)
            path = parent(path)
    return {path for path in found if path in walk.folders}


def _depth(path: bytes) -> int:
    return path.count(b"/") + 1 if path else 0
