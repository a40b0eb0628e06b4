"""What every end-to-end test stands on: the installed program as a process of its own, in a project and a home of its
own, talking to a scripted model over real HTTP.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from msgspec import Struct

from tianting.models.scripted import Reply, Script
from tianting.session.places import project_directory, projects_directory
from tianting.testing.model_server import ModelServer, serve

PROGRAM = str(Path(sys.executable).with_name("tianting"))
CLAUDE = str(Path(sys.executable).with_name("tianting-claude"))
"""The same under the name that other programs look for."""
KEY = "a-key-for-tests-only"
PATIENCE = 20
"""Seconds until a test gives up on a program that hangs."""

Line = dict[str, Any]


class Ended(Struct, frozen=True, kw_only=True):
    """A program that has ended, and what it left."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[Line]:
        """Its stream-json."""
        return [msgspec.json.decode(line) for line in self.stdout.splitlines()]

    @property
    def result(self) -> Line:
        """What its JSON or stream-json ends with."""
        return self.lines[-1]


class Stage:
    """A git repository, an empty home, and the program."""

    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        self.home = root / "home"
        self.project.mkdir()
        self.program = PROGRAM
        self.environment = _environment(root, self.home)
        for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
            git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
            subprocess.run(git, cwd=self.project, check=True, capture_output=True, env=self.environment)

    def toward(self, server: ModelServer) -> None:
        """Send every provider's requests to `server`."""
        self.environment |= {
            "ANTHROPIC_BASE_URL": server.base_url,
            "OPENAI_BASE_URL": f"{server.base_url}/v1",
            "ANTHROPIC_API_KEY": KEY,
            "OPENAI_API_KEY": KEY,
        }

    async def run(self, *arguments: str, stdin: bytes | None = None, **popen: Any) -> Ended:
        """Run `tianting ARGUMENTS` to its end. `through` is a command that executes what follows it."""
        pipe = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        with anyio.fail_after(PATIENCE):
            async with await self._open(arguments, stdin=pipe, **popen) as process:
                return await _ended(process, stdin)

    @asynccontextmanager
    async def running(self, *arguments: str, **popen: Any) -> AsyncGenerator["Running", None]:
        """`tianting ARGUMENTS` while it works; killed at the end of the block unless it has ended."""
        with anyio.fail_after(PATIENCE):
            process = await self._open(arguments, **popen)
            try:
                yield Running(process)
            finally:
                with anyio.CancelScope(shield=True):
                    await _put_away(process)

    async def _open(self, arguments: tuple[str, ...], through: tuple[str, ...] = (), **popen: Any) -> Process:
        usual = {"stdin": subprocess.DEVNULL, "cwd": self.project, "env": self.environment, "start_new_session": True}
        return await anyio.open_process([*through, self.program, *arguments], **{**usual, **popen})

    def write(self, name: str, text: str) -> Path:
        """Put a file into the project."""
        path = self.project / name
        path.write_text(text)
        return path

    def transcripts(self) -> list[Path]:
        """Those of the project, oldest first."""
        directory = project_directory(projects_directory(self.home), str(self.project))
        return sorted(directory.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)

    @property
    def transcript(self) -> Path:
        """The only one."""
        [path] = self.transcripts()
        return path


class Running:
    """A program at work."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.seen: list[Line] = []
        self._output = BufferedByteReceiveStream(process.stdout) if process.stdout is not None else None

    async def line(self, is_it: Callable[[Line], bool]) -> Line:
        """The next line of its stream-json that `is_it`."""
        assert self._output is not None
        while True:
            line: Line = msgspec.json.decode(await self._output.receive_until(b"\n", 2**21))
            self.seen.append(line)
            if is_it(line):
                return line

    async def say(self, *lines: Line) -> None:
        """Write lines to its standard input, which must be a pipe."""
        assert self.process.stdin is not None
        await self.process.stdin.send(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> Ended:
        """Wait for its end; the output is what nobody has read yet."""
        pending = self._output.buffer.decode() if self._output is not None else ""
        ended = await _ended(self.process, None)
        return Ended(code=ended.code, stdout=pending + ended.stdout, stderr=ended.stderr)


def playing(*replies: Reply, repeat_last: bool = False) -> AbstractAsyncContextManager[ModelServer]:
    """A server that gives these replies and takes only `KEY`."""
    return serve(Script(replies=replies, repeat_last=repeat_last), key=KEY)


def body(server: ModelServer, index: int = -1) -> Line:
    """What a request said."""
    decoded: Line = msgspec.json.decode(server.requests[index].body)
    return decoded


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that nobody announces."""
    while not condition():
        await anyio.sleep(0.002)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def is_event(kind: str) -> Callable[[Line], bool]:
    """A line with a provider's event of this type."""
    return lambda line: line["type"] == "stream_event" and line["event"]["type"] == kind


def is_system(subtype: str) -> Callable[[Line], bool]:
    """A remark of the program's."""
    return lambda line: line["type"] == "system" and line["subtype"] == subtype


def _environment(root: Path, home: Path) -> dict[str, str]:
    """Nothing of the person who runs the tests, but what coverage needs in its children."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_") or name == "PATH"}
    return {**kept, "HOME": str(root), "TIANTING_HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm"}


async def _ended(process: Process, stdin: bytes | None) -> Ended:
    outputs = {1: b"", 2: b""}

    async def read(number: int) -> None:
        stream = process.stdout if number == 1 else process.stderr
        if stream is not None:  # a test may have taken it
            async for chunk in stream:
                outputs[number] += chunk

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, 1)
        tasks.start_soon(read, 2)
        if stdin is not None and process.stdin is not None:
            await process.stdin.send(stdin)
            await process.stdin.aclose()
        code = await process.wait()
    return Ended(code=code, stdout=outputs[1].decode(), stderr=outputs[2].decode())


async def _put_away(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.aclose()
