"""What the daemon costs its clients: until it listens, until it tells its status, and what clients leave behind.

    python -m benchmarks.daemon

Needs no Codex: nothing is asked that an agent would answer.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tianting.daemon.client import Client, NoDaemon, socket_of

PROGRAMS = Path(sys.executable).parent
STARTS = 7
CLIENTS = 100
REQUESTS = 100
"""Of each client."""
THINKING = 0.1
"""Seconds between two requests of one client: 1,000 a second of all."""
CONNECTIONS = 1_000
STATUS = b'{"command": "/codex-status"}\n'


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="daemon-") as directory:
        environment = _environment(Path(directory))
        _show("start to listening, ms", [_start(environment) for _ in range(STARTS)])
        _show(
            "tianting-codex to its answer, ms", [_run(environment, "tianting-codex", "config") for _ in range(STARTS)]
        )
        _show("an interpreter that does nothing, ms", [_run(environment, "python", "-c", "") for _ in range(STARTS)])
        path = socket_of(environment)
        waits = asyncio.run(_clients(path))
        waits.sort()
        print(f"{f'status, {CLIENTS} clients, ms':<40}{statistics.median(waits):>9.2f} p50")
        print(f"{'':<40}{waits[int(len(waits) * 0.99)]:>9.2f} p99")
        _show_leftovers(path)
        _command(environment, "tianting", "daemon", "stop")


def _environment(root: Path) -> dict[str, str]:
    for name in ("home", "run"):
        (root / name).mkdir(mode=0o700)
    return {
        "HOME": str(root / "home"),
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "TIANTING_HOME": str(root / "home" / ".tianting"),
        "XDG_RUNTIME_DIR": str(root / "run"),
    }


def _start(environment: dict[str, str]) -> float:
    """Milliseconds from the start of the process until a client is answered."""
    _command(environment, "tianting", "daemon", "stop")
    began = time.perf_counter()
    with subprocess.Popen([PROGRAMS / "tianting", "daemon", "start"], env=environment, stdout=subprocess.DEVNULL):
        while not _is_answered(environment):
            time.sleep(0.001)
        return (time.perf_counter() - began) * 1_000


def _is_answered(environment: dict[str, str]) -> bool:
    try:
        return bool(Client(socket_of(environment), connecting=0.0).ask({"command": "/codex-status"}, within=1.0))
    except NoDaemon:
        return False


def _run(environment: dict[str, str], *command: str) -> float:
    began = time.perf_counter()
    _command(environment, *command)
    return (time.perf_counter() - began) * 1_000


def _command(environment: dict[str, str], name: str, *arguments: str) -> None:
    subprocess.run([PROGRAMS / name, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)


async def _clients(path: Path) -> list[float]:
    return [wait for waits in await asyncio.gather(*(_client(path) for _ in range(CLIENTS))) for wait in waits]


async def _client(path: Path) -> list[float]:
    reader, writer = await asyncio.open_unix_connection(path)
    waits: list[float] = []
    for _ in range(REQUESTS):
        await asyncio.sleep(THINKING * 2 * int.from_bytes(os.urandom(2)) / 65_536)
        began = time.perf_counter()
        writer.write(STATUS)
        await reader.readline()
        waits.append((time.perf_counter() - began) * 1_000)
    writer.close()
    return waits


def _show_leftovers(path: Path) -> None:
    before = _status(path)
    asyncio.run(_come_and_go(path))
    time.sleep(3)
    after = _status(path)
    grown = (after["memory"] - before["memory"]) / 1_000
    print(f"{f'left by {CONNECTIONS} connections, descriptors':<40}{after['descriptors'] - before['descriptors']:>9}")
    print(f"{f'left by {CONNECTIONS} connections, kB':<40}{grown:>9.0f}")
    print(f"{'resident, MB':<40}{after['memory'] / 1e6:>9.1f}")


async def _come_and_go(path: Path) -> None:
    for _ in range(CONNECTIONS // 100):
        lines = [await asyncio.open_unix_connection(path) for _ in range(100)]
        for _, writer in lines:
            writer.write(b'{"half":')
        for _, writer in lines:
            writer.close()


def _status(path: Path) -> dict[str, Any]:
    reply = Client(path).ask({"command": "/codex-status"})
    found: dict[str, Any] = json.loads(json.dumps(reply["status"]))
    return found


def _show(what: str, values: list[float]) -> None:
    print(f"{what:<40}{statistics.median(values):>9.1f} median {max(values):>9.1f} worst")


if __name__ == "__main__":
    main()
