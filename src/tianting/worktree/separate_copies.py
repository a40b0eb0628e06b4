"""Brings into a new work tree what git does not: without its `.env` no program starts there.

Copied is what git ignores and what a pattern names: those of the settings, and those in `.worktreeinclude`, a file in
the form of `.gitignore` at the top of the project. What git does not ignore would make the new tree dirty.
"""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from tianting.worktree.separate_git import git

INCLUDE = ".worktreeinclude"


def copy_ignored(source: Path, target: Path, patterns: Sequence[str]) -> tuple[str, ...]:
    """Copy from the work tree `source` to `target`, both roots, and give back the paths. Raises `WorktreeError`.

    A file that cannot be copied is left out; a link stays a link.
    """
    wanted = _named(source, patterns)
    if not wanted:
        return ()
    ignored = _listed(source, "--exclude-standard")
    return tuple(path for path in sorted(wanted & ignored) if _copied(source / path, target / path, target))


def _named(source: Path, patterns: Sequence[str]) -> set[str]:
    given = [f"--exclude={pattern}" for pattern in patterns]
    if (source / INCLUDE).is_file():
        given.append(f"--exclude-from={INCLUDE}")
    return _listed(source, *given) if given else set()


def _listed(source: Path, *patterns: str) -> set[str]:
    """Files that git does not track and that `patterns` match."""
    return set(filter(None, git(source, "ls-files", "-z", "--others", "--ignored", *patterns).split("\0")))


def _copied(source: Path, target: Path, root: Path) -> bool:
    # A branch may have a link where this one has a directory: nothing is written through it.
    if target.is_symlink() or target.exists() or not target.parent.resolve().is_relative_to(root.resolve()):
        return False
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
        return True
    return False
