"""Brings the work of a separate tree back: first to be looked at, then as a merge that happens whole or not at all.

The merge is made beside every work tree (`git merge-tree`), so a conflict is known before a file is touched, and a
program that is killed here leaves no half of one.
"""

from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from tianting.protocol.errors import WorktreeError
from tianting.worktree.separate import dirt_in
from tianting.worktree.separate_git import asked, git, somebody
from tianting.worktree.separate_records import SeparateTree

MAX_DIFF = 2_000_000
"""Characters: more than any person reads."""
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv")


class MergeConflict(WorktreeError):
    """Both sides changed the same places. Nothing was merged."""

    def __init__(self, message: str, paths: tuple[str, ...]) -> None:
        super().__init__(message)
        self.paths = paths


class Review(Struct, frozen=True, kw_only=True):
    """What a merge would bring."""

    commits: tuple[str, ...]
    """Short hash and subject, newest first."""
    diff: str
    """From where the branch began; at most two million characters."""
    cut: bool
    """`diff` is not all of it."""
    uncommitted: tuple[str, ...]
    """Changed and new files that no commit has: a merge does not bring them."""


class Merged(Struct, frozen=True, kw_only=True):
    """What came of a merge."""

    branch: str
    """That has the work now."""
    commit: str


async def review_tree(tree: SeparateTree) -> Review:
    """What `merge_tree` would bring. Raises `WorktreeError`."""
    return await anyio.to_thread.run_sync(_review, tree)


async def merge_tree(repository: Path, tree: SeparateTree) -> Merged:
    """Merge the commits of `tree` into its base, wherever that is checked out. No hook runs.

    Raises `MergeConflict` with the paths, and `WorktreeError` where something uncommitted stands in either tree.
    Whatever it raises, branches and files are as they were.
    """
    return await anyio.to_thread.run_sync(_merge, repository, tree)


def _review(tree: SeparateTree) -> Review:
    place, dirt = Path(tree.path), dirt_in(tree)
    ours, theirs = tree.base or tree.base_commit, f"refs/heads/{tree.branch}"
    diff = git(place, "diff", *_PLAIN, f"{ours}...{theirs}", "--")
    commits = git(place, "log", "--no-color", "--no-show-signature", "--format=%h %s", f"{ours}..{theirs}", "--")
    return Review(
        commits=tuple(commits.splitlines()),
        diff=diff[:MAX_DIFF],
        cut=len(diff) > MAX_DIFF,
        uncommitted=dirt.changed + dirt.untracked,
    )


def _merge(repository: Path, tree: SeparateTree) -> Merged:
    if not tree.base:
        raise WorktreeError(f"{tree.branch} began from a commit, not from a branch: merge it where you want it.")
    dirt = dirt_in(tree)
    if dirt.changed or dirt.untracked:
        raise WorktreeError(f"{tree.path} has work that is not committed. Commit it, then merge.")
    target = _where_checked_out(repository, tree.base)
    if target is not None:
        _refuse_dirty(target)
    before = git(repository, "rev-parse", "--verify", f"refs/heads/{tree.base}^{{commit}}")
    after = _merged_commit(repository, tree, before)
    if target is not None:
        # Only forward, and git leaves everything as it is where an unknown file is in the way.
        git(target, "merge", "--quiet", "--ff-only", after)
    else:
        git(repository, "update-ref", f"refs/heads/{tree.base}", after, before)
    return Merged(branch=tree.base, commit=after)


def _merged_commit(repository: Path, tree: SeparateTree, ours: str) -> str:
    """The commit that the base is to stand on. Written, but nothing points to it yet."""
    theirs = git(repository, "rev-parse", "--verify", f"refs/heads/{tree.branch}^{{commit}}")
    if _is_in(repository, theirs, ours):
        return ours
    if _is_in(repository, ours, theirs):
        return theirs
    said = asked(repository, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs)
    content, *conflicts = [part for part in said.output.split("\0") if part] or [""]
    if said.code == 1 and conflicts:
        paths = tuple(dict.fromkeys(conflicts))
        raise MergeConflict(f"{tree.branch} and {tree.base} disagree about {', '.join(paths[:5])}.", paths)
    if said.code:
        raise WorktreeError(f"{tree.branch} cannot be merged: {said.complaint.strip() or said.code}")
    message = f"Merge branch '{tree.branch}' into {tree.base}"
    made = asked(repository, "commit-tree", "-p", ours, "-p", theirs, "-m", message, content, more=somebody(repository))
    if made.code:
        raise WorktreeError(f"{tree.branch} cannot be merged: {made.complaint.strip()}")
    return made.output.strip()


def _is_in(repository: Path, commit: str, other: str) -> bool:
    return asked(repository, "merge-base", "--is-ancestor", commit, other).code == 0


def _where_checked_out(repository: Path, branch: str) -> Path | None:
    """The work tree that has `branch`; None where none has it. Format: git-worktree(1), "PORCELAIN FORMAT"."""
    path = ""
    for line in git(repository, "worktree", "list", "--porcelain", "-z").split("\0"):
        if line.startswith("worktree "):
            path = line.removeprefix("worktree ")
        if line == f"branch refs/heads/{branch}":
            return Path(path)
    return None


def _refuse_dirty(target: Path) -> None:
    if git(target, "status", "--porcelain=v1", "--untracked-files=no"):
        raise WorktreeError(f"{target} has changes that are not committed. Commit or stash them, then merge.")
