"""Going back: the conversation branches, the files are given back, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tianting.protocol.content import Text
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.errors import SessionError
from tianting.protocol.events import NoteAdded, TurnStarted
from tianting.protocol.ids import NewId
from tianting.protocol.messages import AssistantMessage, note, user_text
from tianting.session.conversation import Conversation
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.reading import load
from tianting.session.rewinding import (
    FilesRewound,
    Prompt,
    conversation_before,
    prompts,
    rewind_conversation,
    rewind_files,
    rewound_note,
)
from tianting.worktree.checkpoints import Checkpoints
from tianting.worktree.shadow.limits import Coverage

pytestmark = pytest.mark.anyio

OpenLog = Callable[..., SessionLog]

BRIEFING = note("It is Friday.")


class StillClock:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


def answer(words: str) -> AssistantMessage:
    return AssistantMessage(id=words, model="m", content=(Text(text=words),), stop_reason="end_turn")


@pytest.fixture
def written(transcript: Path, open_log: OpenLog) -> Path:
    """A conversation of two prompts."""
    log = open_log()
    log.record(NoteAdded(message=BRIEFING))
    for number in ("one", "two"):
        log.record(TurnStarted(uuid=f"prompt-{number}", prompt=user_text(f"do {number}")))
        log.record(MessageFinished(message=answer(f"did {number}")))
    log.close()
    return transcript


def rewind(path: Path, prompt_id: str, new_id: NewId, *, files_too: bool = True) -> Conversation:
    stamp = Stamp(session_id=path.stem, cwd="/work/app", version="0.1.0")
    return rewind_conversation(path, prompt_id, stamp, StillClock(), new_id, files_too=files_too)


def test_prompts_are_the_places_to_go_back_to(written: Path) -> None:
    assert prompts(written) == [Prompt(uuid="prompt-one", words="do one"), Prompt(uuid="prompt-two", words="do two")]


def test_rewound_conversation_ends_before_the_prompt(written: Path, new_id: NewId) -> None:
    before = written.read_bytes()

    conversation = rewind(written, "prompt-two", new_id)

    told = rewound_note(files_too=True)
    assert conversation.history == [BRIEFING, user_text("do one"), answer("did one"), told]
    assert written.read_bytes().startswith(before)
    assert [prompt.uuid for prompt in prompts(written)] == ["prompt-one"]


def test_rewound_conversation_goes_on(written: Path, open_log: OpenLog, new_id: NewId) -> None:
    log = open_log(rewind(written, "prompt-one", new_id, files_too=False))
    log.record(TurnStarted(uuid="prompt-three", prompt=user_text("do three")))
    log.close()

    history = [BRIEFING, rewound_note(files_too=False), user_text("do three")]
    assert load(written).history == history
    assert conversation_before(written, "prompt-two").history == [BRIEFING, user_text("do one"), answer("did one")]


def test_rewinding_can_be_taken_back(written: Path, new_id: NewId) -> None:
    whole = load(written).history
    rewind(written, "prompt-two", new_id)

    # The line after the abandoned prompt's answer would hang there again.
    abandoned = conversation_before(written, "prompt-two")

    assert [*abandoned.history, user_text("do two"), answer("did two")] == whole


def test_prompt_that_is_not_there_is_said(written: Path, new_id: NewId) -> None:
    before = written.read_bytes()

    with pytest.raises(SessionError, match="has no prompt 'nowhere'"):
        rewind(written, "nowhere", new_id)

    assert written.read_bytes() == before


async def test_files_go_back_with_their_prompt(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "a").write_text("1\n2\n")
    checkpoints = Checkpoints(project, tmp_path / "store")
    await checkpoints.take("do one", prompt_id="prompt-one")
    (project / "a").write_text("1\n3\n4\n")

    planned = await rewind_files(checkpoints, "prompt-one", dry_run=True)

    assert planned == FilesRewound(can_rewind=True, files_changed=("a",), insertions=1, deletions=2)
    assert (project / "a").read_text() == "1\n3\n4\n"
    assert await rewind_files(checkpoints, "prompt-one", dry_run=False) == planned
    assert (project / "a").read_text() == "1\n2\n"


async def test_files_that_stay_are_named(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("a", "b"):
        (project / name).write_text("1\n")
    checkpoints = Checkpoints(project, tmp_path / "store", coverage=Coverage(file_bytes=10))
    await checkpoints.take("do one", prompt_id="prompt-one")
    for name in ("a", "b"):
        (project / name).write_text("more than ten\n")

    assert await rewind_files(checkpoints, "prompt-one", dry_run=False) == FilesRewound(
        can_rewind=True,
        error="a: What is there now is not covered by checkpoints: move it away first. 1 more stay as they are, too.",
        insertions=2,
    )


async def test_prompt_without_files_cannot_be_rewound(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    checkpoints = Checkpoints(tmp_path / "project", tmp_path / "store")

    answer = await rewind_files(checkpoints, "prompt-one", dry_run=False)

    assert answer == FilesRewound(can_rewind=False, error="No state is kept from before the prompt 'prompt-one'.")
