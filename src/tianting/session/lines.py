"""The lines of a transcript as we read them, whoever wrote them.

Every field may be missing, and fields that do not matter here are skipped. What other programs fill differently
(`message`, `origin`, `attachment` …) is taken as it is and looked at where it is used.
"""

from typing import Any

import msgspec
from msgspec import Struct

_NOT_A_MODEL = "<synthetic>"


class Line(Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of any writer."""

    type: str
    uuid: str | None = None
    parent_uuid: str | None = None
    logical_parent_uuid: str | None = None
    """At a compaction's boundary: the line before it."""
    subtype: str | None = None
    session_id: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    is_sidechain: bool | None = None
    is_meta: bool | None = None
    is_compact_summary: bool | None = None
    is_visible_in_transcript_only: bool | None = None
    is_api_error_message: bool | None = None
    permission_mode: str | None = None
    message: Any = None
    origin: Any = None
    aborted: bool | None = None
    custom_title: str | None = None
    ai_title: str | None = None
    summary: str | None = None
    last_prompt: str | None = None
    tag: str | None = None
    attachment: Any = None
    compact_metadata: Any = None
    """At a compaction's boundary: which lines before it are still remembered."""
    forked_from: Any = None

    @property
    def speaks(self) -> bool:
        """Whether it is part of what was said, and not a remark between."""
        return self.type in {"user", "assistant"}

    @property
    def answers(self) -> bool:
        """Whether a model said it: what fails is written in the shape of an answer, too."""
        return self.type == "assistant" and not self.is_api_error_message and self.field("model") != _NOT_A_MODEL

    @property
    def starts_after_compaction(self) -> bool:
        """Whether the model remembers nothing from before it."""
        return self.type == "system" and self.subtype == "compact_boundary"

    def field(self, name: str) -> Any:
        """A part of its message, or None."""
        return self.message.get(name) if isinstance(self.message, dict) else None


def decode(line: bytes) -> Line | None:
    """Read one line; None when it is damaged."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_decoder = msgspec.json.Decoder(Line)
