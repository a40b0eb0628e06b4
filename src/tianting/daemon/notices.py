"""Tells systemd that the daemon is ready, lives and ends; without it `systemctl start` would not know when to return.

The protocol of sd_notify(3), by hand: a datagram to the socket that `$NOTIFY_SOCKET` names.
"""

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(environment: Mapping[str, str], state: str) -> None:
    """Tell the service manager, if there is one."""
    place = environment.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
        try:
            told.sendto(state.encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, address)
        except OSError as error:
            log.warning("the service manager was not told %s: %s", state, error)


def wants_watchdog(environment: Mapping[str, str]) -> bool:
    """Whether this process is to say again and again that it lives."""
    asked = environment.get("WATCHDOG_PID", str(os.getpid()))
    return environment.get("WATCHDOG_USEC", "").isdigit() and asked == str(os.getpid())
