"""`tianting windows attach`: a conversation with a window in the terminal. The window does not notice who is there.

lines that are typed → prompts, or answers to what is asked        events → text, tools, questions, states
Ctrl-C → interrupt the turn        Ctrl-D → leave, and let it work on
"""

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.lowlevel
import click
import msgspec

from tianting.cli.windows_calling import call, door
from tianting.cli.windows_tables import SHORT_ID
from tianting.fleet.door.client import FleetClient
from tianting.fleet.door.words import (
    Accepted,
    AnswerQuestion,
    Done,
    Follow,
    Happened,
    Interrupt,
    Row,
    Send,
    Show,
    Shown,
)
from tianting.fleet.drivers.driver import Limited, PersonAsked, Progressed, QuestionClosed, ToolBegan, TurnDone
from tianting.fleet.drivers.tmux import session
from tianting.fleet.store.records import PromptDone, WindowMoved
from tianting.fleet.window import Window
from tianting.plumbing.printable import printable
from tianting.protocol.errors import FleetError

_YES = frozenset({"y", "yes"})
_NO = frozenset({"n", "no"})
_LONGEST_INPUT = 2_000
"""Characters that are shown of what an agent wants to do."""


@click.command()
@click.argument("window")
def attach(window: str) -> None:
    """Talk to a window. Ctrl-C interrupts its turn, Ctrl-D leaves and lets it work on."""
    call(lambda fleet: _attach(fleet, window))


async def _attach(fleet: FleetClient, window: str) -> None:
    shown = await fleet.ask(Show(window=window), Shown)
    view = ConversationView(shown.row)
    view.begin()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_interrupt_at_signal, fleet, view)
        tasks.start_soon(_follow, fleet, view, shown.last, tasks.cancel_scope)
        async with aclosing(_typed_lines()) as lines:
            async for line in lines:
                await _take(fleet, view, line)
        tasks.cancel_scope.cancel()
    view.end()


async def _take(fleet: FleetClient, view: "ConversationView", line: str) -> None:
    """A line is the answer to what is asked, else a prompt."""
    if not line.strip():
        view.ask_again()
        return
    try:
        if view.is_asked:
            await fleet.ask(view.answer(line.strip()), Done)
        else:
            await fleet.ask(Send(window=view.window, text=line), Accepted)
    except FleetError as error:
        view.say(str(error))


async def _follow(fleet: FleetClient, view: "ConversationView", after: int, scope: anyio.CancelScope) -> None:
    async with aclosing(fleet.stream(Follow(window=view.window, after=after), Happened)) as happenings:
        async for happened in happenings:
            view.show(happened)
    view.say("the window was destroyed.")
    scope.cancel()


async def _interrupt_at_signal(fleet: FleetClient, view: "ConversationView") -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            view.say("interrupting; Ctrl-D leaves." if view.is_working else "nothing to interrupt; Ctrl-D leaves.")
            await fleet.ask(Interrupt(window=view.window), Done)


async def _typed_lines() -> AsyncGenerator[str, None]:
    """Until the end of standard input."""
    pending = b""
    while True:
        await _readable()
        chunk = os.read(sys.stdin.fileno(), 65_536)
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
        if not chunk:
            if pending:
                yield pending.decode("utf-8", "replace")
            return


async def _readable() -> None:
    try:
        await anyio.wait_readable(sys.stdin)
    except PermissionError:  # a regular file: always readable, and nothing that can be waited for
        await anyio.lowlevel.checkpoint()


