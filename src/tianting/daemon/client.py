"""Asks a daemon, from a program that must start fast and may not wait long: standard library alone, and no event loop.

ask → connect │ not there: again, each time a little later │ → request → deltas → reply
                the line broke: the same question again, under the same id
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tianting.daemon.pid_file import place_of, read

FIRST = 0.02
"""Seconds before the second try to connect; each that follows waits twice as long."""
LONGEST = 1.0
CONNECTING = 5.0
"""Seconds in which a daemon that was killed is there again."""
ANSWERING = 10.0
"""Seconds in which a daemon answers whatever is no question."""
_CHUNK = 1 << 16


class NoDaemon(Exception):
    """Nobody answers; `str(error)` is one line that says what to do."""


def socket_of(environment: Mapping[str, str], told: str | None = None) -> Path:
    """Where the daemon listens: as `told`, as `$TIANTING_CODEX_SOCKET` says, or as the daemon has noted.

    Raises `NoDaemon` where none has ever been.
    """
    if named := told or environment.get("TIANTING_CODEX_SOCKET"):
        return Path(named)
    home = Path(environment.get("TIANTING_HOME") or os.path.expanduser("~/.tianting"))  # noqa: PTH111 - `Path`'s raises
    try:
        return Path((home / "daemon" / "address").read_text(encoding="utf-8").strip())
    except OSError:
        raise NoDaemon("No daemon has ever run here: start one with `tianting daemon start`.") from None


class Client:
    """Of one daemon. Every method raises `NoDaemon`."""

    def __init__(self, path: Path, *, connecting: float = CONNECTING) -> None:
        self._path = path
        self._connecting = connecting

    def ask(
        self,
        request: Mapping[str, Any],
        *,
        within: float = ANSWERING,
        told: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> dict[str, Any]:
        """The reply to `request`; `told` hears the pieces before it. Asked again where the line breaks.

        So a question should have an id: then it is answered once, whatever happens.
        """
        deadline = time.monotonic() + within
        while True:
            with self._connected(deadline) as line:
                for said in _said(line, request, deadline):
                    if "success" in said:
                        return said
                    told(said)
            if time.monotonic() >= deadline:
                raise NoDaemon(f"The daemon at {self._path} did not answer within {within:g} s.")

    def _connected(self, deadline: float) -> socket.socket:
        patience, wait = min(deadline, time.monotonic() + self._connecting), FIRST
        while True:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.settimeout(max(0.01, patience - time.monotonic()))
                line.connect(str(self._path))
            except OSError as error:
                line.close()
                if time.monotonic() + wait >= patience or not self._may_come():
                    raise NoDaemon(self._why(error)) from None
            else:
                return line
            time.sleep(
                wait * (0.5 + os.urandom(1)[0] / 512)
            )  # not all clients at once; `random` would take 5 ms to load
            wait = min(wait * 2, LONGEST)

    def _may_come(self) -> bool:
        """A daemon that ended in order leaves nothing; one that was killed may be started again."""
        return place_of(self._path).exists()

    def _why(self, error: OSError) -> str:
        serving = read(place_of(self._path))
        if serving is not None and not serving.daemon.is_alive:
            return f"The daemon at {self._path} was killed and has not come back: `tianting daemon restart`."
        return f"No daemon answers at {self._path} ({error.strerror or error}): start it with `tianting daemon start`."


def _said(line: socket.socket, request: Mapping[str, Any], deadline: float) -> Iterator[dict[str, Any]]:
    """What comes until the line breaks or time is up."""
    rest = b""
    try:
        line.settimeout(max(0.01, deadline - time.monotonic()))
        line.sendall(json.dumps(request).encode() + b"\n")
        while True:
            line.settimeout(max(0.01, deadline - time.monotonic()))
            data = line.recv(_CHUNK)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            yield from map(json.loads, lines)
    except OSError:  # TimeoutError, too
        return
