"""The log of each window as SQL: what was said, in which order, and how much of it is kept."""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from tianting.fleet.intake import Mark
from tianting.fleet.store.records import LoggedEvent, Page, Retention, Snapshot, StoredEvent
from tianting.fleet.window import Window

log = logging.getLogger(__name__)

_Row = tuple[int, int, float, bytes]

_encode = msgspec.json.Encoder().encode
_event = msgspec.json.Decoder(LoggedEvent)
_window = msgspec.json.Decoder(Window)

_encode_mark = msgspec.msgpack.Encoder().encode
_mark = msgspec.msgpack.Decoder(Mark)

_MARKED_GENERATIONS = 2
"""Before the present one: a standby reads its pipe while its predecessor's is read to the end."""
_PAGE_BYTES = 8_000_000
_TRIM_EVERY = 256
"""Events: a window's log is that much longer than it may be, at most."""


class Batch(Struct, frozen=True, kw_only=True):
    """What an agent said at once, and all that follows from it: stored together or not at all."""

    window_id: str
    generation: int
    at: float
    events: Sequence[LoggedEvent]
    mark: Mark | None = None
    """How far the pipe has been read with this."""
    delivered: Sequence[str] = ()
    """Prompts that the agent has taken."""
    answered: Sequence[str] = ()
    """Prompts that have their answer."""


def append(database: sqlite3.Connection, batch: Batch, keep: int) -> range:
    """Store the events of `batch` and give back their numbers. Raises `LookupError` for an unknown window."""
    row = database.execute(
        "UPDATE windows SET last_sequence = last_sequence + ? WHERE window_id = ? RETURNING last_sequence",
        (len(batch.events), batch.window_id),
    ).fetchone()
    if row is None:
        raise LookupError(batch.window_id)
    numbers = range(row[0] - len(batch.events) + 1, row[0] + 1)
    database.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
        [
            (batch.window_id, number, batch.generation, batch.at, _encode(event))
            for number, event in zip(numbers, batch.events, strict=True)
        ],
    )
    if batch.mark is not None:
        database.execute(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?)",
            (batch.window_id, batch.generation, _encode_mark(batch.mark)),
        )
        # A mark may hold megabytes of an unfinished line, and of each socket only the newest counts.
        database.execute(
            "DELETE FROM marks WHERE window_id = ? AND generation < ?",
            (batch.window_id, batch.generation - _MARKED_GENERATIONS),
        )
    if any(number % _TRIM_EVERY == 0 for number in numbers):
        _forget_through(database, batch.window_id, row[0] - keep)
    return numbers


def read(database: sqlite3.Connection, window_id: str, after: int, limit: int) -> Page:
    """At most `limit` events after the number `after`, and no more than some megabytes."""
    bounds = database.execute(
        "SELECT complete_after, last_sequence FROM windows WHERE window_id = ?", (window_id,)
    ).fetchone() or (0, 0)
    rows = database.execute(
        "SELECT sequence, generation, at, body FROM events WHERE window_id = ? AND sequence > ?"
        " ORDER BY sequence LIMIT ?",
        (window_id, after, limit),
    )
    return Page(events=tuple(_decoded(_first(rows), window_id)), complete_after=bounds[0], last=bounds[1])


def snapshot(database: sqlite3.Connection, window_id: str) -> Snapshot | None:
    """The window and the number of its newest event, of one moment."""
    row = database.execute("SELECT state, last_sequence FROM windows WHERE window_id = ?", (window_id,)).fetchone()
    return None if row is None else Snapshot(window=_window.decode(row[0]), sequence=row[1])


def keep_window(database: sqlite3.Connection, window: Window) -> None:
    """Store what is known of `window`, new or not."""
    database.execute(
        "INSERT INTO windows (window_id, state) VALUES (?, ?)"
        " ON CONFLICT (window_id) DO UPDATE SET state = excluded.state",
        (window.window_id, _encode(window)),
    )


def all_windows(database: sqlite3.Connection) -> tuple[Window, ...]:
    """Every window that nobody has forgotten."""
    found = []
    for window_id, state in database.execute("SELECT window_id, state FROM windows ORDER BY window_id"):
        try:
            found.append(_window.decode(state))
        except msgspec.DecodeError:
            log.exception("the store cannot read window %s any more", window_id)
    return tuple(found)


def last_mark(database: sqlite3.Connection, window_id: str, generation: int) -> Mark | None:
    """The newest mark of one process's pipe."""
    row = database.execute(
        "SELECT mark FROM marks WHERE window_id = ? AND generation = ?", (window_id, generation)
    ).fetchone()
    return None if row is None else _mark.decode(row[0])


def forget_old(database: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Drop what is older than `retention` allows."""
    oldest = now - retention.event_age
    stale = database.execute(
        "SELECT window_id, max(sequence) FROM events WHERE at < ? GROUP BY window_id", (oldest,)
    ).fetchall()
    for window_id, sequence in stale:
        _forget_through(database, window_id, sequence)
    database.execute("DELETE FROM heartbeats WHERE at < ?", (now - retention.heartbeat_age,))
    database.execute("DELETE FROM prompts WHERE answered_at < ?", (now - retention.prompt_age,))
    database.execute("DELETE FROM tasks WHERE ended_at < ?", (now - retention.prompt_age,))
    database.execute("DELETE FROM audit WHERE at < ?", (now - retention.audit_age,))


def forget_window(database: sqlite3.Connection, window_id: str) -> None:
    """Drop everything about a window but the audit."""
    for table in ("windows", "events", "generations", "marks", "prompts", "heartbeats"):
        database.execute(f"DELETE FROM {table} WHERE window_id = ?", (window_id,))  # noqa: S608 - names of ours


def _forget_through(database: sqlite3.Connection, window_id: str, sequence: int) -> None:
    if sequence > 0:
        database.execute("DELETE FROM events WHERE window_id = ? AND sequence <= ?", (window_id, sequence))
        database.execute(
            "UPDATE windows SET complete_after = max(complete_after, ?) WHERE window_id = ?", (sequence, window_id)
        )


def _first(rows: Iterable[_Row]) -> Iterator[_Row]:
    """As many as a page may hold, and one at least: a line of an agent can have 16 MB."""
    size = 0
    for row in rows:
        yield row
        size += len(row[-1])
        if size >= _PAGE_BYTES:
            return


def _decoded(rows: Iterable[_Row], window_id: str) -> Iterator[StoredEvent]:
    for sequence, generation, at, body in rows:
        try:
            yield StoredEvent(sequence=sequence, generation=generation, at=at, event=_event.decode(body))
        except msgspec.DecodeError as error:  # another version wrote it, or a disk spoiled it
            log.warning("event %d of window %s cannot be read: %s", sequence, window_id, error)
