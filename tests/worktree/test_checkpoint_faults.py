"""What may go wrong: kills at every step, two writers, closed folders, damaged stores, hostile repositories."""

import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from tests.worktree.pictures import picture
from tianting.protocol.errors import CheckpointError
from tianting.worktree.checkpoints import Change, Checkpoints
from tianting.worktree.shadow import restoring
from tianting.worktree.shadow.limits import Retention

pytestmark = pytest.mark.anyio

_KILLED_UNDO = """
import os, sys, signal, anyio
from pathlib import Path
from tianting.worktree.checkpoints import Checkpoints

left = int(sys.argv[3])

def within(directory):
    return isinstance(directory, int) and os.readlink(f"/proc/self/fd/{directory}").startswith(sys.argv[1])

def lethal(function):
    def call(*arguments, **options):
        global left
        inside = any(within(value) for name, value in options.items() if name.endswith("dir_fd"))
        if inside:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call

for name in ("unlink", "rmdir", "mkdir", "symlink", "rename", "open"):
    setattr(os, name, lethal(getattr(os, name)))

anyio.run(Checkpoints(Path(sys.argv[1]), Path(sys.argv[2])).undo)
"""


def make_project(root: Path) -> Path:
    (root / "src").mkdir(parents=True)
    (root / "src" / "a").write_text("a")
    (root / "src" / "b").write_text("b")
    (root / "link").symlink_to("src")
    (root / "old").mkdir()
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def checkpoints(project: Path, tmp_path: Path) -> Checkpoints:
    return Checkpoints(project, tmp_path / "store")


@pytest.mark.parametrize(
    ("again", "stride"),
    [pytest.param(Checkpoints.undo, 1, id="undo finishes"), pytest.param(Checkpoints.redo, 3, id="redo finishes")],
)
async def test_undo_that_is_killed_at_any_step_can_be_repeated(
    tmp_path: Path, again: Callable[[Checkpoints], Awaitable[object]], stride: int
) -> None:
    for step in range(1, 200, stride):
        project = make_project(tmp_path / f"{step}")
        checkpoints = Checkpoints(project, tmp_path / f"store-{step}")
        before = picture(project)
        await checkpoints.take("before")
        change(project)
        after = picture(project)

        if not killed_undo(project, tmp_path / f"store-{step}", step):
            assert step > 15, "there were hardly any steps"
            return

        await again(checkpoints)
        assert picture(project) == before
        await checkpoints.redo()
        assert picture(project) == after
    raise AssertionError("the undo has no end")


def change(project: Path) -> None:
    shutil.rmtree(project / "src")
    (project / "src").write_text("a file now")
    (project / "src2" / "deep").mkdir(parents=True, mode=0o750)
    (project / "src2" / "deep" / "x").write_text("x")
    (project / "link").unlink()
    (project / "link").write_text("no link")


def killed_undo(project: Path, store: Path, step: int) -> bool:
    command = [sys.executable, "-c", _KILLED_UNDO, str(project), str(store), str(step)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=30)
    assert done.returncode in (0, -9), done.stderr
    return done.returncode == -9


