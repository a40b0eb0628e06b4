"""Undo and redo of what commands did to a tree: the tree before and after are compared whole."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worktree.pictures import picture
from tianting.protocol.errors import CheckpointError
from tianting.worktree.checkpoints import Change, Checkpoints, store_directory
from tianting.worktree.shadow.limits import Coverage
from tianting.worktree.shadow.restoring import Refusal

pytestmark = pytest.mark.anyio

MakeProject = Callable[[], Path]


@pytest.fixture(autouse=True)
def _own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a bit of everything, committed and not."""
    root = tmp_path / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "app.py").write_text("print('committed')\n")
    (root / "src" / "deep" / "data.bin").write_bytes(bytes(range(256)))
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("src/app.py")
    (root / ".gitignore").write_text(".env\n*.log\n")
    shell(root, "git init -q && git add -A && git -c user.name=A -c user.email=a@b.c commit -qm first")
    (root / "src" / "app.py").write_text("print('not committed')\n")
    (root / "notes.txt").write_text("untracked\n")
    (root / ".env").write_text("KEY=1\n")
    (root / ".env").chmod(0o600)
    (root / "empty").mkdir(mode=0o750)
    return root


@pytest.fixture
def checkpoints(project: Path, tmp_path: Path) -> Checkpoints:
    return Checkpoints(project, store_directory(tmp_path / "home", project))


def shell(root: Path, command: str) -> None:
    subprocess.run(["bash", "-c", command], cwd=root, check=True, capture_output=True)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("rm -rf src", id="rm -rf"),
        pytest.param("git reset --hard -q", id="git reset --hard"),
        pytest.param("git checkout -- .", id="git checkout"),
        pytest.param("git clean -fdxq", id="git clean"),
        pytest.param("git stash -q -u", id="git stash"),
        pytest.param("echo new > src/app.py", id="edit"),
        pytest.param("echo more >> notes.txt; touch -r run.sh notes.txt", id="edit with the old time"),
        pytest.param("mv src source", id="rename of a folder"),
        pytest.param("mv notes.txt NOTES.txt", id="rename in case"),
        pytest.param("chmod 600 run.sh; chmod 444 notes.txt; chmod 700 src", id="chmod"),
        pytest.param("chmod 555 src/deep", id="chmod of a folder"),
        pytest.param("ln -sfn .. link; ln -s /etc/passwd src/outside; rm -r src/deep; ln -s / src/deep", id="links"),
        pytest.param("rm link; mkdir link; echo x > link/x", id="link to folder"),
        pytest.param("rm -r src; echo x > src", id="folder to file"),
        pytest.param("rmdir empty; mkdir -p other/empty", id="empty folders"),
        pytest.param("rm -rf ./* .env .gitignore", id="everything"),
        pytest.param("printf x > $'odd\\n \\xff name'; mkdir $'\\xfe'; echo y > $'\\xfe/:*?'", id="odd names"),
        pytest.param("mkdir .GIT sub; echo x > .GIT/config; echo y > sub/.gitmodules", id="names git refuses"),
        pytest.param(
            "mkdir made; chmod 400 notes.txt; echo x > made/x; chmod 500 made; chmod 500 src", id="closed folder"
        ),
    ],
)
async def test_undo_and_redo_give_whole_trees(project: Path, checkpoints: Checkpoints, command: str) -> None:
    before = picture(project)
    await checkpoints.take("before the command")
    shell(project, command)
    after = picture(project)
    assert after != before

    undone = await checkpoints.undo()

    assert (picture(project), undone.refused) == (before, ())
    redone = await checkpoints.redo()
    assert (picture(project), redone.refused) == (after, ())
    await checkpoints.undo()
    assert picture(project) == before


async def test_restore_says_what_it_did(project: Path, checkpoints: Checkpoints) -> None:
    first = await checkpoints.take("first", prompt_id="prompt")
    shell(project, "rm notes.txt; echo x > new; echo y > src/app.py; mkdir folder")

    planned = await checkpoints.restore(first.id, dry_run=True)
    restored = await checkpoints.rewind("prompt")

    changes = (
        Change(path="new", kind="deleted"),
        Change(path="notes.txt", kind="created"),
        Change(path="src/app.py", kind="changed"),
    )
    assert (planned.to, planned.changes) == (first, changes)
    assert (restored.to, restored.changes, restored.refused, restored.unsaved) == (first, changes, (), ())
    assert planned.unsaved == ("new", "notes.txt", "src/app.py")
    assert await checkpoints.diff(first.id, restored.saved_as.id) == (
        Change(path="new", kind="created"),
        Change(path="notes.txt", kind="deleted"),
        Change(path="src/app.py", kind="changed"),
    )
    assert b"+x" in await checkpoints.patch(first.id, restored.saved_as.id)


async def test_user_repository_is_untouched(project: Path, checkpoints: Checkpoints) -> None:
    shell(project, "git add notes.txt")
    before = {path: path.read_bytes() for path in (project / ".git").rglob("*") if path.is_file()}

    await checkpoints.take("first")
    (project / "run.sh").unlink()
    await checkpoints.undo()
    await checkpoints.tidy()

    assert {path: path.read_bytes() for path in (project / ".git").rglob("*") if path.is_file()} == before


