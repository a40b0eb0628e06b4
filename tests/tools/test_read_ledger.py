"""What changed behind the model's back is told once for each change."""

import os
from pathlib import Path

from tianting.tools.read_ledger import FileChange, ReadLedger


def write(path: Path, text: str, second: int) -> None:
    path.write_text(text)
    os.utime(path, (second, second))


def test_each_change_is_told_once(tmp_path: Path) -> None:
    ledger, path, other = ReadLedger(), tmp_path / "a", tmp_path / "b"
    write(path, "one", 1)
    write(other, "same", 1)
    ledger.note(path, whole=True)
    ledger.note(other, whole=True)

    told = [ledger.newly_changed()]
    for second in (2, 2, 3):
        write(path, "two", second)
        told.append(ledger.newly_changed())
    path.unlink()
    told += [ledger.newly_changed(), ledger.newly_changed()]

    change, gone = FileChange(path=path), FileChange(path=path, is_gone=True)
    assert told == [(), (change,), (), (change,), (gone,), ()]


def test_a_file_that_goes_twice_is_told_twice(tmp_path: Path) -> None:
    ledger, path = ReadLedger(), tmp_path / "a"
    told: list[tuple[FileChange, ...]] = []
    for _ in "12":
        write(path, "one", 1)
        ledger.note(path, whole=True)
        path.unlink()
        told.append(ledger.newly_changed())

    assert told == [(FileChange(path=path, is_gone=True),)] * 2


def test_a_file_that_was_read_again_is_watched_anew(tmp_path: Path) -> None:
    ledger, path = ReadLedger(), tmp_path / "a"
    write(path, "one", 1)
    ledger.note(path, whole=True)
    write(path, "two", 2)
    first = ledger.newly_changed()
    ledger.note(path, whole=True)
    second = ledger.newly_changed()
    write(path, "one", 1)
    third = ledger.newly_changed()
    ledger.note(path, whole=True)
    ledger.newly_changed()
    write(path, "two", 2)

    change = (FileChange(path=path),)
    assert (first, second, third, ledger.newly_changed()) == (change, (), change, change)
