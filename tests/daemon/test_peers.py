"""A client is known by the session that it belongs to, and by where it is."""

import os
import socket
import subprocess
from pathlib import Path

from tianting.daemon.peers import Peer, directory_of, peer_of
from tianting.daemon.process_start import started_at


def test_client_is_of_its_session() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        peer = peer_of(ours)

    session = os.getsid(0)
    assert peer == Peer(pid=os.getpid(), conversation=f"session-{session}-{started_at(session) or 0}")
    assert directory_of(peer) == str(Path.cwd())


def test_client_that_has_gone_is_nowhere() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()

    assert directory_of(Peer(pid=gone.pid, conversation="c")) is None
