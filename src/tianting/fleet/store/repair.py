"""Opens the store even after a page was torn: a broken disk block must not cost every window its conversation.

open -> quick_check -> sound: migrate
                    -> damaged: move aside -> new file -> every row that can still be read -> migrate
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tianting.fleet.store.records import StoreError
from tianting.fleet.store.schema import TABLES, TooNew, migrate
from tianting.fleet.store.writer import explained

log = logging.getLogger(__name__)

_BESIDE = ("", "-wal", "-shm")
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_sound(path: Path, now: float) -> sqlite3.Connection:
    """The database at `path`, new, sound or rebuilt, for one thread at a time. Blocks.

    A damaged file is kept beside it. Raises `StoreError`.
    """
    try:
        try:
            return _opened(path)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                raise
            return _rebuilt(path, now, str(error))
    except TooNew as error:
        raise StoreError(f"{path} was written by a later version: {error}. Use that one, or another store.") from error
    except sqlite3.Error as error:
        raise explained(error) from error
    except OSError as error:
        raise StoreError(f"The store {path} cannot be opened: {error.strerror}.") from error


def open_to_read(path: Path) -> sqlite3.Connection:
    """A second connection, which cannot write. Raises `sqlite3.Error`."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


def _opened(path: Path) -> sqlite3.Connection:
    database = _connected(path)
    try:
        _check(database)
        migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _connected(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA journal_size_limit = 16777216")
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    """Without this a damage would show itself in the middle of some night. A tenth of a second for 100 MB."""
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict.splitlines()[0])
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _rebuilt(path: Path, now: float, damage: str) -> sqlite3.Connection:
    aside = path.with_name(f"{path.name}.damaged-{int(now)}")
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    database = _opened(path)
    rescued = _rescue(aside, database)
    log.error("%s was damaged (%s): rebuilt with the %d rows that could be read; the old file is %s",
              path, damage, rescued, aside)  # fmt: skip
    return database


def _rescue(damaged: Path, database: sqlite3.Connection) -> int:
    """Copy what can be read, and count it."""
    source = sqlite3.connect(damaged, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        before = database.total_changes
        for table in TABLES:
            for names, row in _readable_rows(source, table):
                values = ", ".join("?" * len(row))
                # All names are ours; they stand in the schema.
                database.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({values})", row)  # noqa: S608
        database.execute("COMMIT")
        return database.total_changes - before
    finally:
        source.close()


def _readable_rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[str, tuple[object, ...]]]:
    """The rows before a damage, then those behind it, from the end: one torn page lies between both."""
    with contextlib.suppress(sqlite3.Error):
        columns = source.execute(f"PRAGMA table_info({table})").fetchall()
        names = ", ".join(column[1] for column in columns)
        key = [column[1] for column in columns if column[5]]
        try:
            yield from ((names, row) for row in source.execute(_select(table, names, key, "ASC")))
        except sqlite3.DatabaseError:
            yield from ((names, row) for row in source.execute(_select(table, names, key, "DESC")))


def _select(table: str, names: str, key: list[str], direction: str) -> str:
    order = ", ".join(f"{column} {direction}" for column in key)
    return f"SELECT {names} FROM {table} ORDER BY {order}"  # noqa: S608
