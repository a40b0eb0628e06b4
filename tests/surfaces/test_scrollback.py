"""Events on the screen: lines stay whole, results find their calls, nothing a model says paints the screen."""

from collections.abc import Mapping

import pytest

from tests.surfaces.outputs import KeptOutput
from tianting.protocol.content import Text
from tianting.protocol.deltas import BlockFinished, ModelSwitched, RequestRetried, TextDelta
from tianting.protocol.events import (
    Event,
    HooksAsked,
    RequestStarted,
    SessionStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnReport,
)
from tianting.protocol.tool_calls import CallResult, Outcome, ToolCall
from tianting.surfaces.colours import colours_wanted
from tianting.surfaces.scrollback import Scrollback

pytestmark = pytest.mark.anyio

OPENED = SessionStarted(session_id="s", cwd="/w", model="m", permission_mode="default", tools=(), key_source="none")
WORDS_END = BlockFinished(index=0, block=Text(text=""))


def read(name: str) -> ToolCall:
    return ToolCall(call_id=name, tool_name="Read", arguments={"file_path": f"/w/{name}"})


def finished(call: ToolCall, content: str = "1\n2", outcome: Outcome = "ok") -> ToolFinished:
    return ToolFinished(
        call=call, result=CallResult(call_id=call.call_id, content=content, outcome=outcome), duration=0.0
    )


async def draw(*events: Event, colour: bool = False) -> str:
    output = KeptOutput()
    scrollback = Scrollback(output, colour=colour)
    for event in (OPENED, RequestStarted(), *events):
        await scrollback(event)
    return output.text


async def test_words_stream_and_their_last_line_is_ended() -> None:
    drawn = await draw(TextDelta(index=0, text="Look"), TextDelta(index=0, text="ing\x1b[2J"), WORDS_END)

    assert drawn == "Looking␛[2J\n"


async def test_ended_line_is_not_ended_again() -> None:
    drawn = await draw(
        TextDelta(index=0, text="a\n"),
        TextDelta(index=0, text=""),
        WORDS_END,
        TurnFinished(report=TurnReport(end="answered", text="a")),
    )

    assert drawn == "a\n"


async def test_call_stands_above_its_result() -> None:
    drawn = await draw(TextDelta(index=0, text="Now."), ToolStarted(call=read("a.py")), finished(read("a.py")))

    assert drawn.splitlines() == ["Now.", "● Read a.py", "  └ 2 lines"]


async def test_results_of_parallel_calls_say_whose_they_are() -> None:
    one, two = read("a.py"), read("b.py")

    drawn = await draw(
        ToolStarted(call=one), ToolStarted(call=two), finished(one), finished(two, "No file b.py.", "failed")
    )

    assert drawn.splitlines() == [
        "● Read a.py",
        "● Read b.py",
        "  └ Read a.py: 2 lines",
        "  └ Read b.py: No file b.py.",
    ]


async def test_refused_call_is_named_with_its_result() -> None:
    assert (await draw(finished(read("a.py"), "Forbidden.", "denied"))).splitlines() == [
        "● Read a.py",
        "  └ Forbidden.",
    ]


async def test_output_of_a_command_begins_below_it() -> None:
    call = ToolCall(call_id="b", tool_name="Bash", arguments={"command": "ls"})

    drawn = await draw(ToolStarted(call=call), finished(call, "a\nb\nc\nd\ne\nf"))

    assert drawn.splitlines() == ["● Bash ls", "  └ a", "    b", "    c", "    d", "    … 2 more lines"]


async def test_retry_fallback_and_failure_are_one_line_each() -> None:
    drawn = await draw(
        RequestRetried(attempt=1, max_retries=9, delay=2, status=None, cause="broken_stream", message=""),
        ModelSwitched(original="big", fallback="small", trigger="rate_limit"),
        TextDelta(index=0, text="Half"),
        TurnFinished(report=TurnReport(end="interrupted_streaming", text="Stopped by the user.")),
    )

    assert drawn.splitlines() == [
        "Retry 1 of 9 in 2 s: broken stream",
        "small takes over from big: rate limit",
        "Half",
        "Stopped by the user.",
    ]


async def test_what_hooks_say_and_that_one_ended_the_turn() -> None:
    ended = TurnFinished(report=TurnReport(end="hook_stopped", text="Enough."))

    drawn = await draw(HooksAsked(messages=("It\nfailed.\x1b",)), ended)

    assert drawn.splitlines()[0] == "It failed.␛"
    assert "Enough." in drawn.splitlines()[1]


async def test_colour_is_the_only_escape_sequence() -> None:
    drawn = await draw(ToolStarted(call=read("\x1b[5ma.py")), colour=True)

    assert drawn == "\x1b[36m● Read ␛[5ma.py\x1b[0m\n"


@pytest.mark.parametrize(
    ("environment", "is_terminal", "wanted"),
    [
        pytest.param({}, True, True, id="terminal"),
        pytest.param({}, False, False, id="pipe"),
        pytest.param({"NO_COLOR": "1"}, True, False, id="NO_COLOR"),
        pytest.param({"NO_COLOR": ""}, True, True, id="empty NO_COLOR"),
        pytest.param({"TERM": "dumb"}, True, False, id="dumb terminal"),
    ],
)
def test_colours_wanted(environment: Mapping[str, str], is_terminal: bool, wanted: bool) -> None:
    assert colours_wanted(environment, is_terminal=is_terminal) is wanted
