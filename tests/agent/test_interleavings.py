"""Whoever listens may fail, and a person may stop the turn, in any moment: the history stays one a provider takes."""

from collections.abc import Callable
from contextlib import nullcontext

import anyio
import anyio.lowlevel
import pytest

from tests.agent.conftest import Turns
from tianting.agent.loop import STOPPED
from tianting.models.scripted import Reply, calls, says
from tianting.protocol.content import ToolResult
from tianting.protocol.errors import SessionError
from tianting.protocol.events import Event, TurnFinished
from tianting.protocol.messages import Message, UserMessage, unanswered_calls

pytestmark = pytest.mark.anyio

TWO_READS_AND_A_CHANGE = (
    says("One.", calls("Upper", text="a"), calls("Upper", text="b"), calls("Change", text="c")),
    says("Two."),
)
EVENTS = 29
"""Of such a turn."""
STEPS = range(EVENTS + 1)


class AtStep:
    """Takes the events of a turn and does `deed` at one of them; each event takes a moment."""

    def __init__(self, turns: Turns, step: int, deed: Callable[[], None]) -> None:
        self._turns = turns
        self._step = step
        self._deed = deed

    async def emit(self, event: Event) -> None:
        self._turns.events.append(event)
        if len(self._turns.events) == self._step + 1:
            self._deed()
        await anyio.lowlevel.checkpoint()


async def run(turns: Turns, listener: AtStep, replies: tuple[Reply, ...] = TWO_READS_AND_A_CHANGE) -> None:
    with anyio.fail_after(5):
        await turns.work(turns.loop(*replies), listener.emit)


def answers(history: list[Message]) -> list[str]:
    """The ids of the calls that have a result, as often as they have one."""
    blocks = [block for message in history if isinstance(message, UserMessage) for block in message.content]
    return [block.tool_use_id for block in blocks if isinstance(block, ToolResult)]


def fail() -> None:
    raise SessionError("the disk is full")


@pytest.mark.parametrize("step", STEPS)
async def test_listener_that_fails_ends_the_turn_with_its_own_error_and_a_valid_history(
    turns: Turns, step: int
) -> None:
    with pytest.raises(SessionError, match="the disk is full") if step < EVENTS else nullcontext():
        await run(turns, AtStep(turns, step, fail))

    assert unanswered_calls(turns.history) == []
    assert len(answers(turns.history)) == len(set(answers(turns.history)))
    assert (await turns.run(says("Going on."))).end == "answered"


@pytest.mark.parametrize("step", STEPS)
async def test_turn_stopped_while_it_tells_something_answers_every_call_once(turns: Turns, step: int) -> None:
    with anyio.CancelScope() as scope:
        await run(turns, AtStep(turns, step, scope.cancel))

    assert unanswered_calls(turns.history) == []
    assert len(answers(turns.history)) == len(set(answers(turns.history)))
    assert [type(event) for event in turns.events].count(TurnFinished) == 1
    assert (await turns.run(says("Going on."))).end == "answered"


async def test_turn_has_as_many_events_as_are_tried_here(turns: Turns) -> None:
    await run(turns, AtStep(turns, EVENTS, fail))

    assert len(turns.events) == EVENTS


async def test_calls_stopped_before_they_began_are_answered_before_the_note(turns: Turns) -> None:
    with anyio.CancelScope() as scope:
        message_finished = 15
        await run(turns, AtStep(turns, message_finished, scope.cancel))

    assert turns.said()[2:] == [
        *["user: error Stopped by the user before it finished."] * 3,
        f"user: note: {STOPPED}",
    ]


async def test_calls_of_one_name_in_one_answer_are_each_answered(turns: Turns) -> None:
    """Some servers call every call the same."""
    same = (calls("Upper", call_id="call", text="a"), calls("Change", call_id="call", text="b"))
    replies = (Reply(calls=same), Reply(calls=same), says("Done."))

    with anyio.CancelScope() as scope:
        await run(turns, AtStep(turns, 8, scope.cancel), replies)

    asked = sum(len(message.calls) for message in turns.history if not isinstance(message, UserMessage))
    assert len(answers(turns.history)) == asked
