"""Remembers the newest snapshot beyond the process: without it, each start would read every file again."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.plumbing.atomic_file import write_atomically
from tianting.worktree.shadow.limits import Coverage
from tianting.worktree.shadow.snapshot import Snapshot

_FORMAT = 1


class _Saved(Struct, frozen=True, array_like=True):
    format: int
    root: bytes
    coverage: Coverage
    snapshot: Snapshot


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Saved)


class LatestSnapshot:
    """The newest snapshot of one tree, in memory and on disk. To be used under the store's lock."""

    def __init__(self, path: Path, root: bytes, coverage: Coverage) -> None:
        self._path = path
        self._root = root
        self._coverage = coverage
        self._snapshot: Snapshot | None = None
        self._version: tuple[int, int] | None = None

    def get(self) -> Snapshot | None:
        """The newest one of any process; None when there is none, or it was taken otherwise."""
        version = self._on_disk()
        if version != self._version or version is None:
            self._snapshot, self._version = self._read(), version
        return self._snapshot

    def set(self, snapshot: Snapshot, *, changed: bool) -> None:
        """Remember `snapshot`; on disk only when it is `changed`. Raises `OSError`."""
        self._snapshot = snapshot
        if changed:
            saved = _Saved(_FORMAT, self._root, self._coverage, snapshot)
            write_atomically(self._path, _encoder.encode(saved), mode=0o600)
            self._version = self._on_disk()

    def _read(self) -> Snapshot | None:
        try:
            saved = _decoder.decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        is_ours = (saved.format, saved.root, saved.coverage) == (_FORMAT, self._root, self._coverage)
        return saved.snapshot if is_ours else None

    def _on_disk(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self._path)  # noqa: PTH116 - on the way of every checkpoint
        except OSError:
            return None
        return facts.st_ino, facts.st_mtime_ns
