"""The shape of a work tree in two levels, small enough to ride along with the first message.

    src/              directories first
      agent/
      models/ (41)    how many entries, where they are not listed
    README.md

Directories are unfolded in turn for as long as there is room; those with many entries, and noise, stay folded.
"""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tianting.plumbing.printable import printable

MAX_BYTES = 2_000
NOISE = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".mypy_cache", ".pytest_cache"),
        *(".ruff_cache", ".tox", ".nox", ".idea", ".vscode", ".cache", ".gradle", ".next", "target", "dist", "build"),
        *("vendor", "coverage", "htmlcov", ".DS_Store", ".eggs", ".terraform", ".import_linter_cache", ".hypothesis"),
    }
)
_MAX_UNFOLDED = 25
_MAX_LISTED = 1_000
"""Entries of one directory that are looked at at all."""
_MAX_NAME = 80
_MAX_COUNT = len(" (1000+)")
_MAX_CUT = MAX_BYTES - len("… 1000 more".encode())


def outline(root: Path) -> str:
    """Draw `root`. Unreadable directories look empty; names are made safe to show."""
    entries = _entries(str(root))
    if not entries:
        return ""
    lines = [[_line(entry)] for entry in entries]
    room = _MAX_CUT - sum(_size(line) + _MAX_COUNT for line in lines)
    for line, entry in zip(lines, entries, strict=True):
        if room > 0 and entry.is_dir(follow_symlinks=False):
            room -= _unfold(line, entry, room)
    return _cut([text for line in lines for text in line])


def safe_name(name: str, limit: int = _MAX_NAME) -> str:
    """A name from the tree as it may stand in a message: on one line, and never an opening tag."""
    return printable(name, limit).replace("<", "\\x3c")


def _entries(directory: str) -> list["os.DirEntry[str]"]:
    """Directories first, by name; without noise."""
    try:
        with os.scandir(directory) as entries:
            kept = [entry for entry in islice(entries, _MAX_LISTED) if entry.name not in NOISE]
    except OSError:
        return []
    return sorted(kept, key=lambda entry: (not entry.is_dir(follow_symlinks=False), entry.name))


def _line(entry: "os.DirEntry[str]") -> str:
    return f"{safe_name(entry.name)}/" if entry.is_dir(follow_symlinks=False) else safe_name(entry.name)


def _unfold(line: list[str], entry: "os.DirEntry[str]", room: int) -> int:
    """Add the entries of one directory below its line, or their number behind it; the bytes of the entries."""
    below = _entries(entry.path)
    rows = [f"  {_line(child)}" for child in below]
    if not below or len(below) > _MAX_UNFOLDED or _size(rows) > room:
        line[0] += f" ({len(below)}{'+' if len(below) >= _MAX_LISTED else ''})"
        return 0
    line += rows
    return _size(rows)


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _cut(lines: list[str]) -> str:
    """Drop what exceeds the limit: only a root with very many entries comes to this."""
    room = _MAX_CUT
    for index, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join([*lines[:index], f"… {len(lines) - index} more"])
    return "\n".join(lines)
