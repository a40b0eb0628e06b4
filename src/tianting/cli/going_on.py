"""Which conversation a session goes on with: a new one, the newest, a named one, or a copy."""

from pathlib import Path

from msgspec import Struct

from tianting.cli.invocation import Invocation
from tianting.protocol.errors import SessionError
from tianting.protocol.ids import random_uuid
from tianting.session.conversation import Conversation
from tianting.session.places import transcript_path


class Place(Struct, frozen=True, kw_only=True):
    """A conversation and its file."""

    session_id: str
    path: Path
    resumed: Conversation | None = None


def place_of(invocation: Invocation, projects: Path, cwd: str) -> Place:
    """Find the conversation. Raises `SessionError` when there is none to go on with."""
    if not (invocation.continue_ or invocation.resume):
        return _new(invocation.session_id, projects, cwd)
    from tianting.session.listing import find, latest
    from tianting.session.reading import load

    source = find(projects, cwd, invocation.resume) if invocation.resume else latest(projects, cwd)
    if source is None:
        raise SessionError("There is no session here to go on with: leave out -c, or see `tianting sessions --all`.")
    if invocation.fork_session:
        source = _forked(source, invocation.session_id, projects, cwd)
    until = invocation.resume_session_at
    conversation = load(source) if until is None else _up_to(until, invocation.resume_drops_turn, source)
    return Place(session_id=conversation.session_id, path=source, resumed=conversation)


def _new(session_id: str | None, projects: Path, cwd: str) -> Place:
    chosen = session_id or random_uuid()
    path = transcript_path(projects, cwd, chosen)
    if session_id is not None and path.exists():
        raise SessionError(f"Session {session_id} exists: go on with it by -r {session_id}, or choose another id.")
    return Place(session_id=chosen, path=path)


def _up_to(uuid: str, dropping: str | None, source: Path) -> Conversation:
    from tianting.session.truncation import conversation_up_to

    return conversation_up_to(source, uuid, dropping=dropping)


def _forked(source: Path, session_id: str | None, projects: Path, cwd: str) -> Path:
    from tianting.session.forking import fork

    chosen = session_id or random_uuid()
    target = transcript_path(projects, cwd, chosen)
    fork(source, target, chosen)
    return target
