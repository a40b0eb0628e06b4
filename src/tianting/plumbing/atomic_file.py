"""Whole files or none: a reader, or a crash, never meets half of one."""

import contextlib
import os
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """Put `data` at `path` in one step, keeping the mode of a file that stood there.

    `mode` applies to new files (default: 0o666 less the umask). A symlink is followed, so that it stays one.
    `durable` waits for the disk. Raises `OSError`; then the old content is untouched and nothing is left beside it.
    """
    path = path.resolve()
    # Not made of the file's own name, which may be as long as the file system takes.
    temporary = path.parent / f".{os.getpid()}.{os.urandom(8).hex()}.tmp"
    try:
        _write_new(temporary, data, 0o666 if mode is None else mode, durable)
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_new(path: Path, data: bytes, mode: int, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
