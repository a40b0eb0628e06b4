"""Whole trees as values, so that tests can compare them."""

import os
import stat
from pathlib import Path


def picture(root: Path) -> dict[bytes, tuple[int, bytes]]:
    """Every path below `root` but `.git`, with its whole mode and its content, or where a link points to."""
    found: dict[bytes, tuple[int, bytes]] = {b"": (root.lstat().st_mode, b"")}
    waiting = [os.fsencode(root)]
    while waiting:
        for entry in os.scandir(waiting.pop()):
            if entry.name == b".git":
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                waiting.append(entry.path)
            found[os.path.relpath(entry.path, os.fsencode(root))] = (mode, _content(entry.path, mode))
    return found


def _content(path: bytes, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.readlink(path)  # noqa: PTH115 - names of any bytes
    if not stat.S_ISREG(mode):
        return b""
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()
