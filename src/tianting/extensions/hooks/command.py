"""Runs one program as a hook: the event on its input, its two outputs apart, and an end to it when it hangs.

    start -> feed | read, read -> wait -> what is left in the pipes

When the command itself has ended it has answered. What it left running in the background is its author's wish: it is
not waited for, and not ended. A command that is ended, because it hangs or the turn was stopped, takes all its
children with it.
"""

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from msgspec import Struct

from tianting.extensions.hooks.verdict import Said
from tianting.plumbing.process_group import CHUNK, ProcessGroup
from tianting.tools.shell.command_sandbox import CommandSandbox

MOST_OUTPUT = 4 << 20
"""Bytes kept of each output. A hook may print without end; the rest is read and dropped."""
_GRACE, _CANCEL_GRACE = 0.5, 0.04
"""Seconds between TERM and KILL: for a hook that took too long, and where a person waits for the turn to end."""


class Command(Struct, frozen=True, kw_only=True):
    """What to start, and where."""

    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    """All that it gets."""
    sandbox: CommandSandbox | None = None
    """The walls it runs in, if any. What it leaves running then ends with it."""


async def run_command(command: Command, stdin: bytes, *, seconds: float) -> Said:
    """Run `command` to its end, or for `seconds`. Raises nothing but cancellation."""
    with contextlib.ExitStack() as pipes:
        try:
            running = _start(command, pipes, seconds)
        except (OSError, ValueError) as error:
            return Said(failure=f"could not be started: {_reason(error)}")
        try:
            exit_code = await _talk(running, stdin, seconds)
        except anyio.get_cancelled_exc_class():
            await running.group.end(grace=_CANCEL_GRACE)
            raise
        finally:
            if running.group.exit_code is None:
                await running.group.end(grace=_GRACE)
        stdout, stderr = running.stdout.rest(), running.stderr.rest()
    if exit_code is None:
        return Said(stdout=stdout, stderr=stderr, failure=f"took longer than {seconds:g} s", timed_out=True)
    return Said(exit_code=exit_code, stdout=stdout, stderr=stderr)


class _Output:
    """What comes out of one pipe. Bytes that are no UTF-8 are shown as such."""

    def __init__(self, pipe: FileIO) -> None:
        self._pipe = pipe
        self._data = bytearray()

    async def read(self) -> None:
        """Take all that comes until nobody holds the pipe any more."""
        while (taken := self._take()) != 0:
            if taken is None:
                await anyio.wait_readable(self._pipe)
            else:
                await anyio.lowlevel.checkpoint()  # a flood always has more; others must come to their turn

    def rest(self) -> str:
        """Everything, with what is still in the pipe: a child may hold it open, and more is not waited for."""
        for _ in range(MOST_OUTPUT // CHUNK):  # such a child may also write without end
            if not self._take():
                break
        return self._data.decode("utf-8", "replace")

    def _take(self) -> int | None:
        """How many bytes came; None where the pipe is empty, and 0 at its end."""
        data: bytes | None = self._pipe.read(CHUNK)
        if data:
            self._data += data[: MOST_OUTPUT - len(self._data)]
        return None if data is None else len(data)


class _Running(Struct, frozen=True, kw_only=True):
    group: ProcessGroup
    stdin: FileIO
    stdout: _Output
    stderr: _Output


def _start(command: Command, pipes: contextlib.ExitStack, seconds: float) -> _Running:
    """Start it with three pipes, whose near ends `pipes` closes."""
    with contextlib.ExitStack() as far_ends:
        their_input, stdin = _pipe(reader_in=far_ends, writer_in=pipes)
        stdout, their_output = _pipe(reader_in=pipes, writer_in=far_ends)
        stderr, their_errors = _pipe(reader_in=pipes, writer_in=far_ends)
        group = _spawn(
            command,
            seconds,
            pipes,
            cwd=command.cwd,
            stdin=their_input,
            stdout=their_output,
            stderr=their_errors,
            start_new_session=True,
        )
    for near_end in (stdin, stdout, stderr):
        os.set_blocking(near_end.fileno(), False)
    return _Running(group=group, stdin=stdin, stdout=_Output(stdout), stderr=_Output(stderr))


def _spawn(command: Command, seconds: float, pipes: contextlib.ExitStack, **options: Any) -> ProcessGroup:
    """A group that reads nothing: its own reader would join the two outputs."""
    if command.sandbox is None:
        return ProcessGroup(subprocess.Popen(command.argv, env=command.environment, **options), -1)
    confined = command.sandbox.wrap(command.argv, cwd=command.cwd, seconds=seconds)
    pipes.callback(confined.after)
    environment = {**command.environment, **confined.environment}
    process = confined.spawn(confined.argv, env=environment, pass_fds=confined.keep_open, **options)
    return ProcessGroup(process, -1, guarded=confined.ends_together)


def _pipe(*, reader_in: contextlib.ExitStack, writer_in: contextlib.ExitStack) -> tuple[FileIO, FileIO]:
    """Both ends, each closed by its stack."""
    reader, writer = os.pipe()
    return reader_in.enter_context(FileIO(reader, "rb")), writer_in.enter_context(FileIO(writer, "wb"))


async def _talk(running: _Running, stdin: bytes, seconds: float) -> int | None:
    """The exit code; None when `seconds` are over."""
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_feed, running.stdin, stdin)
            tasks.start_soon(running.stdout.read)
            tasks.start_soon(running.stderr.read)
            exit_code = await running.group.wait()
            tasks.cancel_scope.cancel()
            return exit_code
    return None


async def _feed(pipe: FileIO, data: bytes) -> None:
    """Write `data` and close. A command that does not read all of it has its reasons."""
    rest = memoryview(data)
    with contextlib.suppress(BrokenPipeError):
        while rest:
            written: int | None = pipe.write(rest)
            if written is None:
                await anyio.wait_writable(pipe)
            rest = rest[written or 0 :]
    pipe.close()


def _reason(error: OSError | ValueError) -> str:
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
