"""Spares: warm before anybody asks, given to one alone, filled again behind the caller's back, and in nobody's way."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.fleet.puppets import PATIENCE, Stage, bare_stage
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.fleet.window import OVER, Window
from tianting.fleet.windows import FleetFull

pytestmark = pytest.mark.anyio


@pytest.fixture
async def court(tmp_path: Path) -> AsyncGenerator[Stage, None]:
    """A template that keeps two spares."""
    async with bare_stage(tmp_path) as made:
        made.template = structs.replace(made.template, pool=PoolPolicy(min=2, max=6, spares=2))
        async with made.open_fleet():
            yield made


def spares(court: Stage) -> list[Window]:
    windows = (one.window for one in court.fleet.list_windows())
    return [window for window in windows if window.is_spare and window.status not in OVER]


async def until_ready(court: Stage, count: int) -> list[Window]:
    with anyio.fail_after(PATIENCE):
        while [window.status for window in spares(court)] != ["ready"] * count:
            await anyio.sleep(0.001)
    return spares(court)


async def test_claimed_spare_is_ready_at_once_and_replaced(court: Stage) -> None:
    warm = await until_ready(court, 2)

    window = await court.fleet.create_window("puppet", owner="ada")

    assert window.window_id in {spare.window_id for spare in warm}
    assert (window.status, window.owner, window.is_spare, window.generation) == ("ready", "ada", False, 1)
    after = await until_ready(court, 2)
    assert window.window_id not in {spare.window_id for spare in after}
    prompt = await court.fleet.send(window.window_id, "hello")
    assert (await court.answer_to(window.window_id, prompt)).text == "hello"


async def test_nobody_shares_a_spare(court: Stage) -> None:
    await until_ready(court, 2)
    claimed: list[str] = []

    async def claim() -> None:
        claimed.append((await court.fleet.create_window("puppet")).window_id)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(claim)

    assert len(set(claimed)) == 5


async def test_full_fleet_refuses_though_spares_are_left(court: Stage) -> None:
    court.most_windows = 2
    court.fleet.reconfigure(court.policy)
    await until_ready(court, 2)
    created: list[str] = []
    refused: list[str] = []

    async def claim() -> None:
        try:
            created.append((await court.fleet.create_window("puppet")).window_id)
        except FleetFull as error:
            refused.append(str(error))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(claim)

    assert (len(created), len(refused)) == (2, 3)
    await court.settle()
    assert spares(court) == []


async def test_spare_that_dies_is_followed_like_any_window(court: Stage) -> None:
    await until_ready(court, 2)

    court.keeper.puppets[0].dies()
    await court.keeper.next(3)

    assert sorted(window.generation for window in await until_ready(court, 2)) == [1, 2]


async def test_other_directory_is_no_spare(court: Stage, tmp_path: Path) -> None:
    await until_ready(court, 2)
    (tmp_path / "elsewhere").mkdir()

    window = await court.fleet.create_window("puppet", cwd=str(tmp_path / "elsewhere"))

    assert (window.is_spare, window.cwd) == (False, str(tmp_path / "elsewhere"))
    assert len(await until_ready(court, 2)) == 2


async def test_template_without_a_pool_any_more_lets_its_spares_go(court: Stage) -> None:
    await until_ready(court, 2)

    court.template = structs.replace(court.template, pool=None)
    court.fleet.reconfigure(court.policy)

    with anyio.fail_after(PATIENCE):
        while spares(court):
            await anyio.sleep(0.001)
    assert all(not puppet.is_alive for puppet in court.keeper.puppets)


async def test_next_fleet_keeps_the_spares(tmp_path: Path) -> None:
    async with bare_stage(tmp_path) as made:
        made.template = structs.replace(made.template, pool=PoolPolicy(min=2, max=6, spares=2))
        async with made.open_fleet():
            before = {window.window_id for window in await until_ready(made, 2)}

        async with made.open_fleet():
            after = {window.window_id for window in await until_ready(made, 2)}

    assert (after, len(made.keeper.puppets)) == (before, 2)
