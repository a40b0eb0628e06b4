"""A file of JSON lines that only ever grows, and of which a crash can tear the last line at most.

append: open and lock, once -> mend a torn end, once -> one write -> or cut back to the last whole line
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

# `fdatasync` leaves out the timestamps, which costs a second write of the disk; macOS does not have it.
_flush_to_disk = getattr(os, "fdatasync", os.fsync)
_NEITHER_JSON_NOR_NEWS = b"\0 \t\r\n"


class FileInUse(OSError):
    """Another writer has the file. `process` is its id, where the system tells."""

    def __init__(self, path: Path, process: int | None) -> None:
        super().__init__(f"{path} is in use by {f'process {process}' if process else 'another process'}")
        self.process = process


class JsonLineWriter:
    """Appends lines to one file, alone. Nothing is created before the first line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def append(self, lines: Sequence[bytes]) -> int:
        """Write `lines`, which hold no newline, and give back the bytes written.

        When it returns, the lines survive the end of this process; `sync` makes them survive the machine's.
        Raises `FileInUse`, and `OSError` when the disk refuses: then none of `lines` is in the file.
        """
        data = b"".join(line + b"\n" for line in lines)
        if self._descriptor is None:
            self._descriptor = _open_alone(self._path)
        _write_or_cut(self._descriptor, data)
        return len(data)

    def sync(self) -> None:
        """Wait until the disk has it all. Raises `OSError`."""
        if self._descriptor is not None:
            _flush_to_disk(self._descriptor)

    def close(self) -> None:
        """Let go of the file and its lock. A later `append` takes them again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of `path`, in order and without a torn one at the end. Raises `OSError`.

    Blank lines are left out, and so are the zero bytes that a power failure leaves in some file systems.
    """
    with path.open("rb") as file:
        for raw in file:
            line = raw.strip(_NEITHER_JSON_NOR_NEWS)
            if line and (raw.endswith(b"\n") or _is_whole(line)):
                yield line


def make_private_directory(path: Path) -> None:
    """Make `path` and its parents, where they are missing, for the owner's eyes only."""
    for directory in (*reversed(path.parents), path):
        if not directory.is_dir():
            directory.mkdir(mode=0o700, exist_ok=True)


def _open_alone(path: Path) -> int:
    if not path.parent.is_dir():
        make_private_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path)
        _mend(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FileInUse(path, _lock_holder(os.fstat(descriptor).st_ino)) from None


def _lock_holder(inode: int) -> int | None:
    """Whom the kernel names. Lines of `/proc/locks`: `1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> 0 EOF`."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}") and int(fields[4]) > 0:
                return int(fields[4])
    return None


def _mend(descriptor: int) -> None:
    """Make the file end with a whole line, so that the next one starts on its own."""
    size = os.fstat(descriptor).st_size
    tail = _unfinished_tail(descriptor, size)
    if not tail:
        return
    if _is_whole(tail.strip(_NEITHER_JSON_NOR_NEWS)):
        _write_or_cut(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, size - len(tail))


def _unfinished_tail(descriptor: int, size: int) -> bytes:
    """What stands behind the last newline."""
    tail = b""
    while len(tail) < size and b"\n" not in tail:
        start = max(0, size - 2 * len(tail) - 4096)
        tail = os.pread(descriptor, size - start, start)
    return tail.rpartition(b"\n")[2]


def _write_or_cut(descriptor: int, data: bytes) -> None:
    good = os.fstat(descriptor).st_size
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        os.ftruncate(descriptor, good)
        raise


def _is_whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
