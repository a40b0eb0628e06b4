"""Which prompt to go back to: what is listed, and what each answer means."""

from collections.abc import Iterator, Sequence

import anyio
import anyio.lowlevel
import pytest
from prompt_toolkit.application import get_app_or_none
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.surfaces.outputs import KeptOutput
from tianting.surfaces import rewind_question
from tianting.surfaces.rewind_question import Chosen, RewindQuestion
from tianting.surfaces.scrollback import Scrollback

pytestmark = pytest.mark.anyio

CTRL_C, CTRL_D = "\x03", "\x04"
SAID = ("What is this?", "Fix the build.", "Now test \x1b[2Jit.")


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


class Asked:
    """A person with a keyboard, and what they were shown."""

    def __init__(self, keyboard: PipeInput) -> None:
        self.output = KeptOutput()
        self._keyboard = keyboard
        self._question = RewindQuestion(Scrollback(self.output, colour=False), keyboard=keyboard, screen=DummyOutput())

    async def ask(self, lines: str, keys: str = "", said: Sequence[str] = SAID) -> Chosen | None:
        """Type `lines` and, once the menu stands, `keys`: what is typed before is no answer to it."""
        self._keyboard.send_text(lines)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                if keys:
                    tasks.start_soon(self._press_at_menu, keys)
                answer = await self._question.ask(said)
        return answer

    async def _press_at_menu(self, keys: str) -> None:
        while (app := get_app_or_none()) is None or not app.is_running or app.layout.has_focus(DEFAULT_BUFFER):
            await anyio.lowlevel.checkpoint()
        self._keyboard.send_text(keys)


@pytest.mark.parametrize(
    ("lines", "keys", "chosen"),
    [
        pytest.param("2\r", "b", Chosen(1, "both"), id="both"),
        pytest.param(" 1 \r", "f", Chosen(0, "files"), id="files"),
        pytest.param("3\r", "c", Chosen(2, "conversation"), id="conversation"),
        pytest.param("3\r", "xb", Chosen(2, "both"), id="other keys mean nothing"),
        pytest.param("4\r0\r²\r1\r", "b", Chosen(0, "both"), id="asked again"),
        pytest.param("\r", "", None, id="stays"),
        pytest.param(CTRL_C, "", None, id="interrupted"),
        pytest.param(CTRL_D, "", None, id="end of input"),
        pytest.param("1\r", CTRL_C, None, id="interrupted at the menu"),
        pytest.param("1\r", CTRL_D, None, id="end of input at the menu"),
    ],
)
async def test_answers(keyboard: PipeInput, lines: str, keys: str, chosen: Chosen | None) -> None:
    assert await Asked(keyboard).ask(lines, keys) == chosen


async def test_newest_prompt_stands_first(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)

    await asked.ask("7\r\r")

    assert asked.output.text.splitlines() == [
        "   3  Now test \N{SYMBOL FOR ESCAPE}[2Jit.",
        "   2  Fix the build.",
        "   1  What is this?",
        "There is no prompt 7.",
    ]


async def test_long_list_is_cut_and_counted(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)

    chosen = await asked.ask("1\r", "f", said=[f"Prompt {number}" for number in range(1, 25)])

    lines = asked.output.text.splitlines()
    assert (lines[0], lines[-2:]) == ("  24  Prompt 24", ["   5  Prompt 5", "      … and 4 earlier"])
    assert chosen == Chosen(0, "files")


async def test_terminal_that_is_gone_chooses_nothing(keyboard: PipeInput, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object, **__: object) -> None:
        raise EOFError

    monkeypatch.setattr(rewind_question, "pressed", gone)

    assert await Asked(keyboard).ask("1\r") is None
