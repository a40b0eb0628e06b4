"""Stopping the program at any moment: it ends at once, leaves no process, and the conversation goes on afterwards."""

import os
import select
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.end_to_end.stage import Ended, Running, Stage, is_alive, is_event, is_system, playing, until
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.messages import unanswered_calls
from tianting.session.reading import load
from tianting.testing.model_server import ModelServer

pytestmark = pytest.mark.anyio

AT_ONCE = 1.0
"""Seconds that an interrupted program may still take, on a busy machine."""
STREAM = ("-p", "Go.", "--output-format", "stream-json", "--include-partial-messages")
STOPPED = "The user stopped this turn."
SLOW = Reply(text="word " * 100, pause=0.02, chunk=5)


async def stream_runs(run: Running, server: ModelServer) -> None:
    await run.line(is_event("content_block_delta"))


async def retry_waits(run: Running, server: ModelServer) -> None:
    await run.line(is_system("api_retry"))


async def nothing_came_yet(run: Running, server: ModelServer) -> None:
    await until(lambda: server.requests)


MOMENTS = {
    "stream": (SLOW, stream_runs),
    "retry": (says(fault=Fault(kind="status", retry_after=30)), retry_waits),
    "before the first byte": (says(fault=Fault(kind="hang_before_headers")), nothing_came_yet),
    "in the middle of nothing": (says("Hello there. " * 10, fault=Fault(kind="hang_mid_stream")), stream_runs),
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_interrupted_while_it_waits_for_the_model(stage: Stage, moment: str) -> None:
    reply, reached = MOMENTS[moment]
    async with playing(reply) as server:
        stage.toward(server)
        async with stage.running(*STREAM) as run:
            await reached(run, server)
            ended = await stopped(run, signal.SIGINT)

    assert (ended.code, ended.stderr, ended.result["terminal_reason"]) == (130, "", "aborted_streaming")
    await assert_goes_on(stage)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="INT"),
        pytest.param(signal.SIGTERM, 143, id="TERM"),
        pytest.param(signal.SIGHUP, 129, id="HUP"),
    ],
)
async def test_stopped_while_a_command_runs(stage: Stage, number: signal.Signals, code: int) -> None:
    async with command_running(stage) as (run, pid):
        ended = await stopped(run, number)
        assert not is_alive(pid)

    assert (ended.code, ended.stderr, ended.result["terminal_reason"]) == (code, "", "aborted_tools")
    assert_nobody_left(run)
    await assert_goes_on(stage)


async def test_goes_on_under_nohup(stage: Stage) -> None:
    async with playing(Reply(text="word " * 20, pause=0.02)) as server:
        stage.toward(server)
        async with stage.running(*STREAM, through=("nohup",)) as run:
            await run.line(is_event("content_block_delta"))
            run.tell(signal.SIGHUP)
            ended = await run.ended()

    assert (ended.code, ended.result["subtype"]) == (0, "success")


async def test_interrupted_twice_at_once(stage: Stage) -> None:
    async with command_running(stage) as (run, pid):
        run.tell(signal.SIGINT)
        ended = await stopped(run, signal.SIGINT)
        assert not is_alive(pid)

    assert (ended.code, ended.stderr) == (130, "")
    await assert_goes_on(stage)


@pytest.mark.parametrize("library", ["msgspec/_core", "_asyncio", "_ssl"])
async def test_interrupted_while_it_starts(stage: Stage, library: str) -> None:
    """Whatever is being imported just then: no traceback."""
    async with playing(Reply(text="Hello.", delay=60)) as server:
        stage.toward(server)
        async with stage.running("-p", "Hi.") as run:
            await until(lambda: library in Path(f"/proc/{run.process.pid}/maps").read_text())
            ended = await stopped(run, signal.SIGINT)

    assert (ended.code, ended.stdout, ended.stderr.strip("\n").replace("Stopped by the user.", "")) == (130, "", "")


async def test_text_mode_says_that_it_was_stopped(stage: Stage) -> None:
    async with playing(SLOW) as server:
        stage.toward(server)
        async with stage.running("-p", "Go.") as run:
            await until(lambda: server.requests)
            ended = await stopped(run, signal.SIGINT)

    assert (ended.code, ended.stdout, ended.stderr) == (130, "", "Stopped by the user.\n")


async def test_interrupted_although_nobody_reads(stage: Stage) -> None:
    """A reader that sleeps must not keep the program alive: its pipe is full when the interrupt comes."""
    reader, writer = os.pipe()
    async with playing(says("word " * 100_000)) as server:
        stage.toward(server)
        async with stage.running(*STREAM, stdout=writer) as run:
            await until(lambda: not select.select([], [writer], [], 0)[1])
            run.tell(signal.SIGINT)
            with anyio.fail_after(5):
                code = await run.process.wait()
    os.close(reader)
    os.close(writer)

    assert code == 130
    await assert_goes_on(stage)


async def test_reader_that_leaves_ends_it_without_a_word(stage: Stage) -> None:
    reader, writer = os.pipe()
    async with playing(says("word " * 100_000)) as server:
        stage.toward(server)
        async with stage.running(*STREAM, stdout=writer) as run:
            os.close(writer)
            await anyio.wait_readable(reader)
            os.read(reader, 1)
            os.close(reader)
            ended = await run.ended()

    assert (ended.code, ended.stderr) == (1, "")
    await assert_goes_on(stage)


@asynccontextmanager
async def command_running(stage: Stage) -> AsyncGenerator[tuple[Running, int], None]:
    """A run whose Bash command has begun, and the command's process."""
    ready = stage.project.parent / "ready"
    os.mkfifo(ready)
    command = f"sh -c 'trap : INT; echo $$ > {ready}; while :; do sleep 60; done' & wait"
    async with playing(says("", calls("Bash", command=command)), repeat_last=True) as server:
        stage.toward(server)
        async with stage.running(*STREAM, "--allowedTools", "Bash") as run:
            yield run, int(await announced(ready))


async def announced(ready: Path) -> str:
    """What somebody writes to a named pipe."""
    descriptor = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await anyio.wait_readable(descriptor)
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


async def stopped(run: Running, number: signal.Signals) -> Ended:
    begun = time.monotonic()
    run.tell(number)
    ended = await run.ended()
    taken = time.monotonic() - begun
    print(f"ended {taken * 1000:.0f} ms after {number.name}")  # noqa: T201 (shown by `pytest -s`)
    assert taken < AT_ONCE
    return ended


def assert_nobody_left(run: Running) -> None:
    with pytest.raises(ProcessLookupError):
        os.killpg(run.process.pid, 0)


async def assert_goes_on(stage: Stage) -> None:
    """`-c` takes the conversation up: the transcript is whole, and a strict server takes the request."""
    before = load(stage.transcript)
    assert (before.damaged_lines, unanswered_calls(before.history)) == (0, [])
    async with playing(says("Here I am again."), repeat_last=True) as server:
        stage.toward(server)
        again = await stage.run("-p", "Go on.", "-c")

    assert (again.code, again.stdout) == (0, "Here I am again.\n")
    assert len(load(stage.transcript).history) == len(before.history) + 2
