"""Answers in the Chat dialect: the whole, every habit of imitators, and that the SDK reads the same."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from openai.types.chat.chat_completion_chunk import ChatCompletionChunk

from tests.models.damage import damaged
from tests.models.histories import READ
from tests.models.loopback import sse
from tests.models.sdk_types import strict
from tianting.models.chat.assembly import ChatAssembly
from tianting.models.provider_profiles import Profile
from tianting.plumbing.event_stream import EventSplitter
from tianting.protocol.content import Text, Thinking, ToolUse
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
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable
from tianting.protocol.messages import AssistantMessage, Origin, user_text
from tianting.protocol.requests import ModelRequest
from tianting.protocol.usage import Usage

HERE = Origin(dialect="openai-chat", base_url="http://localhost:8000/v1", model="qwen3")
ASK = ModelRequest(model="qwen3", system=(), tools=(READ,), messages=(user_text("Hi."),), max_tokens=100)
Event = dict[str, Any]


def chunk(finish: str | None = None, **delta: Any) -> Event:
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "qwen3-8b",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def piece(
    index: int | None = None, call_id: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    part = {"index": index, "id": call_id, "type": "function" if call_id else None}
    return {
        **{key: value for key, value in part.items() if value is not None},
        "function": {key: value for key, value in function.items() if value is not None},
    }


def calling(*pieces: dict[str, Any], finish: str | None = None) -> Event:
    return chunk(finish, tool_calls=list(pieces))


USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
COUNTED = {**chunk(), "choices": [], "usage": USAGE}
DONE = "data: [DONE]\n\n"
FULL: list[Event | str] = [
    chunk(role="assistant", content=""),
    chunk(content="Grüß "),
    chunk(content="dich 👋"),
    calling(piece(0, "call_1", "read", "")),
    calling(piece(0, arguments='{"path":')),
    calling(piece(0, arguments=' "a"}')),
    calling(piece(1, "call_2", "read", '{"path":"b"}')),
    chunk("tool_calls"),
    COUNTED,
    DONE,
]
FIRST = ToolUse(id="call_1", name="read", input={"path": "a"}, opaque='{"arguments":"{\\"path\\": \\"a\\"}"}')
SECOND = ToolUse(id="call_2", name="read", input={"path": "b"})
WHOLE = AssistantMessage(
    id="c1",
    model="qwen3-8b",
    content=(Text(text="Grüß dich 👋"), FIRST, SECOND),
    stop_reason="tool_use",
    usage=Usage(input_tokens=40, output_tokens=20, cache_read_input_tokens=60, thinking_tokens=5),
    origin=HERE,
)


def read(*events: Event | str, profile: Profile = Profile(), request: ModelRequest = ASK) -> list[Delta]:  # noqa: B008
    return read_bytes([sse(*events)], profile, request)


def read_bytes(chunks: Sequence[bytes], profile: Profile, request: ModelRequest = ASK) -> list[Delta]:
    numbers = count(1)
    splitter = EventSplitter()
    assembly = ChatAssembly(request, HERE, profile, lambda: f"new{next(numbers)}")
    deltas = [delta for part in chunks for event in splitter.feed(part) for delta in assembly.feed(event.data)]
    return [*deltas, *assembly.finish()]


def answer(*events: Event | str, profile: Profile = Profile(), request: ModelRequest = ASK) -> AssistantMessage:  # noqa: B008
    deltas = read(*events, profile=profile, request=request)
    last = deltas[-1]
    assert isinstance(last, MessageFinished)
    finished = {delta.index: delta.block for delta in deltas if isinstance(delta, BlockFinished)}
    assert tuple(finished[index] for index in sorted(finished)) == last.message.content
    return last.message


def test_whole_answer() -> None:
    assert read(*FULL) == [
        MessageStarted(message_id="c1", model="qwen3-8b"),
        BlockStarted(index=0, block=Text(text="")),
        TextDelta(index=0, text="Grüß "),
        TextDelta(index=0, text="dich 👋"),
        BlockFinished(index=0, block=Text(text="Grüß dich 👋")),
        BlockStarted(index=1, block=ToolUse(id="call_1", name="read", input={})),
        ArgumentsDelta(index=1, json='{"path":'),
        ArgumentsDelta(index=1, json=' "a"}'),
        BlockStarted(index=2, block=ToolUse(id="call_2", name="read", input={})),
        ArgumentsDelta(index=2, json='{"path":"b"}'),
        BlockFinished(index=1, block=FIRST),
        BlockFinished(index=2, block=SECOND),
        MessageFinished(message=WHOLE),
    ]


def test_our_sample_is_what_the_api_sends() -> None:
    for event in FULL[:-1]:
        strict(ChatCompletionChunk).validate_python(event)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_sdk_reads_the_same_however_the_bytes_are_cut(data: st.DataObject) -> None:
    raw = sse(*FULL)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))
    chunks = [raw[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    last = read_bytes(chunks, Profile())[-1]

    assert isinstance(last, MessageFinished)
    assert last.message == WHOLE
    theirs = read_with_sdk(chunks)
    said = theirs.choices[0].message
    assert (theirs.id, said.content, theirs.usage.total_tokens) == ("c1", "Grüß dich 👋", 120)
    assert [
        (call.id, call.function.name, msgspec.json.decode(call.function.arguments)) for call in said.tool_calls
    ] == [(call.id, call.name, call.input) for call in last.message.calls]


def read_with_sdk(chunks: Sequence[bytes]) -> Any:
    def respond(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter(chunks))

    with (
        httpx2.Client(transport=httpx2.MockTransport(respond)) as http,
        openai.OpenAI(api_key="k", base_url="http://127.0.0.1/v1", max_retries=0, http_client=http) as client,
        client.chat.completions.stream(model="qwen3", messages=[{"role": "user", "content": "Hi."}]) as stream,
    ):
        return stream.get_final_completion()


END = chunk("stop")
A = ToolUse(id="a", name="read", input={"path": "a"})
B = ToolUse(id="b", name="read", input={"path": "b"})
ARGS_A, ARGS_B = '{"path":"a"}', '{"path":"b"}'


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        pytest.param(
            [
                calling(piece(0, "a", "read", "")),
                calling(piece(1, "b", "read", ARGS_B)),
                calling(piece(0, arguments=ARGS_A)),
            ],
            (A, B),
            id="pieces mixed",
        ),
        pytest.param(
            [calling(piece(0, "a", "read", '{"path":')), calling(piece(0, "a", "read", '"a"}'))],
            (A,),
            id="id and name repeated",
        ),
        pytest.param(
            [calling(piece(0, "a", "read", '{"path":')), calling(piece(0, "", "", '"a"}'))],
            (A,),
            id="id and name emptied",
        ),
        pytest.param(
            [calling(piece(0, "a", "read", ARGS_A), piece(0, "b", "read", ARGS_B))], (A, B), id="all at index 0"
        ),
        pytest.param(
            [calling(piece(0, "a", "read")), calling(piece(0, "b", "read")), calling(piece(0, arguments=ARGS_B))],
            (structs.replace(A, input={}), B),
            id="all at index 0, pieces",
        ),
        pytest.param(
            [calling(piece(0, None, "read", ARGS_A), piece(0, None, "read", ARGS_B))],
            (structs.replace(A, id="call_new1"), structs.replace(B, id="call_new2")),
            id="all at index 0 without ids",
        ),
        pytest.param(
            [calling(piece(0, "a", "read", '{"path":')), calling(piece(0, "z", None, '"a"}'))],
            (A,),
            id="another id and no name",
        ),
        pytest.param(
            [calling(piece(None, "a", "read", ARGS_A)), calling(piece(None, "b", "read", ARGS_B))],
            (A, B),
            id="no index",
        ),
        pytest.param(
            [
                calling(piece(None, "a", "read", "")),
                calling(piece(None, None, None, ARGS_A)),
                calling(piece(None, "b", "read", "")),
                calling(piece(None, "b", None, ARGS_B)),
            ],
            (A, B),
            id="no index, pieces",
        ),
        pytest.param(
            [calling(piece(None, None, "read", ARGS_A)), calling(piece(None, None, "read", ARGS_B))],
            (structs.replace(A, id="call_new1"), structs.replace(B, id="call_new2")),
            id="neither index nor id",
        ),
        pytest.param([calling(piece(0, "a", "read", {"path": "a"}))], (A,), id="arguments as an object"),
        pytest.param(
            [calling(piece(0, "a", "read", '"{\\"path\\":\\"a\\"}"'))],
            (structs.replace(A, opaque=msgspec.json.encode({"arguments": '"{\\"path\\":\\"a\\"}"'}).decode()),),
            id="arguments encoded twice",
        ),
        pytest.param([calling(piece(0, "a", "read"))], (structs.replace(A, input={}),), id="no arguments"),
        pytest.param(
            [calling(piece(0, "a", "read", ARGS_A), piece(1, "a", "read", ARGS_B))],
            (A, structs.replace(B, id="call_new1")),
            id="one id for two calls",
        ),
        pytest.param(
            [calling(piece(0, "a", None, '{"path":')), calling(piece(0, None, "read", '"a"}'))],
            (A,),
            id="name comes late",
        ),
        pytest.param([calling(piece(0, "a", None, ARGS_A))], (structs.replace(A, name=""),), id="name never comes"),
        pytest.param(
            [calling({**piece(0, "a", "read", ARGS_A), "extra_content": {"google": {"thought_signature": "s"}}})],
            (structs.replace(A, opaque='{"extra_content":{"google":{"thought_signature":"s"}}}'),),
            id="thought signature",
        ),
    ],
)
def test_calls(events: list[Event], calls: tuple[ToolUse, ...]) -> None:
    message = answer(*events, END)

    assert (message.content, message.stop_reason) == (calls, "tool_use")


def test_name_of_an_earlier_call_or_answer_is_not_used_again() -> None:
    history = (user_text("Hi."), AssistantMessage(id="c1", model="m", content=(A,)))

    message = answer(calling(piece(0, "a", "read", ARGS_B)), END, request=structs.replace(ASK, messages=history))

    assert (message.id, message.calls[0].id) == ("chatcmpl-new1", "call_new2")


DETAILS = [{"type": "reasoning.text", "text": "Hm.", "index": 0, "signature": "s"}]
INLINE = Profile(inline_thinking=True)


@pytest.mark.parametrize(
    ("events", "profile", "content"),
    [
        pytest.param([chunk(reasoning_content="Hm.")], Profile(), (Thinking(thinking="Hm."),), id="reasoning_content"),
        pytest.param([chunk(reasoning="Hm.")], Profile(), (Thinking(thinking="Hm."),), id="reasoning"),
        pytest.param(
            [
                chunk(reasoning="H", reasoning_details=[{"type": "reasoning.text", "text": "H", "index": 0}]),
                chunk(reasoning="m.", reasoning_details=[{"type": "reasoning.text", "text": "m.", "index": 0}]),
                chunk(
                    content="",
                    reasoning_details=[{"type": "reasoning.text", "text": None, "signature": "s", "index": 0}],
                ),
            ],
            Profile(),
            (Thinking(thinking="Hm.", signature=msgspec.json.encode(DETAILS).decode()),),
            id="details beside reasoning",
        ),
        pytest.param(
            [chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "Hm."}])],
            Profile(),
            (Thinking(thinking="Hm.", signature='[{"type":"reasoning.summary","summary":"Hm."}]'),),
            id="details alone",
        ),
        pytest.param(
            [
                chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "x", "id": "1"}]),
                chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": "y", "id": "2"}]),
            ],
            Profile(),
            (
                Thinking(
                    thinking="",
                    signature='[{"type":"reasoning.encrypted","data":"x","id":"1"},'
                    '{"type":"reasoning.encrypted","data":"y","id":"2"}]',
                ),
            ),
            id="encrypted",
        ),
        pytest.param(
            [
                chunk(
                    content=[
                        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                        {"type": "text", "text": "A"},
                        "strange",
                        {"type": "reference"},
                    ]
                )
            ],
            Profile(),
            (Thinking(thinking="Hm."), Text(text="A")),
            id="list of parts",
        ),
        pytest.param(
            [chunk(content="<th"), chunk(content="ink>Hm.</thi"), chunk(content="nk>\n\nA")],
            INLINE,
            (Thinking(thinking="Hm."), Text(text="A")),
            id="in the text",
        ),
        pytest.param(
            [chunk(content="Hm.\n"), chunk(content="</think>"), chunk(content="A")],
            INLINE,
            (Thinking(thinking="Hm."), Text(text="A")),
            id="in the text, opened by the prompt",
        ),
        pytest.param([chunk(content="</think>A")], INLINE, (Text(text="A"),), id="closed and never thought"),
        pytest.param([chunk(content="Is a <")], INLINE, (Text(text="Is a <"),), id="almost a tag"),
        pytest.param(
            [chunk(content="<think>Hm."), calling(piece(0, "a", "read", ARGS_A))],
            INLINE,
            (Thinking(thinking="Hm."), A),
            id="call from within thought",
        ),
        pytest.param(
            [chunk(content="<think>a</think>")], Profile(), (Text(text="<think>a</think>"),), id="not asked to"
        ),
        pytest.param(
            [chunk(reasoning="1"), chunk(content="A"), chunk(reasoning="2"), chunk(content="B")],
            Profile(),
            (Thinking(thinking="1"), Text(text="A"), Thinking(thinking="2"), Text(text="B")),
            id="in turns",
        ),
    ],
)
def test_reasoning(events: list[Event], profile: Profile, content: tuple[Any, ...]) -> None:
    assert answer(*events, END, profile=profile).content == content


WRITTEN = '<tool_call>{"name": "read", "arguments": {"path": "a"}}</tool_call>'
TEXT_CALLS = Profile(text_calls=True)


@pytest.mark.parametrize(
    ("events", "profile", "content"),
    [
        pytest.param(
            [chunk(content="Now. "), chunk(content=WRITTEN)],
            TEXT_CALLS,
            (Text(text="Now."), structs.replace(A, id="call_new1")),
            id="written",
        ),
        pytest.param([chunk(content=WRITTEN)], Profile(), (Text(text=WRITTEN),), id="not asked for"),
        pytest.param(
            [chunk(content=WRITTEN.replace("read", "rm"))],
            TEXT_CALLS,
            (Text(text=WRITTEN.replace("read", "rm")),),
            id="unknown tool",
        ),
        pytest.param(
            [chunk(content=WRITTEN), calling(piece(0, "b", "read", ARGS_B))],
            TEXT_CALLS,
            (Text(text=WRITTEN), B),
            id="beside a real one",
        ),
        pytest.param(
            [calling(piece(0, "b", "read", ARGS_B)), chunk(content=WRITTEN)],
            TEXT_CALLS,
            (B, Text(text=WRITTEN)),
            id="behind a real one",
        ),
    ],
)
def test_calls_written_as_text(events: list[Event], profile: Profile, content: tuple[Any, ...]) -> None:
    assert answer(*events, END, profile=profile).content == content


def test_written_call_is_shown_like_any_other() -> None:
    assert [type(delta) for delta in read(chunk(content=WRITTEN), END, profile=TEXT_CALLS)][-4:] == [
        BlockStarted,
        ArgumentsDelta,
        BlockFinished,
        MessageFinished,
    ]


CUT_CALL = calling(piece(0, "a", "read", '{"path": "a'))
WHOLE_CALL = calling(piece(0, "a", "read", ARGS_A))


@pytest.mark.parametrize(
    ("events", "stop"),
    [
        pytest.param([chunk(content="A"), chunk("stop")], "end_turn", id="stop"),
        pytest.param([chunk(content="A"), chunk("EOS")], "end_turn", id="eos"),
        pytest.param([chunk(content="A"), DONE], "end_turn", id="no reason but an end"),
        pytest.param([chunk(content="A"), chunk("tool_calls")], "end_turn", id="calls promised and none made"),
        pytest.param([WHOLE_CALL, chunk("stop")], "tool_use", id="stop beside calls"),
        pytest.param([WHOLE_CALL, DONE], "tool_use", id="calls and no reason"),
        pytest.param([chunk(content="A"), chunk("length")], "max_tokens", id="length"),
        pytest.param([CUT_CALL, chunk("length")], "max_tokens", id="length within a call"),
        pytest.param([WHOLE_CALL, chunk("length")], "tool_use", id="length behind a whole call"),
        pytest.param([chunk("content_filter")], "refusal", id="filtered"),
        pytest.param([WHOLE_CALL, chunk("content_filter")], "refusal", id="filtered behind a call"),
        pytest.param([chunk(refusal="No."), chunk("stop")], "refusal", id="refused"),
        pytest.param([chunk("model_context_window_exceeded")], "model_context_window_exceeded", id="window full"),
    ],
)
def test_stop_reason(events: list[Event | str], stop: str) -> None:
    assert answer(*events).stop_reason == stop


def test_refusal_is_text() -> None:
    assert answer(chunk(refusal="No."), END).content == (Text(text="No."),)


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        pytest.param([END], Usage(), id="never"),
        pytest.param(
            [{**END, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}],
            Usage(input_tokens=3, output_tokens=2),
            id="with the finish reason",
        ),
        pytest.param(
            [{**chunk(content="A"), "usage": {"prompt_tokens": 3, "completion_tokens": 1}}, {**END, "usage": USAGE}],
            WHOLE.usage,
            id="in every chunk",
        ),
        pytest.param([{**END, "x_groq": {"usage": {"prompt_tokens": 3}}}], Usage(input_tokens=3), id="groq"),
        pytest.param([{**END, "x_groq": {"id": "r"}}], Usage(), id="groq without"),
        pytest.param(
            [{**END, "usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}],
            Usage(input_tokens=5, cache_read_input_tokens=4),
            id="deepseek",
        ),
        pytest.param(
            [{**END, "usage": {"prompt_tokens": 9, "prompt_tokens_details": {"cache_write_tokens": 4}}}],
            Usage(input_tokens=5, cache_creation_input_tokens=4),
            id="cache writes",
        ),
    ],
)
def test_usage(events: list[Event], usage: Usage) -> None:
    assert answer(*events).usage == usage


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([": OPENROUTER PROCESSING\n\n", chunk(content="A"), END, DONE], id="comments"),
        pytest.param([{"id": "c1", "choices": []}, {"id": "c1"}, chunk(content="A"), END], id="chunks without choices"),
        pytest.param(
            ['data:{"id":"c1","choices":[{"delta":{"content":"A"},"finish_reason":"stop"}]}\r\n\r\n'],
            id="no blank, CRLF",
        ),
        pytest.param([{**chunk(content="A"), "error": None}, END], id="no error"),
        pytest.param(
            [{"id": "c1", "choices": [{"message": {"role": "assistant", "content": "A"}, "finish_reason": "stop"}]}],
            id="whole answer at once",
        ),
        pytest.param([chunk(content="A"), {"id": "c1", "choices": [{"finish_reason": "stop"}]}], id="no delta"),
    ],
)
def test_shapes_of_streams(events: list[Event | str]) -> None:
    message = answer(*events)

    assert (message.id, message.content, message.stop_reason) == ("c1", (Text(text="A"),), "end_turn")


@pytest.mark.parametrize(
    ("events", "error", "cause"),
    [
        pytest.param([chunk(content="A")], ModelUnavailable, "broken_stream", id="cut off"),
        pytest.param([], ModelUnavailable, "broken_stream", id="nothing at all"),
        pytest.param([DONE], ModelUnavailable, "broken_stream", id="an end and nothing before"),
        pytest.param(["data: {oops\n\n"], ModelUnavailable, "broken_stream", id="no JSON"),
        pytest.param(['data: {"id":' + "[" * 9999 + "\n\n"], ModelUnavailable, "broken_stream", id="too deep"),
        pytest.param([chunk("error")], ModelUnavailable, "server_error", id="ended in an error"),
        pytest.param([chunk("network_error")], ModelUnavailable, "server_error", id="ended in an unknown way"),
        pytest.param(
            [chunk(content="A"), {**chunk("error"), "error": {"code": 429, "message": "Slow down."}}],
            ModelUnavailable,
            "rate_limit",
            id="error with the status in it",
        ),
        pytest.param(
            ['data: [{"error":{"code":503,"message":"Busy.","status":"UNAVAILABLE"}}]\n\n'],
            ModelUnavailable,
            "overloaded",
            id="error in a list",
        ),
        pytest.param(
            [{"error": {"type": "exceed_context_size_error", "message": "Too long."}}],
            ContextOverflow,
            None,
            id="overflow",
        ),
    ],
)
def test_failures(events: list[Event | str], error: type[ModelError], cause: str | None) -> None:
    with pytest.raises(error) as caught:
        read(*events)

    assert getattr(caught.value, "cause", None) == cause


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_nonsense_is_a_broken_stream_and_no_crash(data: st.DataObject) -> None:
    details = {"type": "reasoning.text", "text": "Hm.", "summary": None, "index": 0}
    sample = [chunk(reasoning_details=[details]), chunk(reasoning_details=[details]), *FULL[:-1]]

    with suppress(ModelError):
        read(*data.draw(damaged(sample)), profile=INLINE)


@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning"]), st.text(max_size=5)), max_size=12))
def test_no_word_is_lost(words: list[tuple[str, str]]) -> None:
    deltas = read(*(chunk(**{kind: text}) for kind, text in words), END, profile=INLINE)
    last = deltas[-1]

    assert isinstance(last, MessageFinished)
    for kind, block_type, delta_type in (("content", Text, TextDelta), ("reasoning", Thinking, ThinkingDelta)):
        said = "".join(text for which, text in words if which == kind)
        blocks = "".join(
            getattr(block, "text" if kind == "content" else "thinking")
            for block in last.message.content
            if isinstance(block, block_type)
        )
        shown = "".join(
            getattr(delta, "text" if kind == "content" else "thinking")
            for delta in deltas
            if isinstance(delta, delta_type)
        )
        assert blocks == shown == said


def test_letters_that_are_none_are_a_broken_stream() -> None:
    with pytest.raises(ModelUnavailable):
        read_bytes([b'data: {"id":"c1","model":"\xff"}\n\n'], Profile())
