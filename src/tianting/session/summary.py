"""What a list shows of a conversation, without reading it: the first and the last 64 KiB of its transcript tell.

A list therefore takes the same time whether sessions are short or long.
"""

import os
import re
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.session.lines import decode
from tianting.session.remarks import REACH, remark_lines, remarks_of
from tianting.session.spoken import spoken
from tianting.session.titles import prompt_line, title_from


class SessionSummary(Struct, frozen=True, kw_only=True):
    """One session in a list."""

    session_id: str
    path: Path
    title: str
    first_prompt: str
    tag: str = ""
    """One word of a person's, to find it again; empty without one."""
    cwd: str
    git_branch: str
    modified: float
    """Seconds since 1970, when its last line was written."""
    size: int
    """Bytes."""
    is_ours: bool = True
    """False when another agent wrote it: then it is only read, and going on with it makes a copy."""


def summarise(path: Path) -> SessionSummary | None:
    """Look at the transcript `path`. None when it cannot be read, holds no prompt, or is a sub-agent's."""
    try:
        ends = _read_ends(path)
    except OSError:
        return None
    start = _start(ends)
    if start is None:
        return None
    remarks = remarks_of(chain(remark_lines(ends.tail), remark_lines(ends.head)))
    prompt = start.prompt or remarks.last_prompt
    if not prompt:
        return None
    return SessionSummary(
        session_id=path.stem,
        path=path,
        title=remarks.title or title_from(prompt),
        first_prompt=prompt_line(prompt),
        tag=remarks.tag or "",
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
        head = os.pread(descriptor, REACH, 0)
        tail = os.pread(descriptor, REACH, max(REACH, facts.st_size - REACH))
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
        if prompt := spoken(line):
            return _Start(prompt, cwd, branch)
    if cwd or not ends.tail:
        return _Start("", cwd, branch)
    return _start_of_long_line(raw_lines[-1].decode(errors="ignore"))


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
