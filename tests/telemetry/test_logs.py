"""A log line is one JSON object that says which window it is about, and holds no secret."""

import io
import json
import logging
from typing import Any

import anyio
import pytest

from tianting.telemetry.context import about, subject
from tianting.telemetry.logs import json_handler


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(written: io.StringIO) -> logging.Logger:
    logger = logging.Logger("tianting.fleet.test", logging.DEBUG)
    logger.addHandler(json_handler(written))
    return logger


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_says_what_when_and_about_whom(log: logging.Logger, written: io.StringIO) -> None:
    with about(window="w1", generation=2), about(turn="t7"):
        log.warning("resumed after %d tries", 3, extra={"took": 0.5})

    [line] = lines(written)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "resumed after 3 tries",
        "level": "warning",
        "logger": "tianting.fleet.test",
        "took": 0.5,
        "window": "w1",
        "generation": 2,
        "turn": "t7",
    }


def test_secrets_are_masked_wherever_they_stand(log: logging.Logger, written: io.StringIO) -> None:
    try:
        int("token=planted-1")
    except ValueError:
        log.exception("request with %s", {"x-api-key": "planted-2"}, extra={"headers": {"Authorization": "planted-3"}})

    assert "planted" not in written.getvalue()
    assert "'token=***'" in lines(written)[0]["exception"]


def test_whatever_is_logged_stays_one_line(log: logging.Logger, written: io.StringIO) -> None:
    log.info("first\nsecond \udc80 \0", extra={"odd": object})
    log.info("100 %")

    assert [line["event"] for line in lines(written)] == ["first\nsecond \udc80 \0", "100 %"]


def test_the_subject_ends_with_its_block() -> None:
    with about(window="w1"):
        with about(window="w2", generation=1):
            assert subject() == {"window": "w2", "generation": 1}
        assert subject() == {"window": "w1"}
    assert subject() == {}


@pytest.mark.anyio
async def test_tasks_of_two_windows_do_not_mix() -> None:
    seen: dict[str, object] = {}

    async def work(window: str, mine: anyio.Event, other: anyio.Event) -> None:
        with about(window=window):
            mine.set()
            await other.wait()
            seen[window] = subject()["window"]

    one, two = anyio.Event(), anyio.Event()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work, "w1", one, two)
            tasks.start_soon(work, "w2", two, one)

    assert seen == {"w1": "w1", "w2": "w2"}
