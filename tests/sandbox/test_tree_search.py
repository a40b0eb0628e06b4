"""Searching a tree again and again finds what is there now, as reading it whole each time would."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.sandbox.linked_files import identity
from tianting.sandbox.tree_search import Search, TreeSearch

NOTHING = re.compile("(?!)")
NAMES = ["a", "b", ".env", "key"]
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["file", "directory", "remove"]), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
    ),
    max_size=12,
)


def search(top: Path, named: str = r".*/\.env", directories: str = "(?!)", depth: int | None = None) -> Search:
    return Search(str(top), re.compile(named), re.compile(directories), depth)


def tree(top: Path, *files: str) -> None:
    for file in files:
        path = top / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, [".env", "a/.env", "a/b/.env"], id="at any depth"),
        pytest.param({"depth": 1}, [".env"], id="one level"),
        pytest.param({"depth": 2}, [".env", "a/.env"], id="two levels"),
        pytest.param({"named": ".*/a"}, ["a"], id="what is found is found whole"),
        pytest.param({"named": "(?!)", "directories": ".*/(b|key)"}, ["a/b"], id="directories only"),
    ],
)
def test_what_is_named_is_found(options: dict[str, object], expected: list[str], tmp_path: Path) -> None:
    tree(tmp_path, ".env", "key", "a/.env", "a/b/.env", ".git/.env")

    found = TreeSearch(search(tmp_path, **options)).paths()  # type: ignore[arg-type]

    assert [os.path.relpath(path, tmp_path) for path in found] == expected


def test_file_is_found_by_what_it_is_wherever_it_is(tmp_path: Path) -> None:
    tree(tmp_path, "x", "a/y", ".git/z", ".env")
    files = frozenset(identity(f"{tmp_path}/{name}") for name in ("x", ".git/z", "a"))

    found = TreeSearch(Search(str(tmp_path), NOTHING, NOTHING, files=files)).paths()

    assert [os.path.relpath(path, tmp_path) for path in found] == ["x", ".git/z"]


def test_file_that_came_meanwhile_is_found(tmp_path: Path) -> None:
    tree(tmp_path, "a/x")
    os.utime(tmp_path / "a", ns=(1, 1))
    searching = TreeSearch(search(tmp_path))

    assert list(searching.paths()) == []
    tree(tmp_path, "a/.env")
    assert list(searching.paths()) == [f"{tmp_path}/a/.env"]


def test_directory_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "a/.env")
    for path in (tmp_path, tmp_path / "a"):
        os.utime(path, ns=(1, 1))
    searching = TreeSearch(search(tmp_path))
    first = list(searching.paths())

    def forbidden(path: str) -> Iterator[object]:
        raise AssertionError(path)

    monkeypatch.setattr("tianting.sandbox.tree_search.os.scandir", forbidden)
    assert list(searching.paths()) == first == [f"{tmp_path}/a/.env"]


@pytest.mark.parametrize("limits", [{"max_entries": 3}, {"max_time": -1.0}], ids=["entries", "time"])
def test_search_that_is_too_long_says_where_it_ended(limits: dict[str, float], tmp_path: Path) -> None:
    tree(tmp_path, "1", "2", ".env", "a/.env")
    searching = TreeSearch(search(tmp_path))

    found = list(searching.paths(**limits))  # type: ignore[arg-type]

    assert found == ([f"{tmp_path}/.env"] if "max_entries" in limits else [])
    assert searching.left_out == f"{tmp_path}/a" if "max_entries" in limits else str(tmp_path)
    assert [len(list(searching.paths())), searching.left_out] == [2, ""]


def test_place_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert list(TreeSearch(search(tmp_path / "gone")).paths()) == []


def test_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / ".env").symlink_to("/etc/passwd")

    assert list(TreeSearch(search(tmp_path)).paths()) == [f"{tmp_path}/a/.env"]


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=4))
def test_memory_never_shows(rounds: list[list[tuple[str, list[str]]]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        remembering = TreeSearch(search(top))
        for changes in rounds:
            for kind, parts in changes:
                _change(top.joinpath(*parts), kind)

            assert list(remembering.paths()) == list(TreeSearch(search(top)).paths())


def _change(path: Path, kind: str) -> None:
    with contextlib.suppress(OSError):  # a file stands in the way of a directory, or the other way round
        match kind:
            case "file":
                path.touch()
            case "directory":
                path.mkdir()
            case "remove":
                path.unlink() if path.is_file() else path.rmdir()
