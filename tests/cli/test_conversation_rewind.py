"""/rewind: what goes back at once, what waits for the session's end, and that a refusal changes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import anyio
import pytest
from msgspec import Struct

from tests.cli.conftest import CommandLine
from tianting.cli.conversation_rewind import GoingBack, Rewinding
from tianting.cli.invocation import Invocation
from tianting.cli.rewind import ENDED
from tianting.cli.safekeeping import open_checkpoints
from tianting.plumbing.clock import SystemClock
from tianting.protocol.content import text_of
from tianting.protocol.errors import CheckpointError
from tianting.protocol.events import TurnStarted
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import UserMessage, user_text
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.places import projects_directory, transcript_path
from tianting.session.reading import load
from tianting.session.rewinding import What, prompts
from tianting.session.session import Session
from tianting.settings.schema import CheckpointSettings
from tianting.surfaces.rewind_question import Chosen

pytestmark = pytest.mark.anyio

SESSION = "0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e"
ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
UNKEPT = "The files stay as they are: no state of them is kept from that prompt on."


class Facts(Struct, frozen=True):
    session_id: str
    cwd: str


class Held:
    """What of a session is needed."""

    def __init__(self) -> None:
        self.facts = Facts(SESSION, str(Path.cwd()))
        self.notes: list[str] = []

    def announce(self, message: UserMessage) -> None:
        self.notes.append(text_of(message.content))


class Talk:
    """A conversation of two prompts, the second of which changed `a.txt`; and a person who wants something back."""

    def __init__(self, home: Path) -> None:
        self.path = transcript_path(projects_directory(home), str(Path.cwd()), SESSION)
        self.session = Held()
        self.shown: list[str] = []

    def say(self, *words: tuple[str, str]) -> None:
        stamp = Stamp(session_id=SESSION, cwd=str(Path.cwd()), version="0")
        log = SessionLog(self.path, stamp, SystemClock(), random_uuid)
        for uuid, said in words:
            log.record(TurnStarted(uuid=uuid, prompt=user_text(said)))
        log.close()

    async def rewind(self, chosen: Chosen | None) -> tuple[Sequence[str] | None, GoingBack | None]:
        async def ask(prompts: Sequence[str]) -> Chosen | None:
            self.shown = list(prompts)
            return chosen

        rewinding = Rewinding(cast(Session, self.session), ask)
        return await rewinding.deed(), rewinding.pending


@pytest.fixture
async def talk(tianting: CommandLine, home: Path) -> Talk:
    talk = Talk(home)
    talk.say((ONE, "What is this?"), (TWO, "Change it."))
    file = anyio.Path("a.txt")
    await file.write_text("one")
    await open_checkpoints(home, Path.cwd(), CheckpointSettings()).take("Write: a.txt", prompt_id=TWO)
    await file.write_text("two")
    return talk


async def content() -> str:
    return await anyio.Path("a.txt").read_text()


async def test_files_go_back_at_once_and_the_model_is_told(talk: Talk) -> None:
    said, pending = await talk.rewind(Chosen(1, "files"))

    assert said is not None
    assert said[0].startswith("Went to the state before: Write: a.txt (")
    assert (talk.shown, pending, await content()) == (["What is this?", "Change it."], None, "one")
    assert ["The user took the files back" in words for words in talk.session.notes] == [True]


@pytest.mark.parametrize(
    ("index", "what", "file", "told"),
    [
        pytest.param(1, "conversation", "two", [], id="conversation"),
        pytest.param(1, "both", "one", ["Went to the state before"], id="both"),
        pytest.param(
            0,
            "both",
            "one",
            ["The first state kept since then is that before the prompt: Change it.", "Went"],
            id="later",
        ),
    ],
)
async def test_conversation_goes_back_once_the_session_is_closed(
    talk: Talk, index: int, what: What, file: str, told: list[str]
) -> None:
    said, pending = await talk.rewind(Chosen(index, what))
    before = prompts(talk.path)

    assert (said, await content(), len(before)) == (None, file, 2)
    assert pending is not None
    lines = pending.carry_out()

    assert [prompt.words for prompt in prompts(talk.path)] == ["What is this?"][:index]
    assert [line.startswith(start) for line, start in zip(lines, told, strict=False)] == [True] * len(told)
    assert (lines[-1], talk.session.notes) == (ENDED, [])
    note = text_of(load(talk.path).history[-1].content)
    assert ("the files are as they were then" in note) is (what == "both")


async def test_conversation_is_opened_again_as_it_was_asked_for(talk: Talk) -> None:
    _, pending = await talk.rewind(Chosen(1, "conversation"))

    assert pending is not None
    asked_for = Invocation(prompt="Hi.", continue_=True, fork_session=True, session_id=SESSION, model="haiku")
    assert pending.then(asked_for) == Invocation(resume=SESSION, model="haiku")


@pytest.mark.parametrize("what", ["files", "both"])
async def test_without_a_kept_state_files_stay(talk: Talk, home: Path, what: What) -> None:
    three = "33333333-3333-4333-8333-333333333333"
    log = SessionLog(
        talk.path,
        Stamp(session_id=SESSION, cwd=str(Path.cwd()), version="0"),
        SystemClock(),
        random_uuid,
        load(talk.path),
    )
    log.record(TurnStarted(uuid=three, prompt=user_text("Thanks.")))
    log.close()

    said, pending = await talk.rewind(Chosen(2, what))

    assert (await content(), talk.session.notes) == ("two", [])
    assert (list(said or ()) if what == "files" else list(pending.said if pending else ())) == [UNKEPT]
    assert pending is None or not pending.files_too


async def test_person_who_would_rather_stay(talk: Talk) -> None:
    assert await talk.rewind(None) == ([], None)
    assert (await content(), talk.session.notes) == ("two", [])


async def test_there_is_nothing_to_go_back_to(tianting: CommandLine, home: Path) -> None:
    assert await Talk(home).rewind(Chosen(0, "both")) == (["There is no prompt to go back to."], None)


async def test_where_no_files_are_kept_the_conversation_stays_too(talk: Talk, home: Path) -> None:
    (home / "settings.json").write_text('{"checkpoints": {"enabled": false}}')

    with pytest.raises(CheckpointError, match="Checkpoints are off"):
        await talk.rewind(Chosen(1, "both"))
    assert len(prompts(talk.path)) == 2
