"""A session of another agent becomes one of ours."""

from pathlib import Path

import pytest

from tianting.protocol.errors import SessionError
from tianting.session.adopting import adopt

WORDS = b'{"type":"user"}\n{"type":"from-the-future"}\nrubbish\n{"torn'


def test_copy_is_the_same_to_the_byte_and_private(tmp_path: Path) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "ours" / "project" / "a.jsonl"
    source.write_bytes(WORDS)

    adopt(source, target)

    assert (source.read_bytes(), target.read_bytes()) == (WORDS, WORDS)
    assert (target.stat().st_mode & 0o777, target.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_ours_is_never_overwritten(tmp_path: Path) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_bytes(WORDS)
    target.write_bytes(b"ours")

    with pytest.raises(SessionError, match="There is already a session b at"):
        adopt(source, target)

    assert target.read_bytes() == b"ours"


def test_session_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="No such file or directory"):
        adopt(tmp_path / "gone.jsonl", tmp_path / "ours" / "gone.jsonl")

    assert not (tmp_path / "ours").exists()
