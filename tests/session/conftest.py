"""A session that is written down at a moment that does not move."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tianting.protocol.ids import NewId
from tianting.session.conversation import Conversation
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog

OpenLog = Callable[..., SessionLog]


class StillClock:
    """2026-11-20, 10:56:00.5, for ever."""

    def now(self) -> float:
        return 1_795_172_160.5

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def new_id() -> NewId:
    """Counts, so that a test can say which line it means."""
    numbers = count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012}"


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    """Where the session lies."""
    return tmp_path / "projects" / "-work-app" / "11111111-2222-4333-8444-555555555555.jsonl"


@pytest.fixture
def open_log(transcript: Path, new_id: NewId) -> Iterator[OpenLog]:
    """Opens the session's log, anew or to go on with a conversation."""
    opened: list[SessionLog] = []

    def open_it(resumed: Conversation | None = None, *, cwd: str = "/work/app") -> SessionLog:
        stamp = Stamp(session_id=transcript.stem, cwd=cwd, version="0.1.0", git_branch="main")
        opened.append(SessionLog(transcript, stamp, StillClock(), new_id, resumed))
        return opened[-1]

    yield open_it
    for log in opened:
        log.close()
