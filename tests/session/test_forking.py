"""A fork is a second session with the same past."""

import json
from pathlib import Path
from typing import Any

import pytest

from tianting.protocol.errors import SessionError
from tianting.session.forking import fork
from tianting.session.reading import load

FORK = "22222222-2222-4333-8444-555555555555"


def spoken(uuid: str, parent: str | None, **rest: Any) -> dict[str, Any]:
    body = {"role": "user", "content": uuid}
    return {"type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": "s", "message": body, **rest}


def forked(uuid: str, parent: str | None, **rest: Any) -> dict[str, Any]:
    past = {"sessionId": "s", "messageUuid": uuid}
    return {**spoken(uuid, parent), "sessionId": FORK, **rest, "forkedFrom": past}


LINES = [
    {"type": "summary", "summary": "S", "leafUuid": "c"},
    spoken("a", None, fromTheFuture=[1]),
    spoken("left behind", "a"),
    spoken("inner", "a", isSidechain=True),
    {"type": "progress", "uuid": "p", "parentUuid": "a", "sessionId": "s"},
    {"type": "from-the-future", "sessionId": "s", "x": {"y": None}},
    spoken("c", "a"),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in LINES) + b'rubbish\n{"torn":')
    return path


def test_fork_keeps_the_chain_and_what_it_does_not_know(source: Path, tmp_path: Path) -> None:
    before, target = source.read_bytes(), tmp_path / "new" / f"{FORK}.jsonl"

    fork(source, target, FORK)

    assert [json.loads(line) for line in target.read_bytes().splitlines()] == [
        {"type": "summary", "summary": "S", "leafUuid": "c"},
        forked("a", None, fromTheFuture=[1]),
        {"type": "progress", "uuid": "p", "parentUuid": "a", "sessionId": FORK},
        {"type": "from-the-future", "sessionId": FORK, "x": {"y": None}},
        forked("c", "a"),
    ]
    assert source.read_bytes() == before
    assert target.stat().st_mode & 0o777 == 0o600
    assert (load(target).session_id, load(target).history) == (FORK, load(source).history)


def test_fork_never_overwrites(source: Path) -> None:
    with pytest.raises(SessionError, match=f"There is already a session {FORK}"):
        fork(source, source, FORK)


def test_fork_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="No such file or directory"):
        fork(tmp_path / "gone.jsonl", tmp_path / "new.jsonl", FORK)
