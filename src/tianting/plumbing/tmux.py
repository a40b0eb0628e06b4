"""A tmux server of our own, whose windows outlive whoever opened them: programs that need a terminal live there.

    open -> a session with one window and one pane, marked; nothing of ours is on its command line
    connect -> a connection in control mode, for `ControlMode`      end -> the program and its terminal

The server starts with the first window and ends with the last.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
from msgspec import Struct

from tianting.plumbing.tmux_control import TmuxError, quoted

_OLDEST = (3, 2)
"""What we rely on: `source-file -`, `new-session -e` and pane options."""
_PATIENCE = 10.0
"""Seconds for one command."""
_STEP = 0.02
_VERSION = re.compile(r"(\d+)\.(\d+)")


class Opening(Struct, frozen=True, kw_only=True):
    """What is to run in a new window."""

    session: str
    """Its name; letters, digits, `-` and `_`."""
    mark: str
    """By which it is found again; in the user option `option`."""
    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    """All of it, but for what tmux adds: `TERM`, `TMUX`, `TMUX_PANE`."""
    width: int = 160
    height: int = 50


class Held(Struct, frozen=True, kw_only=True):
    """A pane and the process in it, which leads a session of its own."""

    pane: str
    session: str
    mark: str
    pid: int
    is_dead: bool


class Connection:
    """A socket on which tmux speaks control mode, and the client process that carries it."""

    def __init__(self, sock: socket.socket, client: "subprocess.Popen[bytes]") -> None:
        self.socket = sock
        self._client = client

    def close(self) -> None:
        """End it; the window goes on. The client is killed, for one that cannot write its last words waits for ever."""
        self.socket.close()
        self._client.kill()
        self._client.wait()


class TmuxServer:
    """The server at `path`, a socket in a directory that nobody else may enter."""

    def __init__(self, path: Path, *, option: str, program: str = "tmux") -> None:
        self._path = path
        self._option = option
        self._program = program

    async def check(self) -> None:
        """Raises `TmuxError` where tmux is missing or too old, saying what to do."""
        if shutil.which(self._program) is None:
            raise TmuxError("tmux is not installed: install it with the system's package manager.")
        said = await self._run("-V")
        found = _VERSION.search(said)
        if found is not None and (int(found[1]), int(found[2])) < _OLDEST:
            raise TmuxError(f"{said.strip()} is too old: install tmux {_OLDEST[0]}.{_OLDEST[1]} or newer.")

    async def open(self, opening: Opening) -> Held:
        """Start a program in a window of its own. Raises `TmuxError`."""
        await self.check()
        await self._run("start-server", ";", "source-file", "-", script=_script(opening, self._option).encode())
        held = await self.find(opening.mark)
        if held is None:
            raise TmuxError(f"tmux opened no window for {opening.session}.")
        return held

    async def find(self, mark: str) -> Held | None:
        """The window that was opened with `mark`. Raises `TmuxError`."""
        return next((held for held in await self.windows() if held.mark == mark), None)

    async def windows(self) -> list[Held]:
        """All windows that were opened here; none where no server runs. Raises `TmuxError`."""
        if not self._path.exists():
            return []
        form = "\t".join(["#{pane_id}", "#{session_name}", "#{pane_pid}", "#{pane_dead}", "#{" + self._option + "}"])
        try:
            listed = await self._run("list-panes", "-a", "-F", form)
        except TmuxError:
            await self.check()
            return []
        rows = [line.split("\t", 4) for line in listed.splitlines()]
        return [
            Held(pane=row[0], session=row[1], pid=int(row[2]), is_dead=row[3] == "1", mark=row[4])
            for row in rows
            if len(row) == 5 and row[4]
        ]

    def connect(self, held: Held) -> "Connection":
        """A connection in control mode. Raises `TmuxError`."""
        ours, theirs = socket.socketpair()
        try:
            client = subprocess.Popen(
                [*self._command(), "-C", "attach-session", "-t", f"={held.session}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise TmuxError(f"tmux cannot be started: {error}.") from None
        finally:
            theirs.close()
        return Connection(ours, client)

    async def end(self, held: Held, *, grace: float) -> None:
        """End the program and what stayed in its group: HUP and TERM, and KILL after `grace` seconds; close the window.

        Raises `TmuxError` where the server does not answer.
        """
        if not held.is_dead:
            _signal(held.pid, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT)
            with anyio.move_on_after(grace):
                while _signal(held.pid):
                    await anyio.sleep(_STEP)
            _signal(held.pid, signal.SIGKILL)
        with contextlib.suppress(TmuxError):  # it was the last, and took the server along; or a person closed it
            await self._run("kill-pane", "-t", held.pane)

    async def _run(self, *arguments: str, script: bytes = b"") -> str:
        try:
            with anyio.fail_after(_PATIENCE):
                done = await anyio.run_process(
                    [*self._command(), *arguments], input=script, env=_environment(), check=False
                )
        except TimeoutError:
            raise TmuxError(f"The tmux server at {self._path} does not answer.") from None
        except OSError as error:
            raise TmuxError(f"tmux cannot be started: {error}.") from None
        if done.returncode or done.stderr:
            said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
            raise TmuxError(f"tmux refused: {said or f'exit status {done.returncode}'}.")
        return done.stdout.decode(errors="replace")

    def _command(self) -> Sequence[str]:
        return [self._program, "-S", str(self._path), "-f", "/dev/null"]


def _script(opening: Opening, option: str) -> str:
    """What opens the window. It goes over standard input: a command line is for everybody on the machine to read."""
    target = f"={opening.session}:"
    given = [part for name, value in opening.environment.items() for part in ("-e", quoted(f"{name}={value}"))]
    argv = opening.argv if len(opening.argv) > 1 else (shlex.quote(opening.argv[0]),)  # one word goes to a shell
    create = ["new-session", "-d", "-s", quoted(opening.session), "-c", quoted(opening.cwd)]
    size = ["-x", str(opening.width), "-y", str(opening.height)]
    return "\n".join(
        [
            " ".join([*create, *size, *given, "--", *(quoted(word) for word in argv)]),
            f"set-option -w -t {target} remain-on-exit on",
            f"set-option -w -t {target} automatic-rename off",
            f"set-option -p -t {target} {option} {quoted(opening.mark)}",
            "",
        ]
    )


def _signal(group: int, *numbers: signal.Signals) -> bool:
    """Whether the group still has members."""
    try:
        for number in numbers:
            os.killpg(group, number)
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _environment() -> Mapping[str, str]:
    """The server keeps what it was started with, and gives it to every window."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
