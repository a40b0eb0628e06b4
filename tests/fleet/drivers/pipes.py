"""Both kinds of pipes that drivers are tried with: one to a real process, and one whose other end is the test."""

import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
from anyio.abc import Process


class ProcessPipe:
    """The standard streams of a process."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.process = process
        self.sent: list[dict[str, Any]] = []
        """Everything that was sent, to be held against a schema."""

    async def receive(self) -> bytes:
        try:
            return await self._stdout.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return b""

    async def send(self, data: bytes) -> None:
        self.sent.extend(msgspec.json.decode(line) for line in data.splitlines())
        try:
            await self._stdin.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise BrokenPipeError from error

    async def finish(self) -> None:
        await self._stdin.aclose()

    def kill(self) -> None:
        """Kill it with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def running(argv: Sequence[str], environment: Mapping[str, str], cwd: Path) -> AsyncIterator[ProcessPipe]:
    """A process in a group of its own, which does not outlive the block."""
    log = cwd / "stderr.log"
    with log.open("ab") as stderr:
        process = await anyio.open_process(argv, env=environment, cwd=cwd, stderr=stderr, start_new_session=True)
    pipe = ProcessPipe(process)
    try:
        yield pipe
    finally:
        pipe.kill()
        with anyio.CancelScope(shield=True):
            await process.aclose()


class ScriptedPipe:
    """Gives out what the test says, and keeps what it is sent."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = deque(chunks)
        self._ended = False
        self._news = anyio.Event()
        self.sent: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        """By method: what a request is answered with."""
        self.finished = False
        self.broken = False

    def say(self, *messages: object) -> None:
        """Let the agent say something."""
        self._chunks.extend(msgspec.json.encode(message) + b"\n" for message in messages)
        self._news.set()

    def end(self) -> None:
        """Let the agent end."""
        self._ended = True
        self._news.set()

    async def receive(self) -> bytes:
        while not self._chunks and not self._ended:
            self._news = anyio.Event()
            await self._news.wait()
        await anyio.lowlevel.checkpoint()
        return self._chunks.popleft() if self._chunks else b""

    async def send(self, data: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        if self.broken:
            raise BrokenPipeError
        for message in map(msgspec.json.decode, data.splitlines()):
            self.sent.append(message)
            if (answer := self.answers.get(message.get("method"))) is not None:
                self.say({"id": message["id"], **answer})

    async def finish(self) -> None:
        self.finished = True
