"""The tables of the store, and how an older file becomes a newer one: statements in order, each list one version."""

import sqlite3

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        (
            "CREATE TABLE windows (window_id TEXT PRIMARY KEY, state BLOB NOT NULL,"
            " last_sequence INTEGER NOT NULL DEFAULT 0, complete_after INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE events (window_id TEXT NOT NULL, sequence INTEGER NOT NULL, generation INTEGER NOT NULL,"
            " at REAL NOT NULL, body BLOB NOT NULL, PRIMARY KEY (window_id, sequence)) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE generations (window_id TEXT NOT NULL, generation INTEGER NOT NULL, body BLOB NOT NULL,"
            " PRIMARY KEY (window_id, generation)) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE marks (window_id TEXT NOT NULL, generation INTEGER NOT NULL, mark BLOB NOT NULL,"
            " PRIMARY KEY (window_id, generation)) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE prompts (number INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE,"
            " window_id TEXT NOT NULL, body BLOB NOT NULL, accepted_at REAL NOT NULL, delivered_to INTEGER,"
            " answered_at REAL)"
        ),
        "CREATE INDEX pending_prompts ON prompts (window_id, number) WHERE answered_at IS NULL",
        (
            "CREATE TABLE heartbeats (window_id TEXT NOT NULL, at REAL NOT NULL, generation INTEGER NOT NULL,"
            " took REAL NOT NULL, PRIMARY KEY (window_id, at)) WITHOUT ROWID"
        ),
        (
            "CREATE TABLE audit (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, actor TEXT NOT NULL,"
            " action TEXT NOT NULL, window_id TEXT NOT NULL, detail TEXT NOT NULL)"
        ),
    ),
    (
        (
            "CREATE TABLE tasks (number INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL UNIQUE,"
            " owner TEXT NOT NULL, conversation TEXT NOT NULL, window_id TEXT NOT NULL, is_guest INTEGER NOT NULL,"
            " body BLOB NOT NULL, ended_at REAL)"
        ),
        "CREATE INDEX open_tasks ON tasks (number) WHERE ended_at IS NULL",
    ),
)
VERSION = len(MIGRATIONS)

TABLES = ("windows", "events", "generations", "marks", "prompts", "heartbeats", "audit", "tasks")


class TooNew(Exception):
    """A later program has written the file; ours would misread it."""


def migrate(database: sqlite3.Connection) -> None:
    """Bring `database`, in autocommit mode, to the newest version; each version in one transaction.

    Raises `TooNew`, `sqlite3.Error`.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise TooNew(f"version {version}, and this program knows {VERSION}")
    for number in range(version, VERSION):
        database.execute("BEGIN IMMEDIATE")
        for statement in MIGRATIONS[number]:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {number + 1}")
        database.execute("COMMIT")
