"""`tianting -p`: one prompt, one output format, an exit code."""

import os
import signal
from contextlib import suppress

import anyio

from tianting.cli.invocation import Invocation
from tianting.cli.running import Running
from tianting.cli.wiring import open_running
from tianting.protocol.errors import SessionError
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import user_text
from tianting.session.session import Session
from tianting.surfaces.output import DescriptorOutput, OutputClosed
from tianting.surfaces.printing import JsonSurface, StreamJsonSurface, TextSurface
from tianting.worktree.survey import PendingSurvey

PATIENCE = 1.0
"""Seconds that an interrupted run waits for its reader to take the last words."""
UNREAD = 1
"""Exit code when nobody read the answer to its end."""


async def run_headless(invocation: Invocation, prompt: str, survey: PendingSurvey) -> int:
    """Work on `prompt` and return the exit code. Raises `TiantingError` for what can be known before."""
    output = DescriptorOutput(1)
    try:
        return await _run(invocation, prompt, survey, output)
    except SessionError as error:  # there is none to go on with; what breaks later is a failure among others
        if invocation.output_format != "text":
            await refuse(invocation, error, output)
        raise


async def _run(invocation: Invocation, prompt: str, survey: PendingSurvey, output: DescriptorOutput) -> int:
    async with open_running(invocation, survey) as running:
        errors = DescriptorOutput(2)
        surface = _surface(running, output, errors)
        running.session.listen(surface)
        return await _work(running.session, prompt, (output, errors)) or surface.exit_code


async def refuse(invocation: Invocation, error: SessionError, output: DescriptorOutput) -> None:
    """Tell a client in its own words that there is no session to go on with."""
    from tianting.protocol.stream_refusal import refusal_line

    named = invocation.session_id or invocation.resume or random_uuid()
    with suppress(OutputClosed):
        await output.write(refusal_line(str(error), named, random_uuid))


async def _work(session: Session, prompt: str, outputs: tuple[DescriptorOutput, ...]) -> int:
    """Run the turn, ending it at the first signal that asks for it. Returns the code that says so, or 0."""
    code = 0

    async def watch() -> None:
        nonlocal code
        with anyio.open_signal_receiver(*_ending_signals()) as signals:
            async for number in signals:
                code = 128 + number  # as a shell would say it
                session.hurry()
                session.interrupt()
                tasks.start_soon(_leave_the_reader, outputs)

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await session.submit(user_text(prompt))
            tasks.cancel_scope.cancel()
    except* OutputClosed:  # nobody reads any more, so nobody needs to be told
        code = code or UNREAD
    return code


def _ending_signals() -> tuple[signal.Signals, ...]:
    """Dying of them would leave the commands of the turn running. Under `nohup` SIGHUP is ignored, and stays so."""
    hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hangs_up else ()))


async def _leave_the_reader(outputs: tuple[DescriptorOutput, ...]) -> None:
    """A reader that sleeps must not keep an interrupted run alive."""
    await anyio.sleep(PATIENCE)
    for output in outputs:
        output.wait_no_longer()


def _surface(
    running: Running, output: DescriptorOutput, errors: DescriptorOutput
) -> TextSurface | JsonSurface | StreamJsonSurface:
    invocation = running.invocation
    if invocation.output_format == "text":
        return TextSurface(output, errors, verbose=invocation.verbose, to_terminal=os.isatty(1))
    from tianting.protocol.stream_json import StreamJsonEncoder

    encoder = StreamJsonEncoder(
        running.session.facts.session_id,
        partial_messages=invocation.include_partial_messages,
        include_hook_events=invocation.include_hook_events,
        names=running.log.names if running.log is not None else None,
        new_id=random_uuid,
    )
    if invocation.output_format == "json":
        return JsonSurface(output, encoder, verbose=invocation.verbose)
    return StreamJsonSurface(output, encoder)
