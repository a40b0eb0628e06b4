"""Recovery is arithmetic, so its tests are a table."""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tianting.fleet.verdicts.failure_words import Kind
from tianting.fleet.verdicts.failures import MEANINGS, Failure
from tianting.fleet.verdicts.parking import LimitFacts, Park, ParkPolicy
from tianting.fleet.verdicts.recovery import (
    AskPerson,
    Failover,
    GiveUp,
    History,
    Rest,
    Restart,
    RestartAfter,
    RestartPolicy,
    Resume,
    Situation,
    Successor,
    Verdict,
    noted,
    started,
    verdict,
    went_well,
)

NOW = 100_000.0
WALL = 1_795_000_000.0
POLICY = RestartPolicy()
CRASH = Failure(kind="signal", said="SIGKILL")
CRASHED = "It was killed by a signal that was not ours (SIGKILL)."
ANYBODY: frozenset[Successor] = frozenset({"key", "model", "standby"})


def decide(
    failure: Failure,
    *,
    restarts: tuple[Restart, ...] = (),
    waits: int = 0,
    unready: int = 0,
    policy: RestartPolicy = POLICY,
    situation: Situation | None = None,
) -> Verdict:
    history = History(restarts=restarts, waits=waits, unready=unready)
    return verdict(failure, history, policy, situation or Situation(), now=NOW, wall=WALL, random=lambda: 0.0)


def ago(*seconds: float, kind: Kind = "signal") -> tuple[Restart, ...]:
    return tuple(Restart(at=NOW - one, kind=kind) for one in seconds)


@pytest.mark.parametrize(
    ("restarts", "expected"),
    [
        pytest.param((), Resume(), id="the first comes at once"),
        pytest.param(ago(60), RestartAfter(delay=1.0), id="the second after a second"),
        pytest.param(ago(90, 60), RestartAfter(delay=2.0), id="delays double"),
        pytest.param(ago(200, 150, 90, 60), RestartAfter(delay=8.0), id="the fifth"),
        pytest.param(
            ago(800, 500, 300, 200, 100),
            GiveUp(reason=f"5 restarts in 15 minutes were not enough. {CRASHED}"),
            id="the sixth in 15 minutes is one too many",
        ),
        pytest.param(ago(900, 500, 300, 200, 100), RestartAfter(delay=8.0), id="older ones do not count"),
        pytest.param(ago(899, 800, 700, 650, 600), Resume(), id="forgiven after ten quiet minutes"),
        pytest.param(
            ago(899, 800, 700, 650, 599),
            GiveUp(reason=f"5 restarts in 15 minutes were not enough. {CRASHED}"),
            id="not a second earlier",
        ),
    ],
)
def test_crash(restarts: tuple[Restart, ...], expected: Verdict) -> None:
    assert decide(CRASH, restarts=restarts) == expected


@pytest.mark.parametrize("kind", ["stall", "wedge", "signal", "oom", "protocol_garbage", "unknown"])
def test_all_that_is_like_a_crash_is_resumed(kind: Kind) -> None:
    assert decide(Failure(kind=kind)) == Resume()


def test_delays_end_at_a_minute_and_vary() -> None:
    patient = RestartPolicy(most=20)
    history = History(restarts=ago(*range(18, 0, -1)))

    delays = [
        verdict(CRASH, history, patient, Situation(), now=NOW, wall=WALL, random=lambda chance=chance: chance)  # type: ignore[misc]
        for chance in (0.0, 0.5)
    ]

    assert delays == [RestartAfter(delay=60.0), RestartAfter(delay=52.5)]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(Failure(kind="clean"), Rest(), id="ended on purpose"),
        pytest.param(
            Failure(kind="rate_limited", said="try again in 9s"),
            Park(until=WALL + 9, reason="rate limit of the provider"),
            id="rate limit",
        ),
        pytest.param(
            Failure(kind="usage_limit", said="reached|1795003600"),
            Park(until=WALL + 3_600, wakes=False, reason="usage limit of the account"),
            id="usage limit",
        ),
        pytest.param(
            Failure(kind="overloaded"),
            Park(until=WALL + 5, reason="the provider is overloaded; nobody said for how long"),
            id="overloaded",
        ),
        pytest.param(
            Failure(kind="network"), Park(until=WALL + 5, reason="the provider cannot be reached"), id="network"
        ),
        pytest.param(Failure(kind="spawn_missing"), GiveUp(reason=Failure(kind="spawn_missing").line), id="no program"),
        *(
            pytest.param(Failure(kind=kind), AskPerson(reason=Failure(kind=kind).line, blocks=False), id=kind)
            for kind in ("context_full", "bad_request")
        ),
        *(
            pytest.param(Failure(kind=kind), AskPerson(reason=Failure(kind=kind).line), id=kind)
            for kind in (
                "auth",
                "budget",
                "resume_missing",
                "workspace_lost",
                "disk_full",
            )
        ),
    ],
)
def test_what_is_no_crash(failure: Failure, expected: Verdict) -> None:
    assert decide(failure) == expected
    assert decide(failure, restarts=ago(5, 4, 3, 2, 1)) == expected, "and its restarts do not matter"


def test_what_is_known_of_a_limit_beats_the_message() -> None:
    limit = LimitFacts(cause="rate_limit", resets_at=WALL + 30)

    parked = decide(Failure(kind="rate_limited", said="try again in 9s"), situation=Situation(limit=limit))

    assert parked == Park(until=WALL + 30, reason="rate limit of the provider")


