"""What runs inside before the command, run here: it must hand over a socket that listens, and leave no trace."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tianting.sandbox import loopback


@pytest.fixture
def signals() -> Iterator[None]:
    """The signals of this process as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGPIPE)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_listening_socket_is_handed_over_and_the_command_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(loopback, "PORT", 0)
    monkeypatch.setattr(os, "execvp", lambda name, argv: begun.append((name, argv)))
    ours, theirs = socket.socketpair()

    with ours:
        loopback.main([str(theirs.detach()), "bash", "-c", "true"])
        _, [descriptor], _, _ = socket.recv_fds(ours, 1, 1)

    with socket.socket(fileno=descriptor) as listener, socket.create_connection(listener.getsockname(), 5):
        listener.settimeout(5)
        listener.accept()[0].close()
    assert begun == [("bash", ["bash", "-c", "true"])]
    assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
