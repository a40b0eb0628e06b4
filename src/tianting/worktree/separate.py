"""Separate git work trees: without them two agents in one project would overwrite each other's files.

    tree = await make_tree(project, place, Wish(branch="fix-login"))
    dirt = await dirt_of(tree)                  what would be lost
    await merge_tree(project, tree)             `separate_merging`
    await remove_tree(project, tree)            refused while anything would be lost

Nothing here removes work: a tree with changes, with new files or with commits that are nowhere else stays.
"""

from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from tianting.protocol.errors import WorktreeError
from tianting.worktree.separate_copies import copy_ignored
from tianting.worktree.separate_git import asked, git
from tianting.worktree.separate_records import Records, SeparateTree


class Ports(Struct, frozen=True, kw_only=True):
    """How ports are shared out, so that two development servers do not meet."""

    first: int = 20_000
    each: int = 20
    """Of one work tree."""


class Wish(Struct, frozen=True, kw_only=True):
    """What a new work tree is to be."""

    branch: str
    """New; made with the tree."""
    base: str = "HEAD"
    """A branch, a tag or a commit."""
    copied: tuple[str, ...] = (".env", ".env.local")
    """Patterns, as in .gitignore, of ignored files to be copied, beside those of `.worktreeinclude`."""
    ports: Ports = Ports()


class Dirt(Struct, frozen=True, kw_only=True):
    """What would be lost with a work tree. Ignored files do not count."""

    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    commits: int = 0
    """That are neither in its base nor on a remote."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.changed or self.untracked or self.commits)


async def make_tree(repository: Path, place: Path, wish: Wish) -> SeparateTree:
    """Make a work tree at `place`, which must not exist. No hook runs. Raises `WorktreeError`, and leaves nothing."""
    return await anyio.to_thread.run_sync(_make, repository, place, wish)


async def list_trees(repository: Path) -> tuple[SeparateTree, ...]:
    """Those of `repository` that `make_tree` made, gone ones included. Raises `WorktreeError`."""
    return await anyio.to_thread.run_sync(lambda: Records(repository).all())


async def dirt_of(tree: SeparateTree) -> Dirt:
    """What would be lost with `tree`. Raises `WorktreeError`, also where its directory is gone."""
    return await anyio.to_thread.run_sync(dirt_in, tree)


async def remove_tree(repository: Path, tree: SeparateTree) -> None:
    """Remove `tree`, and its branch if all of it is in the base. Raises `WorktreeError` where anything would be lost.

    End the processes that work there first.
    """
    await anyio.to_thread.run_sync(_remove, repository, tree)


async def prune_trees(repository: Path) -> tuple[SeparateTree, ...]:
    """Forget the trees whose directories are gone, and give them back. Their branches stay. Raises `WorktreeError`."""
    return await anyio.to_thread.run_sync(_prune, repository)


def dirt_in(tree: SeparateTree) -> Dirt:
    """`dirt_of`, blocking."""
    if not Path(tree.path).is_dir():
        raise WorktreeError(f"The work tree {tree.path} is gone; its branch {tree.branch} is still there.")
    place = Path(tree.path)
    status = git(place, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all")
    entries = [entry for entry in status.split("\0") if entry]
    elsewhere = ("--not", _base_of(tree, place), "--remotes")
    return Dirt(
        changed=tuple(entry[3:] for entry in entries if not entry.startswith("??")),
        untracked=tuple(entry[3:] for entry in entries if entry.startswith("??")),
        # Somebody may have left the branch: what HEAD has counts as well.
        commits=int(git(place, "rev-list", "--count", "HEAD", f"refs/heads/{tree.branch}", *elsewhere)),
    )


def _make(repository: Path, place: Path, wish: Wish) -> SeparateTree:
    records = Records(repository)
    if asked(records.top, "check-ref-format", "--branch", wish.branch).code:
        raise WorktreeError(f"{wish.branch!r} cannot be the name of a branch.")
    commit = _commit_of(records.top, wish.base)
    with records.alone():
        if _is_branch(records.top, wish.branch):
            raise WorktreeError(f"There is a branch {wish.branch} already. Choose another name.")
        index = records.free_index()
        tree = SeparateTree(
            path=str(place.absolute()),
            branch=wish.branch,
            base=_branch_named(records.top, wish.base),
            base_commit=commit,
            index=index,
            first_port=wish.ports.first + index * wish.ports.each,
            ports=wish.ports.each,
        )
        records.keep(tree)
        try:
            git(records.top, "worktree", "add", "--quiet", "--no-track", "-b", tree.branch, "--", tree.path, commit)
        except WorktreeError:
            # git makes the branch first; at its first commit it holds nothing of anybody's.
            asked(records.top, "update-ref", "-d", f"refs/heads/{tree.branch}", commit)
            records.drop(tree)
            raise
    copy_ignored(records.top, place, wish.copied)
    return tree


def _remove(repository: Path, tree: SeparateTree) -> None:
    records = Records(repository)
    with records.alone():
        if dirt := dirt_in(tree):
            raise WorktreeError(f"The work tree {tree.path} is kept: {_in_words(dirt)} would be lost.")
        # Without --force git looks once more: what was written meanwhile is kept, too.
        git(records.top, "worktree", "remove", "--", tree.path)
        base = _base_of(tree, records.top)
        if asked(records.top, "merge-base", "--is-ancestor", f"refs/heads/{tree.branch}", base).code == 0:
            git(records.top, "branch", "--quiet", "-D", "--", tree.branch)
        records.drop(tree)


def _prune(repository: Path) -> tuple[SeparateTree, ...]:
    records = Records(repository)
    with records.alone():
        gone = tuple(tree for tree in records.all() if not Path(tree.path).exists())
        for tree in gone:
            # Only ours, one by one: `git worktree prune` would take a person's on a disk that is not mounted, too.
            asked(records.top, "worktree", "remove", "--", tree.path)
            records.drop(tree)
    return gone


def _commit_of(directory: Path, name: str) -> str:
    said = asked(directory, "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
    if said.code:
        raise WorktreeError(f"{directory} has no commit {name!r} that a work tree could begin from.")
    return said.output.strip()


def _branch_named(directory: Path, base: str) -> str:
    if base == "HEAD":
        return asked(directory, "symbolic-ref", "--quiet", "--short", "HEAD").output.strip()
    return base if _is_branch(directory, base) else ""


def _is_branch(directory: Path, name: str) -> bool:
    return asked(directory, "show-ref", "--verify", "--quiet", f"refs/heads/{name}").code == 0


def _base_of(tree: SeparateTree, directory: Path) -> str:
    """What its work must be in to be safe. A base that was deleted counts as it was at the beginning."""
    return f"refs/heads/{tree.base}" if tree.base and _is_branch(directory, tree.base) else tree.base_commit


def _in_words(dirt: Dirt) -> str:
    counts = (
        (len(dirt.changed), "changed files"),
        (len(dirt.untracked), "new files"),
        (dirt.commits, "commits that are nowhere else"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count)
