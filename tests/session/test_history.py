"""What a model gets to see again: whole answers, every call answered right after, nothing it would refuse."""

from typing import Any

import pytest

from tianting.protocol.content import Image, Opaque, RedactedThinking, Text, Thinking, ToolResult, ToolUse, UrlSource
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, user_text
from tianting.protocol.usage import Usage
from tianting.session.history import UNFINISHED, history_of
from tianting.session.lines import Line

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
HELLO = {"type": "text", "text": "Hello."}


def user(content: Any, uuid: str = "u", parent: str | None = None, **rest: Any) -> Line:
    return Line(type="user", uuid=uuid, parent_uuid=parent, message={"role": "user", "content": content}, **rest)


def queued(words: str) -> Line:
    return Line(type="attachment", attachment={"type": "queued_command", "prompt": words})


def assistant(*blocks: Any, uuid: str = "a", parent: str | None = None, id: str | None = "m1", **rest: Any) -> Line:  # noqa: A002
    body = {"role": "assistant", "id": id, "model": "m", "content": list(blocks), **rest.pop("body", {})}
    return Line(type="assistant", uuid=uuid, parent_uuid=parent, message=body, **rest)


def call(id: str) -> dict[str, Any]:  # noqa: A002
    return {"type": "tool_use", "id": id, "name": "Read", "input": {}}


def result(id: str, content: Any = "ok", **rest: Any) -> dict[str, Any]:  # noqa: A002
    return {"type": "tool_result", "tool_use_id": id, "content": content, **rest}


def said(*blocks: Any, **facts: Any) -> AssistantMessage:
    return AssistantMessage(**{"id": "m1", "model": "m", "content": blocks, **facts})


def asked(id: str) -> ToolUse:  # noqa: A002
    return ToolUse(id=id, name="Read", input={})


def answered(id: str, content: Any = "ok", *, is_error: bool = False) -> UserMessage:  # noqa: A002
    return UserMessage(content=(ToolResult(tool_use_id=id, content=content, is_error=is_error),))


def unfinished(id: str) -> UserMessage:  # noqa: A002
    return answered(id, UNFINISHED, is_error=True)


