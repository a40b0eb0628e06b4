"""The agents that fail do so, and then they work."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.contract.driver_kinds import Echo
from tests.contract.driver_window import PATIENCE, window
from tianting.fleet.drivers.driver import Fault, Garbled, Limited, PersonAsked, Progressed, TurnDone
from tianting.testing.failing_agents import (
    FailingDriver,
    asking_driver,
    dying_driver,
    exiting_driver,
    garbling_driver,
    never_ready_driver,
    refused_driver,
    rejected_driver,
    slow_driver,
    stalling_driver,
    wedged_driver,
)

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")]


@pytest.mark.parametrize(
    ("driver", "code"),
    [pytest.param(dying_driver, -signal.SIGKILL, id="dying"), pytest.param(exiting_driver, 1, id="exiting")],
)
async def test_process_ends_in_a_turn_and_the_next_one_answers(
    driver: Callable[[], FailingDriver], code: int, tmp_path: Path
) -> None:
    failing = driver()
    async with Echo().stage(tmp_path, "talk") as stage:
        async with window(failing, stage.brief) as opened:
            await opened.prompt("hi")
            with anyio.fail_after(PATIENCE):
                await opened.ended.wait()
                assert await opened.process.wait() == code
        async with window(failing, structs.replace(stage.brief, resume=True)) as opened:
            assert (await opened.turn("hi")).text == "hi"


async def test_stall_is_ended_by_an_interrupt(tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage, window(stalling_driver(), stage.brief) as opened:
        await opened.prompt("hi")
        await opened.until(Progressed)
        await opened.agent.probe()
        await opened.agent.interrupt()

        assert (await opened.until(TurnDone)).interrupted
        assert (await opened.turn("hi")).text == "hi"


async def test_wedged_process_answers_no_probe_until_it_is_continued(tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage, window(wedged_driver(), stage.brief) as opened:
        await opened.prompt("hi")
        await _stopped(opened.process.pid)
        answered = anyio.Event()

        async def probe() -> None:
            await opened.agent.probe()
            answered.set()

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(probe)
                await anyio.wait_all_tasks_blocked()
                assert not answered.is_set()
                opened.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        pytest.param(
            refused_driver(status=403),
            TurnDone(fault=Fault(message="API Error: 403 refused", status=403)),
            id="refused",
        ),
        pytest.param(
            rejected_driver(until=99.0),
            TurnDone(fault=Fault(message="You've hit your session limit.", status=429)),
            id="rejected",
        ),
    ],
)
async def test_turn_fails_and_the_next_does_not(driver: FailingDriver, expected: TurnDone, tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage, window(driver, stage.brief) as opened:
        failed = await opened.turn("hi")

        assert structs.replace(failed, usage=expected.usage) == expected
        limits = [Limited(cause="usage_limit", until=99.0)] if failed.fault and failed.fault.status == 429 else []
        assert opened.all(Limited) == limits
        assert (await opened.turn("hi")).text == "hi"


async def test_garbage_is_told_apart_from_the_protocol(tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage, window(garbling_driver(lines=3), stage.brief) as opened:
        await opened.turn("hi")

        assert opened.all(Garbled) == [Garbled(sample=f"<p>This is no JSON, {number}.</p>") for number in range(3)]


async def test_question_waits(tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage, window(asking_driver(tool="Edit"), stage.brief) as opened:
        await opened.prompt("hi")

        assert (await opened.until(PersonAsked)).tool == "Edit"


async def test_agent_is_ready_late(tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage, window(slow_driver(0.05), stage.brief) as opened:
        assert (await opened.turn("hi")).text == "hi"


async def test_agent_is_never_ready(tmp_path: Path) -> None:
    with anyio.move_on_after(0.5) as patience:
        async with Echo().stage(tmp_path, "talk") as stage, window(never_ready_driver(), stage.brief):
            raise AssertionError("it was ready")

    assert patience.cancelled_caught


def test_kind_and_abilities_are_those_of_echo() -> None:
    driver = dying_driver()

    assert (driver.kind, driver.abilities.resume) == ("echo", True)


async def _stopped(pid: int) -> None:
    with anyio.fail_after(PATIENCE):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            await anyio.sleep(0.005)
