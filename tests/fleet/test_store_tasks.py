"""Tasks in the store: in their order, with what became of them, and where their conversations are."""

import logging
import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from tianting.fleet.store.schema import MIGRATIONS
from tianting.fleet.store.store import open_store
from tianting.fleet.tasks import KeptTask, Task, TaskBook, TaskDone
from tianting.plumbing.clock import SystemClock

pytestmark = pytest.mark.anyio


def kept(name: str, *, conversation: str | None = None, **more: object) -> KeptTask:
    task = Task(text=name, template="py", owner="ada", conversation=conversation)
    return structs.replace(KeptTask(task_id=name, task=task, accepted_at=1.0), **more)


async def test_book_has_the_open_ones_in_order_and_every_window(tmp_path: Path) -> None:
    first = kept("b", conversation="main", window_id="w1", waits=False)
    second = kept("a")
    ended = kept("c", conversation="main", window_id="w2", ended_at=2.0, done=TaskDone(text="done"))
    guest = kept("d", conversation="theirs", window_id="w3", is_guest=True)

    async with open_store(tmp_path / "fleet.db", SystemClock()) as store:
        for task in (kept("b"), second, ended, guest, first):
            await store.keep_task(task)
        found = (await store.tasks(), await store.task("c"), await store.task("nothing"))

    homes = {("ada", "main"): "w2", ("ada", "theirs"): "w3"}
    windows = frozenset({"w1", "w2"})
    assert found[1:] == (ended, None)
    # The one that was accepted last says where a conversation is.
    assert found[0] == TaskBook(open=(first, second, guest), conversations=homes, windows=windows)


async def test_task_that_cannot_be_read_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "fleet.db"
    async with open_store(path, SystemClock()) as store:
        await store.keep_task(kept("a"))
        await store.keep_task(kept("b"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE tasks SET body = '{}' WHERE task_id = 'a'")

    with caplog.at_level(logging.CRITICAL):
        async with open_store(path, SystemClock()) as store:
            assert (await store.tasks()).open == (kept("b"),)


async def test_store_of_the_first_version_takes_tasks(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with sqlite3.connect(path) as database:
        for statement in MIGRATIONS[0]:
            database.execute(statement)
        database.execute("PRAGMA user_version = 1")

    async with open_store(path, SystemClock()) as store:
        await store.keep_task(kept("a"))

        assert (await store.tasks()).open == (kept("a"),)
