"""Lines are the same whatever the chunks, no line is endless, and reading waits for nobody but the client."""

import os
import socket
import tempfile
from collections.abc import Iterator

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.errors import ProtocolError
from tianting.surfaces.stream_json.input import DescriptorInput, LineSplitter

LONGEST = 12


def lines_of(chunks: list[bytes]) -> list[bytes] | str:
    """All lines, the last one too; or the complaint, and the lines before it."""
    splitter, lines = LineSplitter(LONGEST), list[bytes]()
    try:
        for chunk in chunks:
            lines.extend(map(bytes, splitter.feed(chunk)))
    except ProtocolError as error:
        return f"{lines} {error}"
    return [*lines, bytes(splitter.rest())]


@given(st.lists(st.binary(max_size=9) | st.sampled_from([b"\n", b"ab\n", b"\ncd"]), max_size=9))
@settings(max_examples=100)
def test_chunks_make_no_difference(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    lines = lines_of(chunks)

    assert lines == lines_of([whole]) == lines_of([bytes([byte]) for byte in whole])
    assert (lines == whole.split(b"\n")) == all(len(line) <= LONGEST for line in whole.split(b"\n"))


def test_line_that_is_too_long_is_refused_as_soon_as_it_is() -> None:
    splitter = LineSplitter(LONGEST)
    lines = splitter.feed(b"short\n" + b"x" * 13)

    assert next(lines) == b"short"
    with pytest.raises(ProtocolError, match="has more than 12 bytes"):
        next(lines)


@pytest.fixture(params=["pipe", "socket", "non-blocking pipe"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """The descriptor we read, and the one the client writes."""
    if request.param == "socket":
        pair = socket.socketpair()
        reader, writer = pair[0].detach(), pair[1].detach()
    else:
        reader, writer = os.pipe()
        os.set_blocking(reader, request.param == "pipe")
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


@pytest.mark.anyio
async def test_input_comes_as_it_is_written_and_ends(ends: tuple[int, int]) -> None:
    reader, writer = ends
    source, read, has_read = DescriptorInput(reader), list[bytes](), anyio.Event()

    async def read_all() -> None:
        while chunk := await source.read():
            read.append(chunk)
            has_read.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_all)
            await anyio.wait_all_tasks_blocked()
            os.write(writer, b"one\n")
            await has_read.wait()
            os.write(writer, b"two\n")
            os.close(writer)

    assert read == [b"one\n", b"two\n"]


@pytest.mark.anyio
async def test_input_that_somebody_else_took_is_waited_for_again(
    ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = ends
    os.write(writer, b"ours")
    answers: list[BaseException | None] = [BlockingIOError(), None]

    def contested(descriptor: int, size: int) -> bytes:
        if error := answers.pop(0):
            raise error
        return os.read(descriptor, size)

    monkeypatch.setattr("tianting.surfaces.stream_json.input.read", contested)

    with anyio.fail_after(5):
        assert await DescriptorInput(reader).read() == b"ours"


@pytest.mark.anyio
async def test_peer_that_vanished_is_the_end(ends: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def vanished(descriptor: int, size: int) -> bytes:
        raise ConnectionResetError

    monkeypatch.setattr("tianting.surfaces.stream_json.input.read", vanished)
    os.close(ends[1])

    with anyio.fail_after(5):
        assert await DescriptorInput(ends[0]).read() == b""


@pytest.mark.anyio
async def test_file_is_input_like_any_other() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"from a file")
        file.seek(0)
        source = DescriptorInput(file.fileno())

        with anyio.fail_after(5):
            assert [await source.read(), await source.read()] == [b"from a file", b""]
