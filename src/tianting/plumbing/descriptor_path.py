"""Where an open file really is: the one answer about a path that cannot change between asking and using.

Linux tells it by a link in /proc (proc_pid_fd(5)), macOS by `F_GETPATH` (fcntl(2)).
"""

import fcntl
import os
import sys

_MAX_PATH = 1_024
"""Bytes; what macOS needs for its answer."""


def path_of(descriptor: int) -> str:
    """The absolute path of what is open, without links. On Linux ` (deleted)` stands behind what has no name left.

    Raises `OSError` where the system cannot say.
    """
    if sys.platform == "darwin":
        answer = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(_MAX_PATH))
        return os.fsdecode(answer.rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  asked at every call


def entrance(directory: int) -> str:
    """How a child process may be told to start in an open directory, and in no other.

    macOS has no such name for a directory; there it is the directory's path of this moment.
    """
    return path_of(directory) if sys.platform == "darwin" else f"/proc/self/fd/{directory}"
