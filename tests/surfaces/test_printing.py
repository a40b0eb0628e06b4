"""Print mode: what stands on standard output, what on standard error, and the exit code."""

from itertools import count

import msgspec
import pytest

from tests.surfaces.outputs import KeptOutput
from tianting.protocol.content import Text
from tianting.protocol.deltas import BlockFinished, MessageStarted, ModelSwitched, RequestRetried, TextDelta
from tianting.protocol.events import Event, HooksAsked, SessionStarted, ToolFinished, TurnEnd, TurnFinished, TurnReport
from tianting.protocol.stream_json import StreamJsonEncoder
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.surfaces.printing import JsonSurface, StreamJsonSurface, TextSurface

pytestmark = pytest.mark.anyio

READ = ToolCall(call_id="t1", tool_name="Read", arguments={"file_path": "/w/src/a.py"})
TURN: tuple[Event, ...] = (
    SessionStarted(session_id="s", cwd="/w", model="m", permission_mode="default", tools=(), key_source="none"),
    RequestRetried(attempt=1, max_retries=10, delay=0.5, status=529, cause="overloaded", message="Busy."),
    ModelSwitched(original="big", fallback="small", trigger="overloaded"),
    MessageStarted(message_id="msg_1", model="small"),
    ToolFinished(call=READ, result=CallResult(call_id="t1", content="1\ta\n2\tb"), duration=0.1),
    TextDelta(index=0, text="Done."),
    BlockFinished(index=0, block=Text(text="Done.")),
)


def ends(end: TurnEnd, text: str = "Done.") -> TurnFinished:
    return TurnFinished(report=TurnReport(end=end, text=text))


def encoder(*, partial_messages: bool = False) -> StreamJsonEncoder:
    numbers = count(1)
    return StreamJsonEncoder("s", partial_messages=partial_messages, new_id=lambda: f"id-{next(numbers)}")


async def test_text_prints_the_answer_and_nothing_else() -> None:
    output, errors = KeptOutput(), KeptOutput()
    surface = TextSurface(output, errors)

    for event in (*TURN, ends("answered")):
        await surface(event)

    assert (output.text, errors.text, surface.exit_code) == ("Done.\n", "", 0)


async def test_what_hooks_say_to_the_person_stands_on_standard_error() -> None:
    output, errors = KeptOutput(), KeptOutput()
    surface = TextSurface(output, errors)

    for event in (HooksAsked(messages=("It\nfailed.\x1b",)), ends("hook_stopped", "Enough.")):
        await surface(event)

    assert (output.text, errors.text, surface.exit_code) == ("Enough.\n", "It failed.␛\n", 0)


async def test_verbose_text_tells_the_way_on_standard_error() -> None:
    output, errors = KeptOutput(), KeptOutput()
    surface = TextSurface(output, errors, verbose=True)

    for event in (*TURN, ends("answered")):
        await surface(event)

    assert output.text == "Done.\n"
    assert errors.text.splitlines() == [
        "Retry 1 of 10 in 0.5 s: overloaded (529)",
        "small takes over from big: overloaded",
        "● Read src/a.py",
        "  └ 2 lines",
    ]


@pytest.mark.parametrize(
    ("end", "exit_code"),
    [
        pytest.param("model_error", 1, id="the provider failed"),
        pytest.param("max_turns", 1, id="limit"),
        pytest.param("refused", 1, id="refused"),
        pytest.param("interrupted_streaming", 1, id="interrupted in an answer"),
        pytest.param("interrupted_tools", 1, id="interrupted in a tool"),
    ],
)
async def test_failure_is_one_line_on_standard_error(end: TurnEnd, exit_code: int) -> None:
    output, errors = KeptOutput(), KeptOutput()
    surface = TextSurface(output, errors)

    await surface(ends(end, "The provider\x1b[2J\nis away."))

    assert (output.text, errors.text) == ("", "The provider␛[2J is away.\n")
    assert surface.exit_code == exit_code


@pytest.mark.parametrize(
    ("text", "to_terminal", "printed"),
    [
        pytest.param("a\n", False, "a\n", id="no second line end"),
        pytest.param("", False, "", id="nothing to say"),
        pytest.param("\x1b[31mred", False, "\x1b[31mred\n", id="a file gets it as it is"),
        pytest.param("\x1b[31mred", True, "␛[31mred\n", id="a terminal does not"),
        pytest.param("\ud800", False, "?\n", id="half a character"),
    ],
)
async def test_text_of_the_answer(text: str, to_terminal: bool, printed: str) -> None:
    output = KeptOutput()
    surface = TextSurface(output, KeptOutput(), to_terminal=to_terminal)

    await surface(ends("answered", text))

    assert output.text == printed


async def test_json_is_the_result_alone() -> None:
    output = KeptOutput()
    surface = JsonSurface(output, encoder())

    for event in (*TURN, ends("model_error")):
        await surface(event)

    result = msgspec.json.decode(output.data)
    assert (result["type"], result["is_error"], result["result"], surface.exit_code) == ("result", True, "Done.", 1)
    assert output.data.count(b"\n") == 1


async def test_verbose_json_is_an_array_of_all_messages() -> None:
    output = KeptOutput()
    surface = JsonSurface(output, encoder(), verbose=True)

    for event in (*TURN, ends("answered")):
        await surface(event)

    messages = msgspec.json.decode(output.data)
    assert [message["type"] for message in messages] == ["system", "system", "system", "user", "assistant", "result"]
    assert surface.exit_code == 0


async def test_stream_json_writes_each_line_when_it_happens() -> None:
    output = KeptOutput()
    surface = StreamJsonSurface(output, encoder(partial_messages=True))
    written = []

    for event in (*TURN, ends("interrupted_streaming")):
        await surface(event)
        written.append(output.data.count(b"\n"))

    assert written == [1, 2, 3, 4, 5, 6, 8, 10]
    assert surface.exit_code == 1
