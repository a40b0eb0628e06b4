"""What a window is doing, from what its agent tells."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.fleet.drivers.driver import (
    AgentEvent,
    ContextFilled,
    ConversationKnown,
    Garbled,
    Limited,
    LineRead,
    ModelWaited,
    PersonAsked,
    Progressed,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.verdicts.activity import Activity, begun, facts, heard, ready, taken_over
from tianting.fleet.verdicts.health import Facts, Phase
from tianting.fleet.verdicts.phi import Rhythm

WALL = 1_795_000_000.0
ASKED = PersonAsked(question_id="q", kind="approval")
TOOL, DONE = ToolBegan(call_id="c", name="Bash"), ToolEnded(call_id="c")


def told(*events: AgentEvent, since: Activity | None = None) -> Activity:
    """One event each second, from second 1 on; ready at 0."""
    activity = since or ready(begun(0), 0)
    for second, event in enumerate(events, start=1):
        activity = heard(activity, event, float(second), wall=WALL)
    return activity


def seen(activity: Activity, now: float, *, busy_tree: bool = False) -> tuple[Phase, float]:
    found = facts(activity, now, alive=True, busy_tree=busy_tree)
    return found.phase, found.silence


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], ("idle", 10.0), id="nothing to do"),
        pytest.param([TurnBegan()], ("asking_model", 9.0), id="begins"),
        pytest.param([TurnBegan(), Progressed()], ("streaming", 8.0), id="answers"),
        pytest.param([TurnBegan(), Progressed(), ModelWaited()], ("asking_model", 7.0), id="asks again"),
        pytest.param([TurnBegan(), TOOL], ("tool_idle", 8.0), id="tool"),
        pytest.param([TurnBegan(), TOOL, Progressed()], ("tool_idle", 7.0), id="speaks beside its tool"),
        pytest.param([TurnBegan(), TOOL, DONE], ("asking_model", 7.0), id="the model has the result"),
        pytest.param(
            [TurnBegan(), TOOL, ToolBegan(call_id="d", name="Bash"), DONE], ("tool_idle", 6.0), id="another one runs"
        ),
        pytest.param([TurnBegan(), TOOL, ASKED], ("asking_person", 7.0), id="asks"),
        pytest.param([TurnBegan(), ASKED, QuestionClosed(question_id="q")], ("asking_model", 7.0), id="was answered"),
        pytest.param([TurnBegan(), TOOL, ASKED, TurnDone()], ("idle", 6.0), id="done with all of it"),
        pytest.param(
            [TurnBegan(), Limited(cause="rate_limit", until=WALL + 5, retrying=True)],
            ("asking_model", 3.0),
            id="a limit excuses its silence",
        ),
        pytest.param(
            [TurnBegan(), Limited(cause="overloaded", retrying=True)],
            ("asking_model", 8.0),
            id="a limit without a time",
        ),
        pytest.param(
            [TurnBegan(), Limited(cause="rate_limit", until=WALL + 5)],
            ("asking_model", 9.0),
            id="who gave up waits for nothing",
        ),
        pytest.param(
            [
                TurnBegan(),
                LineRead(line=b"{}"),
                Garbled(sample="x"),
                PromptTaken(uuid="u"),
                ConversationKnown(conversation_id="c"),
                ContextFilled(tokens=5),
            ],
            ("asking_model", 9.0),
            id="lines are no progress: the answer to a probe is one",
        ),
        pytest.param(
            [TurnBegan(), TurnDone(), Progressed(), TOOL, ASKED], ("idle", 8.0), id="late words begin no turn"
        ),
    ],
)
def test_phase_and_silence(events: Sequence[AgentEvent], expected: tuple[Phase, float]) -> None:
    assert seen(told(*events), now=10.0) == expected


def test_a_busy_tree_is_the_tools() -> None:
    assert seen(told(TurnBegan(), TOOL), 10.0, busy_tree=True) == ("tool_busy", 8.0)
    assert seen(told(TurnBegan()), 10.0, busy_tree=True) == ("asking_model", 9.0)


def test_a_start_is_silent_until_the_handshake() -> None:
    assert seen(begun(4), 10.0) == ("starting", 6.0)
    assert seen(told(Progressed(), since=begun(0)), 10.0) == ("starting", 10.0)


def test_what_is_taken_over_goes_on_where_it_was() -> None:
    asking = taken_over(Standing(in_turn=True, open_questions=("q",)), 3.0)

    assert seen(asking, 10.0) == ("asking_person", 7.0)
    assert (asking.tools_ran, asking.in_turn) == (True, True), "nobody knows, so nothing is repeated"
    assert seen(taken_over(Standing(), 3.0), 10.0) == ("idle", 7.0)


def test_silence_after_a_take_over_may_be_a_tool_until_something_comes() -> None:
    working = taken_over(Standing(in_turn=True), 0.0)

    assert seen(working, 10.0) == ("tool_idle", 10.0)
    assert seen(told(LineRead(line=b""), since=working), 10.0) == ("tool_idle", 10.0)
    assert seen(told(Progressed(), since=working), 10.0) == ("streaming", 9.0)
    assert seen(told(DONE, since=working), 10.0) == ("asking_model", 9.0)


def test_a_turn_remembers_that_it_has_acted_and_the_next_one_forgets() -> None:
    assert told(TurnBegan(), TOOL, DONE).tools_ran
    assert not told(TurnBegan(), TOOL, DONE, TurnDone(), TurnBegan()).tools_ran


def test_the_rhythm_is_the_models_alone() -> None:
    limited = Limited(cause="rate_limit", until=WALL + 60, retrying=True)

    activity = told(
        TurnBegan(),
        Progressed(),
        Progressed(),
        TOOL,
        DONE,
        ASKED,
        QuestionClosed(question_id="q"),
        limited,
        Progressed(),
    )

    assert activity.rhythms == {
        "asking_model": Rhythm(gaps=(1.0, 1.0, 1.0)),
        "streaming": Rhythm(gaps=(1.0, 1.0)),
    }


def test_facts_join_what_is_known() -> None:
    activity = told(TurnBegan(), Progressed(), Progressed())

    assert facts(activity, 9.0, alive=True, busy_tree=False, blind=2.0, unanswered=0.5) == Facts(
        alive=True, phase="streaming", silence=6.0, blind=2.0, unanswered=0.5, rhythm=Rhythm(gaps=(1.0,))
    )
    with_tool = heard(activity, TOOL, 4.0, wall=WALL)
    assert facts(with_tool, 9.0, alive=False, busy_tree=True) == Facts(alive=False, phase="tool_busy", silence=5.0)


EVENTS: list[AgentEvent] = [
    TurnBegan(),
    ModelWaited(),
    Progressed(),
    TOOL,
    DONE,
    ASKED,
    QuestionClosed(question_id="q"),
    Limited(cause="usage_limit", until=WALL + 30, retrying=True),
    Limited(cause="usage_limit"),
    LineRead(line=b""),
    TurnDone(),
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.floats(-5, 100)), max_size=40))
def test_whatever_is_told_in_whatever_order_is_followed(story: list[tuple[AgentEvent, float]]) -> None:
    activity, now = ready(begun(0), 0), 0.0
    for event, gap in story:
        now += gap
        activity = heard(activity, event, now, wall=WALL)
        phase, silence = seen(activity, now)

        assert silence >= 0
        assert activity.in_turn == (phase != "idle")
        assert (phase == "asking_person") == bool(activity.questions)
        assert activity.in_turn or not (activity.tools or activity.questions)
