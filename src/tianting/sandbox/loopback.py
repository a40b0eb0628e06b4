"""Runs inside the sandbox, before the command: without it a command without a network could not ask the proxy.

    python -I -S -c "(this text)" DESCRIPTOR COMMAND...

Listens on the sandbox's own loopback, hands that socket to the agent through DESCRIPTOR and becomes COMMAND. A socket
keeps the network it was made in, so the agent accepts connections there, and no process has to stay in between.
Standard library only: it starts in a process of its own, with nothing of ours on its path.
"""

import os
import sys

# Their public fronts take longer to import than all else here.
from _signal import SIG_DFL, SIGPIPE, SIGTERM, signal  # type: ignore[import-not-found]
from _socket import AF_INET, SCM_RIGHTS, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from array import array

PORT = 3128
"""Free for sure: the loopback is new."""
_BACKLOG = 128


def main(arguments: list[str]) -> None:
    """Never returns but by an error: the command cannot start."""
    door = socket(fileno=int(arguments[0]))
    listener = socket(AF_INET, SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(_BACKLOG)
    door.sendmsg([b"L"], [(SOL_SOCKET, SCM_RIGHTS, array("i", [listener.fileno()]))])
    listener.close()
    door.close()
    signal(SIGTERM, SIG_DFL)
    signal(SIGPIPE, SIG_DFL)
    os.execvp(arguments[1], arguments[1:])  # noqa: S606 - becoming the command is what this file is for


if __name__ == "__main__":
    main(sys.argv[1:])
