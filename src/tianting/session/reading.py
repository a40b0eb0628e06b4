"""Opens a conversation from its transcript: read lines -> find the chain -> build the history -> gather the facts.

Damage costs what is damaged and nothing else. Transcripts of Claude Code open like ours.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast, get_args

from tianting.plumbing.json_lines import read_lines
from tianting.protocol.content import text_of
from tianting.protocol.errors import SessionError
from tianting.protocol.events import PermissionMode
from tianting.protocol.ids import is_uuid
from tianting.protocol.messages import AssistantMessage, Message, UserMessage
from tianting.session.chain import chain_of
from tianting.session.conversation import Conversation
from tianting.session.history import history_of
from tianting.session.lines import Line, decode
from tianting.session.titles import is_spoken, title_from


def load(path: Path) -> Conversation:
    """Open the transcript at `path`. Raises `SessionError` when there is none that can be read."""
    decoded = decoded_lines(path)
    lines = [line for line in decoded if line is not None]
    chain = chain_of(lines)
    history = history_of(since_compaction(chain.lines))
    given = _last(line.custom_title for line in lines)
    return Conversation(
        session_id=_session_id(path, lines),
        history=history,
        leaf=chain.leaf,
        cwd=next((line.cwd for line in lines if line.cwd), ""),
        title=given or _own_title(lines) or _title_from(history),
        titled_by_person=given is not None,
        model=_last(message.model for message in history if isinstance(message, AssistantMessage)),
        permission_mode=_permission_mode(lines),
        damaged_lines=len(decoded) - len(lines),
    )


def decoded_lines(path: Path) -> list[Line | None]:
    """All lines of the transcript at `path`; None for a damaged one. Raises `SessionError`."""
    try:
        return [decode(line) for line in read_lines(path)]
    except OSError as error:
        raise SessionError(f"Cannot read the session {path}: {error.strerror}.") from error


def since_compaction(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines that the model remembers."""
    starts = [index for index, line in enumerate(lines) if line.starts_after_compaction]
    return lines[starts[-1] :] if starts else lines


def _session_id(path: Path, lines: Sequence[Line]) -> str:
    """The file's name says it. Lines may have come from another session, and a copy may be called anything."""
    return path.stem if is_uuid(path.stem) else _last(line.session_id for line in lines) or path.stem


def _own_title(lines: Sequence[Line]) -> str | None:
    return _last(line.ai_title for line in lines) or _last(line.summary for line in lines)


def _title_from(history: Sequence[Message]) -> str:
    prompts = (text_of(message.content) for message in history if isinstance(message, UserMessage) and not message.meta)
    return title_from(next(filter(is_spoken, prompts), ""))


def _permission_mode(lines: Sequence[Line]) -> PermissionMode | None:
    mode = _last(line.permission_mode for line in lines if not line.is_sidechain)
    return cast(PermissionMode, mode) if mode in get_args(PermissionMode) else None


def _last(values: Iterable[str | None]) -> str | None:
    last = None
    for value in values:
        last = value or last
    return last
