"""The loop, driven through its public face: a scripted model in, a history and a list of events out."""

from typing import Any

import anyio
import pytest
from msgspec import structs

from tests.agent.conftest import SCHEMA, SHAPE, Habit, Parameters, Turns
from tianting.agent.limits import Limits
from tianting.agent.loop import STOPPED
from tianting.agent.required_output import RequiredOutput
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault
from tianting.permissions.decision import Deny
from tianting.protocol.content import Text, ToolUse
from tianting.protocol.deltas import BlockFinished, BlockStarted, MessageFinished, MessageStarted, TextDelta
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    ModelUse,
    NoteAdded,
    RequestStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnReport,
)
from tianting.protocol.messages import UserMessage, note, unanswered_calls
from tianting.protocol.model_catalogue import ModelCatalogue, ModelInfo
from tianting.protocol.tool_calls import Access, CallResult, ToolCall, ToolOutput, ToolSpec
from tianting.protocol.usage import Usage

pytestmark = pytest.mark.anyio


async def test_tool_result_reaches_model_before_it_answers(turns: Turns) -> None:
    report = await turns.run(says("One moment.", calls("Upper", text="hey")), says("HEY"))

    assert turns.said() == ["user: Shout.", "model: One moment. | Upper", "user: result HEY", "model: HEY"]
    assert report.end == "answered"
    assert report.text == "HEY"
    assert report.num_turns == 2


async def test_events_tell_everything_in_order(turns: Turns) -> None:
    await turns.run(says("One.", calls("Upper", text="hey")), says("HEY"))

    call = ToolCall(call_id="call_1_1", tool_name="Upper", arguments={"text": "hey"})
    kinds = [type(event).__name__ for event in turns.events]
    assert kinds == [
        "TurnStarted",
        "RequestStarted",
        "MessageStarted",
        *("BlockStarted", "TextDelta", "BlockFinished"),
        *("BlockStarted", "ArgumentsDelta", "BlockFinished"),
        "MessageFinished",
        "ToolStarted",
        "ToolFinished",
        "RequestStarted",
        "MessageStarted",
        *("BlockStarted", "TextDelta", "BlockFinished"),
        "MessageFinished",
        "TurnFinished",
    ]
    assert ToolStarted(call=call) in turns.events
    assert ToolFinished(call=call, result=CallResult(call_id="call_1_1", content="HEY"), duration=0.0) in turns.events


async def test_each_request_grows_the_one_before(turns: Turns) -> None:
    await turns.run(says("", calls("Upper", text="a")), says("", calls("Upper", text="b")), says("Done."))

    requests = turns.model.seen
    assert [len(request.messages) for request in requests] == [1, 3, 5]
    assert all(structs.replace(request, messages=()) == SHAPE for request in requests)
    assert requests[2].messages[:3] == requests[1].messages


async def test_reads_run_together_and_answer_in_call_order(turns: Turns) -> None:
    second_began = anyio.Event()

    async def wait_for_second(parameters: Parameters) -> str:
        await second_began.wait()
        return "first"

    def begin(parameters: Parameters) -> str:
        second_began.set()
        return "second"

    turns.tools += [Habit("Waits", "read", wait_for_second), Habit("Begins", "read", begin)]

    await turns.run(says("", calls("Waits", text="-"), calls("Begins", text="-")), says("Done."))

    assert turns.said()[2:4] == ["user: result first", "user: result second"]


async def test_no_more_than_ten_reads_run_at_once(turns: Turns) -> None:
    running, most = 0, 0

    async def count(parameters: Parameters) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        return "ok"

    turns.tools.append(Habit("Counts", "read", count))

    await turns.run(says("", *(calls("Counts", text=str(n)) for n in range(25))), says("Done."))

    assert most == 10


