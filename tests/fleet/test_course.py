"""What has become of a prompt, read off a log: the same for events as they come and for those that were stored."""

import pytest

from tianting.fleet.course import Course, after, delivery_id, standing
from tianting.fleet.drivers.driver import (
    ContextFilled,
    ConversationKnown,
    Fault,
    Garbled,
    Limited,
    PersonAsked,
    Progressed,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.store.records import LoggedEvent, PromptDone, WindowMoved

TAKEN = PromptTaken(uuid="p")
ASKED = PersonAsked(question_id="q", kind="approval")
LIMIT = Limited(cause="rate_limit")
FULL = ContextFilled(tokens=7)
FAULT = Fault(message="no")


def course(*told: tuple[int, LoggedEvent]) -> Course:
    now = Course()
    for generation, event in told:
        now = after(now, event, generation)
    return now


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([(1, Progressed(text="a")), (1, WindowMoved(status="busy"))], Course(generation=1), id="nothing"),
        pytest.param(
            [(1, ConversationKnown(conversation_id="c"))], Course(generation=1, conversation_id="c"), id="name"
        ),
        pytest.param(
            [(1, TAKEN), (1, ToolBegan(call_id="t", name="Bash"))],
            Course(
                generation=1,
                begun=True,
                in_turn=True,
                taken=True,
                takes=1,
                processes=1,
                took_here=True,
                tools_ran=True,
            ),
            id="a tool of a prompt",
        ),
        pytest.param(
            [(1, TAKEN), (2, TAKEN), (2, TAKEN)],
            Course(generation=2, begun=True, in_turn=True, taken=True, takes=3, processes=2, took_here=True),
            id="taken by two processes, three times",
        ),
        pytest.param(
            [(1, TAKEN), (1, PromptDone(uuid="p"))], Course(generation=1, begun=True, in_turn=True), id="done"
        ),
        pytest.param([(2, TurnBegan()), (1, TurnDone())], Course(generation=2, in_turn=True), id="a late word"),
        pytest.param([(1, ASKED), (1, ASKED)], Course(generation=1, questions=(ASKED,)), id="asked twice"),
        pytest.param([(1, ASKED), (1, QuestionClosed(question_id="q"))], Course(generation=1), id="answered"),
        pytest.param([(1, LIMIT), (1, FULL)], Course(generation=1, limit=LIMIT, context=FULL), id="remembered"),
        pytest.param([(1, LIMIT), (1, TurnBegan())], Course(generation=1, in_turn=True), id="limits end with a turn"),
        pytest.param([(1, Garbled(sample="<p>"))] * 2, Course(generation=1, garbled=2), id="garbled"),
        pytest.param(
            [(1, TurnBegan()), (1, ToolBegan(call_id="t", name="Bash")), (1, TurnDone(fault=FAULT, cost_usd=0.5))],
            Course(generation=1, fault=FAULT, spent_usd=0.5),
            id="a turn of its own leaves nothing behind for the next prompt",
        ),
    ],
)
def test_fold(told: list[tuple[int, LoggedEvent]], expected: Course) -> None:
    assert course(*told) == expected


def test_standing_is_what_a_driver_asks_for() -> None:
    assert standing(course((1, TurnBegan()), (1, ASKED))) == Standing(in_turn=True, open_questions=("q",))


def test_prompt_that_was_taken_goes_by_another_name_each_time() -> None:
    names = [delivery_id("p", takes) for takes in range(3)]

    assert names[0] == "p"
    assert len(set(names)) == 3
    assert names == [delivery_id("p", takes) for takes in range(3)]
