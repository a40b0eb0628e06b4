"""What a list shows of a conversation, without reading it: the first and the last 64 KiB of its transcript tell.

A list therefore takes the same time whether sessions are short or long.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.protocol.content import text_of
from tianting.session.block_reading import user_blocks
from tianting.session.lines import Line, decode
from tianting.session.titles import is_spoken, prompt_line, title_from

_REACH = 64 * 1024
_REMARK_KEYS = (b'"customTitle"', b'"aiTitle"', b'"summary"', b'"lastPrompt"')


class SessionSummary(Struct, frozen=True, kw_only=True):
    """One session in a list."""

    session_id: str
    path: Path
    title: str
    first_prompt: str
    cwd: str
    git_branch: str
    modified: float
    """Seconds since 1970, when its last line was written."""
    size: int
    """Bytes."""


def summarise(path: Path) -> SessionSummary | None:
    """Look at the transcript `path`. None when it cannot be read, holds no prompt, or is a sub-agent's."""
    try:
        ends = _read_ends(path)
    except OSError:
        return None
    start = _start(ends)
    if start is None:
        return None
    remarks = _remarks(ends)
    prompt = start.prompt or _first(line.last_prompt for line in remarks)
    if not prompt:
        return None
    return SessionSummary(
        session_id=path.stem,
        path=path,
        title=_title(remarks) or title_from(prompt),
        first_prompt=prompt_line(prompt),
        cwd=start.cwd,
        git_branch=start.git_branch,
        modified=ends.modified,
        size=ends.size,
    )


class _Ends(Struct, frozen=True):
    head: bytes
    tail: bytes
    """Empty when `head` is all."""
    modified: float
    size: int


class _Start(Struct, frozen=True):
    prompt: str
    cwd: str
    git_branch: str


def _read_ends(path: Path) -> _Ends:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        facts = os.fstat(descriptor)
        head = os.pread(descriptor, _REACH, 0)
        tail = os.pread(descriptor, _REACH, max(_REACH, facts.st_size - _REACH))
    finally:
        os.close(descriptor)
    return _Ends(head, tail, facts.st_mtime, facts.st_size)


def _start(ends: _Ends) -> _Start | None:
    """The first prompt and the facts up to it. None at a sub-agent's transcript."""
    cwd = branch = ""
    raw_lines = ends.head.split(b"\n")
    for line in filter(None, map(decode, raw_lines)):
        if line.is_sidechain:
            return None
        cwd, branch = cwd or line.cwd or "", branch or line.git_branch or ""
        if prompt := _spoken(line):
            return _Start(prompt, cwd, branch)
    if cwd or not ends.tail:
        return _Start("", cwd, branch)
    return _start_of_long_line(raw_lines[-1].decode(errors="ignore"))


def _spoken(line: Line) -> str:
    """The words of a person in `line`."""
    if line.type != "user" or line.is_meta or line.is_compact_summary:
        return ""
    words = text_of(user_blocks(line.field("content")))
    return words if is_spoken(words) else ""


def _start_of_long_line(fragment: str) -> _Start | None:
    """What the beginning of a line gives away whose end is out of reach: a prompt with a picture, for one."""
    if '"isSidechain":true' in fragment:
        return None
    prompt = ""
    if '"type":"user"' in fragment and '"isMeta":true' not in fragment:
        prompt = _string(fragment, "text") or _string(fragment, "content")
    return _Start(prompt, _string(fragment, "cwd"), _string(fragment, "gitBranch"))


def _string(fragment: str, name: str) -> str:
    found = re.search(rf'"{name}":("(?:[^"\\]|\\u[0-9a-fA-F]{{4}}|\\[^u]){{0,1000}})', fragment)
    return str(msgspec.json.decode(found[1] + '"')) if found else ""


def _remarks(ends: _Ends) -> list[Line]:
    """The lines that say something about the session, newest first."""
    raw_lines = (line for part in (ends.tail, ends.head) for line in reversed(part.split(b"\n")))
    told = (decode(line) for line in raw_lines if any(key in line for key in _REMARK_KEYS))
    return [line for line in told if line is not None]


def _title(remarks: Sequence[Line]) -> str:
    """The newest title; a person's goes before ours, and ours before a summary."""
    return (
        _first(line.custom_title for line in remarks)
        or _first(line.ai_title for line in remarks)
        or _first(line.summary for line in remarks)
    )


def _first(words: Iterable[str | None]) -> str:
    return next(filter(None, words), "")
