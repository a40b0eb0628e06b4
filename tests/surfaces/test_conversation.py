"""The conversation, typed at a keyboard that is a pipe."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.surfaces.outputs import KeptOutput
from tianting.protocol.errors import SessionError
from tianting.protocol.events import TurnReport
from tianting.protocol.messages import UserMessage, user_text
from tianting.surfaces.conversation import HELP, Command, ConversationSurface
from tianting.surfaces.input_line import InputLine
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.scrollback import Scrollback

pytestmark = pytest.mark.anyio

ANSWERED = TurnReport(end="answered")
ALT_ENTER, CTRL_C, CTRL_D, UP = "\x1b\r", "\x03", "\x04", "\x1b[A"


class Listening:
    """A conversation that keeps what it was told and answers at once."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.heard: list[UserMessage] = []
        self.interrupts = 0
        self._fails = fails

    async def submit(self, prompt: UserMessage) -> TurnReport:
        self.heard.append(prompt)
        if self._fails:
            raise self._fails
        return ANSWERED

    def interrupt(self) -> None:
        self.interrupts += 1


class Busy(Listening):
    """A conversation that works until it is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self.working = anyio.Event()
        self._stopped = anyio.Event()

    async def submit(self, prompt: UserMessage) -> TurnReport:
        self.heard.append(prompt)
        self.working.set()
        await self._stopped.wait()
        return TurnReport(end="interrupted_streaming")

    def interrupt(self) -> None:
        super().interrupt()
        self._stopped.set()


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


class Screen:
    """A terminal in memory, and the surface at it."""

    def __init__(
        self, keyboard: PipeInput, history: Path | None = None, commands: Mapping[str, Command] | None = None
    ) -> None:
        self.output = KeptOutput()
        scrollback = Scrollback(self.output, colour=False)
        line = InputLine(history, keyboard=keyboard, screen=DummyOutput())
        self.surface = ConversationSurface(line, scrollback, commands or {})


async def talk(keyboard: PipeInput, keys: str, conversation: Listening, history: Path | None = None) -> str:
    """Type `keys`, all of them before the first prompt is read, as a fast typist would."""
    screen = Screen(keyboard, history)
    keyboard.send_text(keys)
    with anyio.fail_after(5):
        await screen.surface.run(conversation)
    return screen.output.text


@pytest.mark.parametrize(
    ("keys", "heard"),
    [
        pytest.param("hello\r/exit\r", ["hello"], id="one prompt"),
        pytest.param(f"one{ALT_ENTER}two\r{CTRL_D}", ["one\ntwo"], id="two lines"),
        pytest.param(f"\x1b[200~one\ntwo\x1b[201~\r{CTRL_D}", ["one\ntwo"], id="pasted lines"),
        pytest.param(f"  \r\r{CTRL_D}", [], id="nothing typed"),
        pytest.param(f"wrong{CTRL_C}right\r{CTRL_D}", ["right"], id="Ctrl-C clears the line"),
        pytest.param(f"/usr/bin is full\r/etc/hosts\r{CTRL_D}", ["/usr/bin is full", "/etc/hosts"], id="paths"),
    ],
)
async def test_what_is_typed_reaches_the_agent(keyboard: PipeInput, keys: str, heard: list[str]) -> None:
    conversation = Listening()

    said = await talk(keyboard, keys, conversation)

    assert conversation.heard == [user_text(words) for words in heard]
    assert said == ""


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        pytest.param(f"/help\r{CTRL_D}", "\n".join([*HELP, ""]), id="help"),
        pytest.param(f"/hlep\r{CTRL_D}", "There is no command /hlep; /help lists them.\n", id="mistyped command"),
        pytest.param(f"{CTRL_C}{CTRL_C}", "Ctrl-C again leaves.\n", id="Ctrl-C twice leaves"),
    ],
)
async def test_what_the_surface_answers_itself(keyboard: PipeInput, keys: str, said: str) -> None:
    conversation = Listening()

    assert await talk(keyboard, keys, conversation) == said
    assert conversation.heard == []


async def test_commands_of_the_program_are_called_by_their_word(keyboard: PipeInput) -> None:
    async def undo() -> list[str]:
        return ["Went back.", "1 changed"]

    async def redo() -> list[str]:
        raise SessionError("There is nothing to redo.")

    commands = {"/undo": Command("goes back.", undo), "/redo": Command("goes forth.", redo)}
    screen, conversation = Screen(keyboard, commands=commands), Listening()
    keyboard.send_text(f"/undo\r/redo\r/undo it\r/help\r{CTRL_D}")
    with anyio.fail_after(5):
        await screen.surface.run(conversation)

    assert screen.output.text.splitlines() == [
        *("Went back.", "1 changed", "There is nothing to redo."),
        *(*HELP, "/undo goes back.", "/redo goes forth."),
    ]
    assert conversation.heard == [user_text("/undo it")]


async def test_command_may_end_the_talk(keyboard: PipeInput) -> None:
    async def leave() -> None:
        return None

    screen, conversation = Screen(keyboard, commands={"/leave": Command("leaves.", leave)}), Listening()
    keyboard.send_text("/leave\rnever heard\r")
    with anyio.fail_after(5):
        await screen.surface.run(conversation)

    assert (screen.output.text, conversation.heard) == ("", [])


async def test_failed_turn_is_one_line_and_not_the_end(keyboard: PipeInput) -> None:
    conversation = Listening(fails=SessionError("The disk is full.\nFree some."))

    said = await talk(keyboard, f"one\rtwo\r{CTRL_D}", conversation)

    assert said == "The disk is full. Free some.\n" * 2
    assert len(conversation.heard) == 2


async def test_terminal_that_goes_away_ends_it(keyboard: PipeInput) -> None:
    await talk(keyboard, "one\r", Listening(fails=OutputClosed()))


async def test_first_prompt_is_submitted_before_anything_is_typed(keyboard: PipeInput) -> None:
    conversation = Listening()
    keyboard.send_text(CTRL_D)

    with anyio.fail_after(5):
        await Screen(keyboard).surface.run(conversation, "hello")

    assert conversation.heard == [user_text("hello")]


@asynccontextmanager
async def running(surface: ConversationSurface, conversation: Listening, prompt: str) -> AsyncIterator[None]:
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(surface.run, conversation, prompt)
            yield


async def test_ctrl_c_in_a_turn_interrupts_it_at_once(keyboard: PipeInput) -> None:
    conversation = Busy()

    async with running(Screen(keyboard).surface, conversation, "work"):
        await conversation.working.wait()
        pressed = anyio.current_time()
        signal.raise_signal(signal.SIGINT)
        while not conversation.interrupts:
            await anyio.lowlevel.checkpoint()
        assert anyio.current_time() - pressed < 0.1
        keyboard.send_text(CTRL_D)


async def test_history_survives_and_is_private(keyboard: PipeInput, tmp_path: Path) -> None:
    history = tmp_path / "state" / "history"
    await talk(keyboard, f"first\nprompt\r{CTRL_D}", Listening(), history)

    with create_pipe_input() as later:
        conversation = Listening()
        async with running(Screen(later, history).surface, conversation, ""):
            await anyio.wait_all_tasks_blocked()  # the history is read in the background
            later.send_text(f"{UP}\r{CTRL_D}")

    assert conversation.heard == [user_text("prompt")]
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda path: path.mkdir(parents=True), id="a directory"),
        pytest.param(lambda path: path.parent.touch(), id="below a file"),
    ],
)
async def test_history_that_cannot_be_written_does_not_stop_the_conversation(
    keyboard: PipeInput, tmp_path: Path, break_it: Callable[[Path], None]
) -> None:
    history = tmp_path / "state" / "full"
    break_it(history)
    conversation = Listening()

    await talk(keyboard, f"hello\r{CTRL_D}", conversation, history)

    assert conversation.heard == [user_text("hello")]
