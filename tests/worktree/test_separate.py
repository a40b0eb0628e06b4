"""Agents work side by side, and whatever happens no work of theirs is taken away."""

import shutil
import subprocess
from pathlib import Path

import anyio
import pytest

from tianting.protocol.errors import WorktreeError
from tianting.worktree.rescue import keep_rescue
from tianting.worktree.separate import Dirt, Ports, Wish, dirt_of, list_trees, make_tree, prune_trees, remove_tree
from tianting.worktree.separate_merging import MergeConflict, Merged, Review, merge_tree, review_tree
from tianting.worktree.separate_records import SeparateTree

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, {"a.txt": "a\n", "b.txt": "b\n", ".gitignore": ".env\n*.secret\nbuild/\n"})
    commit(root, "first")
    return root


@pytest.fixture
async def tree(project: Path, tmp_path: Path) -> SeparateTree:
    return await make_tree(project, tmp_path / "one", Wish(branch="agent/one"))


def git(root: Path, *arguments: str) -> str:
    person = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    return subprocess.run(
        ["git", *person, *arguments], cwd=root, check=True, capture_output=True, text=True, timeout=20
    ).stdout.strip()


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def commit(root: Path, subject: str) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-qm", subject)
    return git(root, "rev-parse", "HEAD")


def state(root: Path) -> dict[str, str]:
    """Branches, index, and every file outside of .git."""
    files = {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }
    return {**files, "refs": git(root, "for-each-ref"), "status": git(root, "status", "--porcelain")}


async def test_a_tree_has_a_branch_and_ports_of_its_own(project: Path, tmp_path: Path) -> None:
    wish = Wish(branch="agent/one", ports=Ports(first=4_000, each=5))
    first = await make_tree(project, tmp_path / "one", wish)
    second = await make_tree(project, tmp_path / "two", Wish(branch="two", base="main", ports=wish.ports))

    assert first == SeparateTree(
        path=str(tmp_path / "one"),
        branch="agent/one",
        base="main",
        base_commit=git(project, "rev-parse", "HEAD"),
        index=0,
        first_port=4_000,
        ports=5,
    )
    assert (second.index, second.first_port, second.base) == (1, 4_005, "main")
    assert git(tmp_path / "one", "branch", "--show-current") == "agent/one"
    assert await list_trees(tmp_path / "two") == (first, second)
    assert await dirt_of(first) == Dirt()


async def test_the_place_of_a_removed_tree_is_given_again(project: Path, tmp_path: Path, tree: SeparateTree) -> None:
    await make_tree(project, tmp_path / "two", Wish(branch="two"))
    await remove_tree(project, tree)

    assert (await make_tree(project, tmp_path / "three", Wish(branch="three"))).index == 0
    assert git(project, "branch", "--list", "agent/one") == "", "an empty branch goes with its tree"


async def test_ignored_files_that_are_named_come_along(project: Path, tmp_path: Path) -> None:
    write(
        project,
        {
            ".worktreeinclude": "*.secret\n!never.secret\n/a.txt\nbuild/keep.txt\n",
            ".env": "KEY=1",
            "deep/x.secret": "s",
            "never.secret": "n",
            "build/keep.txt": "k",
            "build/other.txt": "o",
            "new.txt": "neither tracked nor ignored",
        },
    )
    (project / ".env").chmod(0o600)
    (project / "link.secret").symlink_to("/etc/hostname")

    made = await make_tree(project, tmp_path / "one", Wish(branch="one", copied=(".env", "new.txt")))

    place = tmp_path / "one"
    copied = {str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir()}
    assert copied == {
        *(".git", ".gitignore", "a.txt", "b.txt"),
        *(".env", "deep/x.secret", "build/keep.txt", "link.secret"),
    }
    assert (place / ".env").stat().st_mode & 0o777 == 0o600
    assert (place / "link.secret").is_symlink()
    assert not await dirt_of(made)


async def test_nothing_is_copied_through_a_link_of_the_branch(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    git(project, "checkout", "-q", "-b", "linked")
    (project / "conf").symlink_to(outside)
    commit(project, "link")
    git(project, "checkout", "-q", "main")
    write(project, {"conf/x.secret": "planted"})

    await make_tree(project, tmp_path / "one", Wish(branch="one", base="linked", copied=("*.secret",)))

    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        pytest.param(Wish(branch="main"), "There is a branch main already", id="branch exists"),
        pytest.param(Wish(branch="-x"), "cannot be the name of a branch", id="an option as a name"),
        pytest.param(Wish(branch="a..b"), "cannot be the name of a branch", id="no name"),
        pytest.param(Wish(branch="x", base="nowhere"), "no commit 'nowhere'", id="no such base"),
        pytest.param(Wish(branch="x", base="--help"), "no commit '--help'", id="an option as a base"),
    ],
)
async def test_what_cannot_be_made_leaves_nothing(project: Path, tmp_path: Path, wish: Wish, complaint: str) -> None:
    before = state(project)

    with pytest.raises(WorktreeError, match=complaint):
        await make_tree(project, tmp_path / "one", wish)

    assert (state(project), await list_trees(project)) == (before, ())


