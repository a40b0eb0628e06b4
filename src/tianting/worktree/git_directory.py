"""Where git keeps what is committed in a directory: without it nobody could open that place alone to whoever commits.

    /shop/.git/                   of /shop, and of every directory in it
    /trees/mend/.git (a file)     of a linked work tree: names /shop/.git/worktrees/mend, which names /shop/.git

The formats are git's, see gitrepository-layout(5).
"""

import os
from pathlib import Path

_LONGEST = 4096
"""Bytes of a file that names a path."""


def git_directory_of(directory: Path) -> Path | None:
    """The directory of the repository that `directory` belongs to, links not resolved. None where there is none.

    A `.git` that names a repository which does not know it counts for none: anybody could have written it.
    """
    for above in (directory, *directory.parents):
        place = above / ".git"
        if place.is_dir():
            return place
        if place.is_file():
            return _of_linked(place)
    return None


def _of_linked(place: Path) -> Path | None:
    own = _named_in(place, "gitdir: ")
    if own is None:
        return None
    common, back = _named_in(own / "commondir"), _named_in(own / "gitdir")
    if common is None or back is None or own.parent != common / "worktrees":
        return None
    return common if os.path.realpath(back) == os.path.realpath(place) else None


def _named_in(file: Path, prefix: str = "") -> Path | None:
    """The path that a file of git names, relative to its directory."""
    try:
        with file.open(encoding="utf-8", errors="surrogateescape") as opened:
            text = opened.read(_LONGEST).rstrip("\n")
    except OSError:
        return None
    return Path(os.path.normpath(file.parent / text.removeprefix(prefix))) if text.startswith(prefix) else None
