"""Tasks as a person leaves them: at a shell, for whichever window suits, and over the death of the fleet."""

from pathlib import Path

import anyio
import msgspec
import pytest

from tests.end_to_end.stage import Line
from tests.end_to_end.test_windows_commands import Court, court

__all__ = ["court"]

pytestmark = pytest.mark.anyio


async def queued(court: Court) -> list[Line]:
    """What a program is told of the queue."""
    return [msgspec.json.decode(line) for line in (await court.well("queue", "--json")).splitlines()]


async def test_task_is_answered_by_a_window_that_nobody_made(court: Court) -> None:
    assert await court.well("run", "--template", "echo", "--wait", "hello", "there") == "hello there"
    assert "echo" in await court.well("list")
    assert (await court.run("queue")).stderr.startswith("No tasks.")


async def test_conversation_of_tasks_goes_on(court: Court) -> None:
    first = await court.well("run", "--template", "echo", "--conversation", "main", "before")
    assert await court.well("queue", "--answer", first) == "before"

    recalled = await court.well("run", "--template", "echo", "--conversation", "main", "--wait", "!recall")

    assert recalled == "before"


async def test_task_waits_for_its_tree_and_survives_the_fleet(court: Court, tmp_path: Path) -> None:
    tree = ("--template", "echo", "--tree", str(tmp_path))
    first = await court.well("run", *tree, "!hang")
    second = await court.well("run", *tree, "after")
    with anyio.fail_after(20):
        while not (rows := await queued(court))[0]["window"]:
            await anyio.sleep(0.02)
    why = "somebody works in its work tree"
    assert [(row["text"], row["reason"]) for row in rows] == [("!hang", ""), ("after", why)]

    court.kill_fleet()

    assert (await court.run("queue", "--cancel", first[:8])).code == 0
    assert await court.well("queue", "--answer", second) == "after"
    assert (await court.run("queue", "--answer", first)).code == 130


async def test_mistakes_are_told_in_one_line(court: Court, tmp_path: Path) -> None:
    wrong = {
        ("run", "--template", "nothing", "hello"): "tianting: There is no template 'nothing'.",
        ("run", "--tree", str(tmp_path / "gone"), "hello"): "tianting: There is no directory",
        ("queue", "--answer", "nothing"): "tianting: There is no task 'nothing'",
    }

    for arguments, said in wrong.items():
        ended = await court.run(*arguments)
        assert (ended.code, said in ended.stderr) == (1, True), ended
