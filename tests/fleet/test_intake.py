"""Each byte of a window's is stored once, wherever its reader dies."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.fleet import intake as module
from tianting.fleet.intake import HEAD, Intake, Mark, cut_lines

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="windows are kept on Linux")]

MORTAL_READER = Path(__file__).with_name("mortal_reader.py")


class Store:
    """What a fleet keeps: the events of each batch, and the newest mark."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.stored: list[bytes] = []
        self.mark: Mark | None = None
        self.dies_before = False
        self.dies_after = False

    async def commit(self, mark: Mark) -> None:
        if self.dies_before:
            raise Died
        self.stored += self.told
        self.told.clear()
        self.mark = mark
        if self.dies_after:
            raise Died


class Died(Exception):
    pass


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


async def read(ours: socket.socket, store: Store) -> None:
    """Read to the end, as an agent does."""
    intake = Intake(ours, store.mark, store.commit)
    with anyio.fail_after(5):
        while lines := await intake.receive():
            store.told.append(lines)


async def test_lines_come_whole_and_the_torn_one_last(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    store = Store()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, ours, store)
        for piece in (b"on", b"e\ntwo\nth", b"ree\n\n", b"torn"):
            theirs.sendall(piece)
            await anyio.wait_all_tasks_blocked()
        theirs.shutdown(socket.SHUT_WR)

    assert b"".join(store.stored) == b"one\ntwo\nthree\n\ntorn"
    assert [batch[-1:] for batch in store.stored[:-1]] == [b"\n"] * (len(store.stored) - 1)
    assert store.stored[-1] == b"torn"


@pytest.mark.parametrize(
    ("before", "after"),
    [pytest.param(True, False, id="before it was stored"), pytest.param(False, True, id="before it was consumed")],
)
async def test_batch_is_neither_lost_nor_doubled_though_the_next_is_the_same(
    before: bool, after: bool, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    store = Store()
    intake = Intake(ours, None, store.commit)
    for _ in range(2):
        theirs.sendall(b"tick\n")
        store.told.append(await intake.receive())
    store.dies_before, store.dies_after = before, after
    with pytest.raises(Died):
        await intake.receive()
    store.told.clear()
    store.dies_before = store.dies_after = False
    theirs.sendall(b"tick\n")
    theirs.shutdown(socket.SHUT_WR)

    await read(ours, store)

    assert b"".join(store.stored) == b"tick\n" * 3


async def test_line_that_is_too_long_leaves_its_head(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 1000)
    ours, theirs = ends
    store = Store()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, ours, store)
        for piece in (b"a" * 900, b"a" * 900, b"a" * 900, b"a\nnext\n"):
            theirs.sendall(piece)
            await anyio.wait_all_tasks_blocked()
        theirs.shutdown(socket.SHUT_WR)

    assert b"".join(store.stored) == b"a" * HEAD + b"\nnext\n"


async def test_agent_that_died_with_unread_input_is_at_its_end(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.sendall(b"unread")
    theirs.sendall(b"last\n")
    theirs.close()
    store = Store()

    await read(ours, store)

    assert store.stored in ([b"last\n"], [])  # the kernel may throw away what was on its way


async def test_all_is_sent_though_the_agent_reads_slowly(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    data, received = b"x" * 2_000_000, bytearray()
    intake = Intake(ours, None, Store().commit)

    async def send() -> None:
        await intake.send(data)
        await intake.finish()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            while chunk := await anyio.to_thread.run_sync(theirs.recv, 100_000):
                received += chunk

    assert bytes(received) == data


async def test_nobody_reads_any_more(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    intake = Intake(ours, None, Store().commit)
    theirs.close()

    with pytest.raises(BrokenPipeError):
        await intake.send(b"x")
    await intake.finish()


@given(st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b"\n")), max_size=20))
def test_cutting_keeps_each_byte(pieces: list[bytes]) -> None:
    mark, lines = Mark(), b""
    for piece in filter(None, pieces):
        whole, mark = cut_lines(piece, mark)
        assert whole == b"" or whole.endswith(b"\n")
        lines += whole

    assert lines + mark.part == b"".join(pieces)
    assert b"\n" not in mark.part


@pytest.mark.parametrize("seed", [1, 2])
def test_readers_that_are_killed_lose_and_double_nothing(seed: int, tmp_path: Path) -> None:
    command = [sys.executable, str(MORTAL_READER), str(tmp_path), str(seed), "100", "10"]

    said = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=55, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    ).stdout  # and without coverage, which would only be slow

    assert said == "100 killed, exactly once\n"
