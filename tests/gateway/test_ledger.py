"""What was used is summed by owner and day, stays after a restart, and waits while it cannot be written."""

import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from tianting.gateway.ledger import Ledger, LedgerEntry, UsageSum, midnight
from tianting.gateway.quotas import Amount
from tianting.protocol.errors import ConfigError
from tianting.protocol.usage import Usage

pytestmark = pytest.mark.anyio

DAY = 86_400.0
ENTRY = LedgerEntry(
    at=10 * DAY + 5,
    owner="ann",
    window="w1",
    upstream="anthropic",
    key="first",
    path="/v1/messages",
    model="claude-opus-5-5",
    status=200,
    outcome="answered",
    usage=Usage(input_tokens=1, output_tokens=2, cache_creation_input_tokens=3, cache_read_input_tokens=4),
    estimated=False,
    usd=0.5,
    first_byte=0.2,
    duration=1.5,
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "gateway" / "ledger.sqlite")


async def test_sums_by_day_and_owner(ledger: Ledger) -> None:
    for entry in (
        ENTRY,
        ENTRY,
        structs.replace(ENTRY, owner="bob", first_byte=None),
        structs.replace(ENTRY, at=ENTRY.at + DAY),
    ):
        ledger.add(entry)
    await ledger.flush()

    one = UsageSum(
        day="1970-01-11",
        owner="ann",
        requests=1,
        input_tokens=1,
        output_tokens=2,
        cache_creation_input_tokens=3,
        cache_read_input_tokens=4,
        usd=0.5,
    )
    two = structs.replace(
        one,
        requests=2,
        input_tokens=2,
        output_tokens=4,
        cache_creation_input_tokens=6,
        cache_read_input_tokens=8,
        usd=1,
    )
    assert ledger.sums() == [two, structs.replace(one, owner="bob"), structs.replace(one, day="1970-01-12")]
    assert ledger.sums(since=11 * DAY) == [structs.replace(one, day="1970-01-12")]
    assert ledger.sums(owner="bob") == [structs.replace(one, owner="bob")]
    ledger.close()


async def test_it_outlives_its_process(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger.sqlite")
    first.add(ENTRY)
    first.close()

    second = Ledger(tmp_path / "ledger.sqlite")

    assert second.used_since("ann", 0.0) == [(ENTRY.at, Amount(requests=1, tokens=10, usd=0.5))]
    assert second.used_since("ann", ENTRY.at + 1) == []
    second.close()


async def test_what_cannot_be_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.gateway.ledger._BUSY_PATIENCE", 0.0)
    ledger = Ledger(tmp_path / "gateway" / "ledger.sqlite")
    ledger.add(ENTRY)
    blocker = sqlite3.connect(tmp_path / "gateway" / "ledger.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError):
        await ledger.flush()
    blocker.execute("ROLLBACK")
    blocker.close()

    await ledger.flush()

    assert [each.requests for each in ledger.sums()] == [1]
    ledger.close()


async def test_nobody_else_can_read_it(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add(ENTRY)
    await ledger.flush()

    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "gateway").iterdir()} == {0}
    ledger.close()


async def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("My diary, which is longer than a header of SQLite would be. " * 3)

    with pytest.raises(ConfigError, match="cannot be opened: file is not a database"):
        Ledger(tmp_path / "ledger.sqlite")


def test_midnight() -> None:
    assert midnight(10 * DAY + 5) == 10 * DAY
