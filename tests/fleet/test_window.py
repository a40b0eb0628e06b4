"""A window follows a world that does what it likes: whatever happens, no move is impossible."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import structs

from tianting.fleet.window import OVER, RUNNING, ImpossibleMove, Status, Window, may_move, moved, reborn

EVERY: tuple[Status, ...] = (
    "requested",
    "starting",
    "ready",
    "busy",
    "waiting",
    "parked",
    "recovering",
    "stopping",
    "stopped",
    "failed",
)


def window(status: Status = "requested", **fields: object) -> Window:
    return structs.replace(Window(window_id="w1", kind="echo", status=status), **fields)


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        pytest.param("requested", "ready", id="nothing is ready that was not started"),
        pytest.param("starting", "parked", id="who cannot take a prompt has no limit to wait for"),
        pytest.param("ready", "waiting", id="nobody is asked outside of a turn"),
        pytest.param("recovering", "ready", id="what recovers starts first"),
        pytest.param("stopping", "ready", id="a stop is not taken back"),
        pytest.param("stopped", "starting", id="what has stopped is requested again first"),
        pytest.param("failed", "ready", id="what was given up does not wake by itself"),
    ],
)
def test_impossible_move_is_refused(came: Status, goes: Status) -> None:
    assert not may_move(window(came), goes)
    with pytest.raises(ImpossibleMove, match=f"w1: {came} → {goes} \\(because\\)"):
        moved(window(came), goes, 5.0, "because")


def test_a_move_says_when_and_why() -> None:
    assert moved(window("ready"), "busy", 7.0, "prompt") == window("busy", since=7.0, reason="prompt")


def test_a_question_and_a_limit_end_with_their_status() -> None:
    asked = moved(window("busy", question="May I?", parked_until=9.0), "waiting", 1.0)
    parked = moved(window("busy", question="May I?", parked_until=9.0), "parked", 1.0)

    assert (asked.question, asked.parked_until) == ("May I?", None)
    assert (parked.question, parked.parked_until) == (None, 9.0)


def test_the_next_generation_forgets_the_process_of_the_one_before() -> None:
    dead = window("recovering", generation=3, process_id=77, process_started=12.5)

    assert reborn(dead, 9.0, "crashed") == window("starting", generation=4, since=9.0, reason="crashed")


@pytest.mark.parametrize("status", EVERY)
def test_every_window_can_be_stopped_or_is_over(status: Status) -> None:
    assert may_move(window(status), "stopping") or status in {"stopping", "stopped"}
    assert RUNNING.isdisjoint(OVER)


class WorldMachine(RuleBasedStateMachine):
    """Processes start, die, ask, hit limits and are stopped, in any order that a world allows; the window follows."""

    def __init__(self) -> None:
        super().__init__()
        self.window = window()
        self.process = False
        self.ready = False
        self.clock = 0.0
        self.generations = [1]

    def go(self, status: Status, **facts: object) -> None:
        self.clock += 1
        self.window = moved(structs.replace(self.window, **facts), status, self.clock)

    def at(self, *statuses: Status) -> bool:
        return self.window.status in statuses

    @precondition(lambda self: self.at("requested"))
    @rule()
    def the_keeper_starts_it(self) -> None:
        self.go("starting", process_id=10)
        self.process = True

    @precondition(lambda self: self.at("starting") and self.process)
    @rule(found=st.sampled_from(["ready", "busy", "waiting"]))
    def it_shakes_hands(self, found: Status) -> None:
        self.go(found, question="May I?" if found == "waiting" else None)
        self.ready = True

    @precondition(lambda self: self.ready and self.at("ready", "parked"))
    @rule()
    def a_turn_begins(self) -> None:
        self.go("busy")

    @precondition(lambda self: self.ready and self.at("busy"))
    @rule()
    def it_asks(self) -> None:
        self.go("waiting", question="May I?")

    @precondition(lambda self: self.ready and self.at("waiting"))
    @rule()
    def somebody_answers(self) -> None:
        self.go("busy")

    @precondition(lambda self: self.ready and self.at("busy", "waiting", "parked"))
    @rule()
    def the_turn_ends(self) -> None:
        self.go("ready")

    @precondition(lambda self: self.ready and self.at("ready", "busy", "waiting"))
    @rule(seconds=st.floats(0, 1e6))
    def a_limit_is_hit(self, seconds: float) -> None:
        self.go("parked", parked_until=self.clock + seconds)

    @precondition(lambda self: self.process and not self.at("stopping"))
    @rule()
    def the_process_dies(self) -> None:
        self.process = self.ready = False
        self.go("recovering")

    @precondition(lambda self: self.at("recovering"))
    @rule()
    def it_is_resumed(self) -> None:
        self.clock += 1
        self.window = reborn(self.window, self.clock)
        self.generations.append(self.window.generation)
        self.process = True

    @precondition(lambda self: self.at("recovering"))
    @rule()
    def its_limit_outlives_it(self) -> None:
        self.go("parked", parked_until=self.clock + 60)

    @precondition(lambda self: self.at("parked") and not self.process)
    @rule()
    def the_limit_of_a_dead_one_ends(self) -> None:
        self.go("recovering")

    @precondition(lambda self: self.at("requested", "recovering") or (self.at("starting") and not self.process))
    @rule()
    def it_is_given_up(self) -> None:
        self.go("failed")

    @precondition(lambda self: not self.at("stopping", "stopped"))
    @rule()
    def somebody_stops_it(self) -> None:
        self.go("stopping")
        self.ready = False

    @precondition(lambda self: self.at("stopping"))
    @rule()
    def it_has_ended(self) -> None:
        self.process = False
        self.go("stopped")

    @precondition(lambda self: self.at("stopped", "failed"))
    @rule()
    def somebody_wants_it_again(self) -> None:
        self.go("requested")

    @invariant()
    def a_running_window_has_a_process_or_waits_for_a_limit(self) -> None:
        assert not (self.window.status in RUNNING and not self.process and self.window.status != "parked")
        assert not (self.window.status in OVER and self.process)

    @invariant()
    def questions_and_limits_belong_to_their_status(self) -> None:
        assert (self.window.question is not None) == self.at("waiting")
        assert (self.window.parked_until is not None) == self.at("parked")

    @invariant()
    def generations_only_grow(self) -> None:
        assert self.generations == sorted(set(self.generations))
        assert self.window.since == self.clock


TestWorld = WorldMachine.TestCase
TestWorld.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
