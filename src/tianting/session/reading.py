"""Opens a conversation from its transcript: read lines -> find the chain -> build the history -> gather the facts.

Damage costs what is damaged and nothing else. Transcripts of Claude Code open like ours.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast, get_args

from tianting.plumbing.json_lines import read_lines
from tianting.protocol.errors import SessionError
from tianting.protocol.events import PermissionMode
from tianting.protocol.ids import is_uuid
from tianting.session.chain import chain_of
from tianting.session.conversation import Conversation
from tianting.session.history import history_of
from tianting.session.lines import Line, decode
from tianting.session.remarks import remarks_of
from tianting.session.remembered import remembered
from tianting.session.spoken import spoken
from tianting.session.titles import title_from


def load(path: Path) -> Conversation:
    """Open the transcript at `path`. Raises `SessionError` when there is none that can be read."""
    decoded = decoded_lines(path)
    lines = [line for line in decoded if line is not None]
    chain = chain_of(lines)
    remarks = remarks_of(reversed(lines))
    return Conversation(
        session_id=_session_id(path, lines),
        history=history_of(remembered(chain.lines)),
        leaf=chain.leaf,
        cwd=next((line.cwd for line in lines if line.cwd), ""),
        title=remarks.title or _title_from(chain.lines),
        titled_by_person=bool(remarks.custom_title),
        tag=remarks.tag or "",
        model=_last(str(line.field("model") or "") for line in chain.lines if line.answers),
        permission_mode=_permission_mode(lines),
        damaged_lines=len(decoded) - len(lines),
    )


def decoded_lines(path: Path) -> list[Line | None]:
    """All lines of the transcript at `path`; None for a damaged one. Raises `SessionError`."""
    try:
        return [decode(line) for line in read_lines(path)]
    except OSError as error:
        raise SessionError(f"Cannot read the session {path}: {error.strerror}.") from error


def _session_id(path: Path, lines: Sequence[Line]) -> str:
    """The file's name says it. Lines may have come from another session, and a copy may be called anything."""
    return path.stem if is_uuid(path.stem) else _last(line.session_id for line in lines) or path.stem


def _title_from(lines: Sequence[Line]) -> str:
    return title_from(next(filter(None, map(spoken, lines)), ""))


def _permission_mode(lines: Sequence[Line]) -> PermissionMode | None:
    mode = _last(line.permission_mode for line in lines if not line.is_sidechain)
    return cast(PermissionMode, mode) if mode in get_args(PermissionMode) else None


def _last(values: Iterable[str | None]) -> str | None:
    last = None
    for value in values:
        last = value or last
    return last
