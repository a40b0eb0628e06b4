"""Which conversation is gone on with."""

from pathlib import Path

import pytest

from tianting.cli.going_on import place_of
from tianting.cli.invocation import Invocation
from tianting.plumbing.clock import SystemClock
from tianting.protocol.content import Text, text_of
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.errors import SessionError
from tianting.protocol.events import TurnStarted
from tianting.protocol.ids import is_uuid, random_uuid
from tianting.protocol.messages import AssistantMessage, user_text
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.places import transcript_path
from tianting.session.rewinding import prompts

CWD = "/work/app"
OLD, NEW, FRESH = (f"{number}1111111-2222-4333-8444-555555555555" for number in (1, 2, 3))


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Holds two sessions of a project, the older and the newer, and one elsewhere."""
    for session_id in (OLD, NEW):
        store(tmp_path, CWD, session_id)
    store(tmp_path, "/elsewhere", FRESH.replace("3", "4"))
    return tmp_path


def store(projects: Path, cwd: str, session_id: str) -> None:
    stamp = Stamp(session_id=session_id, cwd=cwd, version="0")
    log = SessionLog(transcript_path(projects, cwd, session_id), stamp, SystemClock(), random_uuid)
    log.record(TurnStarted(uuid=random_uuid(), prompt=user_text(f"Prompt of {session_id}")))
    log.record(MessageFinished(message=AssistantMessage(id="m", model="m", content=(Text(text="Yes."),))))
    log.close()


def test_new_session_has_a_name_of_its_own(projects: Path) -> None:
    place = place_of(Invocation(), projects, CWD)

    assert (is_uuid(place.session_id), place.resumed, place.path.exists()) == (True, None, False)
    assert place.path == transcript_path(projects, CWD, place.session_id)


def test_new_session_may_be_named(projects: Path) -> None:
    assert place_of(Invocation(session_id=FRESH), projects, CWD).session_id == FRESH


def test_taken_name_is_refused(projects: Path) -> None:
    with pytest.raises(SessionError, match=f"Session {OLD} exists: go on with it by -r {OLD}"):
        place_of(Invocation(session_id=OLD), projects, CWD)


@pytest.mark.parametrize(
    ("invocation", "expected"),
    [
        pytest.param(Invocation(continue_=True), NEW, id="newest"),
        pytest.param(Invocation(resume=OLD), OLD, id="named"),
        pytest.param(Invocation(resume=OLD.upper()), OLD, id="named in capitals"),
    ],
)
def test_session_is_gone_on_with(projects: Path, invocation: Invocation, expected: str) -> None:
    place = place_of(invocation, projects, CWD)

    assert place.resumed is not None
    assert (place.session_id, place.path) == (expected, transcript_path(projects, CWD, expected))
    assert text_of(place.resumed.history[0].content) == f"Prompt of {expected}"


@pytest.mark.parametrize("fork", [True, False])
def test_shortened_session_is_gone_on_with(projects: Path, *, fork: bool) -> None:
    prompt = prompts(transcript_path(projects, CWD, OLD))[0].uuid
    shortened = Invocation(resume=OLD, fork_session=fork, resume_session_at=prompt)

    place = place_of(shortened, projects, CWD)

    assert place.resumed is not None
    assert (place.resumed.leaf, len(place.resumed.history), place.session_id == OLD) == (prompt, 1, not fork)


@pytest.mark.parametrize("name", [None, FRESH])
def test_copy_is_gone_on_with(projects: Path, name: str | None) -> None:
    original = transcript_path(projects, CWD, OLD).read_bytes()

    place = place_of(Invocation(resume=OLD, fork_session=True, session_id=name), projects, CWD)

    assert place.resumed is not None
    assert place.session_id == (name or place.resumed.session_id) != OLD
    assert len(place.resumed.history) == 2
    assert transcript_path(projects, CWD, OLD).read_bytes() == original


@pytest.mark.parametrize(
    ("invocation", "cwd", "complaint"),
    [
        pytest.param(Invocation(resume=FRESH), CWD, f"There is no session '{FRESH}'", id="unknown"),
        pytest.param(
            Invocation(resume="yesterday"), CWD, "There is no session 'yesterday'. This project has", id="word"
        ),
        pytest.param(Invocation(continue_=True), "/empty", "There is no session here to go on with", id="none here"),
        pytest.param(
            Invocation(resume=OLD, fork_session=True, session_id=NEW),
            CWD,
            f"There is already a session {NEW}",
            id="copy",
        ),
    ],
)
def test_nothing_to_go_on_with(projects: Path, invocation: Invocation, cwd: str, complaint: str) -> None:
    with pytest.raises(SessionError, match=complaint):
        place_of(invocation, projects, cwd)


@pytest.fixture
def theirs(projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another agent's directory of projects, with one session."""
    directory = tmp_path_factory.mktemp("theirs")
    store(directory, CWD, FRESH)
    return directory


@pytest.mark.parametrize(
    "invocation",
    [pytest.param(Invocation(resume=FRESH), id="named"), pytest.param(Invocation(continue_=True), id="newest")],
)
def test_session_of_another_agent_is_copied(projects: Path, theirs: Path, invocation: Invocation) -> None:
    place = place_of(invocation, projects, CWD, elsewhere=lambda: (theirs,))
    again = place_of(invocation, projects, CWD, elsewhere=lambda: (theirs,))

    assert (place.session_id, place.began_elsewhere, again.began_elsewhere) == (FRESH, True, False)
    assert place.path == again.path == transcript_path(projects, CWD, FRESH)
    assert place.path.read_bytes() == transcript_path(theirs, CWD, FRESH).read_bytes()


def test_session_of_another_project_of_theirs_stays_in_its_project(projects: Path, theirs: Path) -> None:
    place = place_of(Invocation(resume=FRESH), projects, "/far", elsewhere=lambda: (theirs,))

    assert place.path == transcript_path(projects, CWD, FRESH)


def test_session_of_another_agent_forks_into_our_home(projects: Path, theirs: Path) -> None:
    place = place_of(Invocation(resume=FRESH, fork_session=True), projects, CWD, elsewhere=lambda: (theirs,))

    assert (place.session_id != FRESH, place.began_elsewhere) == (True, True)
    assert place.path == transcript_path(projects, CWD, place.session_id)
    assert not transcript_path(projects, CWD, FRESH).exists()


def test_session_of_another_agent_is_only_read_where_nothing_is_kept(projects: Path, theirs: Path) -> None:
    fleeting = Invocation(resume=FRESH, no_session_persistence=True)

    place = place_of(fleeting, projects, CWD, elsewhere=lambda: (theirs,))

    assert place.resumed is not None
    assert (place.path, place.path.exists()) == (transcript_path(projects, CWD, FRESH), False)