class ConversationView:
    """What a person sees of one window."""

    def __init__(self, row: Row) -> None:
        self.window = row.window.window_id
        self._row = row
        self._name = row.label or row.window.window_id[:SHORT_ID]
        self._status: str = row.window.status
        self._questions: list[PersonAsked] = []
        self._asked_before = row.window.status == "waiting"
        """A question that was open when we came, whose words we know from the window alone."""
        self._in_text = False
        """The cursor stands behind words of the answer."""
        self._has_spoken = False
        """The turn at hand has shown its answer as it came."""

    @property
    def is_asked(self) -> bool:
        """What is typed next is an answer."""
        return bool(self._questions) or self._asked_before

    @property
    def is_working(self) -> bool:
        """There is a turn to interrupt."""
        return self._status in ("busy", "waiting")

    def begin(self) -> None:
        """Say where one is."""
        window = self._row.window
        self.say(f"attached to {self._name} ({window.kind}, {window.status}). Ctrl-C interrupts, Ctrl-D leaves.")
        if self._asked_before:
            self.say(f"it asks: {printable(window.question or '')}")
        if window.kind == "tmux":
            self.say(f"its screen is here: {attach_command(door(), window)}")
        self.ask_again()

    def end(self) -> None:
        """Say how to come back."""
        if sys.stdin.isatty():
            click.echo()  # Ctrl-D leaves the cursor behind the sign
        self.say(f"left; `tianting windows attach {self._name}` comes back.")

    def answer(self, line: str) -> AnswerQuestion:
        """What `line` means for the oldest open question."""
        question = self._questions[0] if self._questions else None
        wants_input = question is not None and question.kind == "input"
        word = line.lower()
        allow = word in _YES or (wants_input and word not in _NO)
        text = "" if word in _YES | _NO else line
        return AnswerQuestion(
            window=self.window, allow=allow, text=text, question=question.question_id if question else None
        )

    def show(self, happened: Happened) -> None:
        """One event."""
        match happened.stored.event:
            case Progressed(text=text) if text:
                self._write(text)
            case ToolBegan(name=name):
                self.say(f"· {name}")
            case PersonAsked() as asked:
                self._questions.append(asked)
                self._ask(asked)
            case QuestionClosed(question_id=closed):
                self._questions = [one for one in self._questions if one.question_id != closed]
                self._asked_before = False
            case Limited(cause=cause):
                self.say(f"limited: {cause.replace('_', ' ')}")
            case TurnDone() as turn:
                self._finish(turn)
            case PromptDone(fault=fault) if fault is not None:
                self.say(f"no answer: {fault.message}")
            case WindowMoved() as move:
                self._move(move)
            case _:
                pass

    def say(self, line: str) -> None:
        """Something about the conversation, on a line of its own."""
        self._end_line()
        click.echo(click.style(printable(line), dim=True))

    def ask_again(self) -> None:
        """Show that something may be typed."""
        if sys.stdin.isatty() and not self._in_text:
            click.echo("? " if self.is_asked else "> ", nl=False)

    def _ask(self, asked: PersonAsked) -> None:
        wanted = msgspec.json.encode(asked.input).decode() if asked.input is not None else ""
        self._end_line()
        about = " ".join(part for part in (asked.tool, asked.text, wanted) if part)
        click.echo(click.style(printable(about, _LONGEST_INPUT), fg="yellow"))
        click.echo("Your answer:" if asked.kind == "input" else "yes, no, or no with a reason:")
        self.ask_again()

    def _finish(self, turn: TurnDone) -> None:
        if turn.text and not self._has_spoken:
            self._write(turn.text)
        self._end_line()
        self._has_spoken = False

    def _move(self, move: WindowMoved) -> None:
        self._status = move.status
        if move.status == "ready":
            self.ask_again()
        elif move.status not in ("busy", "waiting"):
            self.say(f"{move.status}: {move.reason}" if move.reason else move.status)

    def _write(self, text: str) -> None:
        click.echo(text, nl=False)
        self._has_spoken = True
        self._in_text = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._in_text:
            click.echo()
        self._in_text = False


def attach_command(fleet: Path, window: Window) -> str:
    """How a person gets at the terminal itself, of the fleet whose door is `fleet`."""
    return f"tmux -S {fleet.parent / 'keeper' / 'tmux'} attach -t ={session(window.window_id, window.generation)}"
