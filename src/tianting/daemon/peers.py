"""Who is at the other end of a connection: without it each connection would be a stranger, and remember nothing.

Linux alone tells: SO_PEERCRED (unix(7)) names the process, /proc its session and its directory. All processes of one
terminal are of one session, so questions from one terminal go on with one conversation.
"""

import os
import socket
import struct
from pathlib import Path

from msgspec import Struct

from tianting.daemon.process_start import started_at

_CREDENTIALS = struct.Struct("3i")


class Peer(Struct, frozen=True, kw_only=True):
    """A client's process."""

    pid: int
    conversation: str
    """The name of its own conversation: the same for all processes of its session, and for no other."""


def peer_of(connection: socket.socket) -> Peer:
    """The process that connected. It may be gone by now."""
    pid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[0]
    try:
        session = os.getsid(pid)
    except OSError:  # gone, or in another pid namespace
        session = pid
    return Peer(pid=pid, conversation=f"session-{session}-{started_at(session) or 0}")


def directory_of(peer: Peer) -> str | None:
    """Where the client is now; None where it is gone, or its directory is."""
    try:
        found = Path(f"/proc/{peer.pid}/cwd").readlink()
    except OSError:
        return None
    return str(found) if found.is_dir() else None
