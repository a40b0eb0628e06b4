"""What an earlier fleet held against a window counts for the next one, until somebody forgives it."""

from pathlib import Path

import anyio
import pytest

from tests.fleet.puppets import PATIENCE, Stage, bare_stage
from tianting.fleet.drivers.driver import Fault, TurnDone
from tianting.fleet.store.records import Generation, LoggedEvent, PromptDone, StoredEvent, WindowMoved
from tianting.fleet.verdicts.past import Past, history, read_on
from tianting.fleet.verdicts.recovery import History, Restart, RestartPolicy
from tianting.fleet.window import Status

NOW, WALL = 5_000.0, 1_795_000_000.0
POLICY = RestartPolicy()


def ended(ago: float | None, failure: str | None = "signal") -> Generation:
    return Generation(
        window_id="w", generation=1, ended_at=None if ago is None else WALL - ago, failure=failure if ago else None
    )


@pytest.mark.parametrize(
    ("processes", "restarts"),
    [
        pytest.param([ended(30), ended(20, "oom")], [(30, "signal"), (20, "oom")], id="crashes count"),
        pytest.param([ended(30, "clean"), ended(20, "auth")], [], id="what is no crash does not"),
        pytest.param([ended(None)], [], id="one runs"),
        pytest.param([ended(700), ended(30)], [(30, "signal")], id="forgiven after ten quiet minutes"),
        pytest.param([ended(30, "a word of a later version")], [], id="unknown word"),
        pytest.param([ended(-60)], [(0, "signal")], id="the calendar was set back"),
        pytest.param([ended(99)], [], id="before it was forgiven"),
    ],
)
def test_restarts(
    processes: list[Generation], restarts: list[tuple[float, str]], request: pytest.FixtureRequest
) -> None:
    forgiven = WALL - 50 if "before it was" in request.node.name else 0.0

    found = history(Past(forgiven_at=forgiven), processes, POLICY, now=NOW, wall=WALL)

    assert [(NOW - one.at, one.kind) for one in found.restarts] == restarts


def moves(*statuses: Status) -> list[LoggedEvent]:
    return [WindowMoved(status=one) for one in statuses]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(moves("starting", "recovering", "starting", "recovering"), History(unready=2), id="never ready"),
        pytest.param(moves("starting", "recovering", "starting", "ready"), History(), id="ready in the end"),
        pytest.param(moves("starting", "ready", "recovering", "starting"), History(), id="ended after it was ready"),
        pytest.param(moves("parked", "ready", "busy", "parked"), History(waits=2), id="waited in vain"),
        pytest.param([*moves("parked"), PromptDone(uuid="p")], History(), id="waited, and was answered"),
        pytest.param(
            [*moves("parked"), PromptDone(uuid="p", fault=Fault(message="no")), PromptDone(uuid="q", interrupted=True)],
            History(waits=1),
            id="no answer",
        ),
        pytest.param(moves("starting", "recovering", "parked", "requested"), History(), id="a person restarted it"),
        pytest.param([TurnDone()], History(), id="words of the agent"),
    ],
)
def test_log(events: list[LoggedEvent], expected: History) -> None:
    log = [StoredEvent(sequence=1, generation=1, at=WALL, event=event) for event in events]

    assert history(read_on(Past(), log), [], POLICY, now=NOW, wall=WALL) == expected


def test_person_who_restarts_forgives() -> None:
    log = [StoredEvent(sequence=1, generation=1, at=WALL - 25, event=WindowMoved(status="requested"))]

    found = history(read_on(Past(), log), [ended(30), ended(20)], POLICY, now=NOW, wall=WALL)

    assert found == History(restarts=(Restart(at=NOW - 20, kind="signal"),))


@pytest.mark.anyio
async def test_next_fleet_gives_up_what_an_earlier_one_has_restarted_too_often(tmp_path: Path) -> None:
    async with bare_stage(tmp_path) as court:
        court.care(restarts=RestartPolicy(most=2))
        async with court.open_fleet():
            name = await court.create()
            await crash(court, name)
        async with court.open_fleet():
            await court.passes(0)
            await crash(court, name)
            court.keeper.puppets[-1].dies()

            assert (await court.until(name, "failed")).reason.startswith("2 restarts in 15 minutes were not enough.")


async def crash(court: Stage, name: str) -> None:
    """And be ready again."""
    generation = court.window(name).generation
    court.keeper.puppets[-1].dies()
    with anyio.fail_after(PATIENCE):
        while court.window(name).generation == generation or court.window(name).status != "ready":
            await court.passes(1)
