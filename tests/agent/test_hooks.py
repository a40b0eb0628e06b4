"""The points of a turn at which hooks are asked, with hooks that say what a test wants."""

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from msgspec import structs

from tests.agent.conftest import Habit, Parameters, Turns
from tianting.agent.loop import STOPPED
from tianting.agent.required_output import RequiredOutput
from tianting.extensions.hooks.port import BeforeStop, BeforeTool, NoHooks
from tianting.models.scripted import calls, says
from tianting.permissions.decision import Allow, Ask, Deny, Verdict
from tianting.protocol.events import HooksAsked, ToolFinished, ToolStarted, TurnFinished
from tianting.protocol.messages import unanswered_calls
from tianting.protocol.tool_calls import Access, CallResult, ToolCall

pytestmark = pytest.mark.anyio

See = Callable[[CallResult], CallResult]


class Told(NoHooks):
    """Hooks that note what they are asked, and answer as they are told to."""

    def __init__(
        self,
        *,
        before: Callable[[ToolCall], BeforeTool] = lambda call: BeforeTool(),
        see: See = lambda result: result,
        wanted: tuple[str, ...] = (),
        stop: str | None = None,
    ) -> None:
        self.asked: list[Any] = []
        self.may_retry = False
        self._before = before
        self._see = see
        self._wanted = wanted
        self._stop = stop

    async def before_tool(self, call: ToolCall, accesses: tuple[Access, ...]) -> BeforeTool:
        await anyio.lowlevel.checkpoint()
        self.asked.append(("before", call.arguments["text"]))
        return self._before(call)

    async def after_tool(
        self,
        call: ToolCall,
        accesses: tuple[Access, ...],
        result: CallResult,
        *,
        duration: float,
        contexts: tuple[str, ...] = (),
    ) -> CallResult:
        await anyio.lowlevel.checkpoint()
        self.asked.append(("after", result.content))
        notes = (*contexts, *self._see(result).notes)
        return structs.replace(self._see(result), notes=notes) if notes else self._see(result)

    async def permission_denied(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> bool:
        self.asked.append(("denied", reason))
        return self.may_retry

    async def stopping(self, last_message: str, *, times: int) -> BeforeStop:
        await anyio.lowlevel.checkpoint()
        self.asked.append(("stopping", last_message, times))
        if times < len(self._wanted):
            return BeforeStop(more=self._wanted[times])
        return BeforeStop(stop=self._stop)


def refusal(call: ToolCall, **more: Any) -> BeforeTool:
    return BeforeTool(refusal=CallResult(call_id=call.call_id, content="No, says a hook.", outcome="denied", **more))


async def test_a_hook_refuses_a_call(turns: Turns) -> None:
    turns.hooks = hooks = Told(before=refusal)

    report = await turns.run(says("", calls("Upper", text="a")), says("Sorry."))

    assert turns.said()[2:] == ["user: error No, says a hook.", "model: Sorry."]
    assert hooks.asked == [("before", "a"), ("stopping", "Sorry.", 0)]
    assert report.denials == (ToolCall(call_id="call_1_1", tool_name="Upper", arguments={"text": "a"}),)
    assert not any(isinstance(event, ToolStarted) for event in turns.events)


async def test_a_hook_changes_a_call(turns: Turns) -> None:
    turns.hooks = hooks = Told(before=lambda call: BeforeTool(arguments={"text": "b"}))

    await turns.run(says("", calls("Upper", text="a")), says("Done."))

    changed = ToolCall(call_id="call_1_1", tool_name="Upper", arguments={"text": "b"})
    assert ToolStarted(call=changed) in turns.events
    assert [event.call for event in turns.events if isinstance(event, ToolFinished)] == [changed]
    assert turns.said()[2] == "user: result B"
    assert hooks.asked[:2] == [("before", "a"), ("after", "B")]


async def test_a_changed_call_is_permitted_as_it_is_now(turns: Turns) -> None:
    turns.hooks = Told(before=lambda call: BeforeTool(arguments={"text": 3, "number": "x"}))

    await turns.run(says("", calls("Upper", text="a")), says("Done."))

    assert turns.said()[2].startswith('user: error Upper: number must be a whole number, got "x".')


async def test_a_hook_cannot_make_a_call_that_reads_one_that_changes_things(turns: Turns) -> None:
    class Chameleon(Habit):
        def accesses(self, parameters: Parameters) -> tuple[Access, ...]:
            return (Access(effect="edit" if parameters.text == "write" else "read", target="/repo"),)

    turns.tools.append(Chameleon("Chameleon", "read", lambda parameters: "ran"))
    turns.hooks = Told(before=lambda call: BeforeTool(arguments={"text": "write"}))

    await turns.run(says("", calls("Chameleon", text="look")), says("Done."))

    assert turns.said()[2] == "user: error Not run: a hook of the user made it a call that changes things."


@pytest.mark.parametrize(
    ("verdict", "opinion", "answer"),
    [
        pytest.param(Ask(reason="it runs"), "allow", "result A", id="a yes spares the question"),
        pytest.param(Deny(reason="A rule."), "allow", "error A rule.", id="a yes undoes no rule"),
        pytest.param(Allow(), "ask", "error Asked: why", id="asked after all"),
        pytest.param(Ask(reason="it runs"), None, "error Asked: it runs", id="no opinion"),
    ],
)
async def test_a_hook_has_an_opinion(turns: Turns, verdict: Verdict, opinion: Any, answer: str) -> None:
    turns.decision = verdict
    turns.hooks = hooks = Told(before=lambda call: BeforeTool(opinion=opinion, reason="why", contexts=("Know this.",)))

    await turns.run(says("", calls("Upper", text="a")), says("Done."))

    assert turns.said()[2:4] == [f"user: {answer}", "user: note: Know this."]
    denied = [("denied", answer.removeprefix("error "))] if answer.startswith("error") else [("after", "A")]
    assert hooks.asked[1:-1] == denied


async def test_a_hook_says_that_a_refused_call_may_be_tried_again(turns: Turns) -> None:
    turns.decision = Deny(reason="Not now.")
    turns.hooks = hooks = Told()
    hooks.may_retry = True

    await turns.run(says("", calls("Upper", text="a")), says("Done."))

    assert turns.said()[2] == "user: error Not now. A hook of the user says that this call may be tried again."


async def test_a_result_is_seen_through_hooks(turns: Turns) -> None:
    turns.hooks = Told(see=lambda result: structs.replace(result, content="other", notes=("Lint fails.",)))

    await turns.run(says("", calls("Upper", text="a"), calls("Upper", text="b")), says("Done."))

    assert turns.said()[2:] == [
        *("user: result other", "user: result other"),
        *("user: note: Lint fails.", "user: note: Lint fails."),
        "model: Done.",
    ]


async def test_what_a_hook_puts_in_a_results_place_is_clipped_and_can_be_stored(turns: Turns) -> None:
    turns.limits = structs.replace(turns.limits, max_result_chars=60)
    turns.hooks = Told(see=lambda result: structs.replace(result, content="\udc80" + "x" * 99))

    await turns.run(says("", calls("Upper", text="a")), says("Done."))

    assert turns.said()[2].startswith("user: result \ufffdxxx")
    assert "40 characters cut" in turns.said()[2]


@pytest.mark.parametrize("name", ["Upper", "Change"])
async def test_a_hook_that_refuses_a_call_ends_the_turn(turns: Turns, name: str) -> None:
    turns.hooks = Told(before=lambda call: refusal(call, stop="Enough."))

    report = await turns.run(says("", calls(name, text="a"), calls("Change", text="b")), says("Never said."))

    assert turns.said()[2:] == [
        "user: error No, says a hook.",
        "user: error Not run: a hook of the user ended the turn.",
    ]
    assert (report.end, report.text, len(turns.model.seen)) == ("hook_stopped", "Enough.", 1)


async def test_a_hook_ends_the_turn_after_a_call(turns: Turns) -> None:
    turns.hooks = Told(see=lambda result: structs.replace(result, stop="Enough.", notes=("Why.",)))

    report = await turns.run(says("", calls("Upper", text="a"), calls("Upper", text="b")), says("Never said."))

    assert turns.said()[2:] == ["user: result A", "user: result B", "user: note: Why.", "user: note: Why."]
    assert (report.end, unanswered_calls(turns.history)) == ("hook_stopped", [])


async def test_a_hook_keeps_the_model_at_work(turns: Turns) -> None:
    turns.hooks = hooks = Told(wanted=("Run the tests.", "And lint."))

    report = await turns.run(says("Done."), says("Tested."), says("Linted."))

    assert turns.said()[1:] == [
        *("model: Done.", "user: Run the tests.", "model: Tested.", "user: And lint.", "model: Linted."),
    ]
    assert hooks.asked == [("stopping", "Done.", 0), ("stopping", "Tested.", 1), ("stopping", "Linted.", 2)]
    assert (report.end, report.text) == ("answered", "Linted.")


async def test_a_hook_ends_the_turn_with_its_answer(turns: Turns) -> None:
    turns.hooks = Told(wanted=("Run the tests.",), stop="Enough.")

    report = await turns.run(says("Done."), says("Tested."))

    assert turns.said()[1:] == ["model: Done.", "user: Run the tests.", "model: Tested."]
    assert (report.end, report.text) == ("hook_stopped", "Tested.")
    assert turns.events[-2:] == [HooksAsked(messages=("Enough.",)), TurnFinished(report=report)]


async def test_data_is_given_though_a_hook_ended_the_turn(turns: Turns) -> None:
    turns.goal = RequiredOutput({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]})
    turns.tools.append(turns.goal)
    hooks = Told(stop="Enough.")
    hooks.before_tool = NoHooks().before_tool  # type: ignore[method-assign]  # the call has no text
    turns.hooks = hooks

    report = await turns.run(says("", calls("StructuredOutput", sum=3)))

    assert (report.end, report.structured_output) == ("hook_stopped", {"sum": 3})


