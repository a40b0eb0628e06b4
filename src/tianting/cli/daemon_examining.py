"""What can be found out about a daemon from outside: is it well, who has its socket, what did it say."""

import os
import stat
import time
from collections import deque
from collections.abc import Generator
from pathlib import Path

from tianting.daemon import pid_file
from tianting.daemon.client import Client, NoDaemon
from tianting.daemon.listener import answers

STALE = 5.0
"""Seconds without a heartbeat, after which the daemon's loop hangs."""
_LOOK_AGAIN = 0.2
"""Seconds."""


def health_of(path: Path) -> str | None:
    """None where the daemon at `path` is well, else why it is not, and what to do."""
    try:
        reply = Client(path, connecting=1.0).ask({"command": "/codex-status"}, within=5.0)
    except NoDaemon as error:
        return str(error)
    status = reply.get("status")
    if not reply.get("success") or status is None:
        return f"The daemon answers nonsense: {reply.get('error', reply)}. Restart it with `tianting daemon restart`."
    silent = time.time() - status["heartbeat"]
    if silent > STALE:
        return f"The daemon's loop has not turned for {silent:.0f} s: see `tianting daemon logs`."
    failed = [one["name"] for one in status["conversations"] if one["status"] == "failed"]
    if failed:
        return f"Conversations that failed: {', '.join(failed)}. Asked again, each is tried again."
    return None


def use_of(path: Path) -> str | None:
    """None where a daemon could listen at `path`, else who is there, and what to do."""
    serving = pid_file.read(pid_file.place_of(path))
    who = f"process {serving.daemon.pid}" if serving is not None and serving.daemon.is_alive else None
    try:
        found = path.lstat()
    except FileNotFoundError:
        return f"A daemon is starting or ending: {who}." if who else None
    if not stat.S_ISSOCK(found.st_mode):
        return f"{path} is there and is no socket: move it away with `mv {path} {path}.old`."
    if answers(path):
        return (
            f"{path} is in use by {who or 'a process that wrote no PID file'}: `tianting daemon stop --socket {path}`."
        )
    return f"{path} was left by a daemon that was killed: `tianting daemon start` replaces it, `rm {path}` removes it."


def log_lines(path: Path, last: int, *, follow: bool) -> Generator[str, None, None]:
    """The last lines of the log, and then those to come, also in the file that follows when it is rotated."""
    while not path.exists():
        if not follow:
            return
        time.sleep(_LOOK_AGAIN)
    file = path.open(encoding="utf-8", errors="replace")
    try:
        yield from deque(file, maxlen=last)
        while follow:
            yield from file
            if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                time.sleep(_LOOK_AGAIN)
    finally:
        file.close()