async def test_kill_while_it_is_stored_leaves_the_former_checkpoints(project: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(project, tmp_path / "store")
    first = await checkpoints.take("first")
    before = picture(project)
    change(project)
    killed = _KILLED_UNDO.replace('("unlink",', '("replace", "write", "utime",').replace(".undo)", ".take, 'x')")
    killed = killed.replace("inside = any", "inside = True or any")
    for step in range(1, 100, 2):
        command = [sys.executable, "-c", killed, str(project), str(tmp_path / "store"), str(step)]
        if subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0:
            assert step > 10, "there were hardly any steps"
            break
    else:
        raise AssertionError("the checkpoint has no end")

    await checkpoints.restore(first.id)

    assert picture(project) == before


async def test_file_that_changes_during_a_restore_is_left_alone(
    project: Path, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checkpoints.take("first")
    (project / "src" / "a").write_text("by the agent")
    give_back = restoring.give_back

    def interrupted(*arguments: object) -> object:
        (project / "src" / "a").write_text("by somebody else")
        return give_back(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("tianting.worktree.shadow.shelf.give_back", interrupted)
    restored = await checkpoints.undo()

    assert [refusal.reason for refusal in restored.refused] == ["It was changed this very moment, so it stays."]
    assert (project / "src" / "a").read_text() == "by somebody else"


async def test_folder_that_became_a_link_leads_nowhere(
    project: Path, checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checkpoints.take("first")
    (project / "src" / "a").unlink()
    outside = tmp_path / "outside"
    outside.mkdir()
    give_back = restoring.give_back

    def interrupted(*arguments: object) -> object:
        (project / "src").rename(project / "moved")
        (project / "src").symlink_to(outside)
        return give_back(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("tianting.worktree.shadow.shelf.give_back", interrupted)
    restored = await checkpoints.undo()

    assert [refusal.path for refusal in restored.refused] == ["src/a"]
    assert list(outside.iterdir()) == []


async def test_content_that_is_lost_costs_only_its_file(
    project: Path, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    await checkpoints.take("first")
    (project / "src" / "a").unlink()
    (project / "src" / "b").unlink()
    lost = subprocess.run(["git", "hash-object", "--stdin"], input=b"a", capture_output=True, check=True)
    name = lost.stdout.decode().strip()
    (tmp_path / "store" / "objects.git" / "objects" / name[:2] / name[2:]).unlink()

    restored = await checkpoints.undo()

    assert [(refusal.path, refusal.reason) for refusal in restored.refused] == [
        ("src/a", f"The stored content {name[:12]} is lost or damaged.")
    ]
    assert (project / "src" / "b").read_text() == "b"


async def test_sessions_take_turns(project: Path, tmp_path: Path) -> None:
    before = picture(project)
    sessions = [Checkpoints(project, tmp_path / "store") for _ in range(4)]

    async with anyio.create_task_group() as tasks:
        for number, session in enumerate(sessions):
            tasks.start_soon(take_often, session, project / f"file-{number}")

    assert len(await sessions[0].list()) == 12
    first = (await sessions[0].list())[0]
    await sessions[1].restore(first.id)
    assert {path for path in picture(project) if not path.startswith(b"file-")} == set(before)


async def take_often(session: Checkpoints, path: Path) -> None:
    for number in range(3):
        path.write_text(f"{number}")
        await session.take("often")


async def test_change_of_equal_size_in_the_same_moment_is_seen(project: Path, checkpoints: Checkpoints) -> None:
    trees = set()
    for number in range(20):
        (project / "src" / "a").write_text(f"{number:03}")
        trees.add((await checkpoints.take("again")).tree)

    assert len(trees) == 20


async def test_rubbish_in_the_store_costs_speed_only(project: Path, checkpoints: Checkpoints, tmp_path: Path) -> None:
    first = await checkpoints.take("first")
    before = picture(project)
    (tmp_path / "store" / "latest").write_bytes(b"rubbish")
    with (tmp_path / "store" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"type":"from the future"}\n{"torn')
    (project / "link").unlink()
    other = Checkpoints(project, tmp_path / "store")

    await other.undo()

    assert picture(project) == before
    assert (await other.list())[0] == first


async def test_old_states_go_and_the_rest_stays(project: Path, tmp_path: Path) -> None:
    retention = Retention(prompts=1, others=3)
    checkpoints = Checkpoints(project, tmp_path / "store", retention=retention)
    for number in range(10):
        (project / f"{number}").write_text(f"content {number}")
        await checkpoints.take(f"{number}")
        if number == 8:
            wanted = picture(project)

    size = await checkpoints.tidy()
    await checkpoints.undo()

    assert picture(project) == wanted
    assert [checkpoint.label for checkpoint in await checkpoints.list()] == ["7", "8", "9", "before undo"]
    assert 0 < size < 1_000_000


async def test_store_that_is_too_large_loses_the_older_half(project: Path, tmp_path: Path) -> None:
    checkpoints = Checkpoints(project, tmp_path / "store", retention=Retention(store_bytes=1))
    for number in range(8):
        (project / "a").write_text(f"{number}")
        await checkpoints.take(f"{number}")

    await checkpoints.tidy()

    assert [checkpoint.label for checkpoint in await checkpoints.list()] == ["6", "7"]


async def test_state_after_a_restore_survives_tidying(
    project: Path, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianting.worktree.shadow.objects._UNREFERENCED_FOR", "now")
    monkeypatch.setattr("tianting.worktree.shadow.walk._SAME_MOMENT", 0)
    await checkpoints.take("first")
    os.mkfifo(project / "pipe")  # it stays, so what is left out is not as it was
    (project / "src" / "a").write_text("new")
    await checkpoints.undo()

    await checkpoints.tidy()
    await checkpoints.take("second")
    (project / "src" / "a").write_text("newer")
    restored = await checkpoints.undo()

    assert (restored.to.label, restored.refused) == ("first", ())
    assert (project / "src" / "a").read_text() == "a"
    assert (await checkpoints.left_out((await checkpoints.list())[-2].id)) == {"pipe": "special"}


async def test_session_does_not_rely_on_what_another_one_let_go(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianting.worktree.shadow.objects._UNREFERENCED_FOR", "now")
    one = Checkpoints(project, tmp_path / "store")
    other = Checkpoints(project, tmp_path / "store", retention=Retention(prompts=1, others=1))
    place = project / "src" / "a"
    await one.take("one")
    place.write_text("other")
    await other.take("other")
    await other.tidy()

    place.write_text("a")
    await one.take("as at first")
    place.write_text("b")
    restored = await one.undo()

    assert (place.read_text(), restored.refused) == ("a", ())


async def test_folder_that_goes_away_unseen_by_its_parent_is_gone(
    project: Path, checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    await checkpoints.take("first")
    monkeypatch.setattr("tianting.worktree.shadow.walk._SAME_MOMENT", 0)
    settled = await checkpoints.take("settled")
    lstat = os.lstat

    def gone(place: str | bytes) -> os.stat_result:
        if os.fsencode(place).endswith(b"/src"):
            raise FileNotFoundError(place)
        return lstat(place)

    monkeypatch.setattr(os, "lstat", gone)
    without = await checkpoints.take("without")

    deleted = [Change(path="src/a", kind="deleted"), Change(path="src/b", kind="deleted")]
    assert await checkpoints.diff(settled.id, without.id) == tuple(deleted)


async def test_hostile_repository_runs_nothing_and_is_given_back_byte_by_byte(
    project: Path, checkpoints: Checkpoints, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for repository in (project, project / "src"):
        subprocess.run(["git", "init", "-q"], cwd=repository, check=True)
        for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv"):
            subprocess.run(["git", "config", key, str(trap)], cwd=repository, check=True)
        (repository / ".gitattributes").write_text("* filter=evil diff=evil text eol=crlf ident\n")
    (project / "linked").mkdir()
    (project / "linked" / ".git").write_text("gitdir: /nowhere\n")
    (project / "linked" / "x").write_bytes(b"$Id$\r\n\n")
    (project / "Case").write_text("1")
    (project / "case").write_text("2")
    before = picture(project)
    first = await checkpoints.take("first")
    subprocess.run("rm -rf src Case linked/x; echo > case", shell=True, cwd=project, check=True)

    restored = await checkpoints.undo()

    assert (picture(project), restored.refused) == (before, ())
    assert await checkpoints.patch(first.id, restored.saved_as.id)
    assert (project / "linked" / ".git").exists()
    assert not (tmp_path / "sprung").exists()


async def test_store_in_the_work_tree_is_not_part_of_it(project: Path) -> None:
    checkpoints = Checkpoints(project, project / "home" / "checkpoints" / "x")

    first = await checkpoints.take("first")
    (project / "src" / "a").unlink()
    await checkpoints.undo()

    assert (project / "src" / "a").read_text() == "a"
    assert await checkpoints.left_out(first.id) == {"home/checkpoints/x": "our own"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param("git", "Undo needs git, and it is not installed", id="no git"),
        pytest.param("store", "do not work: File exists", id="store is a file"),
    ],
)
async def test_what_makes_checkpoints_impossible_is_said(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, message: str
) -> None:
    if damage == "git":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        (tmp_path / "store").write_text("")

    with pytest.raises(CheckpointError, match=message):
        await Checkpoints(project, tmp_path / "store" / "x").take("first")
