"""What was used, by whom, for how much: one row for each request that reached a key, written once and never changed.

SQLite in a thread, in batches: a row costs the event loop an append to a list. What is younger than a second is lost
when the machine loses its power. Bodies, keys and tokens have no column.
"""

import sqlite3
import threading
from pathlib import Path

import anyio.to_thread
from msgspec import Struct, structs

from tianting.gateway.quotas import Amount
from tianting.protocol.errors import ConfigError
from tianting.protocol.usage import Usage

_BUSY_PATIENCE = 5.0
"""Seconds to wait for another process that writes or reads."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, owner TEXT NOT NULL, window TEXT NOT NULL, upstream TEXT NOT NULL,
    key TEXT NOT NULL, path TEXT NOT NULL, model TEXT NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cache_creation_input_tokens INTEGER NOT NULL,
    cache_read_input_tokens INTEGER NOT NULL, cache_creation_1h_input_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL, usd REAL NOT NULL, first_byte REAL,
    duration REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS requests_by_owner ON requests (owner, at);
PRAGMA user_version = 1;
"""


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One request."""

    at: float
    """When it came, in seconds since 1970."""
    owner: str
    window: str
    upstream: str
    key: str
    """The name of the key."""
    path: str
    model: str
    status: int
    """HTTP status that the window got; 0 when it left before there was one."""
    outcome: str
    """`answered`, `refused`, `broken_off` by the upstream, or `abandoned` by the window."""
    usage: Usage
    estimated: bool
    """The answer did not say what was used."""
    usd: float
    first_byte: float | None
    """Seconds from the request to the head of its answer."""
    duration: float
    """Seconds."""


class UsageSum(Struct, frozen=True, kw_only=True):
    """What one owner used on one day, in UTC."""

    day: str
    """`2026-11-20`."""
    owner: str
    requests: int
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    usd: float


_USAGE_COLUMNS = Usage.__struct_fields__
_PLAIN_COLUMNS = tuple(name for name in LedgerEntry.__struct_fields__ if name != "usage")
_INSERT = (
    f"INSERT INTO requests ({', '.join((*_PLAIN_COLUMNS, *_USAGE_COLUMNS))}) "  # noqa: S608 (our own column names)
    f"VALUES ({', '.join('?' * (len(_PLAIN_COLUMNS) + len(_USAGE_COLUMNS)))})"
)


class Ledger:
    """A ledger at `path`, which is made. Raises `ConfigError` where that cannot be, or holds something else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[LedgerEntry] = []
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._database = sqlite3.connect(path, timeout=_BUSY_PATIENCE, check_same_thread=False)
            path.chmod(0o600)
            self._database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"The ledger {path} cannot be opened: {error}.") from error

    def add(self, entry: LedgerEntry) -> None:
        """Remember `entry` until the next `flush`."""
        self._waiting.append(entry)

    async def flush(self) -> None:
        """Write what waits. Raises `sqlite3.Error`; then it waits on."""
        if self._waiting:
            await anyio.to_thread.run_sync(self._write)

    def close(self) -> None:
        """Write what waits, and close."""
        self._write()
        self._database.close()

    def sums(self, *, since: float = 0.0, owner: str | None = None) -> list[UsageSum]:
        """What was used from `since` on, by day and owner, the oldest day first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT date(at, 'unixepoch') AS day, owner, count(*), sum(input_tokens), sum(output_tokens),"
                " sum(cache_creation_input_tokens), sum(cache_read_input_tokens), sum(usd) FROM requests"
                " WHERE at >= ? AND (? IS NULL OR owner = ?) GROUP BY day, owner ORDER BY day, owner",
                (since, owner, owner),
            ).fetchall()
        return [UsageSum(**dict(zip(UsageSum.__struct_fields__, row, strict=True))) for row in rows]

    def used_since(self, owner: str, since: float) -> list[tuple[float, Amount]]:
        """When `owner` used how much, oldest first: what a quota needs to go on after a restart."""
        with self._lock:
            rows = self._database.execute(
                "SELECT at, input_tokens + output_tokens + cache_creation_input_tokens + cache_read_input_tokens, usd"
                " FROM requests WHERE owner = ? AND at >= ? ORDER BY at",
                (owner, since),
            ).fetchall()
        return [(at, Amount(requests=1.0, tokens=float(tokens), usd=usd)) for at, tokens, usd in rows]

    def _write(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, []
            try:
                with self._database:
                    self._database.executemany(_INSERT, map(_row, taken))
            except sqlite3.Error:
                self._waiting = taken + self._waiting
                raise


def _row(entry: LedgerEntry) -> tuple[object, ...]:
    plain = (getattr(entry, name) for name in _PLAIN_COLUMNS)
    return (*plain, *structs.astuple(entry.usage))


def midnight(now: float) -> float:
    """When the day of `now` began, in UTC."""
    return now - now % 86_400
