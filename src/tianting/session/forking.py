"""Lets a conversation go two ways: the copy goes on, and the original stays as it is.

Lines are copied as they are, with fields and types nobody here knows; only their session changes. Each says where
it came from. Abandoned branches and sub-agents' lines stay behind.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import make_private_directory, read_lines
from tianting.protocol.errors import SessionError
from tianting.session.chain import chain_of
from tianting.session.lines import decode

_CHAINED = {"user", "assistant", "system", "attachment"}


def fork(source: Path, target: Path, session_id: str) -> None:
    """Copy the conversation of the transcript `source` to `target`, as session `session_id`.

    The copy is whole or not there. Raises `SessionError` when `target` exists, `source` cannot be read, or the
    disk refuses.
    """
    if target.exists():
        raise SessionError(f"There is already a session {session_id}. Fork under another id.")
    try:
        lines = list(read_lines(source))
        make_private_directory(target.parent)
        copy = b"".join(line + b"\n" for line in _forked(lines, session_id))
        write_atomically(target, copy, mode=0o600, durable=True)
    except OSError as error:
        raise SessionError(f"Cannot fork the session {source}: {error.strerror}.") from error


def _forked(raw_lines: list[bytes], session_id: str) -> Iterator[bytes]:
    read = [(raw, line) for raw in raw_lines if (line := decode(raw)) is not None]
    kept = {line.uuid for line in chain_of([line for _, line in read]).lines}
    for raw, line in read:
        if line.uuid in kept or (line.type not in _CHAINED and not line.is_sidechain):
            yield msgspec.json.encode(_moved(msgspec.json.decode(raw), session_id))


def _moved(fields: dict[str, Any], session_id: str) -> dict[str, Any]:
    """The same line in the other session."""
    moved = {**fields, "sessionId": session_id} if "sessionId" in fields else {**fields}
    if fields.get("type") in _CHAINED:
        moved["forkedFrom"] = {"sessionId": fields.get("sessionId"), "messageUuid": fields.get("uuid")}
    return moved
