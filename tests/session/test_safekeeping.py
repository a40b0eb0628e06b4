"""Before anything may change, it is kept; and what cannot be kept stops nobody."""

import pytest
from msgspec import Struct

from tianting.protocol.errors import CheckpointError
from tianting.protocol.events import Event, PromptDelivered, ToolStarted, TurnStarted
from tianting.protocol.messages import user_text
from tianting.protocol.tool_calls import ToolCall
from tianting.session.safekeeping import Safekeeping, by_name, label

pytestmark = pytest.mark.anyio


class Taken(Struct, frozen=True):
    """What a checkpoint was asked for with."""

    label: str
    prompt_id: str | None
    tool_call_id: str | None


class Shelf:
    """Remembers what it is asked to keep; refuses as often as it is told."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.taken: list[Taken] = []
        self.opened = 0
        self.refusals = refusals

    def open(self) -> "Shelf":
        self.opened += 1
        return self

    async def take(self, label: str, *, prompt_id: str | None = None, tool_call_id: str | None = None) -> None:
        if self.refusals:
            self.refusals -= 1
            raise CheckpointError("The disk is full.")
        self.taken.append(Taken(label, prompt_id, tool_call_id))


def turn(number: int) -> Event:
    return TurnStarted(uuid=f"prompt-{number}", prompt=user_text("Go."))


def starts(tool: str, call_id: str, **arguments: str) -> Event:
    return ToolStarted(call=ToolCall(call_id=call_id, tool_name=tool, arguments=arguments))


async def hear(keeper: Safekeeping, *events: Event) -> None:
    for event in events:
        await keeper(event)


async def test_first_change_of_a_turn_is_kept_for_the_prompt() -> None:
    shelf, complaints = Shelf(), list[str]()
    keeper = Safekeeping(shelf.open, complain=complaints.append)

    await hear(
        keeper,
        *(turn(1), starts("Read", "a", file_path="x"), starts("Bash", "b", command="rm x"), starts("Edit", "c")),
        *(turn(2), starts("Write", "d", file_path="y")),
    )

    assert shelf.taken == [
        Taken("Bash: rm x", "prompt-1", "b"),
        Taken("Edit", None, "c"),
        Taken("Write: y", "prompt-2", "d"),
    ]
    assert (shelf.opened, complaints) == (1, [])


async def test_files_can_be_taken_back_to_before_what_was_said_in_the_turn() -> None:
    shelf = Shelf()
    said = PromptDelivered(uuid="steering", message=user_text("In blue."))

    await hear(
        Safekeeping(shelf.open, complain=print),
        *(turn(1), starts("Edit", "a"), said, starts("Edit", "b"), starts("Edit", "c")),
        *(turn(2), said, starts("Edit", "d")),
    )

    assert [taken.prompt_id for taken in shelf.taken] == ["prompt-1", "steering", None, "prompt-2"]


async def test_turn_that_only_reads_opens_nothing() -> None:
    shelf = Shelf()

    await hear(Safekeeping(shelf.open, complain=print), turn(1), starts("Grep", "a", pattern="x"))

    assert shelf.opened == 0


async def test_who_knows_better_than_the_name_decides() -> None:
    shelf = Shelf()
    keeper = Safekeeping(shelf.open, complain=print, may_change=lambda call: call.arguments["command"] != "ls")

    await hear(keeper, turn(1), starts("Bash", "a", command="ls"), starts("Bash", "b", command="make"))

    assert shelf.taken == [Taken("Bash: make", "prompt-1", "b")]


async def test_failure_is_told_once_and_costs_the_turn_no_second_try() -> None:
    shelf, complaints = Shelf(refusals=2), list[str]()
    keeper = Safekeeping(shelf.open, complain=complaints.append)

    await hear(keeper, turn(1), starts("Bash", "a"), starts("Bash", "b"), turn(2), starts("Bash", "c"))
    await hear(keeper, turn(3), starts("Bash", "d"))

    assert complaints == ["What changes now cannot be undone: The disk is full."]
    assert shelf.taken == [Taken("Bash", "prompt-3", "d")]


async def test_store_that_cannot_be_opened_is_a_failure_like_any() -> None:
    def closed() -> Shelf:
        raise CheckpointError("No room.")

    complaints = list[str]()

    await hear(Safekeeping(closed, complain=complaints.append), turn(1), starts("Bash", "a"))

    assert complaints == ["What changes now cannot be undone: No room."]


@pytest.mark.parametrize(
    ("tool", "may"),
    [
        pytest.param("Read", False, id="reads"),
        pytest.param("TodoWrite", False, id="writes into its own memory"),
        pytest.param("Bash", True, id="command"),
        pytest.param("mcp__files__move", True, id="unknown"),
    ],
)
def test_tool_that_is_not_known_to_read_may_change_files(tool: str, may: bool) -> None:
    assert by_name(ToolCall(call_id="a", tool_name=tool, arguments={})) == may


PATCH = "*** Begin Patch\n*** Add File: a\n+x\n*** Delete File: b\n*** End Patch"


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        pytest.param("Bash", {"command": "cd a &&\n  make"}, "Bash: cd a && make", id="one line"),
        pytest.param("Bash", {"command": "x" * 200}, f"Bash: {'x' * 93}…", id="long"),
        pytest.param("Bash", {"command": "\x1b[2J \ud800"}, "Bash: \ufffd[2J \ufffd", id="nothing for a terminal"),
        pytest.param("apply_patch", {"input": PATCH}, "apply_patch: a, b", id="files of a patch"),
        pytest.param("mcp__x__y", {"number": 1}, "mcp__x__y", id="unknown"),
    ],
)
def test_label_says_what_comes_next(tool: str, arguments: dict[str, object], expected: str) -> None:
    assert label(ToolCall(call_id="a", tool_name=tool, arguments=arguments)) == expected
