"""Whole files or none: a reader, or a crash, never meets half of one."""

import contextlib
import os
import stat
from pathlib import Path

DIRECTORY = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
"""Flags that open a directory to work in. On Linux it need not be readable for that."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_atomically(path: Path, data: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """Put `data` at `path` in one step; see `replace_in`. A symlink is followed, so that it stays one."""
    path = path.resolve()
    directory = os.open(path.parent, DIRECTORY)
    try:
        replace_in(directory, path.name, data, mode=mode, durable=durable)
    finally:
        os.close(directory)


def replace_in(
    directory: int, name: str, data: bytes, *, mode: int | None = None, bits: int | None = None, durable: bool = False
) -> os.stat_result:
    """Put `data` at `name` in the open `directory`, keeping the mode of a file that stood there.

    `mode` applies to new files (default: 0o666 less the umask); `bits` are set as they are, whatever stood there.
    A symlink called `name` is replaced, never followed. `durable` waits for the disk.
    Returns the facts of the new file. Raises `OSError`; then the old one is untouched and nothing is left beside it.
    """
    # Not made of the file's own name, which may be as long as the file system takes.
    temporary = f".{os.getpid()}.{os.urandom(8).hex()}.tmp"
    try:
        descriptor = os.open(temporary, _NEW, 0o666 if mode is None else mode, dir_fd=directory)
        facts = _fill(descriptor, data, _bits_of(directory, name) if bits is None else bits, durable)
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        raise
    return facts


def _bits_of(directory: int, name: str) -> int | None:
    """The permission bits of a file that is there. Those of a link say nothing: all are set."""
    try:
        mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    return mode & 0o7777 if stat.S_ISREG(mode) else None


def _fill(descriptor: int, data: bytes, bits: int | None, durable: bool) -> os.stat_result:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if bits is not None:
            os.fchmod(descriptor, bits)
        if durable:
            os.fsync(descriptor)
        return os.fstat(descriptor)
