"""What people asked for, as SQL: accepted -> delivered -> answered. What was accepted stays until it is answered."""

import sqlite3
from collections.abc import Iterable

import msgspec

from tianting.fleet.drivers.driver import Prompt
from tianting.fleet.store.records import PendingPrompt

_encode = msgspec.json.Encoder().encode
_prompt = msgspec.json.Decoder(Prompt)


def accept(database: sqlite3.Connection, window_id: str, prompt: Prompt, at: float) -> bool:
    """Store `prompt`; false where one of this uuid was accepted before, by whichever window."""
    done = database.execute(
        "INSERT OR IGNORE INTO prompts (uuid, window_id, body, accepted_at) VALUES (?, ?, ?, ?)",
        (prompt.uuid, window_id, _encode(prompt), at),
    )
    return done.rowcount == 1


def delivered(database: sqlite3.Connection, uuids: Iterable[str], generation: int) -> None:
    """`generation` has them. A later one may get them again."""
    database.executemany(
        "UPDATE prompts SET delivered_to = ? WHERE uuid = ? AND answered_at IS NULL",
        [(generation, uuid) for uuid in uuids],
    )


def answered(database: sqlite3.Connection, uuids: Iterable[str], at: float) -> None:
    """Nobody needs to see to them any more."""
    database.executemany(
        "UPDATE prompts SET answered_at = ? WHERE uuid = ? AND answered_at IS NULL", [(at, uuid) for uuid in uuids]
    )


def pending(database: sqlite3.Connection, window_id: str) -> tuple[PendingPrompt, ...]:
    """Those without an answer, in the order of their acceptance."""
    rows = database.execute(
        "SELECT body, accepted_at, delivered_to FROM prompts WHERE window_id = ? AND answered_at IS NULL"
        " ORDER BY number",
        (window_id,),
    )
    return tuple(
        PendingPrompt(prompt=_prompt.decode(body), accepted_at=at, delivered_to=generation)
        for body, at, generation in rows
    )
