"""What was said first goes out first, and whoever posts never waits."""

import anyio
import pytest

from tests.surfaces.stream_json.wires import KeptWire, StuckWire
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.outlet import ROOM, Outlet

pytestmark = pytest.mark.anyio


async def test_posted_lines_keep_their_place_among_written_ones() -> None:
    wire = KeptWire()
    outlet = Outlet(wire)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outlet.run)
            outlet.post(b"1 ")
            await outlet.write(b"2 ")
            outlet.post(b"3 ")
            await anyio.wait_all_tasks_blocked()
            outlet.post(b"4 ")
            await outlet.write(b"5 ")
            tasks.cancel_scope.cancel()

    assert wire.data == b"1 2 3 4 5 "


async def test_reader_that_sleeps_stops_nobody_who_posts_until_too_much_lies_there() -> None:
    wire = StuckWire()
    outlet = Outlet(wire)
    has_room = anyio.Event()

    async def wait_for_room() -> None:
        await outlet.until_room()
        has_room.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outlet.run)
            outlet.post(b"first")
            await anyio.wait_all_tasks_blocked()
            await outlet.until_room()
            outlet.post(b"x" * (ROOM + 1))
            tasks.start_soon(wait_for_room)
            await anyio.wait_all_tasks_blocked()
            assert not has_room.is_set()
            wire.let_go()
            await has_room.wait()
            tasks.cancel_scope.cancel()

    assert len(wire.data) == len(b"first") + ROOM + 1


async def test_output_without_a_reader_is_told_to_whoever_carries_the_posts() -> None:
    wire = KeptWire()
    wire.is_gone = True
    outlet = Outlet(wire)
    outlet.post(b"nobody reads this")

    with anyio.fail_after(5), pytest.raises(OutputClosed):
        await outlet.run()
    assert outlet.reader_is_gone()
