"""Whether looking at a repository would run its programs: an unpacked archive brings its own `.git/config` along.

`git status` hands changed files to the filters that the repository's configuration names (gitattributes(5), "filter").
Nothing switches them off as a whole, so a configuration that has any, or pulls in another file, is told beforehand.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_CONFIGS = ("config", "config.worktree")
_NAMES_PROGRAMS = re.compile(rb"\[(?:filter|include)", re.IGNORECASE)
_MAX_BYTES = 1_000_000


def may_run_filters(git: Path) -> bool:
    """Whether the repository at `git`, a `.git` directory or the file that stands for one, may have filters."""
    return any(_may_name_filters(directory / name) for directory in _directories(git) for name in _CONFIGS)


def _may_name_filters(config: Path) -> bool:
    if not config.is_file():
        return config.exists()
    try:
        with config.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError:
        return True
    return len(text) > _MAX_BYTES or _NAMES_PROGRAMS.search(text) is not None


def _directories(git: Path) -> Iterator[Path]:
    """Where the configuration lies, as in gitrepository-layout(5): a work tree of its own shares another's."""
    if git.is_file():
        git = git.parent / _pointed_to(git)
    yield git
    if (git / "commondir").is_file():
        yield git / _pointed_to(git / "commondir")


def _pointed_to(pointer: Path) -> str:
    try:
        return pointer.read_text(encoding="utf-8", errors="surrogateescape").strip().removeprefix("gitdir:").strip()
    except OSError:
        return ""