def test_waiting_grows_and_ends_with_a_person() -> None:
    gone = Failure(kind="network", said="ECONNREFUSED")

    assert decide(gone, waits=3) == Park(until=WALL + 40, reason="the provider cannot be reached")
    assert decide(gone, waits=20) == AskPerson(
        reason="Waited 20 times in vain. The provider could not be reached (ECONNREFUSED)."
    )


def test_a_limit_goes_on_by_itself_where_the_owner_allowed_it() -> None:
    policy = RestartPolicy(parking=ParkPolicy(wakes=True))

    assert decide(Failure(kind="usage_limit"), policy=policy) == Park(
        until=WALL + 3_600, reason="usage limit of the account; nobody said for how long"
    )


def test_a_lost_conversation_begins_anew_only_where_the_owner_allowed_it() -> None:
    policy = RestartPolicy(fresh_when_missing=True)

    assert decide(Failure(kind="resume_missing"), policy=policy) == RestartAfter(delay=0.0, fresh=True)


def test_what_never_gets_ready_is_loud_not_slow() -> None:
    assert decide(CRASH, unready=1) == Resume()
    assert decide(CRASH, unready=2) == GiveUp(reason=f"2 starts in a row did not get ready. {CRASHED}")


def test_who_runs_out_of_memory_again_and_again_needs_more() -> None:
    oom = Failure(kind="oom")

    assert decide(oom, restarts=ago(60, kind="oom")) == RestartAfter(delay=1.0)
    assert decide(oom, restarts=ago(90, 60, kind="oom")) == AskPerson(
        reason=f"Out of memory 3 times in 15 minutes. {oom.line}"
    )
    assert decide(CRASH, restarts=ago(90, 60, kind="oom")) == RestartAfter(delay=2.0)


@pytest.mark.parametrize(
    ("kind", "order", "to"),
    [
        pytest.param("usage_limit", ("model", "key"), "model", id="in the owner's order"),
        pytest.param("usage_limit", ("standby", "key"), "key", id="a standby has the same empty account"),
        pytest.param("auth", ("standby", "model", "key"), "key", id="another model has the same wrong key"),
        pytest.param("budget", ("key",), "key", id="another account may have money"),
        pytest.param("overloaded", ("key", "model"), "model", id="another key meets the same crowd"),
        pytest.param("wedge", ("key", "standby"), "standby", id="a crash needs another process"),
        pytest.param("wedge", ("key", "model"), None, id="and nothing else"),
        pytest.param("network", ("key", "model", "standby"), None, id="nothing helps against no network"),
        pytest.param("spawn_missing", ("key", "model", "standby"), None, id="nor against a missing program"),
    ],
)
def test_successor(kind: Kind, order: tuple[Successor, ...], to: Successor | None) -> None:
    failure = Failure(kind=kind)
    policy = RestartPolicy(successors=order)

    answer = decide(failure, policy=policy, situation=Situation(successors=ANYBODY))
    alone = decide(failure, policy=policy)

    assert isinstance(answer, Failover) == (to is not None)
    assert to is None or answer == Failover(to=to, reason=failure.line)
    assert not isinstance(alone, Failover), "nobody is there"


def test_a_standby_does_not_hide_a_crash_loop() -> None:
    answer = decide(CRASH, restarts=ago(5, 4, 3, 2, 1), situation=Situation(successors=ANYBODY))

    assert isinstance(answer, GiveUp)


def test_history_counts_crashes_and_rests_apart() -> None:
    parked = Park(until=WALL)
    limited = Failure(kind="rate_limited")

    history = noted(History(), limited, parked, POLICY, NOW)
    history = noted(history, CRASH, Resume(), POLICY, NOW)
    history = noted(history, Failure(kind="auth"), AskPerson(reason=""), POLICY, NOW)

    assert history == History(restarts=ago(0), waits=1)
    assert went_well(history) == History(restarts=ago(0))
    assert started(started(history, ready=False), ready=False).unready == 2
    assert started(structs.replace(history, unready=2), ready=True).unready == 0


def test_history_forgets_what_no_longer_counts() -> None:
    assert noted(History(restarts=ago(1000, 500)), CRASH, Resume(), POLICY, NOW).restarts == ago(500, 0)
    assert noted(History(restarts=ago(800, 700)), CRASH, Resume(), POLICY, NOW).restarts == ago(0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1_200), st.sampled_from(get_args(Kind)), st.floats(0, 1, exclude_max=True)), max_size=40
    )
)
def test_no_fifteen_minutes_see_more_restarts_than_allowed(ends: list[tuple[float, Kind, float]]) -> None:
    history, now, crashes = History(), 0.0, list[float]()
    for gap, kind, chance in ends:
        now += gap
        answer = verdict(
            Failure(kind=kind),
            history,
            POLICY,
            Situation(),
            now=now,
            wall=WALL,
            random=lambda chance=chance: chance,  # type: ignore[misc]
        )
        history = noted(history, Failure(kind=kind), answer, POLICY, now)
        match answer:
            case RestartAfter(delay=delay):
                assert 0.75 <= delay <= 60 or not MEANINGS[kind].crash
                crashes.append(now)
            case Resume():
                crashes.append(now)
            case GiveUp():
                return
        # Ten quiet minutes start a new count, so two of them may touch in one window of fifteen.
        assert sum(now - at < POLICY.forgiven_after for at in crashes) <= POLICY.most
