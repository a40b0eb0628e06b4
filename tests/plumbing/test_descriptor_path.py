"""What is open says itself where it is."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tianting.plumbing.descriptor_path import entrance, path_of


def test_path_is_the_one_behind_the_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").touch()
    (tmp_path / "link").symlink_to("real")

    with (tmp_path / "link" / "a").open("rb") as file:
        assert path_of(file.fileno()) == str(tmp_path / "real" / "a")


def test_path_follows_what_is_open(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with (tmp_path / "a").open("rb") as file:
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").touch()

        assert path_of(file.fileno()) == str(tmp_path / "b")

        (tmp_path / "b").unlink()

        assert path_of(file.fileno()) == f"{tmp_path}/b (deleted)"


def test_child_starts_in_the_directory_that_was_opened(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    directory = os.open(tmp_path / "a", os.O_RDONLY)
    try:
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").symlink_to("/")

        done = subprocess.run(["pwd", "-P"], cwd=entrance(directory), capture_output=True, check=True, text=True)
    finally:
        os.close(directory)

    assert done.stdout == f"{tmp_path}/b\n"


def test_macos_is_asked_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_GETPATH", 50, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda descriptor, request, room: b"/private/tmp/a".ljust(len(room), b"\0"))

    assert (path_of(3), entrance(3)) == ("/private/tmp/a", "/private/tmp/a")


def test_closed_descriptor_has_no_path() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)

    with pytest.raises(FileNotFoundError):
        path_of(reading)
