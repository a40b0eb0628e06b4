"""What kinds of file a tree does have, for a Glob that found none: `*.jsx` is often a guess at `*.tsx`."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from tianting.plumbing.printable import printable
from tianting.tools.searching.held_tree import HeldTree
from tianting.worktree.outline import NOISE

_MAX_FILES = 20_000
_MAX_NAMED = 3


def near_suffixes(tree: HeldTree, pattern: str, check_cancelled: Callable[[], None]) -> list[str]:
    """Say it as `*.tsx (41)`: those like the pattern's suffix first, then the most frequent; at most three."""
    counts: Counter[str] = Counter()
    for number, suffix in enumerate(_suffixes(tree, check_cancelled)):
        counts[suffix] += 1
        if number == _MAX_FILES:
            break
    asked = PurePosixPath(pattern).suffix
    ranked = sorted(counts, key=lambda suffix: (suffix != asked, not _is_near(asked, suffix), -counts[suffix], suffix))
    return [f"{_named(suffix)} ({counts[suffix]:,})" for suffix in ranked[:_MAX_NAMED]]


def _suffixes(tree: HeldTree, check_cancelled: Callable[[], None]) -> Iterator[str]:
    waiting = [""]
    while waiting:
        check_cancelled()
        directory = waiting.pop()
        for entry in tree.entries(directory):
            if entry.is_file(follow_symlinks=False):
                yield PurePosixPath(entry.name).suffix
            elif entry.is_dir(follow_symlinks=False) and entry.name not in NOISE:
                waiting.append(f"{directory}{entry.name}/")


def _named(suffix: str) -> str:
    return f"*{printable(suffix, 20)}" if suffix else "files without suffix"


def _is_near(asked: str, found: str) -> bool:
    """Two letters in common, in order and at the same end: .jsx and .tsx, .yml and .yaml, .htm and .html."""
    return len(asked) > 1 and (asked[1:3] == found[1:3] or asked[-2:] == found[-2:])
