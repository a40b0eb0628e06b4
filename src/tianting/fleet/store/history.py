"""Which processes a window had, when they answered, and who did what, as SQL."""

import sqlite3
from collections.abc import Iterable

import msgspec
from msgspec import structs

from tianting.fleet.drivers.driver import Launch
from tianting.fleet.store.records import Deed, Generation, Heartbeat
from tianting.fleet.window import Window

_encode = msgspec.json.Encoder().encode
_GENERATIONS = 100
"""Of each window, the newest."""

_generation = msgspec.json.Decoder(Generation)


def note_launch(database: sqlite3.Connection, window: Window, launch: Launch, at: float) -> None:
    """A process is to be started."""
    known = _of(database, window.window_id, window.generation)
    _keep(
        database,
        structs.replace(
            known,
            argv=launch.argv,
            cwd=launch.cwd,
            native=launch.native,
            variables=tuple(sorted(launch.environment)),
            launched_at=at,
        ),
    )
    database.execute(
        "DELETE FROM generations WHERE window_id = ? AND generation <= ?",
        (window.window_id, window.generation - _GENERATIONS),
    )


def note_process(database: sqlite3.Connection, window: Window) -> None:
    """It has a number now, if `window` knows one."""
    if window.process_id is not None:
        known = _of(database, window.window_id, window.generation)
        _keep(
            database,
            structs.replace(known, process_id=window.process_id, process_started=window.process_started),
        )


def note_end(database: sqlite3.Connection, window_id: str, generation: int, failure: str, at: float) -> None:
    """It is over."""
    known = _of(database, window_id, generation)
    _keep(database, structs.replace(known, ended_at=at, failure=failure))


def generations(database: sqlite3.Connection, window_id: str) -> tuple[Generation, ...]:
    """All of a window, oldest first."""
    rows = database.execute("SELECT body FROM generations WHERE window_id = ? ORDER BY generation", (window_id,))
    return tuple(_generation.decode(body) for (body,) in rows)


def note_heartbeats(database: sqlite3.Connection, beats: Iterable[Heartbeat]) -> None:
    """Of any windows."""
    database.executemany(
        "INSERT OR REPLACE INTO heartbeats (window_id, at, generation, took) VALUES (?, ?, ?, ?)",
        [(beat.window_id, beat.at, beat.generation, beat.took) for beat in beats],
    )


def heartbeats(database: sqlite3.Connection, window_id: str, limit: int) -> tuple[Heartbeat, ...]:
    """The newest of a window, newest first."""
    rows = database.execute(
        "SELECT generation, at, took FROM heartbeats WHERE window_id = ? ORDER BY at DESC LIMIT ?", (window_id, limit)
    )
    return tuple(Heartbeat(window_id=window_id, generation=number, at=at, took=took) for number, at, took in rows)


def note_deed(database: sqlite3.Connection, deed: Deed) -> None:
    """For the audit."""
    database.execute(
        "INSERT INTO audit (at, actor, action, window_id, detail) VALUES (?, ?, ?, ?, ?)",
        (deed.at, deed.actor, deed.action, deed.window_id, deed.detail),
    )


def deeds(database: sqlite3.Connection, limit: int) -> tuple[Deed, ...]:
    """The newest, newest first."""
    rows = database.execute(
        "SELECT at, actor, action, window_id, detail FROM audit ORDER BY number DESC LIMIT ?", (limit,)
    )
    return tuple(
        Deed(at=at, actor=actor, action=action, window_id=window_id, detail=detail)
        for at, actor, action, window_id, detail in rows
    )


def _of(database: sqlite3.Connection, window_id: str, generation: int) -> Generation:
    row = database.execute(
        "SELECT body FROM generations WHERE window_id = ? AND generation = ?", (window_id, generation)
    ).fetchone()
    return Generation(window_id=window_id, generation=generation) if row is None else _generation.decode(row[0])


def _keep(database: sqlite3.Connection, known: Generation) -> None:
    database.execute(
        "INSERT OR REPLACE INTO generations (window_id, generation, body) VALUES (?, ?, ?)",
        (known.window_id, known.generation, _encode(known)),
    )
