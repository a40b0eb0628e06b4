"""Which separate work trees are ours, and what each was made from: git knows only that they exist.

    <git directory>/tianting/worktrees/<branch>.json      written before the tree is made, removed after it

A record without a tree is what a kill left behind; `prune_trees` clears it away.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianting.plumbing.atomic_file import write_atomically
from tianting.worktree.separate_git import git
from tianting.worktree.shadow.lock import locked


class SeparateTree(Struct, frozen=True, kw_only=True):
    """A work tree of its own, with a branch of its own."""

    path: str
    branch: str
    base: str
    """The branch it began from and goes back to; empty where it began from a commit that no branch was named for."""
    base_commit: str
    index: int
    """Counts living trees of a repository, from 0; free again after the removal."""
    first_port: int
    """The tree's block of ports begins here."""
    ports: int


class Records:
    """The records of one repository, whichever of its work trees one stands in."""

    def __init__(self, repository: Path) -> None:
        """Raises `WorktreeError` where there is no repository."""
        self.top = Path(git(repository, "rev-parse", "--show-toplevel"))
        common = Path(git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir"))
        self._place = common / "tianting" / "worktrees"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else makes or removes a tree meanwhile. Raises `CheckpointError` when that takes too long."""
        self._place.mkdir(parents=True, exist_ok=True)
        with locked(self._place / ".lock"):
            yield

    def all(self) -> tuple[SeparateTree, ...]:
        """In the order of their indexes. What cannot be read is not ours."""
        found = []
        for file in self._place.glob("*.json"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                found.append(msgspec.json.decode(file.read_bytes(), type=SeparateTree))
        return tuple(sorted(found, key=lambda tree: (tree.index, tree.branch)))

    def free_index(self) -> int:
        """The lowest that no tree has."""
        taken = {tree.index for tree in self.all()}
        return next(index for index in range(len(taken) + 1) if index not in taken)

    def keep(self, tree: SeparateTree) -> None:
        """Write it down."""
        write_atomically(self._file(tree), msgspec.json.encode(tree))

    def drop(self, tree: SeparateTree) -> None:
        """Forget it."""
        self._file(tree).unlink(missing_ok=True)

    def _file(self, tree: SeparateTree) -> Path:
        return self._place / f"{quote(tree.branch, safe='')}.json"
