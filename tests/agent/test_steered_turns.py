"""What is said while a turn runs reaches the model at its next safe point, and nothing of it is lost."""

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from msgspec import structs

from tests.agent.conftest import SHAPE, Habit, Parameters, Turns
from tianting.agent.limits import Limits
from tianting.agent.loop import STEERED, STOPPED
from tianting.agent.steering import Posted, Priority
from tianting.models.scripted import calls, says
from tianting.protocol.deltas import MessageStarted, TextDelta
from tianting.protocol.events import Event, NoteAdded, PromptDelivered, TurnFinished
from tianting.protocol.messages import note, unanswered_calls, user_text

pytestmark = pytest.mark.anyio

NOTE = f"user: note: {STEERED}"


def posted(text: str, priority: Priority = "next") -> Posted:
    return Posted(uuid=text, message=user_text(text), priority=priority)


def delivered(text: str) -> PromptDelivered:
    return PromptDelivered(uuid=text, message=user_text(text))


def interjections(turns: Turns, *said: Posted) -> Habit:
    """A tool while whose work somebody says something."""

    def interject(parameters: Parameters) -> str:
        for one in said:
            turns.ear.inbox.post(one)
        return "done"

    return Habit("Talk", "edit", interject)


async def test_words_said_while_tools_run_follow_their_results(turns: Turns) -> None:
    turns.tools.append(interjections(turns, posted("In blue."), posted("Wait!", "now")))

    report = await turns.run(says("", calls("Talk", text="-"), calls("Change", text="a")), says("Blue."))

    assert turns.said()[2:] == [
        "user: result done",
        "user: result A",
        "user: Wait!",
        "user: In blue.",
        NOTE,
        "model: Blue.",
    ]
    told = [event for event in turns.events if isinstance(event, PromptDelivered | NoteAdded)]
    assert told == [delivered("Wait!"), delivered("In blue."), NoteAdded(message=note(STEERED))]
    assert (report.end, report.num_turns) == ("answered", 3)


async def test_words_said_in_one_breath_with_the_prompt_have_a_turn_of_their_own(turns: Turns) -> None:
    turns.ear.inbox.post(posted("In blue."))

    await turns.run(says("Blue."))

    assert turns.said() == ["user: Shout.", "model: Blue."]
    assert turns.ear.inbox.waiting() == ("In blue.",)


async def test_words_for_later_are_no_part_of_the_turn(turns: Turns) -> None:
    turns.tools.append(interjections(turns, posted("Then tidy up.", "later")))

    await turns.run(says("", calls("Talk", text="-")), says("Done."))

    assert turns.said()[2:] == ["user: result done", "model: Done."]
    assert turns.ear.inbox.waiting() == ("Then tidy up.",)


async def test_words_said_while_the_last_answer_arrives_are_left_for_the_next_turn(turns: Turns) -> None:
    def interject(event: Event) -> None:
        if isinstance(event, TextDelta):
            turns.ear.inbox.post(posted("In blue."))

    turns.on_event = interject

    await turns.run(says("Done."))

    assert turns.said() == ["user: Shout.", "model: Done."]
    assert turns.ear.inbox.waiting() == ("In blue.",)


async def test_words_that_no_further_request_would_answer_are_left_for_the_next_turn(turns: Turns) -> None:
    turns.tools.append(interjections(turns, posted("In blue.")))
    turns.limits = Limits(max_turns=1)

    report = await turns.run(says("", calls("Talk", text="-")))

    assert (report.end, turns.ear.inbox.waiting()) == ("max_turns", ("In blue.",))


@pytest.mark.parametrize("moment", [delivered("one"), delivered("two"), NoteAdded(message=note(STEERED))])
async def test_interrupt_while_words_are_delivered_loses_none_of_them(turns: Turns, moment: Event) -> None:
    turns.tools.append(interjections(turns, posted("one"), posted("two")))
    scope = anyio.CancelScope()

    async def emit(event: Event) -> None:
        turns.events.append(event)
        if event == moment:
            scope.cancel()
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(5), scope:
        await turns.work(turns.loop(says("", calls("Talk", text="-")), says("Never.")), emit)

    assert turns.said()[3:] == ["user: one", "user: two", NOTE, f"user: note: {STOPPED}"]
    assert [event for event in turns.events if isinstance(event, PromptDelivered)] == [
        delivered("one"),
        delivered("two"),
    ]
    assert unanswered_calls(turns.history) == []


async def test_words_that_are_asked_for_by_nobody_who_is_interrupted_stay(turns: Turns) -> None:
    turns.ear.inbox.post(posted("In blue."))
    with anyio.CancelScope() as scope:
        turns.on_event = lambda event: scope.cancel()
        await turns.work(turns.loop(says("Never.")))

    assert turns.ear.inbox.waiting() == ("In blue.",)


async def test_shape_holds_from_the_next_request_on(turns: Turns) -> None:
    other = structs.replace(SHAPE, model="other", effort="high")

    def reshape(event: Event) -> None:
        if isinstance(event, MessageStarted):
            turns.shape = other

    turns.on_event = reshape

    await turns.run(says("", calls("Upper", text="a")), says("Done."))

    assert [structs.replace(request, messages=()) for request in turns.model.seen] == [SHAPE, other]


async def test_interrupt_at_the_very_end_keeps_the_end_from_nobody(turns: Turns) -> None:
    heard: list[Any] = []
    with anyio.CancelScope() as scope:

        async def emit(event: Event) -> None:
            if isinstance(event, TurnFinished):
                scope.cancel()
                await anyio.lowlevel.checkpoint()
                heard.append(event.report.end)

        await turns.work(turns.loop(says("Done.")), emit)

    assert heard == ["answered"]


async def test_tools_that_come_later_answer_like_the_others(turns: Turns) -> None:
    replies = (says("", calls("Late", text="a"), calls("Upper", text="b")), says("Done."))
    dispatcher = turns.dispatcher()
    dispatcher.offer([Habit("Late", "read", lambda parameters: "late"), Habit("Upper", "read", lambda p: "another")])

    with anyio.fail_after(5):
        await turns.work(turns.loop(*replies, dispatcher=dispatcher))

    assert turns.said()[2:4] == ["user: result late", "user: result another"]
