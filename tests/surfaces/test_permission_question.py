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
ALWAYS = Allow(reason="allowed by the user from now on")
STOP = Deny(reason="The user declined this call and stopped the turn.", interrupts=True, by_person=True)


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


class Granted:
    """Offers one rule, and keeps what was agreed to."""

    def __init__(self) -> None:
        self.rules: tuple[str, ...] = ("Bash(rm -rf build)",)
        self.granted: list[tuple[tuple[str, ...], bool]] = []

    def offered(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        return self.rules

    def grant(self, rules: tuple[str, ...], *, lasting: bool) -> str:
        self.granted.append((rules, lasting))
        return "Saved in /w/settings.json." if lasting else ""


class Asked:
    """A person with a keyboard, and what they were shown."""

    def __init__(self, keyboard: PipeInput) -> None:
        self.output = KeptOutput()
        self._keyboard = keyboard
        self.grants = Granted()
        scrollback = Scrollback(self.output, colour=False)
        self._person = TerminalPerson(scrollback, self.grants, keyboard=keyboard, screen=DummyOutput())

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
        pytest.param("a", ALWAYS, id="yes from now on"),
        pytest.param("s", SESSION, id="yes for this session"),
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


@pytest.mark.parametrize(
    ("key", "lasting", "said"),
    [
        pytest.param("a", True, ["  Saved in /w/settings.json."], id="for good"),
        pytest.param("s", False, [], id="for this session"),
    ],
)
async def test_rule_that_was_offered_is_granted(keyboard: PipeInput, key: str, lasting: bool, said: list[str]) -> None:
    asked = Asked(keyboard)

    await asked.ask(key, EDIT, FILE)

    assert asked.grants.granted == [(("Bash(rm -rf build)",), lasting)]
    assert asked.output.text.splitlines()[4:] == said


async def test_without_a_rule_there_is_no_lasting_yes(keyboard: PipeInput) -> None:
    asked = Asked(keyboard)
    asked.grants.rules = ()

    assert (await asked.ask("asy"), asked.grants.granted) == (ONCE, [])


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