async def test_a_place_that_is_taken_leaves_nothing(project: Path, tmp_path: Path) -> None:
    write(tmp_path / "one", {"mine.txt": "m"})

    with pytest.raises(WorktreeError, match="already exists"):
        await make_tree(project, tmp_path / "one", Wish(branch="one"))

    assert await list_trees(project) == ()
    assert git(project, "branch", "--list", "one") == ""


async def test_no_repository_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorktreeError, match="not a git repository"):
        await list_trees(tmp_path)


async def test_many_are_made_at_once_beside_a_person_who_works(project: Path, tmp_path: Path) -> None:
    made: list[SeparateTree] = []

    async def make(number: int) -> None:
        made.append(await make_tree(project, tmp_path / f"t{number}", Wish(branch=f"t{number}")))

    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(make, number)

    assert sorted(tree.index for tree in made) == list(range(12))
    assert len(git(project, "worktree", "list").splitlines()) == 13


async def test_a_lock_of_somebody_else_is_waited_for(project: Path, tmp_path: Path) -> None:
    lock = project / ".git" / "refs" / "heads" / "one.lock"
    lock.touch()
    done = anyio.Event()

    async def make() -> None:
        await make_tree(project, tmp_path / "one", Wish(branch="one"))
        done.set()

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(make)
            with anyio.move_on_after(0.3):
                await done.wait()
            assert not done.is_set()
            lock.unlink()
            await done.wait()


@pytest.mark.parametrize(
    ("files", "committed", "dirt"),
    [
        pytest.param({"a.txt": "changed"}, False, Dirt(changed=("a.txt",)), id="changed"),
        pytest.param({"new.txt": "new", "d/e.txt": "e"}, False, Dirt(untracked=("d/e.txt", "new.txt")), id="new"),
        pytest.param({"a.txt": "changed"}, True, Dirt(commits=1), id="committed"),
    ],
)
async def test_a_tree_with_work_in_it_is_never_removed(
    project: Path, tree: SeparateTree, files: dict[str, str], committed: bool, dirt: Dirt
) -> None:
    place = Path(tree.path)
    write(place, files)
    if committed:
        commit(place, "work")

    assert await dirt_of(tree) == dirt
    with pytest.raises(WorktreeError, match=r"is kept: \d "):
        await remove_tree(project, tree)
    assert {name: (place / name).read_text() for name in files} == files


async def test_work_on_no_branch_counts_as_well(project: Path, tree: SeparateTree) -> None:
    place = Path(tree.path)
    git(place, "checkout", "-q", "--detach")
    write(place, {"a.txt": "x"})
    commit(place, "adrift")

    assert await dirt_of(tree) == Dirt(commits=1)


async def test_pushed_work_is_safe_and_its_branch_stays(project: Path, tmp_path: Path, tree: SeparateTree) -> None:
    git(tmp_path, "init", "-q", "--bare", "remote")
    git(project, "remote", "add", "origin", str(tmp_path / "remote"))
    write(Path(tree.path), {"a.txt": "x"})
    pushed = commit(Path(tree.path), "work")
    git(Path(tree.path), "push", "-q", "origin", "agent/one")

    await remove_tree(project, tree)

    assert not Path(tree.path).exists()
    assert git(project, "rev-parse", "agent/one") == pushed


async def test_a_base_that_is_gone_counts_as_it_was(project: Path, tmp_path: Path) -> None:
    git(project, "branch", "feature")
    tree = await make_tree(project, tmp_path / "one", Wish(branch="one", base="feature"))
    git(project, "branch", "-D", "feature")

    assert await dirt_of(tree) == Dirt()
    await remove_tree(project, tree)


async def test_a_tree_whose_directory_is_gone_is_forgotten_and_its_branch_kept(
    project: Path, tmp_path: Path, tree: SeparateTree
) -> None:
    write(Path(tree.path), {"a.txt": "x"})
    work = commit(Path(tree.path), "work")
    git(project, "worktree", "add", "-q", "-b", "mine", str(tmp_path / "mine"))
    for place in (tree.path, tmp_path / "mine"):
        shutil.rmtree(place)

    with pytest.raises(WorktreeError, match="is gone; its branch"):
        await dirt_of(tree)
    assert await prune_trees(project) == (tree,)

    assert await list_trees(project) == ()
    assert git(project, "rev-parse", "agent/one") == work
    assert str(tmp_path / "mine") in git(project, "worktree", "list"), "a person's own is not ours to prune"


