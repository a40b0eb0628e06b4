"""A rescue saves everything that is not committed, and changes nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.worktree.pictures import picture
from tianting.protocol.errors import CheckpointError
from tianting.worktree.rescue import keep_rescue

pytestmark = pytest.mark.anyio

REF = "refs/tianting/rescue/window-1"


@pytest.fixture(autouse=True)
def _own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.txt").write_text("a\n")
    (root / "b.txt").write_text("b\n")
    (root / ".gitignore").write_text("*.log\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


def git(root: Path, *arguments: str) -> str:
    person = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *person, *arguments], cwd=root, check=True, capture_output=True)
    return done.stdout.decode()


def bookkeeping(root: Path) -> dict[str, bytes]:
    """The repository's files, but for objects and the ref of the rescue."""
    files = {str(path.relative_to(root)): path for path in (root / ".git").rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if "/objects/" not in name and REF not in name}


async def test_rescue_saves_what_is_not_committed(project: Path, tmp_path: Path) -> None:
    (project / "a.txt").write_text("changed\n")
    (project / "b.txt").unlink()
    (project / "staged.txt").write_text("staged\n")
    git(project, "add", "staged.txt")
    (project / "odd\n\udcff name").write_text("untracked\n")
    (project / "run").write_text("#!/bin/sh\n")
    (project / "run").chmod(0o755)
    (project / "link").symlink_to("nowhere")
    expected = picture(project)
    (project / "x.log").write_text("ignored\n")
    before = (picture(project), bookkeeping(project), git(project, "status"), git(project, "stash", "list"))

    rescue = await keep_rescue(project, "window-1")

    assert (picture(project), bookkeeping(project), git(project, "status"), git(project, "stash", "list")) == before
    assert git(project, "rev-parse", REF, f"{REF}^").split() == [
        rescue.commit,
        git(project, "rev-parse", "HEAD").strip(),
    ]
    git(project, "worktree", "add", "-q", "--detach", str(tmp_path / "saved"), REF)
    assert picture(tmp_path / "saved") == expected


async def test_rescue_of_an_unborn_branch_and_from_below_the_top(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "below").mkdir()
    (tmp_path / "a.txt").write_text("a")

    rescue = await keep_rescue(tmp_path / "below", "w")

    assert git(tmp_path, "ls-tree", "-r", "--name-only", rescue.ref) == "a.txt\n"


async def test_rescue_in_a_linked_work_tree(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", str(linked))
    (linked / "a.txt").write_text("linked\n")

    rescue = await keep_rescue(linked, "window-1")

    assert git(project, "show", f"{rescue.ref}:a.txt") == "linked\n"


async def test_rescue_in_the_middle_of_a_conflict(project: Path) -> None:
    git(project, "checkout", "-qb", "other")
    (project / "a.txt").write_text("other\n")
    git(project, "commit", "-qam", "other")
    git(project, "checkout", "-q", "-")
    (project / "a.txt").write_text("mine\n")
    git(project, "commit", "-qam", "mine")
    with pytest.raises(subprocess.CalledProcessError):
        git(project, "merge", "-q", "other")

    rescue = await keep_rescue(project, "window-1")

    assert git(project, "show", f"{rescue.ref}:a.txt") == (project / "a.txt").read_text()
    assert git(project, "status", "--short") == "UU a.txt\n"


async def test_rescue_runs_nothing_of_the_repository(project: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "x").write_text("x")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "inner")
    git(project, "submodule", "add", "-q", str(inner), "module")
    for root in (project, project / "module"):
        git(root, "config", "core.fsmonitor", str(trap))
        git(root, "config", "filter.evil.clean", str(trap))
        git(root, "config", "filter.evil.process", str(trap))
    for hook in ("reference-transaction", "post-index-change", "pre-commit"):
        (project / ".git" / "hooks").mkdir(exist_ok=True)
        (project / ".git" / "hooks" / hook).symlink_to(trap)
    (project / ".gitattributes").write_text("* filter=evil text eol=crlf working-tree-encoding=UTF-16\n")
    (project / "a.txt").write_bytes(b"as it lies\r\n")
    (project / "module" / "x").write_text("changed")

    rescue = await keep_rescue(project, "window-1")

    assert not (tmp_path / "sprung").exists()
    assert git(project, "cat-file", "blob", f"{rescue.ref}:a.txt") == "as it lies\r\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_rescue_leaves_out_what_it_cannot_read(project: Path) -> None:
    (project / "secret").write_text("x")
    (project / "secret").chmod(0)

    rescue = await keep_rescue(project, "window-1")

    assert "secret" not in git(project, "ls-tree", "--name-only", rescue.ref)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("window-1", "not a git repository", id="no repository"),
        pytest.param("../heads/main", "cannot be called '../heads/main'", id="name that leads elsewhere"),
    ],
)
async def test_rescue_that_cannot_be(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        await keep_rescue(tmp_path, name)
