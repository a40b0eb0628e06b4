"""The walk says what is not as it was, and gives the same folder back where nothing changed."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tianting.worktree.shadow.ignored import ignored_by_git
from tianting.worktree.shadow.limits import Coverage
from tianting.worktree.shadow.walk import Walk, walk

HOUR = 3_600_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    for path in ("x", "a/y", "a/deep/z", "b/z"):
        (tmp_path / path).write_text(path)
    return tmp_path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The walks take place an hour from now, so that no file is too young to be trusted."""
    now = time.time_ns
    monkeypatch.setattr("time.time_ns", lambda: now() + HOUR)


def look(root: Path, former: Walk | None = None, *, thorough: bool = False) -> Walk:
    return walk(os.fsencode(root), Coverage(), former=former, thorough=thorough)


def changed(before: Walk, after: Walk) -> set[bytes]:
    return {path for path, folder in after.folders.items() if before.folders.get(path) is not folder}


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("thorough", [pytest.param(False, id="quick"), pytest.param(True, id="thorough")])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda root: None, set(), id="nothing"),
        pytest.param(lambda root: (root / "a" / "y").write_text("?"), {b"a"}, id="content"),
        pytest.param(lambda root: (root / "a" / "y").chmod(0o600), {b"a"}, id="mode"),
        pytest.param(lambda root: (root / "b" / "new").write_text(""), {b"b"}, id="new file"),
        pytest.param(lambda root: (root / "b" / "z").unlink(), {b"b"}, id="file gone"),
        pytest.param(lambda root: (root / "b").chmod(0o700), {b"b"}, id="mode of a folder"),
        pytest.param(lambda root: (root / "b" / "new").mkdir(), {b"b", b"b/new"}, id="new folder"),
        pytest.param(lambda root: (root / "b").rename(root / "c"), {b"", b"c"}, id="folder renamed"),
        pytest.param(lambda root: (root / "b" / "z").rename(root / "x"), {b"", b"b"}, id="file moved over another"),
    ],
)
def test_what_changed(root: Path, change: Callable[[Path], object], expected: set[bytes], thorough: bool) -> None:
    before = look(root)

    change(root)

    assert changed(before, look(root, before, thorough=thorough)) == expected


@pytest.mark.parametrize("thorough", [pytest.param(False, id="quick"), pytest.param(True, id="thorough")])
def test_young_files_count_as_changed(root: Path, thorough: bool) -> None:
    before = look(root)

    assert changed(before, look(root, before, thorough=thorough)) == {b"", b"a", b"a/deep", b"b"}


def test_what_goes_away_under_the_walk_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def vanishing(place: bytes) -> object:
        entries = scandir(place)
        if place.endswith(b"/a"):
            (root / "a" / "y").unlink()
            (root / "a" / "deep" / "z").unlink()
            (root / "a" / "deep").rmdir()
        return entries

    monkeypatch.setattr(os, "scandir", vanishing)
    found = look(root)

    assert (found.folders[b"a"].files, b"a/deep" in found.folders) == ({}, False)


def test_folder_that_becomes_a_file_or_goes_under_the_walk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lstat = os.lstat

    def late(place: bytes) -> os.stat_result:
        if place.endswith(b"/a"):
            (root / "a").rename(root / "elsewhere")
            (root / "a").write_text("a file")
        if place.endswith(b"/b"):
            facts = lstat(place)
            (root / "b").rename(root / "elsewhere" / "b")
            return facts
        return lstat(place)

    monkeypatch.setattr(os, "lstat", late)

    assert set(look(root).folders) == {b""}


def test_other_file_systems_are_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lstat = os.lstat

    def moved(place: bytes) -> os.stat_result:
        facts = lstat(place)
        return os.stat_result((*facts[:2], facts[2] + 1, *facts[3:]))

    monkeypatch.setattr(os, "lstat", moved)
    found = look(root)

    assert found.folders[b""].left_out == {b"a": "other file system", b"b": "other file system"}


def test_leftovers_of_a_killed_restore_are_no_part_of_the_tree(root: Path) -> None:
    (root / "a" / ".tianting-restore.1234").write_text("")
    (root / ".tianting-restore.5678").write_text("")

    found = look(root)

    assert set(found.leftovers) == {b"a/.tianting-restore.1234", b".tianting-restore.5678"}
    assert set(found.folders[b"a"].files) == {b"y"}


def test_ignored_files_are_none_without_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))

    assert ignored_by_git(os.fsencode(root), [b"x"]) == frozenset()
