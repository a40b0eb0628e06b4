"""A command and what it starts, ended together: without this a stopped command would leave its children behind.

    start -> read, read ... b"" -> wait -> end -> close

The command leads a session of its own: it has no terminal to ask on, and `end` finds its children by that session even
when it is gone itself. What leaves the session (`setsid`, a daemon) or runs as another user is out of reach.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread

log = logging.getLogger(__name__)

CHUNK = 65_536
"""Bytes of one read: what a pipe holds."""
KILL_PATIENCE = 1.0
"""Seconds until a killed process must be gone; one that hangs in the kernel never is."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.02

Spawn = Callable[..., "subprocess.Popen[bytes]"]
"""`subprocess.Popen`, or what takes the same arguments."""


class ProcessGroup:
    """One running command. `wait` and `read` have one caller each, `end` any number."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: int, *, guarded: bool = False) -> None:
        self._process = process
        self._output = output
        self._guarded = guarded

    @property
    def pid(self) -> int:
        """The command's process, which is also the number of its group and of its session."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What `wait` would return; `None` while the command runs."""
        return self._process.poll()

    async def read(self) -> bytes:
        """What was written next, errors and output in one stream; empty once nobody holds the pipe any more."""
        while True:
            try:
                data = os.read(self._output, CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._output)
            else:
                # A flood always has more to read; others must come to their turn.
                await anyio.lowlevel.checkpoint()
                return data

    async def wait(self) -> int:
        """The exit code once the command has ended, minus the signal's number where one killed it.

        Does not wait for what it started, nor for the pipe that such a child may hold open.
        """
        if self.exit_code is None:
            await _process_end(self._process)
        return self._process.wait()

    def is_alive(self) -> bool:
        """Whether the command, or a child that stayed in its group, still runs. Costs microseconds unless one does."""
        return self.exit_code is None or (_has_members(self.pid) and self.pid in _living_groups(self.pid))

    async def end(self, *, grace: float) -> None:
        """Ask everything to stop (TERM), kill what is left after `grace` seconds. Cannot be cancelled.

        Takes at most `grace` + 1 s. Survivors are logged: nothing this user may do would end them.
        """
        with anyio.CancelScope(shield=True):
            self._signal(signal.SIGTERM, signal.SIGCONT)
            ended = await self._is_empty_within(grace) or await self._is_empty_within(KILL_PATIENCE, signal.SIGKILL)
        if not ended:
            log.warning("session %d outlived SIGKILL", self.pid)

    def close(self) -> None:
        """Let go of the pipe. Whoever still writes to it gets SIGPIPE."""
        output, self._output = self._output, -1
        if output >= 0:
            os.close(output)

    async def _is_empty_within(self, patience: float, *signals: signal.Signals) -> bool:
        """Look again and again, sending `signals` each time: a child may be born between a look and a signal."""
        pause = _FIRST_PAUSE
        with anyio.move_on_after(patience):
            while self.exit_code is None or _living_groups(self.pid):
                self._signal(*signals)
                await anyio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            return True
        return False

    def _signal(self, *signals: signal.Signals) -> None:
        # An unreaped command keeps its number, and so do groups with members: no signal can meet a stranger.
        for group in _living_groups(self.pid):
            for number in signals:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    if self._guarded and group == self.pid and number != signal.SIGKILL:
                        self._signal_followers(number)
                    else:
                        os.killpg(group, number)

    def _signal_followers(self, number: signal.Signals) -> None:
        """All of the leader's group but the leader, whose end would be theirs before they could clean up."""
        for process, group in _living_members(self.pid).items():
            if group == self.pid != process:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process, number)


def start_group(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    keep_open: Iterable[int] = (),
    spawn: Spawn | None = None,
    guarded: bool = False,
) -> ProcessGroup:
    """Start `argv` with empty input. It gets nothing but `environment`, and the descriptors `keep_open`.

    `guarded` says that the program is only the guard of another one, and takes it along when it ends: nothing but
    KILL is sent to it.
    Raises `OSError` (program or directory missing, arguments too long) or `ValueError` (a NUL byte in them).
    """
    reader, writer = os.pipe()
    try:
        process = (spawn or subprocess.Popen)(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    return ProcessGroup(process, reader, guarded=guarded)


async def _process_end(process: "subprocess.Popen[bytes]") -> None:
    if sys.platform != "linux":
        await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
        return
    descriptor = os.pidfd_open(process.pid)
    try:
        await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)


def _has_members(group: int) -> bool:
    """Whether the kernel still knows `group`; zombies count, so a yes is not the last word."""
    try:
        with contextlib.suppress(PermissionError):
            os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _living_groups(session: int) -> set[int]:
    """The groups of `session` with a process that is no zombie. `timeout` makes one of its own, for example."""
    if sys.platform != "linux":
        return {session} if _has_members(session) else set()
    return set(_living_members(session).values())


def _living_members(session: int) -> dict[int, int]:
    """The processes of `session` that are no zombies, each with its group. Linux only."""
    found = {}
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit() and (group := _group_within(session, entry.path)):
                found[int(entry.name)] = group
    return found


def _group_within(session: int, process: str) -> int | None:
    """The group of a living `process` of `session`. Its fields are told in proc(5)."""
    try:
        stat = Path(process, "stat").read_bytes()
    except OSError:
        return None  # ended meanwhile
    # The name in parentheses may hold anything, parentheses too.
    state, _parent, group, its_session = stat[stat.rindex(b")") + 2 :].split(None, 4)[:4]
    return int(group) if int(its_session) == session and state not in b"ZX" else None
