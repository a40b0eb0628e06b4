"""Where a conversation lies: the one place that knows how a project's path becomes a directory name.

    <home>/projects/<slug of the working directory>/<session id>.jsonl

Slugs are those of Claude Code, so that its sessions are found under its home as ours are under ours.
"""

import os
import re
import unicodedata
from pathlib import Path

_LONGEST_SLUG = 200
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SEPARATED = re.compile("[^a-zA-Z0-9]")


def projects_directory(home: Path) -> Path:
    """Where the transcripts of all projects lie. `home` is the agent's own: `~/.tianting`, `~/.claude`."""
    return home / "projects"


def project_directory(projects: Path, cwd: str) -> Path:
    """Where the transcripts of the project at `cwd` lie."""
    return projects / slug(cwd)


def transcript_path(projects: Path, cwd: str, session_id: str) -> Path:
    """Where the session `session_id` of the project at `cwd` is written."""
    return project_directory(projects, cwd) / f"{session_id}.jsonl"


def slug(cwd: str) -> str:
    """The directory name of a project. Two ways to write one path give one slug; unlike paths may share one."""
    path = unicodedata.normalize("NFC", os.path.realpath(cwd))
    name = _SEPARATED.sub("-", path)
    return name if len(name) <= _LONGEST_SLUG else f"{name[:_LONGEST_SLUG]}-{_base36(abs(_javascript_hash(path)))}"


def _javascript_hash(text: str) -> int:
    """The 32-bit string hash many JavaScript programs use: `h = h * 31 + unit` over UTF-16 units, signed."""
    units = text.encode("utf-16-le", "surrogatepass")
    total = 0
    for low, high in zip(units[::2], units[1::2], strict=True):
        total = (total * 31 + (high << 8 | low)) & 0xFFFFFFFF
    return total - 0x100000000 if total & 0x80000000 else total


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
