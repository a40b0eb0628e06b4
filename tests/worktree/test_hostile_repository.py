"""Looking at a repository runs nothing that it brings along: a person may have unpacked it from anywhere."""

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tianting.worktree.repository_filters import may_run_filters
from tianting.worktree.survey import begin_survey, git_facts

Git = Callable[..., None]


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Where a program of the repository would leave a file."""
    (tmp_path / "traces").mkdir()
    return tmp_path / "traces"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "a.txt").write_text("first\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "First")
    return root


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def with_filter(root: Path, config: str) -> None:
    (root / ".gitattributes").write_text("*.txt filter=evil\n")
    (root / "a.txt").write_text("other\n")
    with (root / ".git" / "config").open("a") as file:
        file.write(config)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param('[filter "evil"]\n\tclean = {program}\n', id="filter"),
        pytest.param('[core][FILTER "evil"] clean = {program}\n', id="in the line of another section"),
        pytest.param("[filter.evil]\n\tclean = {program}\n", id="old form"),
        pytest.param("[include]\n\tpath = ../more\n", id="in a file beside it"),
    ],
)
def test_no_filter_runs(root: Path, traces: Path, config: str) -> None:
    program = f"touch {traces}/ran; cat"
    (root / "more").write_text(f'[filter "evil"]\n\tclean = "{program}"\n')
    with_filter(root, config.format(program=f'"{program}"'))

    found = begin_survey(root).finish(timeout=5)

    assert (list(traces.iterdir()), found.is_git, found.git) == ([], True, None)


def test_no_filter_runs_in_a_work_tree_of_its_own(root: Path, traces: Path) -> None:
    git(root, "worktree", "add", "-q", "../second")
    with_filter(root, f'[filter "evil"]\n\tclean = "touch {traces}/ran; cat"\n')
    second = root.parent / "second"
    (second / ".gitattributes").write_text("*.txt filter=evil\n")
    (second / "a.txt").write_text("other\n")

    found = begin_survey(second).finish(timeout=5)

    assert (list(traces.iterdir()), found.git) == ([], None)


def test_nothing_is_fetched(root: Path, traces: Path) -> None:
    git(root, "config", "uploadpack.allowFilter", "true")
    git(root.parent, "clone", "-q", "--no-checkout", "--filter=tree:0", f"file://{root}", "partial")
    partial = root.parent / "partial"
    git(partial, "config", "remote.origin.url", "ssh://nowhere/x")
    git(partial, "config", "core.sshCommand", f"touch {traces}/ran; false")

    begin_survey(partial).finish(timeout=5)

    assert list(traces.iterdir()) == []


def test_repository_among_the_files_of_another_is_not_opened(root: Path, traces: Path) -> None:
    inner = root / "inner"
    git(root, "init", "-q", "--bare", "inner")
    (inner / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = tree\n"
        f'[filter "x"]\n\tclean = "touch {traces}/ran; cat"\n'
    )
    (inner / "tree").mkdir()
    (inner / "tree" / "a.txt").write_text("first\n")
    os.environ["GIT_DIR"] = str(inner)
    try:
        git(inner / "tree", "add", "a.txt")
    finally:
        del os.environ["GIT_DIR"]
    (inner / "tree" / ".gitattributes").write_text("*.txt filter=x\n")
    (inner / "tree" / "a.txt").write_text("other\n")

    begin_survey(inner / "tree").finish(timeout=5)
    begin_survey(inner).finish(timeout=5)

    assert list(traces.iterdir()) == []


def test_usual_repository_has_no_filters(root: Path) -> None:
    git(root, "config", "remote.origin.url", "https://example.org/filter/include.git")

    assert not may_run_filters(root / ".git")
    assert begin_survey(root).finish(timeout=5).git is not None


def test_configuration_that_is_no_file_is_not_trusted(root: Path) -> None:
    (root / ".git" / "config.worktree").mkdir()

    assert may_run_filters(root / ".git")


def test_configuration_that_cannot_be_read_is_not_trusted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)

    assert may_run_filters(root / ".git")


def test_pointer_that_cannot_be_read_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / ".git").write_text("gitdir: elsewhere")
    monkeypatch.setattr(Path, "read_text", refuse)

    assert not may_run_filters(tmp_path / ".git")


@pytest.mark.parametrize("header", ["# branch.ab +? -?", "# branch.ab", "# branch.head", ""])
def test_odd_headers_are_no_numbers(header: str) -> None:
    facts = git_facts(f"{header}\n", "")

    assert (facts.ahead, facts.behind) == (0, 0)
