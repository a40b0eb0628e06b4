"""A window that leaks is told of once, in time, and one that does not never."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from tests.fleet.puppets import stage
from tianting.fleet.foresight import SPACING, Foresight, Leaking
from tianting.fleet.limits import WindowLimits
from tianting.fleet.resources import Sample
from tianting.fleet.window import Window

LIMIT = 1_000_000_000
WINDOW = Window(window_id="w1", kind="echo", status="ready")


def sample(number: int, memory: float, descriptors: float = 20) -> Sample:
    return Sample(
        window_id="w1",
        at=number * SPACING,
        memory=int(memory),
        cpu_seconds=0.0,
        cpu=0.0,
        processes=1,
        descriptors=int(descriptors),
    )


def beside(look: Sample, standby: float) -> Sample:
    return structs.replace(look, standby_memory=int(standby))


def told(look: Callable[[int], Sample], limit: int = LIMIT) -> list[Leaking]:
    foresight = Foresight(most_descriptors=1024)
    return [one for number in range(100) for one in foresight.sampled([look(number)], [(WINDOW, limit)])]


@pytest.mark.parametrize(
    ("look", "limit", "figures"),
    [
        pytest.param(lambda n: sample(n, 1e8 + n * 1e7), LIMIT, ["memory"], id="leaks memory"),
        pytest.param(lambda n: sample(n, 1e8, 20 + n * 10), LIMIT, ["descriptors"], id="leaks descriptors"),
        pytest.param(lambda n: sample(n, 1e8 + n % 2 * 1e6), LIMIT, [], id="noise"),
        pytest.param(lambda n: beside(sample(n, 1.2e9), 6e8), LIMIT, [], id="a standby has a limit of its own"),
        pytest.param(lambda n: sample(n, 1e8 + n * 1e7), 0, [], id="no limit to reach"),
    ],
)
def test_leak_is_told_of_once(look: Callable[[int], Sample], limit: int, figures: list[str]) -> None:
    assert [one.reason.split()[0] for one in told(look, limit)] == figures


def test_next_process_has_a_history_of_its_own() -> None:
    foresight = Foresight()
    for number in range(60):
        foresight.sampled([sample(number, 1e8 + number * 1e7)], [(WINDOW, LIMIT)])
    after = structs.replace(WINDOW, generation=2)

    assert foresight.sampled([sample(61, 1e8)], [(after, LIMIT)]) == []
    assert foresight.usage("w1") == sample(61, 1e8)
    assert foresight.usage("w2") is None


def test_looks_that_follow_each_other_closely_are_one() -> None:
    foresight = Foresight()
    rising = (structs.replace(sample(0, 1e8 + number * 1e7), at=float(number)) for number in range(29))

    assert [one for look in rising for one in foresight.sampled([look], [(WINDOW, LIMIT)])] == []


@pytest.mark.anyio
async def test_leaking_window_is_recycled_when_it_is_idle(tmp_path: Path) -> None:
    async with stage(tmp_path) as court:
        court.template = structs.replace(court.template, limits=WindowLimits(memory=LIMIT))
        court.fleet.reconfigure(court.policy)
        name = await court.create()
        await court.settle()

        for number in range(80):
            look = structs.replace(sample(number, 1e8 + number * 1e7), window_id=name)
            court.fleet.sampled([look])
        await court.keeper.next(2)

        assert (await court.until(name, "ready")).generation == 2
        assert court.fleet.get_window_status(name).usage == look
