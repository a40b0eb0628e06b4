"""Runs a program for its output, with a limit to how much of it is kept: a search can match a whole disk."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream
from msgspec import Struct

_MAX_ERROR_BYTES = 8_192


class Captured(Struct, frozen=True, kw_only=True):
    """What a program wrote."""

    output: bytes
    errors: str
    exit_code: int
    cut: bool
    """It wrote more than was wanted and was stopped."""


async def captured(
    command: Sequence[str], directory: str | Path, limit: int, *, stdin: int = subprocess.DEVNULL
) -> Captured:
    """Run `command` to its end, or until it wrote `limit` bytes. Cancelled, it kills the process.

    Raises `OSError` when it cannot be started. The caller sets the deadline.
    """
    process = await anyio.open_process(command, cwd=directory, stdin=stdin, start_new_session=True)
    assert process.stdout
    assert process.stderr
    output, errors = bytearray(), bytearray()
    async with process:
        async with anyio.create_task_group() as readers:
            readers.start_soon(_collect_start, process.stderr, errors)
            cut = await _collect(process.stdout, output, limit)
            if cut:
                process.kill()
        exit_code = await process.wait()
    return Captured(
        output=bytes(output[:limit]), errors=errors.decode("utf-8", "replace"), exit_code=exit_code, cut=cut
    )


async def _collect(stream: ByteReceiveStream, into: bytearray, limit: int) -> bool:
    """Read up to `limit` bytes; True when there was more."""
    async for chunk in stream:
        into += chunk
        if len(into) > limit:
            return True
    return False


async def _collect_start(stream: ByteReceiveStream, into: bytearray) -> None:
    """Keep the beginning, but read on: a program whose errors nobody reads would wait forever."""
    async for chunk in stream:
        into += chunk[: _MAX_ERROR_BYTES - len(into)]
