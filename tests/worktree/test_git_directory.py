"""Commits go where git says, and nowhere that a file of somebody else's names."""

import subprocess
from pathlib import Path

import pytest

from tianting.worktree.git_directory import git_directory_of


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, timeout=10)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with a linked work tree beside it."""
    made = tmp_path / "shop"
    (made / "src").mkdir(parents=True)
    git(made, "init", "-q")
    git(made, "commit", "-q", "--allow-empty", "-m", "first")
    git(made, "worktree", "add", "-q", "../mend")
    return made


@pytest.mark.parametrize("place", ["shop", "shop/src", "mend"])
def test_all_of_a_repository_is_kept_in_one_place(shop: Path, place: str) -> None:
    assert git_directory_of(shop.parent / place) == shop / ".git"


def test_elsewhere_there_is_none(tmp_path: Path) -> None:
    assert git_directory_of(tmp_path) is None


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("gitdir: {shop}/.git/worktrees/mend\n", id="another's work tree"),
        pytest.param("gitdir: {shop}/.git\n", id="another's repository"),
        pytest.param("gitdir: /nowhere\n", id="nothing"),
        pytest.param("something else", id="no file of git's"),
    ],
)
def test_a_repository_must_know_who_claims_to_be_its_work_tree(shop: Path, written: str) -> None:
    thief = shop.parent / "thief"
    thief.mkdir()
    (thief / ".git").write_text(written.format(shop=shop))

    assert git_directory_of(thief) is None


def test_what_cannot_be_read_counts_for_none(shop: Path) -> None:
    (shop / ".git" / "worktrees" / "mend" / "commondir").unlink()

    assert git_directory_of(shop.parent / "mend") is None
