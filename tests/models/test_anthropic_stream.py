"""Reading answers: delta by delta, whole messages, broken streams, and the SDK as a second opinion."""

from typing import Any

import httpx2
import msgspec
import pytest
from anthropic import Anthropic, DefaultHttpxClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.models.anthropic.stream import AnswerReader
from tianting.plumbing.event_stream import EventSplitter
from tianting.protocol.content import AssistantBlock, Opaque, RedactedThinking, Text, Thinking, ToolUse
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    Delta,
    MessageFinished,
    MessageStarted,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.errors import ModelUnavailable, NotAuthenticated
from tianting.protocol.messages import AssistantMessage, Origin
from tianting.protocol.usage import Usage

ORIGIN = Origin(dialect="anthropic", base_url="http://127.0.0.1", model="claude-sonnet-5-5")
Json = dict[str, Any]


def start(**usage: Any) -> Json:
    counts = {"input_tokens": 25, "output_tokens": 1, **usage}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": []}
    nothing = {"stop_reason": None, "stop_sequence": None}
    return {"type": "message_start", "message": {**head, **nothing, "usage": counts}}


def block(index: int, first: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": first},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[Json]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def tool(index: int, *pieces: str, **first: Any) -> list[Json]:
    call = {"type": "tool_use", "id": f"toolu_{index}", "name": "read", "input": {}, **first}
    return block(index, call, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def end(stop_reason: str | None = "end_turn", **usage: Any) -> list[Json]:
    change = {"stop_reason": stop_reason, "stop_sequence": None}
    return [
        {"type": "message_delta", "delta": change, "usage": {"output_tokens": 89, **usage}},
        {"type": "message_stop"},
    ]


def as_bytes(*events: Json) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), msgspec.json.encode(e)) for e in events)


def cut(stream: bytes, step: int) -> list[bytes]:
    return [stream[at : at + step] for at in range(0, len(stream), step)]


def read(*chunks: bytes) -> list[Delta]:
    splitter, reader = EventSplitter(), AnswerReader(ORIGIN)
    return [delta for chunk in chunks for event in splitter.feed(chunk) for delta in reader.read(event)]


def finished(*blocks: AssistantBlock, stop_reason: Any = "end_turn", usage: Usage | None = None) -> MessageFinished:
    usage = usage or Usage(input_tokens=25, output_tokens=89)
    return MessageFinished(
        message=AssistantMessage(
            id="msg_1",
            model="claude-sonnet-5-5",
            content=blocks,
            stop_reason=stop_reason,
            usage=usage,
            origin=ORIGIN,
        )
    )


