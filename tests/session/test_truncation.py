"""A conversation as it was at one of its messages, and what may be forgotten behind it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tianting.protocol.content import Text, ToolUse
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.errors import SessionError
from tianting.protocol.events import NoteAdded, ToolFinished, TurnStarted
from tianting.protocol.messages import AssistantMessage, Message, note, user_text
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.session.log import SessionLog
from tianting.session.reading import load
from tianting.session.truncation import conversation_up_to

OpenLog = Callable[..., SessionLog]

HELP = AssistantMessage(id="a", model="m", content=(Text(text="I look."), ToolUse(id="c", name="LS", input={})))
DONE = AssistantMessage(id="b", model="m", content=(Text(text="Done."),), stop_reason="end_turn")
FIRST, SECOND = "first-prompt", "second-prompt"
ASKED, LOOKED, CALLED, RESULT, ANSWERED = (f"00000000-0000-4000-8000-{number:012}" for number in range(1, 6))
"""Ids of lines, as they are counted: the note, the answer's two blocks, the result, the last answer."""


@pytest.fixture
def written(transcript: Path, open_log: OpenLog) -> Path:
    """A prompt with a call, a note, and a second prompt."""
    log = open_log()
    log.record(TurnStarted(uuid=FIRST, prompt=user_text("What is here?")))
    log.record(NoteAdded(message=note("It is Friday.")))
    log.record(MessageFinished(message=HELP))
    call = ToolCall(call_id="c", tool_name="LS", arguments={})
    log.record(ToolFinished(call=call, result=CallResult(call_id="c", content="a.py"), duration=0.0))
    log.record(MessageFinished(message=DONE))
    log.record(NoteAdded(message=note("It is Saturday.")))
    log.record(TurnStarted(uuid=SECOND, prompt=user_text("And now?")))
    log.record(MessageFinished(message=DONE))
    log.close()
    return transcript


@pytest.mark.parametrize(
    ("uuid", "kept"),
    [
        pytest.param(FIRST, 1, id="a prompt"),
        pytest.param(ASKED, 2, id="a note"),
        pytest.param(CALLED, 4, id="a call keeps its result"),
        pytest.param(RESULT, 4, id="a result"),
        pytest.param(ANSWERED, 5, id="an answer"),
        pytest.param(SECOND, 7, id="the second prompt"),
    ],
)
def test_conversation_ends_with_the_message(written: Path, uuid: str, kept: int) -> None:
    before = written.read_bytes()
    whole: list[Message] = load(written).history

    conversation = conversation_up_to(written, uuid)

    assert (conversation.history, conversation.leaf) == (whole[:kept], uuid)
    assert written.read_bytes() == before


def test_conversation_goes_on_from_there(written: Path, open_log: OpenLog) -> None:
    whole = load(written).history
    log = open_log(conversation_up_to(written, ANSWERED))

    log.record(TurnStarted(uuid="third-prompt", prompt=user_text("Otherwise.")))
    log.close()

    assert load(written).history == [*whole[:5], user_text("Otherwise.")]


def test_the_turn_that_is_named_may_be_forgotten(written: Path) -> None:
    assert conversation_up_to(written, ANSWERED, dropping=SECOND).leaf == ANSWERED


@pytest.mark.parametrize(
    ("uuid", "dropping", "reason"),
    [
        pytest.param(ASKED, FIRST, f"the prompt {FIRST} is not behind it", id="kept"),
        pytest.param(FIRST, SECOND, "it would also forget lines of the turn before", id="half a turn"),
        pytest.param(ANSWERED, "third", "the prompt third is not behind it", id="unknown"),
    ],
)
def test_no_more_than_the_turn_may_be_forgotten(written: Path, uuid: str, dropping: str, reason: str) -> None:
    with pytest.raises(SessionError, match=f"Resume rejected by --resume-drops-turn: {reason}"):
        conversation_up_to(written, uuid, dropping=dropping)


def test_what_was_said_meanwhile_may_not_be_forgotten(written: Path, open_log: OpenLog) -> None:
    log = open_log(load(written))
    log.record(TurnStarted(uuid="steering", prompt=user_text("Faster.")))
    log.close()

    with pytest.raises(SessionError, match="it would also forget steering"):
        conversation_up_to(written, ANSWERED, dropping=SECOND)


def test_unknown_message(written: Path) -> None:
    with pytest.raises(SessionError, match=f"The session {written.stem} has no message gone"):
        conversation_up_to(written, "gone")
