"""What to say of a path that is not there: most often the model misremembers a name, and the right one is near."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tianting.plumbing.near_names import likeness
from tianting.plumbing.printable import printable
from tianting.tools.contract import ToolFailed
from tianting.tools.workspace import Workspace
from tianting.worktree.outline import NOISE

_MAX_LOOKED_AT = 20_000
_MAX_SIMILAR = 3


def missing_path(workspace: Workspace, path: Path, what: str) -> ToolFailed:
    """Build the failure for a missing `what` ("file" or "directory"). Walks the tree: call it in a thread."""
    message = f"No {what} {_named(workspace.shown(path))} (root {_named(str(workspace.root))})."
    if similar := similar_paths(workspace, path.name):
        message += f" Similar: {', '.join(_named(name) for name in similar)}."
    else:
        message += ' Find it with Glob "**/' + printable(path.name, 60) + '".'
    return ToolFailed(message)


def similar_paths(workspace: Workspace, name: str) -> list[str]:
    """Files and directories of the root whose name is near `name`, nearest first, at most three.

    Only inside the root: outside, the names themselves may be none of the model's business.
    """
    ranked = []
    for entry in islice(_entries(workspace.root), _MAX_LOOKED_AT):
        rank = distance(name, entry.name)
        if rank is not None:
            ranked.append((rank, len(entry.path), entry.path))
    return [workspace.shown(Path(path)) for _, _, path in sorted(ranked)[:_MAX_SIMILAR]]


def distance(asked: str, found: str) -> int | None:
    """How far apart two names are: 0 is the same; None is too far to be worth a mention."""
    if asked == found:
        return 0
    asked_stem, found_stem = _stem(asked), _stem(found)
    if asked_stem == found_stem:
        return 1
    short, long = sorted((asked_stem, found_stem), key=len)
    if len(short) >= 3 and (short in long or _is_subsequence(short, long)):
        return 2 + len(long) - len(short) if len(long) <= 3 * len(short) else None
    return 20 if likeness(short, long) >= 0.5 else None


def _stem(name: str) -> str:
    return name.lower().lstrip(".").partition(".")[0].replace("-", "_")


def _is_subsequence(short: str, long: str) -> bool:
    letters = iter(long)
    return short[0] == long[0] and all(letter in letters for letter in short)


def _entries(root: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below `root`, level by level, without noise."""
    level = [str(root)]
    while level:
        below = []
        for directory in level:
            for entry in _listed(directory):
                if entry.name in NOISE:
                    continue
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
        level = below


def _listed(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _named(path: str) -> str:
    return printable(path, 120)