def test_every_delta_in_order() -> None:
    thinking = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "thinking_delta", "thinking": "."},
        {"type": "signature_delta", "signature": "c2ln"},
    )
    events = [start(), {"type": "ping"}, *thinking, *text(1, "Hel", "lo"), *tool(2, "", '{"a":', "1}")]

    deltas = read(as_bytes(*events, *end("tool_use")))

    thought = Thinking(thinking="Hm.", signature="c2ln")
    call = ToolUse(id="toolu_2", name="read", input={"a": 1})
    assert deltas == [
        MessageStarted(message_id="msg_1", model="claude-sonnet-5-5", usage=Usage(input_tokens=25, output_tokens=1)),
        BlockStarted(index=0, block=Thinking(thinking="")),
        ThinkingDelta(index=0, thinking="Hm"),
        ThinkingDelta(index=0, thinking="."),
        BlockFinished(index=0, block=thought),
        BlockStarted(index=1, block=Text(text="")),
        TextDelta(index=1, text="Hel"),
        TextDelta(index=1, text="lo"),
        BlockFinished(index=1, block=Text(text="Hello")),
        BlockStarted(index=2, block=ToolUse(id="toolu_2", name="read", input={})),
        ArgumentsDelta(index=2, json=""),
        ArgumentsDelta(index=2, json='{"a":'),
        ArgumentsDelta(index=2, json="1}"),
        BlockFinished(index=2, block=call),
        finished(thought, Text(text="Hello"), call, stop_reason="tool_use"),
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(tool(0), ToolUse(id="toolu_0", name="read", input={}), id="call without arguments"),
        pytest.param(tool(0, "", ""), ToolUse(id="toolu_0", name="read", input={}), id="call with empty pieces"),
        pytest.param(
            tool(0, input={"a": 1}), ToolUse(id="toolu_0", name="read", input={"a": 1}), id="arguments at the start"
        ),
        pytest.param(tool(0, input=None), ToolUse(id="toolu_0", name="read", input={}), id="no arguments at all"),
        pytest.param(
            tool(0, '{"a": 1'), ToolUse(id="toolu_0", name="read", input={}, unparsed='{"a": 1'), id="cut arguments"
        ),
        pytest.param(
            tool(0, "[1]"), ToolUse(id="toolu_0", name="read", input={}, unparsed="[1]"), id="arguments no object"
        ),
        pytest.param(
            block(0, {"type": "redacted_thinking", "data": "x"}), RedactedThinking(data="x"), id="redacted thinking"
        ),
        pytest.param(
            block(
                0,
                {"type": "thinking", "thinking": "", "signature": "old"},
                {"type": "signature_delta", "signature": "new"},
            ),
            Thinking(thinking="", signature="new"),
            id="signature is replaced",
        ),
        pytest.param(
            block(
                0, {"type": "thinking", "thinking": "H", "signature": "s"}, {"type": "thinking_delta", "thinking": "m"}
            ),
            Thinking(thinking="Hm", signature="s"),
            id="thinking at the start",
        ),
        pytest.param(
            block(0, {"type": "text", "text": "He", "citations": None}, {"type": "text_delta", "text": "y"}),
            Text(text="Hey"),
            id="text at the start",
        ),
        pytest.param(
            block(0, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": {"type": "page_location"}}),
            Text(text=""),
            id="unknown delta",
        ),
        pytest.param(
            block(
                0,
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                {"type": "input_json_delta", "partial_json": '{"query":"q"}'},
            ),
            Opaque(raw={"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}),
            id="server tool",
        ),
        pytest.param(
            block(0, {"type": "hologram", "depth": [1, {"b": 2, "a": 1}]}),
            Opaque(raw={"type": "hologram", "depth": [1, {"b": 2, "a": 1}]}),
            id="unknown block",
        ),
    ],
)
def test_block_is_put_together(events: list[Json], expected: AssistantBlock) -> None:
    deltas = read(as_bytes(start(), *events, *end("end_turn")))

    assert BlockFinished(index=0, block=expected) in deltas
    assert deltas[-1] == finished(expected)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param({}, {}, Usage(input_tokens=25, output_tokens=89), id="output is replaced"),
        pytest.param(
            {
                "cache_creation_input_tokens": 10,
                "cache_read_input_tokens": 20,
                "cache_creation": {"ephemeral_1h_input_tokens": 4, "ephemeral_5m_input_tokens": 6},
            },
            {"output_tokens_details": {"thinking_tokens": 7}},
            Usage(
                input_tokens=25,
                output_tokens=89,
                cache_creation_input_tokens=10,
                cache_read_input_tokens=20,
                cache_creation_1h_input_tokens=4,
                thinking_tokens=7,
            ),
            id="all counts",
        ),
        pytest.param(
            {"cache_read_input_tokens": None},
            {"input_tokens": 30, "cache_read_input_tokens": 5},
            Usage(input_tokens=30, output_tokens=89, cache_read_input_tokens=5),
            id="counts that come late",
        ),
        pytest.param(
            {"cache_read_input_tokens": 20},
            {"cache_read_input_tokens": 0},
            Usage(input_tokens=25, output_tokens=89),
            id="nothing is a count too",
        ),
    ],
)
def test_later_counts_replace_earlier(first: Json, last: Json, expected: Usage) -> None:
    deltas = read(as_bytes(start(**first), *text(0, "Hi"), *end("end_turn", **last)))

    assert deltas[-1] == finished(Text(text="Hi"), usage=expected)


@pytest.mark.parametrize(
    ("told", "events", "known"),
    [
        pytest.param("max_tokens", text(0, "a"), "max_tokens", id="known"),
        pytest.param("bored", text(0, "a"), "end_turn", id="unknown"),
        pytest.param("bored", tool(0, "{}"), "tool_use", id="unknown with a call"),
        pytest.param(None, text(0, "a"), "end_turn", id="none"),
    ],
)
def test_stop_reason(told: str | None, events: list[Json], known: str) -> None:
    last = read(as_bytes(start(), *events, *end(told)))[-1]

    assert isinstance(last, MessageFinished)
    assert last.message.stop_reason == known


def test_stop_reason_may_come_before_the_last_counts() -> None:
    counts = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 90}}
    first, last = end("max_tokens")

    deltas = read(as_bytes(start(), *text(0, "a"), first, counts, last))

    assert deltas[-1] == finished(
        Text(text="a"), stop_reason="max_tokens", usage=Usage(input_tokens=25, output_tokens=90)
    )


def test_blocks_stand_in_the_order_of_their_index() -> None:
    first, second = text(0, "a"), text(1, "b")

    deltas = read(as_bytes(start(), *first[:2], *second, first[2], *end()))

    assert deltas[-1] == finished(Text(text="a"), Text(text="b"))


