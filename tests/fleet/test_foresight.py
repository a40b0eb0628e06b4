"""A window that leaks is told of once, in time, and one that does not never."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.fleet.puppets import PATIENCE, stage
from tianting.fleet.drivers.driver import ContextFilled
from tianting.fleet.foresight import SPACING, Filling, Foresight, Leaking, Subject
from tianting.fleet.ground.limits import WindowLimits
from tianting.fleet.ground.resources import Sample
from tianting.fleet.store.records import Forewarned
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


def told(look: Callable[[int], Sample], limit: int = LIMIT) -> list[Leaking | Filling]:
    foresight = Foresight(most_descriptors=1024)
    return [
        one
        for number in range(100)
        for one in foresight.sampled([look(number)], [Subject(window=WINDOW, memory_limit=limit)])
    ]


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
        foresight.sampled([sample(number, 1e8 + number * 1e7)], [Subject(window=WINDOW, memory_limit=LIMIT)])
    after = structs.replace(WINDOW, generation=2)

    assert foresight.sampled([sample(61, 1e8)], [Subject(window=after, memory_limit=LIMIT)]) == []
    assert foresight.usage("w1") == sample(61, 1e8)
    assert foresight.usage("w2") is None


def test_looks_that_follow_each_other_closely_are_one() -> None:
    foresight = Foresight()
    rising = (structs.replace(sample(0, 1e8 + number * 1e7), at=float(number)) for number in range(29))

    assert [
        one for look in rising for one in foresight.sampled([look], [Subject(window=WINDOW, memory_limit=LIMIT)])
    ] == []


@pytest.mark.parametrize(
    ("latencies", "reasons"),
    [
        pytest.param([0.2] * 20 + [0.9] * 20, ["it answers 4.5 times slower than it did"], id="slower"),
        pytest.param([0.001] * 20 + [0.05] * 20, [], id="still brisk: the machine is busy"),
        pytest.param([0.2] * 40, [], id="as ever"),
    ],
)
def test_process_that_has_become_slow_is_told_of(latencies: list[float], reasons: list[str]) -> None:
    slow = Subject(window=WINDOW, latencies=tuple(latencies))

    found = Foresight().sampled([sample(0, 1e8)], [slow])

    assert found == [Leaking(window_id="w1", reason=reason) for reason in reasons]


def test_full_context_is_told_of_once_until_it_is_emptied() -> None:
    foresight = Foresight()

    def look(tokens: int) -> list[Leaking | Filling]:
        context = ContextFilled(tokens=tokens, window=200_000)
        return foresight.sampled([], [Subject(window=WINDOW, context=context)])

    told = Filling(window_id="w1", reason="Its context is 95% full: compact it, or begin a new window.")
    assert [look(tokens) for tokens in (170_000, 190_000, 195_000, 30_000, 190_000)] == [[], [told], [], [], [told]]


@pytest.mark.anyio
async def test_followers_of_a_window_hear_of_its_full_context(tmp_path: Path) -> None:
    async with stage(tmp_path) as court:
        name = await court.create()
        court.keeper.puppets[-1].says(ContextFilled(tokens=95, window=100))
        await court.settle()

        court.fleet.sampled([])

        with anyio.fail_after(PATIENCE):
            async for stored in court.fleet.events(name):
                if isinstance(stored.event, Forewarned):
                    break
        assert stored.event == Forewarned(reason="Its context is 95% full: compact it, or begin a new window.")


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


@pytest.mark.anyio
async def test_window_that_answers_slower_and_slower_is_recycled(tmp_path: Path) -> None:
    async with stage(tmp_path) as court:
        name = await court.create()
        puppet = court.keeper.puppets[-1]
        puppet.answers_probes = False

        for number in range(40):
            await court.fleet.health_check(name)
            await court.settle(5)
            court.clock.time += number // 20
            puppet.writes(b"pong\n")
            await court.settle(5)
        court.fleet.sampled([structs.replace(sample(0, 1e8), window_id=name)])
        await court.keeper.next(2)

        assert (await court.until(name, "ready")).generation == 2
