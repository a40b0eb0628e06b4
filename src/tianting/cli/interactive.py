"""`tianting` without -p: a conversation in the terminal."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from tianting import __version__
from tianting.cli.conversation_commands import conversation_commands
from tianting.cli.conversation_rewind import GoingBack, Rewinding
from tianting.cli.invocation import Invocation
from tianting.cli.places import current_directory, home_directory
from tianting.cli.wiring import open_session
from tianting.protocol.content import text_of
from tianting.protocol.messages import AssistantMessage
from tianting.session.session import Session
from tianting.surfaces.colours import colours_wanted
from tianting.surfaces.conversation import ConversationSurface
from tianting.surfaces.escaping import one_line, visible
from tianting.surfaces.input_line import InputLine
from tianting.surfaces.output import DescriptorOutput
from tianting.surfaces.permission_question import TerminalPerson
from tianting.surfaces.quiet_keyboard import quiet_keyboard
from tianting.surfaces.scrollback import Scrollback
from tianting.worktree.survey import PendingSurvey, begin_survey

if TYPE_CHECKING:
    from tianting.surfaces.rewind_question import Chosen

Greet = Callable[[Session, Scrollback], Awaitable[None]]


async def run_interactive(invocation: Invocation, survey: PendingSurvey) -> int:
    """Talk until the person leaves, and return the exit code. Raises `TiantingError` for what can be known before."""
    scrollback = Scrollback(DescriptorOutput(1), colour=colours_wanted(os.environ, is_terminal=True))
    left = await _converse(invocation, survey, scrollback, _greet)
    while left.back is not None:
        left = await _converse_again(left.back, invocation, scrollback)
    return left.code


class _Left(Struct, frozen=True):
    """How a session was left."""

    code: int
    back: GoingBack | None

    @property
    def reason(self) -> str:
        """What hooks are told."""
        if self.back is not None:
            return "resume"
        return "other" if self.code else "prompt_input_exit"


async def _converse(invocation: Invocation, survey: PendingSurvey, scrollback: Scrollback, greet: Greet) -> _Left:
    """One session."""
    left = _Left(1, None)
    async with open_session(
        invocation,
        survey,
        lambda permissions: TerminalPerson(scrollback, permissions.grants),
        why_over=lambda: left.reason,
    ) as session:
        session.listen(scrollback)
        await greet(session, scrollback)
        line = InputLine(home_directory(os.environ) / "prompts.txt")
        rewinding = Rewinding(session, partial(_ask_which, scrollback))
        with quiet_keyboard(sys.stdin.fileno()):
            surface = ConversationSurface(line, scrollback, conversation_commands(session, rewinding.deed))
            code = await _talk(surface, session, invocation.prompt or "")
        left = _Left(code, None if code else rewinding.pending)
        if not code and left.back is None:
            await _part(invocation, session, scrollback)
    return left


async def _converse_again(back: GoingBack, invocation: Invocation, scrollback: Scrollback) -> _Left:
    """Take the conversation back and go on from there."""
    for line in back.carry_out():
        await scrollback.say(line)
    survey = begin_survey(current_directory())
    try:
        return await _converse(back.then(invocation), survey, scrollback, _greet_silently)
    finally:
        survey.abandon()


async def _talk(surface: ConversationSurface, session: Session, first_prompt: str) -> int:
    """Converse until the person leaves, or somebody ends the process. Returns the code that says so, or 0."""
    code = 0

    async def leave_when_told() -> None:
        nonlocal code
        # A terminal that is closed says SIGHUP. Dying of it would leave the commands of the turn running.
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            code = 128 + await anext(signals)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave_when_told)
        await surface.run(session, first_prompt)
        tasks.cancel_scope.cancel()
    return code


async def _greet(session: Session, scrollback: Scrollback) -> None:
    facts = session.facts
    await scrollback.say(f"Tianting {__version__} · {one_line(facts.model)} · {facts.permission_mode}", "cyan")
    await scrollback.say(f"{one_line(facts.cwd, 1_000)} · /help says what the keys do", "dim")
    answers = [message for message in session.history if isinstance(message, AssistantMessage)]
    if answers and (words := text_of(answers[-1].content)):
        await scrollback.say(f"\nIt said last:\n{visible(words)}", "dim")


async def _greet_silently(session: Session, scrollback: Scrollback) -> None:
    """Whoever just said something to the person knows where they are."""


async def _ask_which(scrollback: Scrollback, prompts: Sequence[str]) -> "Chosen | None":
    from tianting.surfaces.rewind_question import RewindQuestion

    return await RewindQuestion(scrollback).ask(prompts)


async def _part(invocation: Invocation, session: Session, scrollback: Scrollback) -> None:
    if session.history and not invocation.no_session_persistence:
        await scrollback.say(f"Go on with this conversation: tianting -r {session.facts.session_id}", "dim")
