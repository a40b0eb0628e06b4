"""The question before a call: what is shown, and what each key means."""

from collections.abc import Iterator

import anyio
import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.surfaces.outputs import KeptOutput
from tianting.permissions.decision import Allow, Decision, Deny
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.surfaces.permission_question import TerminalPerson
from tianting.surfaces.scrollback import Scrollback

pytestmark = pytest.mark.anyio

REMOVE = ToolCall(call_id="t1", tool_name="Bash", arguments={"command": "rm -rf build\necho \x1b[2Jdone"})
EDIT = ToolCall(
    call_id="t2",
    tool_name="Edit",
    arguments={"file_path": "/w/a.py", "old_string": "x = 1\n", "new_string": "x = 2\n"},
)
COMMAND = (Access(effect="execute", target="rm -rf build"),)
FILE = (Access(effect="edit", target="/w/a.py"),)

ONCE = Allow(reason="allowed by the user")
SESSION = Allow(reason="allowed by the user for this session")
STOP = Deny(reason="The user declined this call and stopped the turn.", interrupts=True, by_person=True)


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


class Asked:
    """A person with a keyboard, and what they were shown."""

    def __init__(self, keyboard: PipeInput) -> None:
        self.output = KeptOutput()
        self._keyboard = keyboard
        self._person = TerminalPerson(Scrollback(self.output, colour=False), keyboard=keyboard, screen=DummyOutput())

    async def ask(self, keys: str, call: ToolCall = REMOVE, accesses: tuple[Access, ...] = COMMAND) -> Decision:
        self._keyboard.send_text(keys)
        with anyio.fail_after(5):
            return await self._person.ask(call, accesses, "runs a command")

    async def ask_for_ever(self) -> None:
        await self._person.ask(REMOVE, COMMAND, "runs a command")


@pytest.mark.parametrize(
    ("keys", "decision"),
    [
        pytest.param("y", ONCE, id="yes"),
        pytest.param("a", SESSION, id="yes for this session"),
        pytest.param("\r zy", ONCE, id="only the keys named count"),
        pytest.param("\x03", STOP, id="Ctrl-C"),
        pytest.param("\x04", STOP, id="Ctrl-D"),
        pytest.param(
            "nmove it aside\r",
            Deny(
                reason='The user declined: "move it aside". Choose another way; do not repeat the call.',
                by_person=True,
            ),
            id="no with a reason",
        ),
        pytest.param("n\r", STOP, id="no without a reason"),
        pytest.param("nhm\x03", STOP, id="no, then Ctrl-C"),
    ],
)
async def test_each_answer(keyboard: PipeInput, keys: str, decision: Decision) -> None:
    assert await Asked(keyboard).ask(keys) == decision


async def test_command_is_shown_in_full_and_harmless(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)

    await asked.ask("y")

    assert asked.output.text.splitlines() == [
        "? Bash",
        "  rm -rf build",
        "  echo ␛[2Jdone",
        "  runs a command",
    ]


async def test_edit_is_shown_as_a_change(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)

    await asked.ask("y", EDIT, FILE)

    assert asked.output.text.splitlines() == ["? Edit /w/a.py", "  - x = 1", "  + x = 2", "  runs a command"]


async def test_end_of_a_long_path_is_not_hidden(keyboard: PipeInput) -> None:
    asked, path = Asked(keyboard), "/w/" + "d/" * 500 + "../.ssh/authorized_keys"
    write = ToolCall(call_id="t", tool_name="Write", arguments={"file_path": path, "content": ""})

    await asked.ask("y", write, FILE)

    assert asked.output.text.splitlines()[0] == f"? Write {path}"


async def test_session_grant_covers_exactly_what_was_granted(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)

    await asked.ask("a", EDIT, FILE)

    assert await asked.ask("", EDIT, FILE) == SESSION
    assert await asked.ask("y", EDIT, (*FILE, Access(effect="edit", target="/w/b.py"))) == ONCE
    assert await asked.ask("y", REMOVE, COMMAND) == ONCE


async def test_call_that_says_not_what_it_touches_is_never_granted_for_a_session(keyboard: PipeInput) -> None:
    assert await Asked(keyboard).ask("ay", REMOVE, ()) == ONCE


async def test_terminal_that_goes_away_means_no(keyboard: PipeInput) -> None:
    asked, answers = Asked(keyboard), []

    async def answer() -> None:
        answers.append(await asked.ask(""))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer)
            await anyio.wait_all_tasks_blocked()
            keyboard.close()

    assert answers == [STOP]


async def test_question_can_be_taken_back(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asked.ask_for_ever)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()

    assert await asked.ask("y") == ONCE