@pytest.mark.parametrize(
    ("lines", "history"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [assistant(THOUGHT), assistant(HELLO), assistant(call("c")), user([result("c")])],
            [said(Thinking(thinking="Hm.", signature="s"), Text(text="Hello."), asked("c")), answered("c")],
            id="one line per block",
        ),
        pytest.param(
            [assistant(call("c")), user("And?")],
            [said(asked("c")), unfinished("c"), user_text("And?")],
            id="call without result",
        ),
        pytest.param(
            [assistant(call("c")), user([result("c", "No.", is_error=True)])],
            [said(asked("c")), answered("c", "No.", is_error=True)],
            id="call that failed",
        ),
        pytest.param(
            [assistant(call("c"), call("d")), user([result("d")])],
            [said(asked("c"), asked("d")), unfinished("c"), answered("d")],
            id="results in completion order, one missing",
        ),
        pytest.param(
            [assistant(call("c")), user("Wait."), user([result("c")])],
            [said(asked("c")), answered("c"), user_text("Wait.")],
            id="words typed before the result came",
        ),
        pytest.param(
            [assistant(call("c")), user([result("c"), {"type": "text", "text": "Go on."}])],
            [said(asked("c")), answered("c"), user_text("Go on.")],
            id="result and words on one line",
        ),
        pytest.param(
            [user([result("x")]), assistant(HELLO), user([result("y")])],
            [said(Text(text="Hello."))],
            id="results without calls",
        ),
        pytest.param(
            [assistant(call("c")), user([result("c", "first")]), user([result("c", "second")])],
            [said(asked("c")), answered("c", "first")],
            id="two results for one call",
        ),
        pytest.param(
            [
                assistant(call("c"), uuid="a1"),
                user([result("c")], parent="a1"),
                assistant(call("d"), uuid="a2", parent="a1"),
                user([result("d")], parent="a2"),
            ],
            [said(asked("c"), asked("d")), answered("c"), answered("d")],
            id="results between the lines of their answer",
        ),
        pytest.param(
            [
                assistant(call("c"), uuid="a1"),
                user([result("c")], uuid="u1", parent="a1"),
                assistant(call("c"), uuid="a2", parent="u1"),
                user([result("c", "again")], parent="a2"),
            ],
            [said(asked("c")), answered("c"), said(asked("c")), answered("c", "again")],
            id="provider that uses each id again",
        ),
        pytest.param(
            [user("a"), assistant(THOUGHT), user("b")],
            [user_text("a"), user_text("b")],
            id="answer cut after its thoughts",
        ),
        pytest.param(
            [assistant(HELLO, THOUGHT, {"type": "redacted_thinking", "data": "x"})],
            [said(Text(text="Hello."))],
            id="answer cut before it acted on its thoughts",
        ),
        pytest.param(
            [assistant(HELLO, THOUGHT, body={"stop_reason": "tool_use"})],
            [said(Text(text="Hello."), stop_reason="tool_use")],
            id="answer cut before its calls, by a writer that knew of them",
        ),
        pytest.param(
            [user("Go."), queued("And fast."), assistant(call("c")), user([result("c")]), queued("Stop.")],
            [user_text("Go."), user_text("And fast."), said(asked("c")), answered("c"), user_text("Stop.")],
            id="words that hang between messages",
        ),
        pytest.param(
            [assistant({"type": "redacted_thinking", "data": "x"}, body={"stop_reason": "end_turn"})],
            [said(RedactedThinking(data="x"), stop_reason="end_turn")],
            id="answer that was meant to be thoughts alone",
        ),
        pytest.param(
            [assistant(HELLO, id=None, uuid="a1"), assistant(HELLO, body={"stop_reason": "odd", "usage": "odd"})],
            [said(Text(text="Hello."), id="a1"), said(Text(text="Hello."))],
            id="answers with odd facts",
        ),
        pytest.param(
            [assistant(HELLO, body={"model": "<synthetic>"}), assistant(HELLO, is_api_error_message=True)],
            [],
            id="words of no model",
        ),
        pytest.param(
            [user("x", is_visible_in_transcript_only=True), user("note", is_meta=True), user(""), user(None)],
            [user_text("note", meta=True)],
            id="what is for eyes only, or empty",
        ),
        pytest.param(
            [user("So far …", is_compact_summary=True, is_visible_in_transcript_only=True)],
            [user_text("So far …", meta=True)],
            id="summary of a compaction",
        ),
        pytest.param(
            [Line(type="attachment", uuid="x", message={"content": "no"}), Line(type="system", uuid="y")],
            [],
            id="remarks between",
        ),
        pytest.param(
            [
                assistant({"type": "server_tool_use", "id": "s"}, {"type": "text"}, {"type": "image", "source": {}}, 7),
                user([{"type": "search_result"}, {"type": "document", "source": {"type": "text"}}, "no block"]),
            ],
            [
                said(Opaque(raw={"type": "server_tool_use", "id": "s"})),
                UserMessage(content=(Text(text="[search_result left out]"), Text(text="[document left out]"))),
            ],
            id="blocks nobody here knows",
        ),
        pytest.param(
            [
                assistant(call("c")),
                user([result("c", [{"type": "tool_reference", "tool_name": "X"}, HELLO], is_error=None)]),
            ],
            [said(asked("c")), answered("c", (Text(text="[tool_reference left out]"), Text(text="Hello.")))],
            id="unknown parts of a result",
        ),
        pytest.param(
            [user([{"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}])],
            [UserMessage(content=(Image(source=UrlSource(url="https://a.example/b.png")),))],
            id="picture",
        ),
    ],
)
def test_history(lines: list[Line], history: list[Message]) -> None:
    assert history_of(lines) == history


def test_facts_of_an_answer_come_from_its_last_line() -> None:
    usage = {"input_tokens": 5, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 3}, "x": None}
    origin = {"dialect": "anthropic", "base_url": "b", "model": "m"}
    lines = [
        assistant(HELLO, origin={"kind": "human"}),
        assistant(HELLO, origin=origin, aborted=True, body={"stop_reason": "end_turn", "usage": usage}),
    ]

    assert history_of(lines) == [
        said(
            Text(text="Hello."),
            Text(text="Hello."),
            stop_reason="end_turn",
            usage=Usage(input_tokens=5, output_tokens=1, cache_creation_1h_input_tokens=3),
            origin=Origin(dialect="anthropic", base_url="b", model="m"),
            aborted=True,
        )
    ]
