"""The account of a chaos run: what was promised, what was kept, how long it took."""

import anyio
import pytest

from chaos.ledger import Ledger, Recovery, Turn
from chaos.report import Found, Promise, promises, report
from tianting.fleet.drivers.driver import Fault
from tianting.fleet.store.records import PromptDone

NOTHING = Found(orphans=(), lost_files=(), lost_notes=(), doubled_notes=(), failed_windows=())


def turn(window: str = "n01", number: str = "[n01-1]") -> Turn:
    return Turn(window=window, number=number, at=0.0, writes=False)


def done(uuid: str, text: str = "[n01-1]", fault: Fault | None = None) -> PromptDone:
    return PromptDone(uuid=uuid, text=text, fault=fault)


def test_answers_are_right_wrong_or_missing() -> None:
    ledger = Ledger()
    for uuid in ("right", "wrong", "failed", "lost"):
        ledger.accepted(uuid, turn())
    ledger.done(done("right"), 1.0)
    ledger.done(done("wrong", "[n01-2]"), 1.0)
    ledger.done(done("failed", fault=Fault(message="no", code="left")), 1.0)

    assert (ledger.survival, len(ledger.wrong), ledger.lost) == (0.25, 2, [ledger.turns["lost"]])


def test_answer_may_come_before_its_acknowledgement_and_twice() -> None:
    ledger = Ledger()
    ledger.done(done("a"), 1.0)
    ledger.accepted("a", turn())
    ledger.done(done("a", "something else"), 2.0)

    assert ledger.survival == 1.0


def test_recovery_is_from_a_fault_to_the_next_right_answer_of_that_window() -> None:
    ledger = Ledger()
    for uuid, window in (("a", "n01"), ("b", "n02"), ("c", "n01")):
        ledger.accepted(uuid, turn(window))
    ledger.struck("kill fleet", ("n01", "n02", "n03"), 10.0)
    ledger.struck("kill agent", ("n01",), 11.0)
    ledger.done(done("a", "wrong"), 11.5)
    ledger.done(done("b"), 12.0)
    ledger.done(done("c"), 13.0)

    assert ledger.recoveries() == [
        Recovery(fault="kill fleet", times=(2.0, 3.0), never=1),
        Recovery(fault="kill agent", times=(2.0,), never=0),
    ]


@pytest.mark.parametrize(
    ("times", "p95"),
    [
        pytest.param((1.0,), 1.0, id="one"),
        pytest.param(tuple(map(float, range(1, 21))), 19.0, id="twenty"),
        pytest.param(tuple(map(float, range(1, 101))), 95.0, id="a hundred"),
    ],
)
def test_p95_is_what_19_of_20_keep_to(times: tuple[float, ...], p95: float) -> None:
    assert Recovery(fault="leak", times=times, never=0).p95 == p95


@pytest.mark.anyio
async def test_end_of_a_prompt_is_waited_for() -> None:
    ledger = Ledger()
    ledger.accepted("a", turn())
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ledger.ended, "a")
            await anyio.lowlevel.checkpoint()
            ledger.done(done("a"), 1.0)


def test_verdict_names_what_was_broken() -> None:
    ledger = Ledger()
    ledger.accepted("a", turn())
    ledger.done(done("a"), 1.0)

    assert all(one.kept for one in promises(ledger, NOTHING))

    ledger.accepted("b", turn(number="[n01-2]"))
    broken = [one for one in promises(ledger, NOTHING) if not one.kept]
    assert broken == [
        Promise(name="turns answered rightly", found="50.00%", wanted="≥ 99.9%", kept=False),
        Promise(name="acknowledged prompts lost", found="1", wanted="0", kept=False),
    ]


def test_report_tells_what_failed_and_why() -> None:
    ledger = Ledger()
    ledger.struck("kill agent", ("n01",), 1.0)
    ledger.accepted("a", turn())
    ledger.done(done("a", fault=Fault(message="3 processes ended.", code="left")), 2.0)
    ledger.struck("leak", ("n02",), 1.0)
    ledger.accepted("b", turn("n02", "[n02-1]"))
    ledger.done(done("b", "[n02-1]"), 2.5)
    found = Found(
        orphans=("process 7: sleep",),
        lost_files=("n03",),
        lost_notes=("[n01-9]",),
        doubled_notes=("[n01-8]",),
        failed_windows=("n04 is failed: no reason",),
    )

    told = report(ledger, found, 2)

    for line in (
        "turns acknowledged 2, answered rightly 1, otherwise 1, never 0; 2 more were not acknowledged",
        "turns answered rightly          50.00%   ≥ 99.9%  BROKEN",
        "leak                               1        1     1.50     1.50     1.50      0",
        "kill agent                         1        0        -        -        -      1",
        "  [n01-1]: left 3 processes ended.",
        "  process 7: sleep",
        "  n03: its draft is gone",
        "  [n01-9]: not written",
        "  [n01-8]: written twice",
        "  n04 is failed: no reason",
    ):
        assert line in told.splitlines()
