"""A crash may cut a transcript at any byte. What was whole stays, and the history is one a provider accepts."""

import re
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.content import AssistantBlock, Opaque, Text, Thinking, ToolResult, ToolUse, block_json
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.events import Event, NoteAdded, ToolFinished, TurnFinished, TurnReport, TurnStarted
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, note, unanswered_calls, user_text
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.session.conversation import Conversation
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.reading import load

SESSION = "11111111-2222-4333-8444-555555555555"
_MARK = re.compile(rb"mark-\d+-")

Kind = st.sampled_from(["thinking", "text", "call", "unknown"])
Answer = st.lists(Kind, min_size=1, max_size=4)
Turn = st.tuples(st.lists(Answer, max_size=4), st.booleans())


class StillClock:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


class Script:
    """Turns shapes into events, with a mark in everything that is said."""

    def __init__(self, first: int = 0) -> None:
        self._marks = (f'mark-{number}-é\n"' for number in count(first))

    def turn(self, answers: list[list[str]], *, noted: bool) -> Iterator[Event]:
        yield TurnStarted(uuid=next(self._marks), prompt=user_text(next(self._marks)))
        for kinds in answers:
            yield from self.step(kinds)
        if noted:
            yield NoteAdded(message=note(next(self._marks)))
        yield TurnFinished(report=TurnReport(end="answered"))

    def step(self, kinds: list[str]) -> Iterator[Event]:
        blocks = tuple(self.block(kind) for kind in kinds)
        message = AssistantMessage(id=next(self._marks), model="m", content=blocks, stop_reason="end_turn")
        yield MessageFinished(message=message)
        for call in message.calls:
            asked = ToolCall(call_id=call.id, tool_name=call.name, arguments=call.input)
            result = CallResult(call_id=call.id, content=next(self._marks))
            yield ToolFinished(call=asked, result=result, duration=0.0)

    def block(self, kind: str) -> AssistantBlock:
        match kind:
            case "thinking":
                return Thinking(thinking=next(self._marks), signature="s")
            case "text":
                return Text(text=next(self._marks))
            case "call":
                return ToolUse(id=next(self._marks), name="Read", input={"file_path": "a"})
        return Opaque(raw={"type": "server_thing", "said": next(self._marks)})


def written(turns: Any, path: Path, resumed: Conversation | None = None) -> list[Message]:
    """Write `turns` down and return the history that the agent has in memory."""
    first = 1000 if resumed else 0
    ids = (f"id-{number}" for number in count(first))
    log = SessionLog(path, Stamp(session_id=SESSION, cwd="/w", version="0"), StillClock(), lambda: next(ids), resumed)
    script = Script(first)
    history = list(resumed.history) if resumed else []
    for answers, noted in turns:
        for event in script.turn(answers, noted=noted):
            log.record(event)
            history += in_memory(event)
    log.close()
    return history


def in_memory(event: Event) -> list[Message]:
    match event:
        case TurnStarted(prompt=message) | NoteAdded(message=message):
            return [message]
        case MessageFinished(message=answer):
            return [answer]
        case ToolFinished(result=result):
            return [UserMessage(content=(result.block(),))]
    return []


def marks(history: list[Message]) -> list[bytes]:
    """Everything that is said in `history`, once and in order."""
    said = [block_json(block) for message in history for block in message.content]
    return list(dict.fromkeys(_MARK.findall(msgspec.json.encode(said))))


def whole_marks(content: bytes) -> list[bytes]:
    """What is said in the lines that are whole. Thoughts that an answer was cut after are not: nothing came of them."""
    lines = [msgspec.json.decode(line) for line in content.split(b"\n")[:-1]]
    messages = [line["message"] for line in lines if "message" in line]
    while messages and _is_cut_thought(messages[-1]):
        messages.pop()
    return _MARK.findall(msgspec.json.encode([message["content"] for message in messages]))


def _is_cut_thought(message: dict[str, Any]) -> bool:
    return message.get("stop_reason", "-") is None and message["content"][0]["type"] == "thinking"


def is_valid(history: list[Message]) -> bool:
    """Whether each answer's results follow it, one by one, in the order of its calls, and stand nowhere else."""
    expected: list[str] = []
    for message in history:
        results = [block.tool_use_id for block in message.content if isinstance(block, ToolResult)]
        if results != expected[:1]:
            return False
        expected = expected[1:]
        if isinstance(message, AssistantMessage):
            expected = [call.id for call in message.calls]
    return not expected and not unanswered_calls(history)


@given(st.lists(Turn, min_size=1, max_size=3), st.data())
@settings(max_examples=100, deadline=None)
def test_transcript_cut_anywhere_keeps_every_whole_line(turns: Any, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{SESSION}.jsonl"
        everything = written(turns, path)
        assert load(path).history == everything
        content = path.read_bytes()
        for _ in range(5):
            cut = data.draw(st.integers(0, len(content)))
            path.write_bytes(content[:cut])

            conversation = load(path)

            assert is_valid(conversation.history)
            assert conversation.damaged_lines == 0
            kept = marks(conversation.history)
            assert set(kept) >= set(whole_marks(content[:cut]))
            assert kept == [mark for mark in marks(everything) if mark in kept]


@given(st.lists(Turn, min_size=1, max_size=2), st.lists(Turn, min_size=1, max_size=2), st.data())
@settings(max_examples=50, deadline=None)
def test_session_goes_on_after_any_cut(before: Any, after: Any, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{SESSION}.jsonl"
        written(before, path)
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])

        history = written(after, path, load(path))

        assert is_valid(history)
        assert load(path).history == history


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_rubbish_is_counted_and_costs_nothing_else(rubbish: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{SESSION}.jsonl"
        history = written([([["text"]], False)], path)
        whole = path.read_bytes()
        path.write_bytes(whole + b"{rubbish\n" + rubbish.replace(b"\n", b" ") + b"\n")

        conversation = load(path)

        assert conversation.history == history
        assert conversation.damaged_lines in {1, 2}