async def test_no_hook_keeps_the_model_at_work_beyond_its_limits(turns: Turns) -> None:
    turns.limits = structs.replace(turns.limits, max_turns=1)
    turns.hooks = Told(wanted=("More.",))

    assert (await turns.run(says("Done."), says("Never said."))).end == "max_turns"


async def test_data_is_asked_for_again_where_a_hook_is_not_content(turns: Turns) -> None:
    turns.goal = RequiredOutput({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]})
    turns.tools.append(turns.goal)
    hooks = Told(wanted=("Add again.",), before=lambda call: BeforeTool())
    hooks.before_tool = NoHooks().before_tool  # type: ignore[method-assign]  # the call has no text
    turns.hooks = hooks

    report = await turns.run(*(says("", calls("StructuredOutput", sum=number)) for number in (3, 4)))

    assert (report.end, report.structured_output) == ("answered", {"sum": 4})


class HangingAt(NoHooks):
    """Hooks that never answer at one point."""

    def __init__(self, point: str) -> None:
        self._point = point
        self.reached = anyio.Event()

    async def before_tool(self, call: ToolCall, accesses: tuple[Access, ...]) -> BeforeTool:
        await self._hang_at("before")
        return BeforeTool()

    async def after_tool(
        self,
        call: ToolCall,
        accesses: tuple[Access, ...],
        result: CallResult,
        *,
        duration: float,
        contexts: tuple[str, ...] = (),
    ) -> CallResult:
        await self._hang_at("after")
        return result

    async def permission_denied(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> bool:
        await self._hang_at("denied")
        return False

    async def stopping(self, last_message: str, *, times: int) -> BeforeStop:
        await self._hang_at("stopping")
        return BeforeStop()

    async def _hang_at(self, point: str) -> None:
        if point == self._point:
            self.reached.set()
            await anyio.sleep_forever()


@pytest.mark.parametrize("point", ["before", "after", "denied", "stopping"])
async def test_turn_stopped_while_a_hook_hangs_answers_every_call_once(turns: Turns, point: str) -> None:
    turns.hooks = hooks = HangingAt(point)
    turns.decision = Deny(reason="No.") if point == "denied" else Allow()
    replies = (says("", calls("Upper", text="a"), calls("Upper", text="b"), calls("Change", text="c")), says("Done."))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turns.work, turns.loop(*replies))
            await hooks.reached.wait()
            tasks.cancel_scope.cancel()

    assert unanswered_calls(turns.history) == []
    assert len([event for event in turns.events if isinstance(event, ToolFinished)]) == 3
    [finished] = [event.report.end for event in turns.events if isinstance(event, TurnFinished)]
    assert (finished, turns.said()[-1]) == ("interrupted_tools", f"user: note: {STOPPED}")
