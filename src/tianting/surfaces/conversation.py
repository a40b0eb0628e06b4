"""The conversation at a terminal: read a prompt, watch it being worked on, read the next.

input line -> Conversation.submit -> events -> scrollback ; Ctrl-C -> Conversation.interrupt
"""

import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import anyio
from msgspec import Struct

from tianting.protocol.errors import TiantingError
from tianting.protocol.events import TurnReport
from tianting.protocol.messages import UserMessage, user_text
from tianting.surfaces.escaping import one_line
from tianting.surfaces.input_line import InputLine
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.scrollback import Scrollback

HELP = """\
Enter sends, Alt-Enter makes a new line, the arrow keys bring back earlier prompts.
Ctrl-C stops what the agent does; on an empty line, twice, it leaves. Ctrl-D leaves at once.
/help shows this, /exit leaves.""".splitlines()

Deed = Callable[[], Awaitable[Sequence[str] | None]]
"""What a command does; gives the lines to say afterwards, safe for a terminal. None ends the talk, as /exit does.
Raises `TiantingError`."""


class Command(Struct, frozen=True):
    """A word that is no prompt."""

    help: str
    """What it does, for /help."""
    deed: Deed


class Conversation(Protocol):
    """What is talked to; `session.Session` is one."""

    async def submit(self, prompt: UserMessage) -> TurnReport:
        """Work on `prompt` until the turn is over, however it ends. Raises `TiantingError`."""
        ...

    def interrupt(self) -> None:
        """End the running turn, if there is one. Returns at once."""
        ...


class ConversationSurface:
    """Talks with one person until they leave."""

    def __init__(
        self, line: InputLine, scrollback: Scrollback, commands: Mapping[str, Command] = MappingProxyType({})
    ) -> None:
        """`commands` by the word that calls them, as `/undo`."""
        self._line = line
        self._scrollback = scrollback
        self._commands = commands

    async def run(self, conversation: Conversation, first_prompt: str = "") -> None:
        """Return when the person leaves, or the terminal is gone."""
        with anyio.open_signal_receiver(signal.SIGINT) as signals:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_interrupt_at, signals, conversation)
                with contextlib.suppress(OutputClosed):  # the window was closed; nobody waits for an answer
                    await self._talk(conversation, first_prompt)
                tasks.cancel_scope.cancel()

    async def _talk(self, conversation: Conversation, first_prompt: str) -> None:
        words: str | None = first_prompt
        while words is not None:
            match words.split():
                case []:
                    pass
                case ["/exit"]:
                    return
                case ["/help"]:
                    await self._help()
                case [word] if command := self._commands.get(word):
                    if not await self._obey(command):
                        return
                case [word] if word.startswith("/") and "/" not in word[1:]:
                    await self._scrollback.say(f"There is no command {one_line(word)}; /help lists them.", "red")
                case _:
                    await self._submit(conversation, words)
            words = await self._next()

    async def _submit(self, conversation: Conversation, words: str) -> None:
        try:
            await conversation.submit(user_text(words))
        except TiantingError as error:  # the turn is lost, the conversation is not
            await self._scrollback.say(one_line(str(error), 1_000), "red")

    async def _obey(self, command: Command) -> bool:
        """Whether the talk goes on."""
        try:
            said = await command.deed()
        except TiantingError as error:
            await self._scrollback.say(one_line(str(error), 1_000), "red")
            return True
        for line in said or ():
            await self._scrollback.say(line)
        return said is not None

    async def _next(self) -> str | None:
        """What the person typed; None when they leave."""
        warned = False
        while True:
            try:
                return await self._line.read()
            except EOFError:
                return None
            except KeyboardInterrupt:
                if warned:
                    return None
            warned = True
            await self._scrollback.say("Ctrl-C again leaves.", "dim")

    async def _help(self) -> None:
        for line in (*HELP, *(f"{word} {command.help}" for word, command in self._commands.items())):
            await self._scrollback.say(line)


async def _interrupt_at(signals: AsyncIterator[signal.Signals], conversation: Conversation) -> None:
    async for _ in signals:
        conversation.interrupt()
