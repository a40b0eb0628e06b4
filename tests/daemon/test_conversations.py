"""What the book holds is there again, whatever happens to its file."""

from pathlib import Path

import pytest

from tianting.daemon.conversations import Asked, Book, Conversation

ONE = Conversation(name="one", cwd="/w", window_id="w1", effort="high", asked=(Asked(prompt="p", after=3),))
TWO = Conversation(name="two", cwd="/w")


def test_book_is_read_again(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.json")
    book.put(ONE)
    book.put(TWO)
    book.drop("two")
    book.drop("three")

    again = Book(tmp_path / "book.json")

    assert (list(again), again.get("one"), again.get("two")) == ([ONE], ONE, None)
    assert (tmp_path / "book.json").stat().st_mode & 0o777 == 0o600


def test_damaged_book_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "book.json").write_bytes(b"[{")

    assert list(Book(tmp_path / "book.json")) == []
    assert (tmp_path / "book.json.damaged").read_bytes() == b"[{"


def test_what_cannot_be_written_has_not_changed(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    book = Book(tmp_path / "book" / "book.json")
    (tmp_path / "book").rmdir()

    with pytest.raises(OSError):
        book.put(ONE)

    assert list(book) == []


def test_last_questions_are_remembered() -> None:
    asked = ONE.asked
    for number in range(40):
        asked = Conversation(name="one", cwd="/w", asked=asked).remembered(Asked(prompt=str(number), after=number))

    assert [one.prompt for one in asked] == [str(number) for number in range(8, 40)]
