"""A fleet that reads late or not at all, as the keeper sees it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tianting.keeper.client import Client
from tianting.keeper.frames import FrameReader, Message, pack

LONG = "x" * 1_000_000


@pytest.fixture
def fleet() -> Iterator[tuple[Client, socket.socket]]:
    ours, theirs = socket.socketpair()
    client = Client(ours)
    with theirs:
        yield client, theirs
    client.close()


def test_what_does_not_fit_waits_and_arrives_whole(fleet: tuple[Client, socket.socket]) -> None:
    client, theirs = fleet
    client.send({"long": LONG, "descriptor": True}, 0)
    client.send({"and": "on"})
    waited = client.has_unsent

    reader, found = FrameReader(theirs), list[tuple[Message, int | None]]()
    while len(found) < 2:
        reader.receive()
        found += list(reader.messages())
        client.flush()

    assert [message for message, _ in found] == [{"long": LONG, "descriptor": True}, {"and": "on"}]
    assert (waited, client.has_unsent) == (True, False)
    [file] = [file for _, file in found if file is not None]
    os.close(file)


def test_what_nobody_reads_is_dropped_with_its_descriptors(fleet: tuple[Client, socket.socket]) -> None:
    client, theirs = fleet
    client.send({"long": LONG})
    before = _open_files()
    client.send({"descriptor": True}, 0)
    assert _open_files() == before + 1

    theirs.close()
    client.flush()

    assert _open_files() == before - 1
    assert not client.has_unsent


def test_what_still_waits_is_let_go_with_the_connection() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        before = _open_files()
        client = Client(ours)
        client.send({"long": LONG})
        client.send({"descriptor": True}, 0)

        client.close()

        assert _open_files() == before - 1


def test_descriptor_that_comes_unasked_is_closed(fleet: tuple[Client, socket.socket]) -> None:
    client, theirs = fleet
    before = _open_files()
    socket.send_fds(theirs, [pack({"descriptor": True})], [0])

    assert list(client.receive()) == [{"descriptor": True}]
    assert _open_files() == before


def test_other_side_that_left_is_noticed_before_its_last_words_are_read(fleet: tuple[Client, socket.socket]) -> None:
    client, theirs = fleet
    assert not client.is_gone()

    theirs.send(pack({"last": "words"}))
    theirs.close()

    assert client.is_gone()


def test_whoever_connects_must_be_of_the_same_user(
    fleet: tuple[Client, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = fleet
    assert client.is_same_user()

    monkeypatch.setattr(os, "geteuid", lambda: 12_345)

    assert not client.is_same_user()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
