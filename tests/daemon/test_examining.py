"""What is wrong with a daemon is found out from outside, and said with its cure."""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import pytest

from tests.daemon.talks import PlayedTalks, listening
from tianting.cli.daemon_examining import health_of, log_lines, use_of
from tianting.daemon import pid_file
from tianting.daemon.words import ConversationStatus

pytestmark = pytest.mark.anyio

_T = TypeVar("_T")


class FailedTalks(PlayedTalks):
    def shown(self) -> tuple[ConversationStatus, ...]:
        one = ConversationStatus(
            name="c", status="failed", cwd="/", effort="high", reasoning=False, final_only=True, answers=0, used_at=0.0
        )
        return (one,)


async def found(look: Callable[[Path], _T], path: Path) -> _T:
    with anyio.fail_after(10):
        return await anyio.to_thread.run_sync(look, path)


async def test_daemon_that_is_well() -> None:
    async with listening(PlayedTalks()) as place:
        assert await found(health_of, place.path) is None


async def test_conversation_that_failed_is_named() -> None:
    async with listening(FailedTalks()) as place:
        why = await found(health_of, place.path)

    assert why == "Conversations that failed: c. Asked again, each is tried again."


async def test_loop_that_does_not_turn_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(PlayedTalks()) as place:
        monkeypatch.setattr("time.time", lambda now=time.time: now() + 60)
        why = await found(health_of, place.path)

    assert why is not None
    assert why.startswith("The daemon's loop has not turned for 60 s")


async def test_use_of_a_socket_without_a_pid_file() -> None:
    async with listening(PlayedTalks()) as place:
        used = await found(use_of, place.path)

    assert used is not None
    assert "is in use by a process that wrote no PID file" in used


def test_use_of_a_place(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    assert use_of(path) is None
    with pid_file.written(pid_file.place_of(path), None):
        assert (use_of(path) or "").startswith("A daemon is starting or ending: process ")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert "was left by a daemon that was killed" in (use_of(path) or "")


def test_log_is_followed_into_the_next_file(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    assert list(log_lines(path, 2, follow=False)) == []
    path.write_text("one\ntwo\nthree\n", encoding="utf-8")
    lines = log_lines(path, 2, follow=True)
    heard = [next(lines), next(lines)]
    with path.open("a", encoding="utf-8") as log:
        log.write("four\n")
    heard.append(next(lines))
    path.rename(tmp_path / "daemon.log.1")
    path.write_text("five\n", encoding="utf-8")
    heard.append(next(lines))
    lines.close()

    assert heard == ["two\n", "three\n", "four\n", "five\n"]
