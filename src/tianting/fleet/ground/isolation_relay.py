"""Runs inside an isolated window, before its agent: without it an agent that knows only addresses could not reach the
gateway, whose Unix socket is the window's only way out.

    python -I -S -c "(this text)" PORT SOCKET COMMAND...

Listens on the window's own loopback, leaves a process behind that passes every connection on to SOCKET, and becomes
COMMAND. The gateway may go and come again: each connection looks for it anew.
Standard library only: it starts in a process of its own, with nothing of ours on its path.
"""

import os
import sys

# Their public fronts take longer to import than all else here.
from _socket import (
    AF_INET,
    AF_UNIX,
    SHUT_RDWR,
    SHUT_WR,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)
from _thread import LockType, allocate_lock, start_new_thread

_CHUNK = 65_536


def main(arguments: list[str]) -> None:
    """Never returns but by an error: the command cannot start."""
    port, path, command = int(arguments[0]), arguments[1], arguments[2:]
    listener = socket(AF_INET, SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    child = os.fork()
    if child == 0:
        _stay_behind(listener, path)
    os.waitpid(child, 0)
    listener.close()
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is what this file is for


def _stay_behind(listener: socket, path: str) -> None:
    """Once more forked, so that the agent never meets a child that it did not start."""
    if os.fork() == 0:
        try:
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):  # the agent's pipe must end with the agent
                os.dup2(nothing, stream)
            while True:
                client, _ = listener._accept()  # type: ignore[attr-defined]
                start_new_thread(pass_on, (socket(fileno=client), path))
        finally:
            os._exit(1)
    os._exit(0)


def pass_on(client: socket, path: str) -> None:
    """Both ways between `client` and the gateway, until both have ended; a client is let go where there is none."""
    gateway = socket(AF_UNIX, SOCK_STREAM)
    try:
        gateway.connect(path)
    except OSError:
        client.close()
        gateway.close()
        return
    done = allocate_lock()
    done.acquire()
    start_new_thread(_copy, (client, gateway, done))
    _copy(gateway, client)
    done.acquire()
    client.close()
    gateway.close()


def _copy(source: socket, sink: socket, done: "LockType | None" = None) -> None:
    try:
        while data := source.recv(_CHUNK):
            sink.sendall(data)
        sink.shutdown(SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(SHUT_RDWR)
            except OSError:
                continue
    finally:
        if done:
            done.release()


if __name__ == "__main__":
    main(sys.argv[1:])
