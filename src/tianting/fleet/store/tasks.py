"""Tasks as SQL: accepted -> given to a window -> ended. What was accepted stays in its place until it has ended."""

import logging
import sqlite3

import msgspec

from tianting.fleet.tasks import KeptTask, TaskBook

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_task = msgspec.json.Decoder(KeptTask)


def keep(database: sqlite3.Connection, task: KeptTask) -> None:
    """Store `task` as it is now; the first time gives it its place behind all others."""
    database.execute(
        "INSERT INTO tasks (task_id, owner, conversation, window_id, is_guest, body, ended_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (task_id) DO UPDATE SET window_id = excluded.window_id, is_guest = excluded.is_guest,"
        " body = excluded.body, ended_at = excluded.ended_at",
        (
            task.task_id,
            task.task.owner,
            task.task.conversation or "",
            task.window_id,
            task.is_guest,
            _encode(task),
            task.ended_at,
        ),
    )


def find(database: sqlite3.Connection, task_id: str) -> KeptTask | None:
    """One task, ended or not."""
    row = database.execute("SELECT body FROM tasks WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else _task.decode(row[0])


def book(database: sqlite3.Connection) -> TaskBook:
    """All that has not ended, and where conversations are; without what another version wrote and we cannot read."""
    found = []
    for task_id, body in database.execute("SELECT task_id, body FROM tasks WHERE ended_at IS NULL ORDER BY number"):
        try:
            found.append(_task.decode(body))
        except msgspec.DecodeError:
            log.exception("the store cannot read task %s any more", task_id)
    given = database.execute(
        "SELECT owner, conversation, window_id, is_guest FROM tasks WHERE window_id != ''"
        " GROUP BY owner, conversation, window_id, is_guest ORDER BY max(number)"
    ).fetchall()
    return TaskBook(
        open=tuple(found),
        conversations={(owner, name): window_id for owner, name, window_id, _ in given if name},
        windows=frozenset(window_id for _, _, window_id, is_guest in given if not is_guest),
    )
