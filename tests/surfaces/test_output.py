"""Output over real pipes: nothing is lost, nothing blocks, nobody cries when the reader leaves."""

import os
import pty
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tianting.surfaces.output import DescriptorOutput, OutputClosed

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 4_096


@pytest.fixture(params=[True, False], ids=["blocking", "non-blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(writer, request.param)
    os.set_blocking(reader, False)
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


async def read(reader: int, size: int) -> bytes:
    data = b""
    with anyio.fail_after(5):
        while len(data) < size:
            await anyio.wait_readable(reader)
            data += os.read(reader, 65_536)
    return data


async def test_slow_reader_gets_every_byte_and_the_loop_goes_on(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = DescriptorOutput(writer)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(output.write, LARGE)
            tasks.start_soon(output.write, b"end")
            await anyio.wait_all_tasks_blocked()  # the pipe is full, and yet we are here
            assert await read(reader, len(LARGE) + 3) == LARGE + b"end"


async def test_cancelled_write_is_finished_by_the_next(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = DescriptorOutput(writer)

    with anyio.move_on_after(0.02):
        await output.write(LARGE)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(output.flush)
            assert await read(reader, len(LARGE)) == LARGE


async def test_reader_that_leaves_is_told_apart_from_trouble(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)

    with pytest.raises(OutputClosed):
        await DescriptorOutput(writer).write(b"hello")


async def test_reader_that_leaves_while_we_wait_ends_the_wait(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    left = anyio.Event()

    async def write() -> None:
        with pytest.raises(OutputClosed):
            await DescriptorOutput(writer).write(LARGE)
        left.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            os.close(reader)
            await left.wait()


async def test_sleeping_reader_need_not_be_waited_for(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    output, given_up = DescriptorOutput(writer), anyio.Event()

    async def write() -> None:
        with pytest.raises(OutputClosed):
            await output.write(LARGE)
        given_up.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            output.wait_no_longer()
            await given_up.wait()
        with pytest.raises(OutputClosed):
            await output.write(b"more")


async def test_reader_with_room_is_still_written_to(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = DescriptorOutput(writer)

    output.wait_no_longer()
    await output.write(b"hello")

    assert await read(reader, 5) == b"hello"


async def test_file_takes_everything(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        await DescriptorOutput(file.fileno()).write(LARGE)

    assert path.read_bytes() == LARGE


async def test_full_disk_is_no_reader_that_left() -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        await DescriptorOutput(file.fileno()).write(b"hello")


async def test_terminal_that_hangs_up_counts_as_closed() -> None:
    master, terminal = pty.openpty()
    os.close(master)

    with pytest.raises(OutputClosed):
        await DescriptorOutput(terminal).write(b"hello")
    os.close(terminal)


async def test_kernel_may_change_its_mind(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pipe
    genuine, refusals = os.write, [BlockingIOError(), BlockingIOError()]

    def moody(descriptor: int, data: bytes) -> int:
        if refusals:
            raise refusals.pop()
        return genuine(descriptor, data)

    monkeypatch.setattr("tianting.surfaces.output.os.write", moody)
    with anyio.fail_after(5):
        await DescriptorOutput(writer).write(b"hello")

    assert await read(reader, 5) == b"hello"


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_reader_that_is_gone_is_seen_without_a_write(kind: str, tmp_path: Path) -> None:
    if kind == "pipe":
        reader, writer = os.pipe()
    else:
        ends = socket.socketpair()
        reader, writer = ends[0].detach(), ends[1].detach()
    output = DescriptorOutput(writer)

    was_gone = output.reader_is_gone()
    os.close(reader)

    assert (was_gone, output.reader_is_gone()) == (False, True)
    os.close(writer)
    with (tmp_path / "file").open("wb") as file:
        assert not DescriptorOutput(file.fileno()).reader_is_gone()
