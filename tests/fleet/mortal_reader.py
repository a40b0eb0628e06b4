"""Readers that are killed with SIGKILL while a writer writes: a program of its own, so that it may fork.

python mortal_reader.py DIRECTORY SEED DEATHS STEPS → says how many died, and whether each byte was stored once
"""

import os
import random
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import anyio
import msgspec

from tianting.fleet.intake import Intake, Mark


class MortalSocket:
    """A socket whose process dies at the call that its fate names."""

    def __init__(self, sock: socket.socket, fate: int) -> None:
        self._socket = sock
        self._left = fate

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.step()
        # A signal may come when only a part is consumed.
        limit = size if flags or self._left != 1 else max(size // 2, 1)
        return self._socket.recv(limit, flags)

    def __getattr__(self, name: str) -> Any:
        self.step()
        return getattr(self._socket, name)

    def fileno(self) -> int:
        return self._socket.fileno()


def content(chance: random.Random) -> bytes:
    """Numbered lines of all lengths, and in between the same line over and over; no line feed at the very end."""
    lines = []
    for number in range(6000):
        lines.append(b"%d %s\n" % (number, b"x" * chance.choice((0, 1, 30, 300))))
        lines.extend([b"tick\n"] * chance.randrange(4))
        if number % 2000 == 0:
            lines.append(b"long %s\n" % (b"y" * 60_000))
    return b"".join(lines) + b"torn"


def write(sock: socket.socket, data: bytes, chance: random.Random) -> None:
    """In pieces that respect nothing."""
    at = 0
    while at < len(data):
        size = chance.choice((1, 5, 5, 100, 2_000, 100_000))
        sock.sendall(data[at : at + size])
        at += size


async def read(sock: MortalSocket, path: Path) -> None:
    """Read to the end, storing what was read with the mark."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma synchronous = off")
    found = database.execute("select mark from marks").fetchone()
    told: list[bytes] = []

    async def commit(mark: Mark) -> None:
        sock.step()
        database.execute("begin immediate")
        database.execute("insert into lines values (?)", (b"".join(told),))
        database.execute("delete from marks")
        database.execute("insert into marks values (?)", (msgspec.msgpack.encode(mark),))
        sock.step()
        database.execute("commit")
        sock.step()
        told.clear()

    mark = msgspec.msgpack.decode(found[0], type=Mark) if found else None
    intake = Intake(sock, mark, commit)  # type: ignore[arg-type]
    while lines := await intake.receive():
        told.append(lines)


def in_child(work: Any) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
    finally:
        os._exit(0)


def main(directory: Path, seed: int, deaths: int, steps: float) -> int:
    """Kill `deaths` readers, each after about `steps` of its steps, and let the last one finish."""
    chance = random.Random(seed)
    data = content(random.Random(seed))
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # small batches, so that there are many
    path = directory / "store"
    with sqlite3.connect(path) as database:
        database.executescript("create table lines (line blob); create table marks (mark blob)")
    writer = in_child(lambda: write(theirs, data, random.Random(seed)))
    theirs.close()
    killed = 0
    for number in range(deaths + 1):
        fate = max(1, round(chance.expovariate(1 / steps))) if number < deaths else 0
        reader = in_child(lambda fate=fate: anyio.run(read, MortalSocket(ours, fate), path))
        killed += os.WIFSIGNALED(os.waitpid(reader, 0)[1])
    os.waitpid(writer, 0)
    with sqlite3.connect(path) as database:
        stored = b"".join(line for (line,) in database.execute("select line from lines order by rowid"))
    sys.stdout.write(f"{killed} killed, {'exactly once' if stored == data else 'lost or doubled'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