async def test_work_is_looked_at_and_merged(project: Path, tree: SeparateTree) -> None:
    place = Path(tree.path)
    write(place, {"a.txt": "better\n", "new.txt": "n\n"})
    work = commit(place, "make it better")
    write(place, {"draft.txt": "d"})

    review = await review_tree(tree)
    assert review.commits == (f"{git(place, 'rev-parse', '--short', work)} make it better",)
    assert "-a\n+better" in review.diff
    assert (review.cut, review.uncommitted) == (False, ("draft.txt",))

    with pytest.raises(WorktreeError, match="that is not committed"):
        await merge_tree(project, tree)
    (place / "draft.txt").unlink()
    assert await merge_tree(project, tree) == Merged(branch="main", commit=work)
    assert await merge_tree(project, tree) == Merged(branch="main", commit=work), "merged twice is merged once"

    assert (project / "a.txt").read_text() == "better\n"
    assert git(project, "status", "--porcelain") == ""
    assert await review_tree(tree) == Review(commits=(), diff="", cut=False, uncommitted=())
    await remove_tree(project, tree)


async def test_two_who_changed_different_files_both_come_back(
    project: Path, tmp_path: Path, tree: SeparateTree
) -> None:
    other = await make_tree(project, tmp_path / "two", Wish(branch="two"))
    for each, name in ((tree, "a.txt"), (other, "b.txt")):
        write(Path(each.path), {name: "changed\n"})
        commit(Path(each.path), name)
        await merge_tree(project, each)

    assert ((project / "a.txt").read_text(), (project / "b.txt").read_text()) == ("changed\n", "changed\n")
    assert git(project, "log", "-1", "--format=%s by %an") == "Merge branch 'two' into main by Tianting"


async def test_a_base_that_nobody_has_checked_out_is_moved(project: Path, tree: SeparateTree) -> None:
    git(project, "checkout", "-q", "-b", "elsewhere")
    write(Path(tree.path), {"a.txt": "x\n"})
    work = commit(Path(tree.path), "work")

    await merge_tree(project, tree)

    assert git(project, "rev-parse", "main") == work
    assert (project / "a.txt").read_text() == "a\n"


async def test_a_conflict_names_the_files_and_touches_none(project: Path, tree: SeparateTree) -> None:
    write(Path(tree.path), {"a.txt": "theirs\n", "ü x.txt": "theirs\n", "b.txt": "fine\n"})
    commit(Path(tree.path), "theirs")
    write(project, {"a.txt": "ours\n", "ü x.txt": "ours\n"})
    commit(project, "ours")
    before = state(project)

    with pytest.raises(MergeConflict, match="agent/one and main disagree about") as conflict:
        await merge_tree(project, tree)

    assert sorted(conflict.value.paths) == ["a.txt", "ü x.txt"]
    assert state(project) == before
    assert not (project / ".git" / "MERGE_HEAD").exists()


@pytest.mark.parametrize(
    ("mine", "complaint"),
    [
        pytest.param({"b.txt": "mine"}, "has changes that are not committed", id="a change"),
        pytest.param({"new.txt": "mine"}, "git merge failed", id="a new file in the way"),
    ],
)
async def test_work_of_the_person_is_never_merged_over(
    project: Path, tree: SeparateTree, mine: dict[str, str], complaint: str
) -> None:
    write(Path(tree.path), {"new.txt": "theirs"})
    commit(Path(tree.path), "theirs")
    write(project, mine)
    before = state(project)

    with pytest.raises(WorktreeError, match=complaint):
        await merge_tree(project, tree)

    assert state(project) == before


async def test_histories_that_share_nothing_are_not_merged(project: Path, tree: SeparateTree) -> None:
    place = Path(tree.path)
    git(place, "checkout", "-q", "--orphan", "new")
    commit(place, "another beginning")
    git(place, "branch", "-f", "agent/one", "HEAD")
    before = state(project)

    with pytest.raises(WorktreeError, match="agent/one cannot be merged"):
        await merge_tree(project, tree)

    assert state(project) == before


async def test_a_machine_without_git_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(WorktreeError, match="git does not run"):
        await list_trees(project)


async def test_what_began_from_a_commit_is_merged_by_hand(project: Path, tmp_path: Path) -> None:
    first = git(project, "rev-parse", "HEAD")
    tree = await make_tree(project, tmp_path / "one", Wish(branch="one", base=first))

    assert tree.base == ""
    with pytest.raises(WorktreeError, match="merge it where you want it"):
        await merge_tree(project, tree)


async def test_no_hook_of_the_project_runs(project: Path, tmp_path: Path) -> None:
    for name in ("post-checkout", "post-merge", "reference-transaction", "pre-commit"):
        hook = project / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        hook.chmod(0o755)

    tree = await make_tree(project, tmp_path / "one", Wish(branch="one"))
    await merge_tree(project, tree)
    await remove_tree(project, tree)

    assert list(tmp_path.glob("ran-*")) == []


async def test_uncommitted_work_of_a_tree_can_be_rescued(project: Path, tree: SeparateTree) -> None:
    write(Path(tree.path), {"a.txt": "unsaved\n"})

    rescue = await keep_rescue(Path(tree.path), "w1")

    assert git(project, "show", f"{rescue.ref}:a.txt") == "unsaved"
