"""One rung at a time, and never a killed process whose work was not saved."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import structs

from tianting.fleet.verdicts.health import Dead, Health, Stuck, Suspect, Well
from tianting.fleet.verdicts.ladder import Action, Ladder, LadderFacts, LadderPatience, Rung, Step, after, next_step

SUSPECT = Suspect(reason="silent")
STALL = Stuck(hang="stall", reason="nothing has come")
WEDGE = Stuck(hang="wedge", reason="deaf")
DEAD = Dead(reason="gone")
NOW = 1_000.0
PATIENCE = LadderPatience()


def facts(health: Health, **more: object) -> LadderFacts:
    return structs.replace(LadderFacts(health=health, now=NOW), **more)


@pytest.mark.parametrize(
    ("rung", "stood", "seen", "action"),
    [
        pytest.param("watching", 0, facts(Well()), "watch", id="nothing to do"),
        pytest.param("watching", 0, facts(SUSPECT), "probe", id="suspected"),
        pytest.param("watching", 0, facts(SUSPECT, can_probe=False), "watch", id="nobody to ask"),
        pytest.param("watching", 0, facts(STALL), "interrupt", id="beyond patience"),
        pytest.param("watching", 0, facts(STALL, can_interrupt=False), "save", id="it knows no interrupt"),
        pytest.param("watching", 0, facts(STALL, turn_open=False), "save", id="it never got ready"),
        pytest.param("watching", 0, facts(WEDGE), "save", id="who is deaf is not interrupted"),
        pytest.param("watching", 0, facts(DEAD), "recover", id="dead"),
        pytest.param("probing", 0, facts(Well()), "watch", id="it moves again"),
        pytest.param("probing", 0, facts(SUSPECT), "wait", id="still suspected"),
        pytest.param("probing", 30, facts(SUSPECT), "probe", id="asked again after a while"),
        pytest.param("probing", 0, facts(STALL), "interrupt", id="it answers and does not move"),
        pytest.param("probing", 0, facts(WEDGE), "save", id="it does not answer"),
        pytest.param("probing", 0, facts(DEAD), "recover", id="it died meanwhile"),
        pytest.param("interrupting", 4, facts(STALL), "wait", id="give it time"),
        pytest.param("interrupting", 4, facts(Well(), turn_open=False), "go_on", id="it took the interrupt"),
        pytest.param("interrupting", 5, facts(STALL), "save", id="it did not"),
        pytest.param("interrupting", 0, facts(WEDGE), "save", id="it is deaf after all"),
        pytest.param("saving", 0, facts(STALL), "wait", id="the checkpoint is being made"),
        pytest.param("saving", 59, facts(STALL, saved=True), "kill", id="saved"),
        pytest.param("saving", 0, facts(STALL, saved=False), "hold", id="it cannot be saved"),
        pytest.param("saving", 60, facts(STALL), "hold", id="saving hangs, too"),
        pytest.param("saving", 0, facts(Well(), saved=True), "watch", id="it moves again at the last moment"),
        pytest.param("saving", 0, facts(DEAD), "recover", id="nobody left to kill"),
        pytest.param("killing", 4, facts(STALL), "wait", id="dying takes a moment"),
        pytest.param("killing", 5, facts(WEDGE), "kill", id="once more"),
        pytest.param("killing", 0, facts(DEAD), "recover", id="killed"),
        pytest.param("holding", 1e9, facts(STALL), "wait", id="a person decides"),
        pytest.param("holding", 1e9, facts(Well()), "watch", id="it came back by itself"),
        pytest.param("holding", 1e9, facts(DEAD), "recover", id="the person has killed it"),
    ],
)
def test_next_step(rung: Rung, stood: float, seen: LadderFacts, action: Action) -> None:
    assert next_step(Ladder(rung=rung, since=NOW - stood), seen, PATIENCE).action == action


def test_unsaved_work_is_given_up_only_where_the_owner_said_so() -> None:
    saving = Ladder(rung="saving", since=NOW)

    careless = next_step(saving, facts(STALL, saved=False), LadderPatience(kill_unsaved=True))

    assert careless == Step(action="kill", reason="its work tree could not be saved, and is set to be given up")


def test_a_stalled_stream_climbs_rung_by_rung() -> None:
    ladder, taken = Ladder(), list[Action]()
    seen: list[tuple[float, Health, bool | None]] = [
        (0, Well(), None),
        (60, SUSPECT, None),
        (61, SUSPECT, None),
        (120, STALL, None),
        (124, STALL, None),
        (125, STALL, None),
        (126, STALL, None),
        (127, STALL, True),
        (128, STALL, None),
        (129, DEAD, None),
    ]
    for now, health, saved in seen:
        step = next_step(ladder, LadderFacts(health=health, now=now, saved=saved), PATIENCE)
        ladder = after(ladder, step, now)
        taken.append(step.action)

    assert taken == ["watch", "probe", "wait", "interrupt", "wait", "save", "wait", "kill", "wait", "recover"]
    assert ladder == Ladder(rung="watching", since=129)


class LadderMachine(RuleBasedStateMachine):
    """Any health at any time, with checkpoints that succeed, fail or never end."""

    def __init__(self) -> None:
        super().__init__()
        self.ladder = Ladder()
        self.now = 0.0
        self.saved = False
        self.last: Action = "wait"

    @rule(
        health=st.sampled_from([Well(), SUSPECT, STALL, WEDGE, DEAD]),
        passed=st.floats(0, 100),
        saved=st.none() | st.booleans(),
        turn_open=st.booleans(),
        can_probe=st.booleans(),
        can_interrupt=st.booleans(),
    )
    def look(
        self,
        health: Health,
        passed: float,
        saved: bool | None,
        turn_open: bool,
        can_probe: bool,
        can_interrupt: bool,
    ) -> None:
        self.now += passed
        saving = self.ladder.rung == "saving"
        seen = LadderFacts(
            health=health,
            now=self.now,
            turn_open=turn_open,
            can_probe=can_probe,
            can_interrupt=can_interrupt,
            saved=saved if saving else None,
        )
        step = next_step(self.ladder, seen, PATIENCE)
        came = self.ladder.rung
        self.saved = (saving and bool(saved)) or (self.saved and came == "killing")
        self.ladder = after(self.ladder, step, self.now)
        self.last = step.action
        assert step.action != "interrupt" or (health == STALL and can_interrupt and turn_open)
        assert step.action != "probe" or came in {"watching", "probing"}
        assert step.action not in {"kill", "save", "interrupt"} or health not in (Well(), DEAD) or came != "watching"

    @invariant()
    def nothing_is_killed_unsaved(self) -> None:
        assert self.last != "kill" or self.saved


TestLadder = LadderMachine.TestCase
TestLadder.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
