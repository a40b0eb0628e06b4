"""Undo at a prompt: the files go back, the person reads what changed, and the model will know."""

from pathlib import Path
from typing import cast

import anyio
import pytest

from tests.cli.conftest import CommandLine
from tianting.cli.conversation_commands import conversation_commands
from tianting.cli.safekeeping import open_checkpoints
from tianting.protocol.content import text_of
from tianting.protocol.errors import CheckpointError
from tianting.protocol.messages import UserMessage
from tianting.session.session import Session
from tianting.settings.schema import CheckpointSettings

pytestmark = pytest.mark.anyio


class Announced:
    """What of a session is needed."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def announce(self, message: UserMessage) -> None:
        self.notes.append(text_of(message.content))


async def nowhere() -> list[str]:
    return []


@pytest.fixture
def project(tianting: CommandLine) -> anyio.Path:
    """Where the command line of the other fixture works."""
    return anyio.Path(Path.cwd())


async def test_undo_and_redo_tell_person_and_model(project: anyio.Path, home: Path) -> None:
    file, session = project / "a.txt", Announced()
    await file.write_text("one")
    await open_checkpoints(home, Path(project), CheckpointSettings()).take("Write: a.txt")
    await file.write_text("two")
    commands = conversation_commands(cast(Session, session), nowhere)

    said = await commands["/undo"].deed()
    assert said is not None
    assert await file.read_text() == "one"
    assert said[0].startswith("Went to the state before: Write: a.txt (")
    assert said[1:] == [
        *("1 changed", "  changed  a.txt"),
        "The state until now is kept. To have it back: /redo",
    ]

    said = await commands["/redo"].deed()
    assert said is not None
    assert said[-1].endswith("/undo")
    assert await file.read_text() == "two"
    assert [words.count("on the files: 1 changed. Read a file again") for words in session.notes] == [1, 1]


async def test_where_nothing_is_kept_nobody_is_told(project: anyio.Path) -> None:
    session = Announced()

    with pytest.raises(CheckpointError, match="nothing to undo"):
        await conversation_commands(cast(Session, session), nowhere)["/undo"].deed()

    assert session.notes == []
