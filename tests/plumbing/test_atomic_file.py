"""A file is there as a whole or as it was, whatever it is called and whatever breaks."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tianting.plumbing import atomic_file
from tianting.plumbing.atomic_file import DIRECTORY, replace_in, write_atomically


def test_mode_and_place_of_a_file_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")

    write_atomically(tmp_path / "link", b"new", mode=0o600, durable=True)

    assert (tmp_path / "link").is_symlink()
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "a").stat().st_mode & 0o777) == (b"new", 0o640)


def test_new_file_has_the_mode_asked_for(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"new", mode=0o600)

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)

    write_atomically(path, b"one")
    write_atomically(path, b"two")

    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {path.name: b"two"}


@pytest.mark.parametrize(
    ("bits", "mode"), [pytest.param(None, 0o600, id="as new"), pytest.param(0o751, 0o751, id="set")]
)
def test_link_in_an_open_directory_is_replaced_and_not_followed(tmp_path: Path, bits: int | None, mode: int) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    directory = os.open(tmp_path, DIRECTORY)

    facts = replace_in(directory, "link", b"new", mode=0o600, bits=bits)

    os.close(directory)
    assert not (tmp_path / "link").is_symlink()
    assert ((tmp_path / "link").read_bytes(), (tmp_path / "link").stat()[:8]) == (b"new", facts[:8])
    assert facts.st_mode & 0o7777 == mode
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("broken", ["write", "replace"])
def test_failure_leaves_the_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if broken == "write":
        monkeypatch.setattr(atomic_file, "_fill", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a", b"new")

    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"a": b"old"}
