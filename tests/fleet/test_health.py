"""Three questions: alive, answering, progressing."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tianting.fleet.verdicts.health import Dead, Facts, Health, Patience, Phase, Stuck, Suspect, Well, judge
from tianting.fleet.verdicts.phi import Rhythm

PHASES: tuple[Phase, ...] = get_args(Phase)
PATIENCE = Patience(starting=30, asking_model=300, streaming=120, tool_idle=1_800, probe=10)
FLUENT = Rhythm(gaps=(0.05,) * 100)


def facts(phase: Phase, silence: float = 0.0, **more: object) -> Facts:
    return structs.replace(Facts(alive=True, phase=phase, silence=silence), **more)


def silent(seconds: int, doing: str) -> str:
    return f"nothing has come for {seconds} s while it was {doing}"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(facts("streaming", 1, alive=False), Dead(reason="its process has ended"), id="dead"),
        pytest.param(facts("starting", 14), Well(), id="starting"),
        pytest.param(facts("starting", 15), Suspect(reason=silent(15, "starting")), id="slow to start"),
        pytest.param(
            facts("starting", 30), Stuck(hang="stall", reason=silent(30, "starting")), id="does not get ready"
        ),
        pytest.param(facts("asking_model", 149), Well(), id="the model thinks"),
        pytest.param(
            facts("asking_model", 300),
            Stuck(hang="stall", reason=silent(300, "waiting for the model")),
            id="the model never answers",
        ),
        pytest.param(facts("streaming", 4.9, rhythm=FLUENT), Well(), id="too short to be suspected"),
        pytest.param(
            facts("streaming", 5, rhythm=FLUENT),
            Suspect(reason=silent(5, "answering")),
            id="silent against its habit",
        ),
        pytest.param(facts("streaming", 59), Well(), id="silent, and no habit is known"),
        pytest.param(facts("streaming", 60), Suspect(reason=silent(60, "answering")), id="half of the patience"),
        pytest.param(
            facts("streaming", 120), Stuck(hang="stall", reason=silent(120, "answering")), id="hangs in a stream"
        ),
        pytest.param(facts("tool_busy", 1e6, rhythm=FLUENT), Well(), id="a busy tree is progress"),
        pytest.param(
            facts("tool_idle", 1_800),
            Stuck(hang="stall", reason=silent(1_800, "running a tool that does nothing")),
            id="a tool that does nothing",
        ),
        pytest.param(facts("idle", 1e6), Well(), id="nothing to do"),
        pytest.param(
            facts("idle", 1e6, unanswered=10), Stuck(hang="wedge", reason="it has not answered for 10 s"), id="deaf"
        ),
        pytest.param(
            facts("tool_busy", 3, unanswered=11),
            Stuck(hang="wedge", reason="it has not answered for 11 s"),
            id="deaf while its tool works",
        ),
        pytest.param(facts("idle", 1e6, unanswered=9.9), Well(), id="the answer may still come"),
        pytest.param(facts("streaming", 500, blind=450), Well(), id="we were stopped, not they"),
        pytest.param(facts("idle", 0, unanswered=40, blind=35), Well(), id="we did not read the answer"),
        pytest.param(facts("streaming", 5, blind=50), Well(), id="blind for longer than the silence"),
        pytest.param(facts("streaming", -1e9, rhythm=FLUENT), Well(), id="a clock that jumps"),
    ],
)
def test_judge(seen: Facts, expected: Health) -> None:
    assert judge(seen, PATIENCE) == expected


def test_a_tool_may_be_given_a_hard_patience_although_it_works() -> None:
    runaway = judge(facts("tool_busy", 7_200), Patience(tool_busy=7_200))

    assert runaway == Stuck(hang="stall", reason=silent(7_200, "running a tool"))


@settings(max_examples=100, deadline=None)
@given(
    silence=st.floats(-1e9, 1e9),
    blind=st.floats(0, 1e9),
    unanswered=st.none() | st.floats(-1e9, 1e9),
    gaps=st.lists(st.floats(0, 1e3), max_size=20).map(tuple),
)
def test_whoever_waits_for_a_person_is_well_however_long_it_takes(
    silence: float, blind: float, unanswered: float | None, gaps: tuple[float, ...]
) -> None:
    seen = facts("asking_person", silence, blind=blind, unanswered=unanswered, rhythm=Rhythm(gaps=gaps))

    assert judge(seen, PATIENCE) == Well()


@settings(max_examples=100, deadline=None)
@given(phase=st.sampled_from(PHASES), silence=st.floats(0, 1e5), more=st.floats(0, 1e5))
def test_more_silence_is_never_better(phase: Phase, silence: float, more: float) -> None:
    rank = {Well: 0, Suspect: 1, Stuck: 2}

    before, later = (judge(facts(phase, one), PATIENCE) for one in (silence, silence + more))

    assert rank[type(before)] <= rank[type(later)]
