"""What a list shows of a conversation, without reading it: the first and the last 64 KiB of its transcript tell.

A list therefore takes the same time whether sessions are short or long.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.protocol.content import text_of
from tianting.session.block_reading import user_blocks
from tianting.session.lines import Line, decode
from tianting.session.titles import is_spoken, prompt_line, title_from

_REACH = 64 * 1024
_TITLE_KEYS = (b'"customTitle"', b'"aiTitle"', b'"summary"')


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
    return SessionSummary(
        session_id=path.stem,
        path=path,
        title=_title(ends) or title_from(start.prompt),
        first_prompt=prompt_line(start.prompt),
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
    """The first prompt and the facts beside it."""
    raw_lines = ends.head.split(b"\n")
    for line in filter(None, map(decode, raw_lines)):
        if line.is_sidechain:
            return None
        if prompt := _spoken(line):
            return _Start(prompt, line.cwd or "", line.git_branch or "")
    return _start_of_long_line(raw_lines[-1].decode(errors="ignore"))


def _spoken(line: Line) -> str:
    """The words of a person in `line`."""
    if line.type != "user" or line.is_meta or line.is_compact_summary:
        return ""
    words = text_of(user_blocks(line.field("content")))
    return words if is_spoken(words) else ""


def _start_of_long_line(fragment: str) -> _Start | None:
    """What the beginning of a line gives away whose end is out of reach: a prompt with a picture, for one."""
    if '"type":"user"' not in fragment or '"isSidechain":true' in fragment:
        return None
    prompt = _string(fragment, "text") or _string(fragment, "content") or "(a long prompt)"
    return _Start(prompt, _string(fragment, "cwd"), _string(fragment, "gitBranch"))


def _string(fragment: str, name: str) -> str:
    found = re.search(rf'"{name}":("(?:[^"\\]|\\u[0-9a-fA-F]{{4}}|\\[^u]){{0,1000}})', fragment)
    return str(msgspec.json.decode(found[1] + '"')) if found else ""


def _title(ends: _Ends) -> str | None:
    """The newest title; a person's goes before ours, and ours before a summary."""
    lines = [line for line in _newest_lines(ends) if any(key in line for key in _TITLE_KEYS)]
    named = [line for line in map(decode, lines) if line is not None]
    titles = (
        *(line.custom_title for line in named),
        *(line.ai_title for line in named),
        *(line.summary for line in named),
    )
    return next(filter(None, titles), None)


def _newest_lines(ends: _Ends) -> Iterator[bytes]:
    yield from reversed(ends.tail.split(b"\n"))
    yield from reversed(ends.head.split(b"\n"))
