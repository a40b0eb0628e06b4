"""A keeper of its own for each test that asks for one, with a fleet's link to it."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.keeper.words import Gone, Held, Start

IMAGE = "image_for_tests:run"
PATIENCE = 10
"""Seconds of every wait here."""


class KeptWindows:
    """What tests say to a keeper, in few words."""

    def __init__(self, link: KeeperLink, directory: Path) -> None:
        self.link = link
        self.log = directory / "window.log"
        self.directory = directory
        self._pipes: list[socket.socket] = []

    async def start(self, *argv: str, generation: int = 1, **more: Any) -> tuple[Held, socket.socket]:
        held, pipe = await self.link.start(self.wish(*argv, generation=generation, **more))
        self._pipes.append(pipe)
        return held, pipe

    async def take(self, generation: int = 1) -> socket.socket:
        self._pipes.append(await self.link.take("w", generation))
        return self._pipes[-1]

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()

    def wish(self, *argv: str, generation: int = 1, **more: Any) -> Start:
        defaults: dict[str, Any] = {
            "cwd": str(self.directory),
            "environment": {"PATH": os.environ["PATH"]},
            "stderr": str(self.log),
        }
        return Start(window="w", generation=generation, argv=argv, **{**defaults, **more})

    async def shell(self, script: str, **more: Any) -> tuple[Held, socket.socket]:
        return await self.start("sh", "-c", script, **more)

    async def native(self, *argv: str, **more: Any) -> tuple[Held, socket.socket]:
        return await self.start(*argv, native=True, **more)

    async def end_of(self, held: Held) -> Gone:
        """The next end that is told, which must be that of `held`."""
        with anyio.fail_after(PATIENCE):
            gone = await self.link.exits.receive()
        assert (gone.window, gone.generation, gone.pid) == (held.window, held.generation, held.pid)
        return gone


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="keeper-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def keeper(directory: Path) -> AsyncGenerator[KeptWindows, None]:
    """A keeper that runs, and a fleet that is connected."""
    await launch(directory)
    async with connected(directory) as windows:
        yield windows


async def launch(directory: Path, image: str = IMAGE) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    await launch_keeper(directory / "socket", image=image, environment={**os.environ, "PYTHONPATH": path})


@asynccontextmanager
async def connected(directory: Path, *, ends: bool = True) -> AsyncGenerator[KeptWindows, None]:
    """A link to the keeper in `directory`, which is ended afterwards."""
    link = await KeeperLink.open(directory / "socket")
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.run)
            windows = KeptWindows(link, directory)
            yield windows
            windows.close()
            await link.close()
    finally:
        if ends:
            await end_keeper(link.keeper_pid)


async def end_keeper(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGTERM)
        with anyio.move_on_after(1):
            await until_gone(pid)
        os.kill(pid, signal.SIGKILL)
    await until_gone(pid)


async def until_gone(*pids: int) -> None:
    """Wait until none of `pids` is a living process."""
    with anyio.fail_after(PATIENCE):
        while any(is_alive(pid) for pid in pids):
            await anyio.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(")") + 2] not in "ZX"


async def read(pipe: socket.socket, size: int) -> bytes:
    """The next `size` bytes; fewer where the pipe ends before."""
    data = b""
    with anyio.fail_after(PATIENCE):
        while len(data) < size and (more := await _some(pipe, size - len(data))):
            data += more
    return data


async def read_line(pipe: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := await read(pipe, 1)):
        line += byte
    return line


async def read_all(pipe: socket.socket) -> bytes:
    return await read(pipe, 1 << 62)


async def write(pipe: socket.socket, data: bytes) -> None:
    with anyio.fail_after(PATIENCE):
        while data:
            try:
                data = data[pipe.send(data) :]
            except BlockingIOError:
                await anyio.wait_writable(pipe)


async def _some(pipe: socket.socket, most: int) -> bytes:
    while True:
        try:
            return pipe.recv(min(most, 1 << 20))
        except BlockingIOError:
            await anyio.wait_readable(pipe)
        except ConnectionResetError:  # it ended without reading what we had sent
            return b""
