"""Which conversation a session goes on with: a new one, the newest, a named one, or a copy."""

from collections.abc import Callable, Sequence
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
    began_elsewhere: bool = False
    """Whether another agent wrote all of it: then the model knows nothing of this one."""


def place_of(
    invocation: Invocation, projects: Path, cwd: str, *, elsewhere: Callable[[], Sequence[Path]] = tuple
) -> Place:
    """Find the conversation. Raises `SessionError` when there is none to go on with.

    `elsewhere` names where other agents keep theirs; one of those goes on in a copy of the same name.
    """
    if not (invocation.continue_ or invocation.resume):
        return _new(invocation.session_id, projects, cwd)
    from tianting.session.listing import find, latest
    from tianting.session.reading import load

    name, also = invocation.resume, elsewhere()
    source = find(projects, cwd, name, also=also) if name else latest(projects, cwd, also=also)
    if source is None:
        raise SessionError("There is no session here to go on with: leave out -c, or see `tianting sessions --all`.")
    began_elsewhere = not source.is_relative_to(projects)
    if invocation.fork_session:
        source = _forked(source, invocation.session_id, projects, cwd)
    until = invocation.resume_session_at
    conversation = load(source) if until is None else _up_to(until, invocation.resume_drops_turn, source)
    path = projects / source.parent.name / source.name
    if path != source and not invocation.no_session_persistence:
        _adopt(source, path)
    return Place(session_id=conversation.session_id, path=path, resumed=conversation, began_elsewhere=began_elsewhere)


def _new(session_id: str | None, projects: Path, cwd: str) -> Place:
    chosen = session_id or random_uuid()
    path = transcript_path(projects, cwd, chosen)
    if session_id is not None and path.exists():
        raise SessionError(f"Session {session_id} exists: go on with it by -r {session_id}, or choose another id.")
    return Place(session_id=chosen, path=path)


def _up_to(uuid: str, dropping: str | None, source: Path) -> Conversation:
    from tianting.session.truncation import conversation_up_to

    return conversation_up_to(source, uuid, dropping=dropping)


def _adopt(source: Path, path: Path) -> None:
    from tianting.session.adopting import adopt

    adopt(source, path)


def _forked(source: Path, session_id: str | None, projects: Path, cwd: str) -> Path:
    from tianting.session.forking import fork

    chosen = session_id or random_uuid()
    target = transcript_path(projects, cwd, chosen)
    fork(source, target, chosen)
    return target
