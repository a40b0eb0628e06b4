"""A daemon in processes of its own, with a home of its own; and what tests ask of it, in few words."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread

from tests.fleet.court import gone
from tianting.daemon import pid_file
from tianting.daemon.client import Client, socket_of

PROGRAMS = Path(sys.executable).parent
PATIENCE = 20
"""Seconds of every wait here."""


class DaemonStage:
    """A home, a work tree and a runtime directory. `way_in` is a command that executes what follows it."""

    def __init__(self, root: Path, way_in: Sequence[str] = ()) -> None:
        self.root = root
        self.way_in = tuple(way_in)
        self.home, self.work, run = root / "home", root / "work", root / "run"
        for directory in (self.home, self.work, run):
            directory.mkdir(mode=0o700)
        self.environment: dict[str, str] = {
            "HOME": str(self.home),
            "PATH": f"{PROGRAMS}:/usr/bin:/bin",
            "TIANTING_HOME": str(self.home / ".tianting"),
            "XDG_RUNTIME_DIR": str(run),
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        }

    @property
    def socket(self) -> Path:
        """Where the daemon that was started last listens."""
        return socket_of(self.environment)

    @property
    def serving(self) -> pid_file.Serving:
        """Who serves."""
        serving = pid_file.read(pid_file.place_of(self.socket))
        assert serving is not None
        return serving

    async def run(self, *command: str, code: int = 0, **more: Any) -> str:
        """Run one of our programs to its end, and give back what it printed, errors too."""
        argv = [*self.way_in, str(PROGRAMS / command[0]), *command[1:]]
        with anyio.fail_after(PATIENCE):
            ran = await anyio.run_process(
                argv, env=self.environment, cwd=self.work, check=False, stderr=subprocess.STDOUT, **more
            )
        said = ran.stdout.decode()
        assert ran.returncode == code, said
        return said

    async def say(self, command: str, *, begun: anyio.Event | None = None, **fields: Any) -> dict[str, Any]:
        """One request, from one client; `begun` is set by the first piece of its answer."""

        def told(_: object) -> None:
            if begun is not None:
                anyio.from_thread.run_sync(begun.set)

        request = {"command": command, "conversation": "tests", **fields}
        with anyio.fail_after(PATIENCE):
            return await anyio.to_thread.run_sync(
                lambda: Client(self.socket).ask(request, within=PATIENCE, told=told), abandon_on_cancel=True
            )

    async def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        """A question, and its reply."""
        return await self.say("/codex-ask", question=question, cwd=str(self.work), **fields)

    async def agent_pid(self, conversation: str = "tests") -> int:
        """Of the agent that answers there."""
        status = (await self.say("/codex-status"))["status"]
        [pid] = [one["pid"] for one in status["conversations"] if one["name"] == conversation]
        assert isinstance(pid, int)
        return pid

    async def kill(self, pid: int) -> None:
        """Without a chance to end in order."""
        os.kill(pid, signal.SIGKILL)
        await gone(pid)

    def processes(self) -> list[int]:
        """All that run with this home, whoever started them."""
        mark = f"TIANTING_HOME={self.environment['TIANTING_HOME']}".encode()
        mark_home = f"HOME={self.home}".encode()
        return [pid for pid in _pids() if {mark, mark_home} & set(_environment(pid).split(b"\0"))]


@contextmanager
def daemon_stage(way_in: Sequence[str] = (), more: Mapping[str, str] | None = None) -> Iterator[DaemonStage]:
    """A stage in a short path, for a socket's may have a hundred bytes. Ends whatever is left at the end."""
    root = Path(tempfile.mkdtemp(prefix="daemon-"))
    stage = DaemonStage(root, way_in)
    stage.environment |= more or {}
    try:
        yield stage
    finally:
        for pid in stage.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(root, ignore_errors=True)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
