"""What was said about a session, and not in it: its titles, its tag, what was asked last.

Anybody may append such lines, also while the session is open elsewhere; the newest of a kind counts.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tianting.session.lines import Line, decode

REACH = 64 * 1024
"""Bytes at a file's ends in which readers look for remarks."""
_KEYS = (b'"customTitle"', b'"aiTitle"', b'"summary"', b'"lastPrompt"', b'"tag"')


class Remarks(Struct, frozen=True, kw_only=True):
    """The newest of each kind; empty when there is none."""

    custom_title: str = ""
    """A person's."""
    ai_title: str = ""
    summary: str = ""
    last_prompt: str = ""
    tag: str | None = None
    """Empty when it was taken away, None when nobody ever gave one."""

    @property
    def title(self) -> str:
        """A person's goes before ours, and ours before a summary."""
        return self.custom_title or self.ai_title or self.summary


def remarks_of(newest_first: Iterable[Line]) -> Remarks:
    """Gather them from the lines of one session."""
    lines = list(newest_first)
    return Remarks(
        custom_title=_first(line.custom_title for line in lines),
        ai_title=_first(line.ai_title for line in lines),
        summary=_first(line.summary for line in lines),
        last_prompt=_first(line.last_prompt for line in lines),
        tag=next((line.tag or "" for line in lines if line.type == "tag"), None),
    )


def remark_lines(part: bytes) -> Iterator[Line]:
    """The lines in a part of a file that may be remarks, newest first. Torn ones are passed over."""
    for raw in reversed(part.split(b"\n")):
        if any(key in raw for key in _KEYS) and (line := decode(raw)) is not None:
            yield line


def remarks_since(path: Path, start: int) -> Remarks:
    """Those behind the byte `start` of the transcript `path`. Raises `OSError`."""
    with path.open("rb") as file:
        file.seek(start)
        return remarks_of(remark_lines(file.read()))


def _first(words: Iterable[str | None]) -> str:
    return next(filter(None, words), "")
