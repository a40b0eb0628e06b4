"""What of a conversation reaches the disk, and when."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tianting.protocol.content import Base64Source, Image, Opaque, Text, Thinking, ToolUse
from tianting.protocol.deltas import MessageFinished, TextDelta
from tianting.protocol.errors import SessionError
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    NoteAdded,
    PermissionModeChanged,
    PromptDelivered,
    SessionStarted,
    ToolFinished,
    TurnFinished,
    TurnReport,
    TurnStarted,
)
from tianting.protocol.messages import AssistantMessage, Origin, UserMessage, user_text
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.protocol.usage import Usage
from tianting.session.log import SessionLog
from tianting.session.reading import load

OpenLog = Callable[..., SessionLog]
SESSION = "11111111-2222-4333-8444-555555555555"
STARTED = SessionStarted(
    session_id=SESSION, cwd="/work/app", model="m", permission_mode="acceptEdits", tools=(), key_source="none"
)
PROMPT = TurnStarted(uuid="prompt-1", prompt=user_text("Mend the\n  parser, please."))
ENDED = TurnFinished(report=TurnReport(end="answered"))
ORIGIN = Origin(dialect="anthropic", base_url="https://api.example", model="m")
READ = ToolUse(id="call-1", name="Read", input={"file_path": "a.py"})


class Figures(Struct):
    lines: int


def answer(*blocks: Any, **facts: Any) -> AssistantMessage:
    return AssistantMessage(id="msg-1", model="m", content=blocks, **facts)


def finished(content: str = "1 x", data: Any = None) -> ToolFinished:
    call = ToolCall(call_id="call-1", tool_name="Read", arguments={"file_path": "a.py"})
    return ToolFinished(call=call, result=CallResult(call_id="call-1", content=content, data=data), duration=0.1)


def asked_last(words: str, *, leaf: str) -> dict[str, Any]:
    return {"type": "last-prompt", "lastPrompt": words, "leafUuid": leaf, "sessionId": SESSION}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def link(number: int, parent: str | None, **rest: Any) -> dict[str, Any]:
    """What each line of the conversation has."""
    return {
        "parentUuid": parent,
        "isSidechain": False,
        "userType": "external",
        "cwd": "/work/app",
        "sessionId": SESSION,
        "version": "0.1.0",
        "gitBranch": "main",
        "uuid": f"00000000-0000-4000-8000-{number:012}" if number else "prompt-1",
        "timestamp": "2026-11-20T10:56:00.500Z",
        **rest,
    }


def uuid(number: int) -> str:
    return str(link(number, None)["uuid"])


USAGE = {
    "input_tokens": 7,
    "output_tokens": 2,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation_1h_input_tokens": 0,
    "thinking_tokens": 0,
}


def test_what_is_said_in_a_turn_is_a_line_like_a_prompt(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    steering = PromptDelivered(uuid="steering", message=user_text("In blue."))

    for event in (STARTED, PROMPT, PermissionModeChanged(mode="plan"), steering, ENDED):
        log.record(event)

    line, last_prompt = lines_of(transcript)[2:4]
    expected = link(0, "prompt-1", type="user", permissionMode="plan", message=user_body("In blue."))
    assert line == {**expected, "uuid": "steering"}
    assert last_prompt == asked_last("In blue.", leaf="steering")


def test_prompt_whose_id_comes_again_costs_nothing_of_the_conversation(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    for event in (STARTED, PROMPT, MessageFinished(message=answer(Text(text="Done."))), ENDED, PROMPT):
        log.record(event)

    assert load(transcript).history == [PROMPT.prompt, answer(Text(text="Done.")), PROMPT.prompt]


def test_turn_becomes_a_chain_of_lines(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    usage = Usage(input_tokens=7, output_tokens=2)
    thought = Thinking(thinking="Hm.", signature="s")
    said = answer(thought, READ, stop_reason="tool_use", usage=usage, origin=ORIGIN)

    for event in (STARTED, PROMPT, MessageFinished(message=said), finished(data=Figures(lines=1)), ENDED):
        log.record(event)

    origin = {"dialect": "anthropic", "base_url": "https://api.example", "model": "m"}
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    call = {"type": "tool_use", "id": "call-1", "name": "Read", "input": {"file_path": "a.py"}}
    result = {"type": "tool_result", "tool_use_id": "call-1", "content": "1 x"}
    prompt = user_body("Mend the\n  parser, please.")
    assert lines_of(transcript) == [
        link(0, None, type="user", permissionMode="acceptEdits", message=prompt),
        asked_last("Mend the parser, please.", leaf="prompt-1"),
        link(1, "prompt-1", type="assistant", origin=origin, message=answer_body(thinking, None)),
        link(2, uuid(1), type="assistant", origin=origin, message=answer_body(call, "tool_use")),
        link(
            3,
            uuid(2),
            type="user",
            sourceToolAssistantUUID=uuid(2),
            message=user_body([result]),
            toolUseResult={"lines": 1},
        ),
        {"type": "ai-title", "aiTitle": "Mend the parser, please.", "sessionId": SESSION},
        asked_last("Mend the parser, please.", leaf=uuid(3)),
    ]


def user_body(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def answer_body(block: Any, stop_reason: str | None) -> dict[str, Any]:
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [block],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
    }


PICTURE = Image(source=Base64Source(media_type="image/png", data="AA"))
PICTURE_JSON = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        pytest.param(
            NoteAdded(message=user_text("The file changed.", meta=True)),
            {"isMeta": True, "message": user_body("The file changed.")},
            id="note of the harness",
        ),
        pytest.param(
            TurnStarted(uuid=uuid(1), prompt=UserMessage(content=(PICTURE,))),
            {"message": user_body([PICTURE_JSON])},
            id="picture",
        ),
        pytest.param(
            TurnStarted(uuid=uuid(1), prompt=UserMessage(content=(Text(text="a", opaque="o"),))),
            {"message": user_body([{"type": "text", "text": "a", "opaque": "o"}])},
            id="words with something of the provider's",
        ),
    ],
)
def test_words_of_users_and_harness(open_log: OpenLog, transcript: Path, event: Event, line: dict[str, Any]) -> None:
    open_log().record(event)

    assert lines_of(transcript)[0] == link(1, None, type="user", **line)


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        pytest.param(AnswerAborted(message=answer(Text(text="Well"), aborted=True)), {"aborted": True}, id="stopped"),
        pytest.param(
            MessageFinished(message=answer(Opaque(raw={"type": "server_thing", "x": 1}))),
            {"message": {"content": [{"type": "server_thing", "x": 1}]}},
            id="block nobody here knows",
        ),
    ],
)
def test_answers_that_are_unusual(open_log: OpenLog, transcript: Path, event: Event, changes: dict[str, Any]) -> None:
    open_log().record(event)

    [line] = lines_of(transcript)
    content = changes.get("message", {"content": [{"type": "text", "text": "Well"}]})["content"]
    assert (line.get("aborted"), line["message"]["content"]) == (changes.get("aborted"), content)


def test_nothing_is_created_before_the_first_prompt(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()

    log.record(STARTED)
    log.record(TextDelta(index=0, text="a"))

    assert not transcript.parent.exists()


def test_title_stays_in_reach_of_lists(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    log.record(PROMPT)

    for size in (0, 30_000, 35_000, 30_000, 31_000, 70_000, 200_000, 100):
        log.record(finished("x" * size))
        log.record(ENDED)
        assert b'"aiTitle":"Mend the parser, please."' in transcript.read_bytes()[-64 * 1024 :]

    assert sum(line["type"] == "ai-title" for line in lines_of(transcript)) == 5


def test_session_of_pictures_has_no_title(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    log.record(TurnStarted(uuid=uuid(1), prompt=UserMessage(content=(PICTURE,))))
    log.record(ENDED)

    assert [line["type"] for line in lines_of(transcript)] == ["user", "last-prompt"]


def test_title_of_a_person_stays(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    log.record(PROMPT)
    log.rename("The parser")
    log.close()

    resumed = open_log(load(transcript))
    resumed.record(TurnStarted(uuid="prompt-2", prompt=user_text("And now?")))
    resumed.record(ENDED)

    assert lines_of(transcript)[-2:] == [
        {"type": "custom-title", "customTitle": "The parser", "sessionId": SESSION},
        asked_last("And now?", leaf="prompt-2"),
    ]


def test_what_others_call_it_meanwhile_stays(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    log.record(PROMPT)
    say(transcript, {"type": "custom-title", "customTitle": "Theirs"}, {"type": "tag", "tag": "a"})

    log.record(finished("x" * 200_000))
    log.record(ENDED)

    assert lines_of(transcript)[-3:] == [
        {"type": "custom-title", "customTitle": "Theirs", "sessionId": SESSION},
        asked_last("Mend the parser, please.", leaf=uuid(1)),
        {"type": "tag", "tag": "a", "sessionId": SESSION},
    ]


def test_tag_that_is_taken_away_does_not_come_back(open_log: OpenLog, transcript: Path) -> None:
    log = open_log()
    log.record(PROMPT)
    say(transcript, {"type": "tag", "tag": "a"})
    log.close()
    resumed = open_log(load(transcript))
    say(transcript, {"type": "tag", "tag": ""})

    resumed.record(TurnStarted(uuid="prompt-2", prompt=user_text("And now?")))
    resumed.record(ENDED)

    assert lines_of(transcript)[-1]["type"] == "last-prompt"


def say(transcript: Path, *remarks: dict[str, str]) -> None:
    """Append as another program does."""
    with transcript.open("a") as file:
        file.writelines(json.dumps(remark, separators=(",", ":")) + "\n" for remark in remarks)


def test_resumed_session_hangs_on_the_old_one(open_log: OpenLog, transcript: Path) -> None:
    first = open_log()
    first.record(PROMPT)
    first.close()

    open_log(load(transcript)).record(TurnStarted(uuid="prompt-2", prompt=user_text("And now?")))

    assert [line.get("parentUuid", "-") for line in lines_of(transcript)] == [None, "-", "prompt-1", "-"]


def test_session_is_open_in_one_process_only(open_log: OpenLog) -> None:
    open_log().record(PROMPT)

    with pytest.raises(SessionError) as refusal:
        open_log().record(PROMPT)

    assert str(refusal.value) == (
        f"Session {SESSION} is open in process {os.getpid()}. End that one, or add --fork-session to go on in a copy."
    )


def test_rival_nobody_can_name(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    open_log().record(PROMPT)
    monkeypatch.setattr("tianting.plumbing.json_lines._lock_holder", lambda inode: None)

    with pytest.raises(SessionError, match="is open in another process"):
        open_log().record(PROMPT)


def test_file_catches_up_when_there_is_room_again(
    open_log: OpenLog, transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    log.record(PROMPT)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _full)
        with pytest.raises(SessionError) as refusal:
            log.record(MessageFinished(message=answer(READ)))
    assert str(refusal.value) == (
        f"Cannot save the session to {transcript}: No space left on device. Make room or access there, then go on."
    )
    assert len(load(transcript).history) == 1

    log.record(finished())
    assert load(transcript).history == [
        PROMPT.prompt,
        answer(READ),
        UserMessage(content=(finished().result.block(),)),
    ]


def test_disk_that_refuses_to_sync_is_told(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log()
    log.record(PROMPT)
    monkeypatch.setattr("tianting.plumbing.json_lines._flush_to_disk", _full)

    with pytest.raises(SessionError, match="No space left on device"):
        log.record(ENDED)


def _full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_directory_whose_name_is_no_text(open_log: OpenLog, transcript: Path) -> None:
    open_log(cwd=os.fsdecode(b"/work/\xff")).record(PROMPT)

    assert load(transcript).cwd == "/work/?"
