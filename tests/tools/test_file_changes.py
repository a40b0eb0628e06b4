"""Files change all together or not at all, whatever breaks on the way."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tianting.plumbing.atomic_file import replace_in
from tianting.tools.contract import ToolFailed
from tianting.tools.editing import file_changes
from tianting.tools.editing.file_changes import FileChange, carry_out


def tree(root: Path) -> dict[str, tuple[bytes | str, int, int] | None]:
    """Everything below `root`: content, mode, time; None for directories."""
    found: dict[str, tuple[bytes | str, int, int] | None] = {}
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (
            None if content is None else (content, facts.st_mode & 0o7777, facts.st_mtime_ns)
        )
    return found


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    former = os.umask(0o022)
    yield
    os.umask(former)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_bytes(b"a")
    (tmp_path / "b.py").write_bytes(b"b")
    (tmp_path / "b.py").chmod(0o754)
    (tmp_path / "link.py").symlink_to("b.py")
    (tmp_path / "blocked").mkdir()
    return tmp_path


def changes(root: Path) -> list[FileChange]:
    return [
        FileChange(path=root / "a.py", data=b"A"),
        FileChange(path=root / "new" / "deep" / "c.py", data=b"C", mode=0o755),
        FileChange(path=root / "b.py", data=None),
        FileChange(path=root / "link.py", data=None),
        FileChange(path=root / "d.py", data=b"D"),
    ]


def test_longest_names_can_be_changed_and_deleted(tmp_path: Path) -> None:
    names = ["x" * 255, "y" * 255]
    for name in names:
        (tmp_path / name).write_bytes(b"old")

    carry_out([FileChange(path=tmp_path / names[0], data=b"new"), FileChange(path=tmp_path / names[1], data=None)], str)

    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {names[0]: b"new"}


def test_all_changes_are_made(root: Path) -> None:
    carry_out(changes(root), str)

    assert {name: entry and entry[:2] for name, entry in tree(root).items()} == {
        "a.py": (b"A", 0o644),
        "blocked": None,
        "d.py": (b"D", 0o644),
        "new": None,
        "new/deep": None,
        "new/deep/c.py": (b"C", 0o755),
    }


class FailingWrites:
    """Breaks at the given write, as a full disk does."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.left = at
        self.error = error

    def __call__(self, directory: int, name: str, data: bytes, **options: Any) -> os.stat_result:
        if self.left == 0:
            raise self.error
        self.left -= 1
        return replace_in(directory, name, data, **options)


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        pytest.param(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ToolFailed, id="disk full"),
        pytest.param(KeyboardInterrupt(), KeyboardInterrupt, id="interrupted"),
    ],
)
def test_failure_at_any_write_leaves_all_as_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException, raised: type[BaseException]
) -> None:
    before = tree(root)
    monkeypatch.setattr(file_changes, "replace_in", FailingWrites(at, error))

    with pytest.raises(raised):
        carry_out(changes(root), str)

    assert tree(root) == before


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda root: FileChange(path=root / "blocked", data=b"x"), id="write over a directory"),
        pytest.param(lambda root: FileChange(path=root / "blocked", data=None), id="delete a directory"),
        pytest.param(lambda root: FileChange(path=root / "missing", data=None), id="delete what is not there"),
        pytest.param(
            lambda root: FileChange(path=root / "d.py" / "x", data=b"x"), id="file in the place of a directory"
        ),
        pytest.param(lambda root: FileChange(path=root / ("x" * 300), data=b"x"), id="name too long"),
    ],
)
def test_change_that_cannot_be_made_takes_back_those_before_it(root: Path, broken: Any) -> None:
    before = tree(root)

    with pytest.raises(ToolFailed, match="Nothing was changed; the user must mend that first"):
        carry_out([*changes(root), broken(root)], str)

    assert tree(root) == before


def test_without_hard_links_copies_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*arguments: Any, **options: Any) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_link)
    before = tree(root)
    two = [FileChange(path=root / "a.py", data=b"A"), FileChange(path=root / "b.py", data=b"B")]

    with pytest.raises(ToolFailed):
        carry_out([*two, FileChange(path=root / "missing", data=None)], str)

    assert tree(root) == before
    carry_out(two, str)
    assert (root / "a.py").read_bytes() == b"A"


def test_what_cannot_be_taken_back_is_logged_and_the_rest_is(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace = os.replace

    def stubborn(source: str, target: str, **options: Any) -> None:
        if target == "b.py" and source.endswith(".kept"):
            raise OSError(errno.EIO, "broken disk")
        replace(source, target, **options)

    monkeypatch.setattr(os, "replace", stubborn)
    two = [FileChange(path=root / "a.py", data=b"A"), FileChange(path=root / "b.py", data=b"B")]

    with pytest.raises(ToolFailed):
        carry_out([*two, FileChange(path=root / "missing", data=None)], str)

    assert (root / "a.py").read_bytes() == b"a"
    assert "a change could not be taken back" in caplog.text


def test_link_stays_a_link_and_its_file_changes(root: Path) -> None:
    carry_out([FileChange(path=root / "link.py", data=b"B")], str)

    assert (root / "link.py").is_symlink()
    assert ((root / "b.py").read_bytes(), (root / "b.py").stat().st_mode & 0o777) == (b"B", 0o754)


def test_write_protected_file_is_refused_until_it_may_be_written(root: Path) -> None:
    (root / "a.py").chmod(0o444)
    change = FileChange(path=root / "a.py", data=b"A")

    with pytest.raises(ToolFailed, match=r"a.py is write-protected \(mode 444\); .* run chmod u\+w on it first"):
        carry_out([change], str)

    assert (root / "a.py").read_bytes() == b"a"
    (root / "a.py").chmod(0o644)
    carry_out([change], str)
    assert (root / "a.py").read_bytes() == b"A"