def test_imitator_may_name_events_only_in_their_data_and_leave_blocks_open() -> None:
    events = [start(), *text(0, "Hi")[:-1], {"type": "wonder"}, *end()]
    stream = b"".join(b"data: %s\n\n" % msgspec.json.encode(event) for event in events)

    assert read(stream)[-2:] == [BlockFinished(index=0, block=Text(text="Hi")), finished(Text(text="Hi"))]


def test_imitator_may_say_little() -> None:
    deltas = read(as_bytes({"type": "message_start", "message": {}}, {"type": "message_stop"}))

    assert deltas[0] == MessageStarted(message_id="", model="claude-sonnet-5-5")
    assert isinstance(deltas[1], MessageFinished)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"event: message_start\ndata: {\n\n", id="cut JSON"),
        pytest.param(b"event: message_start\ndata: {} x\n\n", id="garbage behind"),
        pytest.param(b"event: message_start\ndata: []\n\n", id="no object"),
        pytest.param(b'event: content_block_delta\ndata: {"index":0,"delta":{"type":"\xff"}}\n\n', id="no text"),
        pytest.param(as_bytes(start(), *text(0, "a")[1:2]), id="delta without its block"),
        pytest.param(as_bytes(start(), *text(0, "a")[2:]), id="end without its block"),
        pytest.param(as_bytes(start(), *block(0, {"type": "text"})), id="block without its fields"),
        pytest.param(b"data: <html>\n\n", id="no JSON at all"),
    ],
)
def test_broken_stream_may_be_asked_for_again(stream: bytes) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        read(stream)

    assert caught.value.cause == "broken_stream"
    assert "\n" not in str(caught.value)


def test_error_in_the_stream_is_raised_by_its_type() -> None:
    def error(kind: str) -> bytes:
        return as_bytes(start(), {"type": "error", "error": {"type": kind, "message": "x"}})

    with pytest.raises(ModelUnavailable) as caught:
        read(error("overloaded_error"))
    assert caught.value.cause == "overloaded"
    with pytest.raises(NotAuthenticated):
        read(error("authentication_error"))


def sdk_message(chunks: list[bytes]) -> Json:
    """What the official SDK makes of a stream that comes in `chunks`."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter(chunks))

    http = DefaultHttpxClient(transport=httpx2.MockTransport(answer))
    with Anthropic(api_key="k", base_url="http://test", max_retries=0, http_client=http) as client:
        messages: Any = [{"role": "user", "content": "Hi."}]
        with client.messages.stream(model=ORIGIN.model, max_tokens=9, messages=messages) as events:
            message = events.get_final_message()
    return message.model_dump(mode="json", exclude_none=True)


def comparable(message: Json) -> Json:
    """What both sides tell of a message."""
    keys = {"type", "text", "thinking", "signature", "data", "id", "name", "input"}
    return {
        "id": message["id"],
        "model": message["model"],
        "stop_reason": message["stop_reason"],
        "content": [{key: value for key, value in block.items() if key in keys} for block in message["content"]],
        "usage": {name: message["usage"].get(name, 0) for name in ("input_tokens", "output_tokens")},
    }


words = st.text(alphabet=st.characters(codec="utf-8"), max_size=6)
arguments = st.dictionaries(words, st.integers(-9, 9) | words | st.none() | st.lists(words, max_size=2), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    events: list[Json] = []
    for index in range(draw(st.integers(0, 4))):
        match draw(st.sampled_from(["text", "thinking", "redacted", "tool"])):
            case "text":
                events += text(index, *draw(st.lists(words, max_size=4)))
            case "thinking":
                pieces = [{"type": "thinking_delta", "thinking": piece} for piece in draw(st.lists(words, max_size=3))]
                signature = {"type": "signature_delta", "signature": "c2ln"}
                events += block(index, {"type": "thinking", "thinking": "", "signature": ""}, *pieces, signature)
            case "redacted":
                events += block(index, {"type": "redacted_thinking", "data": draw(words)})
            case "tool":
                whole = msgspec.json.encode(draw(arguments)).decode()
                at = draw(st.integers(0, len(whole)))
                events += tool(index, "", whole[:at], whole[at:])
        if draw(st.booleans()):
            events.append({"type": "ping"})
    return as_bytes(start(), *events, *end(draw(st.sampled_from(["end_turn", "tool_use", "max_tokens"]))))


@settings(max_examples=40, deadline=None)
@given(stream=answers(), step=st.integers(1, 40), newline=st.sampled_from([b"\n", b"\r\n"]))
def test_sdk_reads_the_same(stream: bytes, step: int, newline: bytes) -> None:
    stream = stream.replace(b"\n", newline)

    last = read(*cut(stream, step))[-1]

    assert isinstance(last, MessageFinished)
    ours: Json = msgspec.to_builtins(last.message)
    assert comparable(ours) == comparable(sdk_message(cut(stream, step)))