async def test_what_is_not_covered_is_named_and_left_alone(project: Path, tmp_path: Path) -> None:
    coverage = Coverage(file_bytes=1000, ignored_file_bytes=10, left_out=frozenset({"node_modules"}))
    checkpoints = Checkpoints(project, tmp_path / "store", coverage=coverage)
    (project / "node_modules").mkdir()
    (project / "node_modules" / "x").write_text("x")
    (project / "large").write_bytes(b"x" * 1001)
    (project / "trace.log").write_bytes(b"x" * 11)
    os.mkfifo(project / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(project / "socket"))

    first = await checkpoints.take("first")
    shell(project, "rm -r node_modules/x large; echo x > small; echo new > large")
    restored = await checkpoints.undo()

    assert await checkpoints.left_out(first.id) == {
        ".git": "git",
        "large": "too large",
        "node_modules": "dependency",
        "pipe": "special",
        "socket": "special",
        "trace.log": "too large",
    }
    assert restored.changes == (Change(path="small", kind="deleted"),)
    assert restored.refused == (Refusal(path="large", reason="It was there and not covered then, so it stays."),)
    assert (project / "large").read_text() == "new\n"
    assert (project / "trace.log").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
async def test_what_cannot_be_read_is_named_and_left_alone(project: Path, checkpoints: Checkpoints) -> None:
    (project / "secret").write_text("x")
    (project / "secret").chmod(0)
    (project / "closed").mkdir(mode=0)
    first = await checkpoints.take("first")
    shell(project, "rm notes.txt; echo x > new")

    restored = await checkpoints.undo()

    assert await checkpoints.left_out(first.id) == {".git": "git", "closed": "unreadable", "secret": "unreadable"}
    assert restored.refused == ()
    assert ((project / "notes.txt").exists(), (project / "new").exists()) == (True, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
async def test_folder_closed_to_writing_is_opened_and_closed_again(project: Path, checkpoints: Checkpoints) -> None:
    (project / "src").chmod(0o500)
    before = picture(project)
    await checkpoints.take("first")
    shell(project, "chmod 700 src; rm src/app.py; echo x > src/new; chmod 500 src")
    after = picture(project)

    undone = await checkpoints.undo()

    assert (picture(project), undone.refused) == (before, ())
    await checkpoints.redo()
    assert picture(project) == after
    (project / "src").chmod(0o700)


async def test_budget_keeps_the_small_files(project: Path, tmp_path: Path) -> None:
    for size in (44, 42, 46, 41, 45, 43):
        (project / f"{size}.log").write_bytes(b"x" * size)
    checkpoints = Checkpoints(project, tmp_path / "store", coverage=Coverage(ignored_total_bytes=100))

    first = await checkpoints.take("first")

    over = {f"{size}.log": "budget" for size in (43, 44, 45, 46)}  # the .env has 6 bytes
    assert await checkpoints.left_out(first.id) == {".git": "git", **over}


async def test_file_that_grew_too_large_is_not_overwritten(project: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(project, tmp_path / "store", coverage=Coverage(file_bytes=1000))
    await checkpoints.take("first")
    (project / "notes.txt").write_bytes(b"x" * 2000)
    (project / "small").write_text("x")

    restored = await checkpoints.undo()

    reason = "What is there now is not covered by checkpoints: move it away first."
    assert restored.refused == (Refusal(path="notes.txt", reason=reason),)
    assert (project / "notes.txt").stat().st_size == 2000
    assert not (project / "small").exists()


async def test_undo_goes_further_back_after_one_that_was_refused_a_file(project: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(project, tmp_path / "store", coverage=Coverage(file_bytes=1000))
    version = project / "version"
    for number in range(3):
        version.write_text(f"{number}")
        await checkpoints.take(f"{number}")
    (project / "notes.txt").write_bytes(b"x" * 2000)

    versions = []
    for step in (checkpoints.undo, checkpoints.undo, checkpoints.undo, checkpoints.redo, checkpoints.redo):
        restored = await step()
        versions.append((version.read_text(), len(restored.refused)))

    assert versions == [("2", 1), ("1", 1), ("0", 1), ("1", 1), ("2", 1)]


async def test_tree_with_too_many_files_has_no_checkpoints(project: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(project, tmp_path / "store", coverage=Coverage(files=3))

    with pytest.raises(CheckpointError, match="holds more than 3 files: undo is off"):
        await checkpoints.take("first")


async def test_tree_that_is_gone_comes_back(project: Path, checkpoints: Checkpoints) -> None:
    before = picture(project)
    await checkpoints.take("first")
    shell(project.parent, "rm -rf project/src project/.git")
    await checkpoints.take("second")
    shell(project.parent, "rm -rf project")

    await checkpoints.undo(steps=2)

    assert picture(project) == before


async def test_second_session_goes_on_where_the_first_was(project: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    one, two = Checkpoints(project, store), Checkpoints(project, store)
    before = picture(project)
    await one.take("one")
    (project / "notes.txt").unlink()
    await two.take("two")
    (project / "src" / "app.py").unlink()
    await one.take("three")

    await two.undo(steps=2)

    assert picture(project) == before
    assert [checkpoint.label for checkpoint in await one.list()] == ["one", "two", "three", "before undo"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        pytest.param(lambda it: it.undo(), "There is nothing to undo", id="undo"),
        pytest.param(lambda it: it.redo(), "There is nothing to redo", id="redo"),
        pytest.param(lambda it: it.restore("x"), "There is no checkpoint 'x'", id="restore"),
        pytest.param(lambda it: it.rewind("x"), "No state is kept from before the prompt 'x'", id="rewind"),
    ],
)
async def test_what_is_not_there_is_said(
    checkpoints: Checkpoints, step: Callable[[Checkpoints], object], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        await step(checkpoints)  # type: ignore[misc]
