"""What a native window costs: from the wish to its first answer, after a turn, and until its end is noticed.

python -m benchmarks.windows [--windows N]
"""

import argparse
import os
import signal
import socket
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec

from benchmarks.measuring import model_server
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.keeper.words import Start

IMAGE = "tianting.cli.warm:run"
PROTOCOL = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
TURN = [{"calls": [{"tool": "Bash", "input": {"command": "echo done"}}]}, {"text": "Done."}]
Figures = dict[str, list[float]]


class _Window:
    """One that speaks stream-json."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._unread = b""

    async def say(self, message: dict[str, Any]) -> None:
        await anyio.wait_writable(self._pipe)
        self._pipe.sendall(msgspec.json.encode(message) + b"\n")

    async def until(self, kind: str) -> None:
        """Read to the next message of this type."""
        while True:
            while b"\n" in self._unread:
                line, _, self._unread = self._unread.partition(b"\n")
                if msgspec.json.decode(line)["type"] == kind:
                    return
            await anyio.wait_readable(self._pipe)
            data = self._pipe.recv(65_536)
            if not data:
                raise SystemExit("a window ended: see its log")
            self._unread += data


def main() -> None:
    """Start windows one after the other, let each take a turn, and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=20)
    figures: Figures = defaultdict(list)
    anyio.run(measure, parser.parse_args().windows, figures)
    for name, values in figures.items():
        print(f"{name:<40} {statistics.median(values):8.1f}   most {max(values):8.1f}")


async def measure(windows: int, figures: Figures) -> None:
    """Fill `figures`: milliseconds and megabytes."""
    with tempfile.TemporaryDirectory() as name, model_server({"replies": TURN * windows}) as (base_url, _log):
        async with _link(Path(name), figures) as link:
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": name,
                "ANTHROPIC_API_KEY": "bench",
                "ANTHROPIC_BASE_URL": base_url,
            }
            for number in range(windows):
                start = Start(
                    window=f"w{number}",
                    generation=1,
                    argv=(*PROTOCOL, "--permission-mode", "bypassPermissions"),
                    native=True,
                    cwd=name,
                    environment=environment,
                    stderr=f"{name}/windows.log",
                )
                await _play(link, start, figures)
            await _remember_and_end(link, figures)


async def _play(link: KeeperLink, start: Start, figures: Figures) -> None:
    begun = time.perf_counter()
    _held, pipe = await link.start(start)
    figures["start answered, ms"].append((time.perf_counter() - begun) * 1e3)
    window = _Window(pipe)
    await window.say({"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}})
    await window.until("control_response")
    figures["start to ready, ms"].append((time.perf_counter() - begun) * 1e3)
    begun = time.perf_counter()
    await window.say({"type": "user", "message": {"role": "user", "content": "Go."}})
    await window.until("result")
    figures["first turn with a command, ms"].append((time.perf_counter() - begun) * 1e3)


async def _remember_and_end(link: KeeperLink, figures: Figures) -> None:
    await anyio.sleep(0.5)
    for held in (await link.roster())[0]:
        figures["memory after a turn, MB (PSS)"].append(_pss(held.pid))
        figures["of it alone its own, MB"].append(_pss(held.pid, "Private_Dirty"))
    figures["memory of the keeper, MB (PSS)"].append(_pss(link.keeper_pid))
    for held in (await link.roster())[0]:
        begun = time.perf_counter()
        os.kill(held.pid, signal.SIGKILL)
        await link.exits.receive()
        figures["exit noticed after, ms"].append((time.perf_counter() - begun) * 1e3)


@asynccontextmanager
async def _link(directory: Path, figures: Figures) -> AsyncGenerator[KeeperLink, None]:
    begun = time.perf_counter()
    await launch_keeper(directory / "socket", image=IMAGE, environment=dict(os.environ))
    figures["keeper listens after, ms"].append((time.perf_counter() - begun) * 1e3)
    link = await KeeperLink.open(directory / "socket")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.run)
        yield link
        await link.close()
    os.kill(link.keeper_pid, signal.SIGTERM)


def _pss(pid: int, field: str = "Pss") -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this kernel does not tell PSS")


if __name__ == "__main__":
    main()
