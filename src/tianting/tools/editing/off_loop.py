"""Small files are worked on where we are, because a thread costs more than they do; large ones in a thread."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from anyio import to_thread

T = TypeVar("T")
_LARGE = 1_000_000
"""Bytes of all files together."""


async def by_size(work: Callable[[], T], paths: Iterable[Path], extra: int = 0) -> T:
    """Run `work`, which reads or writes `paths` and handles `extra` bytes more. It cannot be broken off midway."""
    if extra + sum(_size(path) for path in paths) < _LARGE:
        return work()
    return await to_thread.run_sync(work)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