async def test_changes_run_alone_and_in_order(turns: Turns) -> None:
    order: list[str] = []

    async def slow(parameters: Parameters) -> str:
        order.append(f"begin {parameters.text}")
        await anyio.lowlevel.checkpoint()
        order.append(f"end {parameters.text}")
        return "ok"

    turns.tools += [Habit("Edits", "edit", slow), Habit("Looks", "read", slow)]

    await turns.run(
        says(
            "", calls("Looks", text="1"), calls("Edits", text="2"), calls("Edits", text="3"), calls("Looks", text="4")
        ),
        says("Done."),
    )

    assert order == [f"{what} {n}" for n in "1234" for what in ("begin", "end")]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        pytest.param(calls("Upper"), "error `text` is missing.", id="tool says no"),
        pytest.param(
            calls("read_file", text="a"),
            'error There is no tool "read_file". Tools: Broken, Change, Never, Upper.',
            id="unknown",
        ),
        pytest.param(calls("upper", text="a"), "result A", id="another case"),
        pytest.param(calls("Uper", text="a"), 'error There is no tool "Uper"; Upper(text) does that.', id="nearest"),
        pytest.param(calls("Broken", text="a"), "error The tool 'Broken' broke. Try another way.", id="bug in tool"),
        pytest.param(calls("Never", text="a"), "error Stopped after 0.01 seconds.", id="too slow"),
        pytest.param(calls("Upper", text="a", more=1), "result A\n[ignored, not a parameter: more]", id="extra"),
        pytest.param(
            calls("Upper", text="a" * 99), f"result {'A' * 30}\n[... 39 characters cut ...]\n{'A' * 30}", id="long"
        ),
        pytest.param(
            calls("Upper", text="a", number="x"),
            'error Upper: number must be a whole number, got "x". '
            "It takes: text (string, required), number (integer), items (array).",
            id="wrong type",
        ),
    ],
)
async def test_every_call_gets_one_result(turns: Turns, call: Any, answer: str) -> None:
    turns.limits = Limits(tool_timeout=0.01, max_result_chars=60)

    report = await turns.run(says("", call), says("Sorry."))

    assert turns.said()[2:] == [f"user: {answer}", "model: Sorry."]
    assert report.end == "answered"


async def test_denied_call_is_answered_and_reported(turns: Turns) -> None:
    turns.decision = Deny(reason="Not here.")

    report = await turns.run(says("", calls("Upper", text="a")), says("Sorry."))

    assert turns.said()[2] == "user: error Not here."
    assert report.denials == (ToolCall(call_id="call_1_1", tool_name="Upper", arguments={"text": "a"}),)
    assert not any(isinstance(event, ToolStarted) for event in turns.events)


async def test_person_who_refuses_may_end_the_turn(turns: Turns) -> None:
    turns.decision = Deny(reason="No.", interrupts=True)

    report = await turns.run(says("", calls("Change", text="a"), calls("Change", text="b")), says("Never said."))

    assert turns.said()[2:] == ["user: error No.", "user: error Stopped by the user before it finished."]
    assert (report.end, len(turns.model.seen)) == ("interrupted_tools", 1)


async def test_turn_stops_at_its_limit_of_answers(turns: Turns) -> None:
    turns.limits = Limits(max_turns=2)

    report = await turns.run(*(says("", calls("Upper", text=str(n))) for n in range(3)))

    assert (report.end, len(turns.model.seen)) == ("max_turns", 2)
    assert unanswered_calls(turns.history) == []


async def test_four_calls_and_a_last_word_fit_in_two_answers(turns: Turns) -> None:
    turns.limits = Limits(max_turns=2)

    report = await turns.run(says("", *(calls("Upper", text=str(n)) for n in range(4))), says("Done."))

    assert (report.end, report.num_turns) == ("answered", 5)


async def test_budget_ends_the_turn_before_the_next_call_runs(turns: Turns) -> None:
    turns.catalogue = ModelCatalogue((ModelInfo(id="test", input_price=1_000_000.0),))
    turns.limits = Limits(max_budget_usd=2.0)
    costly = Reply(calls=(calls("Upper", text="a"),), usage=Usage(input_tokens=1))

    report = await turns.run(costly, costly, costly)

    assert (report.end, report.cost_usd) == ("max_budget", 2.0)
    assert turns.said()[-1] == "user: error Not run: The budget of $2 is used up."
    assert report.models == {
        "test": ModelUse(usage=Usage(input_tokens=2), cost_usd=2.0, context_window=128_000, max_output_tokens=32_000)
    }


async def test_failing_provider_ends_the_turn_with_its_line(turns: Turns) -> None:
    report = await turns.run(Reply(fault=Fault(kind="status", status=401)))

    assert (report.end, report.error_status) == ("model_error", 401)
    assert isinstance(turns.events[-1], TurnFinished)
    assert turns.events[-1].report == report


class Stopped:
    """Runs a turn and stops it at the first event that `wanted` picks."""

    def __init__(self, turns: Turns, wanted: type[Event]) -> None:
        self.turns = turns
        self.scope = anyio.CancelScope()
        turns.on_event = lambda event: self.scope.cancel() if isinstance(event, wanted) else None

    async def run(self, *replies: Reply) -> TurnReport:
        with anyio.fail_after(5), self.scope:
            await self.turns.work(self.turns.loop(*replies))
        last = self.turns.events[-1]
        assert isinstance(last, TurnFinished)
        return last.report


async def test_stopped_answer_stays_as_far_as_it_came(turns: Turns) -> None:
    report = await Stopped(turns, TextDelta).run(Reply(text="First words, more.", chunk=12, pause=0.001))

    assert turns.said() == ["user: Shout.", "model: First words,", f"user: note: {STOPPED}"]
    assert report.end == "interrupted_streaming"
    [aborted] = [event.message for event in turns.events if isinstance(event, AnswerAborted)]
    assert (aborted, aborted.aborted) == (turns.history[1], True)


