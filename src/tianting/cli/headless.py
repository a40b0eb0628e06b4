"""`tianting -p`: one prompt, one output format, an exit code."""

import contextlib
import os
import signal

import anyio

from tianting.cli.invocation import Invocation
from tianting.cli.wiring import open_session
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import user_text
from tianting.session.session import Session
from tianting.surfaces.output import DescriptorOutput, OutputClosed
from tianting.surfaces.printing import JsonSurface, StreamJsonSurface, TextSurface
from tianting.worktree.survey import PendingSurvey

TERMINATED = 143
"""128 and SIGTERM, as a shell would say it."""


async def run_headless(invocation: Invocation, prompt: str, survey: PendingSurvey) -> int:
    """Work on `prompt` and return the exit code. Raises `TiantingError` for what can be known before."""
    async with open_session(invocation, survey) as session:
        surface = _surface(invocation, session)
        session.listen(surface)
        terminated = await _work(session, prompt)
        return TERMINATED if terminated else surface.exit_code


async def _work(session: Session, prompt: str) -> bool:
    """Run the turn, ending it at the first SIGINT or SIGTERM. Says whether it was SIGTERM."""
    terminated = False

    async def watch() -> None:
        nonlocal terminated
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                terminated = number == signal.SIGTERM
                session.interrupt()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        with contextlib.suppress(OutputClosed):  # nobody reads any more, so nobody needs to be told
            await session.submit(user_text(prompt))
        tasks.cancel_scope.cancel()
    return terminated


def _surface(invocation: Invocation, session: Session) -> TextSurface | JsonSurface | StreamJsonSurface:
    output, errors = DescriptorOutput(1), DescriptorOutput(2)
    if invocation.output_format == "text":
        return TextSurface(output, errors, verbose=invocation.verbose, to_terminal=os.isatty(1))
    from tianting.protocol.stream_json import StreamJsonEncoder

    encoder = StreamJsonEncoder(
        session.facts.session_id, partial_messages=invocation.include_partial_messages, new_id=random_uuid
    )
    if invocation.output_format == "json":
        return JsonSurface(output, encoder, verbose=invocation.verbose)
    return StreamJsonSurface(output, encoder)
