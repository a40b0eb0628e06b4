"""The smallest agent: what it says, and the ways in which it misbehaves."""

import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.contract.driver_kinds import Echo, Stage
from tests.contract.driver_window import PATIENCE, Window, window
from tianting.fleet.drivers.driver import (
    Answer,
    DriverError,
    Fault,
    PersonAsked,
    Progressed,
    PromptTaken,
    TurnBegan,
    TurnDone,
)

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")]


@contextlib.asynccontextmanager
async def echo(folder: Path) -> AsyncIterator[tuple[Stage, Window]]:
    async with Echo().stage(folder, "talk") as stage, window(stage.driver, stage.brief) as opened:
        yield stage, opened
        with contextlib.suppress(DriverError), anyio.fail_after(PATIENCE):
            await opened.agent.leave()
            await opened.process.wait()


async def test_prompts_are_recalled_by_the_next_process_and_by_a_copy(tmp_path: Path) -> None:
    async with echo(tmp_path) as (stage, opened):
        await opened.turn("one")
        await opened.turn("two\nlines")
        await opened.agent.leave()
        await opened.process.wait()
    again = structs.replace(stage.brief, resume=True)
    copy = structs.replace(stage.brief, conversation_id="copy", copy_of=stage.brief.conversation_id)

    async with window(stage.driver, again) as opened:
        assert (await opened.turn("!recall")).text == "one\ntwo\nlines"
    async with window(stage.driver, copy) as opened:
        assert (await opened.turn("!recall")).text == "one\ntwo\nlines\n!recall"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        pytest.param("hi", TurnDone(text="hi"), id="answer"),
        pytest.param("!garbage 2", TurnDone(text="!garbage"), id="garbage"),
        pytest.param("!limit 0", TurnDone(text="!limit"), id="limit"),
        pytest.param("!die SIGCONT", TurnDone(text="!die"), id="signal that ends nothing"),
        pytest.param("!unknown", TurnDone(text="!unknown"), id="no command"),
        pytest.param(
            "!rejected 5", TurnDone(fault=Fault(message="You've hit your session limit.", status=429)), id="usage limit"
        ),
        pytest.param("!refused", TurnDone(fault=Fault(message="API Error: 401 refused", status=401)), id="refused"),
    ],
)
async def test_prompt_says_what_happens(prompt: str, expected: TurnDone, tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        assert structs.replace(await opened.turn(prompt), usage=expected.usage) == expected


@pytest.mark.parametrize("prompt", ["!hang", "!stall"])
async def test_silence_is_ended_by_an_interrupt(prompt: str, tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        await opened.prompt(prompt)
        await opened.until(TurnBegan)
        await opened.until(PromptTaken)
        await opened.agent.interrupt()

        assert (await opened.until(TurnDone)).interrupted


async def test_question_is_answered_or_withdrawn(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        await opened.prompt("!ask Edit")
        asked = await opened.until(PersonAsked)
        await opened.agent.answer(asked.question_id, Answer(allow=False, text="No."))
        done = await opened.until(TurnDone)
        await opened.prompt("!ask")
        await opened.until(PersonAsked, 2)
        await opened.agent.interrupt()

        assert (asked.tool, done.text) == ("Edit", '{"behavior": "deny", "message": "No."}')
        assert (await opened.until(TurnDone, 2)).interrupted


async def test_process_ends_with_the_code_that_it_is_told(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        await opened.prompt("!exit 7")
        with anyio.fail_after(PATIENCE):
            assert await opened.process.wait() == 7


async def test_conversation_that_is_not_there_cannot_be_gone_on_with(tmp_path: Path) -> None:
    async with Echo().stage(tmp_path, "talk") as stage:
        brief = structs.replace(stage.brief, resume=True, conversation_id="nowhere")
        with pytest.raises(DriverError) as caught:
            async with window(stage.driver, brief):
                raise AssertionError("it was ready")

    message = "No conversation found with session ID: nowhere"
    assert caught.value.fault == Fault(message=message, code="error_during_execution")


async def test_prompts_that_come_too_early_wait(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        for prompt in ("!limit 0.1", "two", "three"):
            await opened.prompt(prompt)
        await opened.until(TurnDone, 3)

        assert [done.text for done in opened.all(TurnDone)] == ["!limit", "two", "three"]


async def test_failed_turn_at_the_end_is_an_exit_code(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        await opened.turn("!refused 500")
        await opened.agent.leave()
        with anyio.fail_after(PATIENCE):
            assert await opened.process.wait() == 1


async def test_flood_and_long_line_come_through_whole(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        await opened.turn("!flood 1")
        await opened.turn("!long 3000000")

        assert sum(len(event.text) for event in opened.all(Progressed)) == 850_000 + 3_000_000


async def test_deaf_process_ignores_what_asks_it_to_end(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        await opened.turn("!deaf")
        opened.process.send_signal(signal.SIGTERM)

        assert (await opened.turn("still here")).text == "still here"


async def test_process_that_is_left_behind_is_in_no_group_of_its_parent(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        before = _sleepers()
        await opened.turn("!fork")
        left = _sleepers() - before
        try:
            assert len(left) == 1
            assert all(os.getpgid(pid) != opened.process.pid for pid in left)
        finally:
            for pid in left:
                os.kill(pid, signal.SIGKILL)


async def test_leak_grows(tmp_path: Path) -> None:
    async with echo(tmp_path) as (_, opened):
        before = _resident(opened.process.pid)
        await opened.turn("!leak 50")
        with anyio.fail_after(PATIENCE):
            while _resident(opened.process.pid) < before + 10_000:
                await anyio.sleep(0.01)


def _resident(pid: int) -> int:
    """Pages of 4 KiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def _sleepers() -> set[int]:
    """Processes that run what `!fork` leaves behind."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"os.setsid()\n    time.sleep(600)" in path.read_bytes():
                found.add(int(path.parent.name))
    return found
