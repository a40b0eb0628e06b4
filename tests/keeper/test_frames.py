"""Messages arrive whole, in order and with their own descriptors, however the bytes were cut."""

import json
import os
import socket
from collections.abc import Iterator
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.keeper.frames import LONGEST, FrameReader, Message, NoMessage, pack, send

JSON = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20), max_size=5
).filter(lambda message: "descriptor" not in message)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(messages=st.lists(JSON, max_size=5), cuts=st.lists(st.integers(min_value=1, max_value=50), min_size=1))
def test_any_cut_gives_the_same_messages(messages: list[Message], cuts: list[int]) -> None:
    ours, theirs = socket.socketpair()
    data, found = b"".join(map(pack, messages)), list[Message]()
    with ours, theirs:
        reader = FrameReader(theirs)
        for size in cycle(cuts):
            if not data:
                break
            ours.sendall(data[:size])
            data = data[size:]
            reader.receive()
            found += [message for message, _ in reader.messages()]

    assert found == messages


def test_descriptors_belong_to_the_messages_that_say_so(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    files = [os.memfd_create(name) for name in ("first", "second")]
    for number, file in enumerate(files):
        send(ours, pack({"plain": number}), None)
        send(ours, pack({"with": number, "descriptor": True}), file)
    reader, found = FrameReader(theirs), list[tuple[Message, int | None]]()
    while len(found) < 4:
        reader.receive()
        found += list(reader.messages())

    taken = [file for _, file in found if file is not None]
    assert [message for message, file in found if file is None] == [{"plain": 0}, {"plain": 1}]
    assert [os.fstat(file).st_ino for file in taken] == [os.fstat(file).st_ino for file in files]
    assert not any(os.get_inheritable(file) for file in taken)
    for file in (*files, *taken):
        os.close(file)


def test_descriptors_that_nobody_took_are_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    send(ours, pack({"descriptor": True}), ours.fileno())
    reader = FrameReader(theirs)
    reader.receive()

    reader.close()

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_end_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.close()

    assert not FrameReader(theirs).receive()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param((LONGEST + 1).to_bytes(4, "big"), "a message of", id="too long"),
        pytest.param((2).to_bytes(4, "big") + b"no", "a frame without JSON", id="no JSON"),
        pytest.param((1).to_bytes(4, "big") + b"1", "a frame without an object", id="no object"),
    ],
)
def test_nonsense_is_refused(pair: tuple[socket.socket, socket.socket], data: bytes, why: str) -> None:
    ours, theirs = pair
    ours.sendall(data)
    reader = FrameReader(theirs)
    reader.receive()

    with pytest.raises(NoMessage, match=why):
        list(reader.messages())


def test_bytes_that_are_no_text_survive() -> None:
    words = os.fsdecode(b"caf\xe9")

    assert json.loads(pack({"words": words})[4:]) == {"words": words}
