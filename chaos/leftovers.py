"""What a run left behind: processes that belong to nobody, and files that are not what they were."""

import contextlib
import os
import resource
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chaos.answering import NOTES

DRAFT = "draft.txt"
"""In each work tree, never committed: an hour of somebody's work."""
_SERIALS = 24
"""Bits of a keeper's mark that tell its windows apart: `keeper.marks`."""
_MARKED = 1 << 60


def draft(window: str) -> str:
    """What stands in a window's draft."""
    return f"What nobody has committed yet, of {window}.\n" * 20


def keeper_of(pid: int) -> int | None:
    """What the mark of a window's process says about its keeper; None without a mark."""
    try:
        mark = resource.prlimit(pid, resource.RLIMIT_RTTIME)[0]
    except (ProcessLookupError, PermissionError):
        return None
    return mark >> _SERIALS if mark >= _MARKED else None


def orphans(root: Path, keepers: set[int]) -> list[str]:
    """Processes that began with `root` in their environment, or bear a mark of these keepers: a line each."""
    below = set(processes_below(root))
    return [f"process {pid}: {_command(pid)}" for pid in _processes() if pid in below or keeper_of(pid) in keepers]


def processes_below(root: Path) -> list[int]:
    """Processes that have `root` in their environment, but not our own."""
    return [pid for pid in _processes() if pid != os.getpid() and has_in_environment(pid, root)]


def has_in_environment(pid: int, root: Path) -> bool:
    """Whether a process, or what it was forked from, was started with a variable that leads below `root`."""
    try:
        return os.fsencode(root) in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def lost_drafts(trees: Mapping[str, Path]) -> list[str]:
    """Windows whose draft is gone or changed."""
    return [window for window, tree in trees.items() if _text(tree / DRAFT) != draft(window)]


def lost_notes(tree: Path, numbers: Sequence[str]) -> list[str]:
    """Numbers that were answered as written, and are not there."""
    written = Counter(_text(tree / NOTES).split())
    return [number for number in numbers if not written[number]]


def doubled_notes(tree: Path) -> list[str]:
    """Numbers that were written twice: a prompt that had acted was repeated."""
    return [number for number, times in Counter(_text(tree / NOTES).split()).items() if times > 1]


def _processes() -> Iterator[int]:
    """Zombies are none."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(entry.path, "stat").read_text(encoding="ascii", errors="replace")
                if stat[stat.rindex(")") + 2] not in "ZX":
                    yield int(entry.name)


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    return "gone meanwhile"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