async def test_stopped_before_a_word_leaves_only_the_note(turns: Turns) -> None:
    report = await Stopped(turns, RequestStarted).run(Reply(fault=Fault(kind="hang_before_headers")))

    assert turns.said() == ["user: Shout.", f"user: note: {STOPPED}"]
    assert report.end == "interrupted_streaming"


async def test_stopped_tools_leave_no_call_unanswered(turns: Turns) -> None:
    report = await Stopped(turns, ToolStarted).run(
        says("", calls("Never", text="a"), calls("Change", text="b"), calls("Upper", text="c"))
    )

    assert turns.said()[2:] == ["user: error Stopped by the user before it finished."] * 3 + [f"user: note: {STOPPED}"]
    assert report.end == "interrupted_tools"
    assert unanswered_calls(turns.history) == []


@pytest.mark.parametrize("step", range(14))
async def test_turn_stopped_at_any_event_leaves_a_history_that_goes_on(turns: Turns, step: int) -> None:
    seen = 0

    def count(event: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == step + 1:
            scope.cancel()

    turns.on_event = count
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        await turns.work(turns.loop(says("One.", calls("Upper", text="a"), calls("Change", text="b")), says("Two.")))
    turns.on_event = lambda event: None

    assert unanswered_calls(turns.history) == []
    assert sum(isinstance(event, TurnFinished) for event in turns.events) == 1
    report = await turns.run(says("Going on."))
    assert report.end == "answered"


async def test_call_cut_by_the_output_limit_never_runs(turns: Turns) -> None:
    cut = Reply(
        text="Writing.", calls=(calls("Change", text="half"),), stop_reason="max_tokens", usage=Usage(output_tokens=50)
    )

    await turns.run(cut, says("Done."))

    assert turns.said() == [
        "user: Shout.",
        "model: Writing.",
        (
            "user: note: The answer was cut at 50 tokens, before its call was complete; the call did not run. "
            "Do it in smaller parts: write a file piece by piece."
        ),
        "model: Done.",
    ]


async def test_answers_that_are_always_cut_are_no_success(turns: Turns) -> None:
    cut = Reply(text="And then", stop_reason="max_tokens", usage=Usage(output_tokens=50), times=9)

    report = await turns.run(cut)

    assert (report.end, len(turns.model.seen)) == ("going_in_circles", 4)
    assert turns.said()[2] == "user: note: The answer was cut at 50 tokens. Go on where it broke off."


class Unsure:
    """Cannot say what it would touch, from the second time on that it is asked, or at once."""

    spec = ToolSpec(name="Unsure", description="Unsure.", input_schema=SCHEMA)
    parameters = Parameters

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def accesses(self, parameters: Parameters) -> tuple[Access, ...]:
        self.answers -= 1
        if self.answers < 0:
            raise RuntimeError("links in a circle")
        return (Access(effect="edit", target="/repo"),)

    async def run(self, parameters: Parameters) -> ToolOutput:
        raise AssertionError("it must not run")


@pytest.mark.parametrize("answers", [0, 1])
async def test_tool_that_cannot_say_what_it_touches_does_not_run(turns: Turns, answers: int) -> None:
    turns.tools.append(Unsure(answers))

    await turns.run(says("", calls("Unsure", text="a")), says("Sorry."))

    assert turns.said()[2:] == ["user: error The tool 'Unsure' broke. Try another way.", "model: Sorry."]


async def test_empty_answers_are_asked_again_and_then_given_up(turns: Turns) -> None:
    report = await turns.run(says(""), says(""), says(""))

    assert (report.end, len(turns.model.seen)) == ("going_in_circles", 3)
    assert turns.said()[1:] == ["user: note: The last answer was empty. Call a tool, or say what was done."]


async def test_same_call_with_same_result_ends_in_the_fifth_round(turns: Turns) -> None:
    report = await turns.run(says("", calls("Upper", text="a"), times=9))

    assert (report.end, len(turns.model.seen)) == ("going_in_circles", 5)
    [told] = [message for message in turns.said() if "note:" in message]
    assert told == (
        "user: note: Upper was called 3 times with the same arguments and gave the same result. "
        "It will not change by itself; take another step."
    )


async def test_equal_calls_of_one_answer_are_no_circle(turns: Turns) -> None:
    report = await turns.run(says("", *(calls("Upper", text="a") for _ in range(9))), says("Done."))

    assert (report.end, [message for message in turns.said() if "note:" in message]) == ("answered", [])


async def test_several_calls_again_and_again_are_a_circle(turns: Turns) -> None:
    report = await turns.run(says("", calls("Upper", text="a"), calls("Upper", text="b"), times=9))

    assert (report.end, len(turns.model.seen)) == ("going_in_circles", 5)


class Unfinished:
    """Looks after something that goes on."""

    spec = ToolSpec(name="Look", description="Look.", input_schema=SCHEMA)
    parameters = Parameters

    def __init__(self) -> None:
        self.looks = 0

    def accesses(self, parameters: Parameters) -> tuple[Access, ...]:
        return (Access(effect="note"),)

    async def run(self, parameters: Parameters) -> ToolOutput:
        self.looks += 1
        return ToolOutput(content=f"runs for {self.looks} s", data="running", waiting=True)


async def test_waiting_is_no_circle_until_it_has_lasted_long(turns: Turns) -> None:
    turns.tools.append(Unfinished())

    report = await turns.run(says("", calls("Look", text="a"), times=40))

    assert (report.end, len(turns.model.seen)) == ("going_in_circles", 30)
    [told] = [message for message in turns.said() if "note:" in message]
    assert told == (
        "user: note: Look had no news 10 times in a row. Do something else meanwhile, "
        "sleep longer between two looks, or end what does not come."
    )


async def test_refusal_is_told(turns: Turns) -> None:
    report = await turns.run(Reply(text="I will not.", stop_reason="refusal"))

    assert (report.end, report.text) == ("refused", "I will not.")


async def test_paused_answer_is_continued(turns: Turns) -> None:
    report = await turns.run(Reply(text="Searching.", stop_reason="pause_turn"), says("Found."))

    assert report.text == "Found."


async def test_answer_that_is_paused_for_ever_ends_the_turn(turns: Turns) -> None:
    report = await turns.run(Reply(text="Searching.", stop_reason="pause_turn", times=30))

    assert (report.end, len(turns.model.seen)) == ("going_in_circles", 21)


async def test_budget_also_ends_a_turn_that_calls_nothing(turns: Turns) -> None:
    turns.catalogue = ModelCatalogue((ModelInfo(id="test", input_price=1_000_000.0),))
    turns.limits = Limits(max_budget_usd=2.0)

    report = await turns.run(
        Reply(text="Searching.", stop_reason="pause_turn", usage=Usage(input_tokens=1), times=9), says("Found.")
    )

    assert (report.end, report.cost_usd) == ("max_budget", 2.0)


def shape_of(schema: dict[str, Any]) -> RequiredOutput:
    return RequiredOutput({"type": "object", "properties": schema, "required": list(schema)})


async def test_required_output_ends_the_turn_without_a_further_request(turns: Turns) -> None:
    turns.goal = shape_of({"sum": {"type": "integer"}})
    turns.tools.append(turns.goal)

    report = await turns.run(says("", calls("StructuredOutput", sum="3")), says("", calls("StructuredOutput", sum=3)))

    assert turns.said()[2] == "user: error The data does not fit the schema at $.sum: '3' is not of type 'integer'"
    assert (report.end, report.text, report.structured_output) == ("answered", '{"sum":3}', {"sum": 3})


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        pytest.param({"type": "array"}, "the top of the schema must be", id="no object"),
        pytest.param({"type": "object", "required": 3}, "3 is not of type 'array'", id="no schema"),
    ],
)
def test_schema_that_cannot_be_asked_for_is_refused(schema: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        RequiredOutput(schema)


async def test_required_output_that_never_comes_is_no_success(turns: Turns) -> None:
    turns.goal = shape_of({"sum": {"type": "integer"}})
    turns.tools.append(turns.goal)

    report = await turns.run(says("Three.", times=9))

    assert (report.end, len(turns.model.seen)) == ("no_structured_output", 5)


async def test_required_output_of_one_turn_is_not_that_of_the_next(turns: Turns) -> None:
    turns.goal = shape_of({"sum": {"type": "integer"}})
    turns.tools.append(turns.goal)
    loop = turns.loop(
        says("", calls("StructuredOutput", sum=3)),
        says("", calls("Upper", text="a")),
        says("", calls("StructuredOutput", sum=4)),
    )

    with anyio.fail_after(5):
        reports = [await turns.work(loop) for _ in range(2)]

    assert [report.structured_output for report in reports] == [{"sum": 3}, {"sum": 4}]


async def test_message_finished_holds_what_the_history_holds(turns: Turns) -> None:
    await turns.run(says("Hi."))

    finished = [event.message for event in turns.events if isinstance(event, MessageFinished)]
    assert finished == [turns.history[1]]
    assert isinstance(turns.history[0], UserMessage)
    assert turns.events[1:] != []
    assert {MessageStarted, BlockStarted, BlockFinished} <= {type(event) for event in turns.events}
    assert NoteAdded(message=note("x")) not in turns.events
    assert turns.history[1].content == (Text(text="Hi."),)
    assert not any(isinstance(block, ToolUse) for block in turns.history[1].content)
