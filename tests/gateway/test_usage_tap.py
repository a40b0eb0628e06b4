"""The usage is read off every dialect, wherever the stream was cut, and nothing that a model writes can forge it."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.dialects import AnswerKind
from tianting.gateway.usage_tap import UsageTap
from tianting.plumbing.event_stream import LONGEST_EVENT
from tianting.protocol.usage import Usage


def event(name: str, **data: object) -> bytes:
    return f"event: {name}\ndata: ".encode() + msgspec.json.encode({"type": name, **data}) + b"\n\n"


def chunk(**data: object) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def delta(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


START = event(
    "message_start",
    message={
        "model": "claude-opus-5-5",
        "usage": {
            "input_tokens": 25,
            "output_tokens": 1,
            "cache_creation_input_tokens": 7,
            "cache_read_input_tokens": 9,
            "cache_creation": {"ephemeral_1h_input_tokens": 3},
        },
    },
)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 89})
ANTHROPIC = Usage(
    input_tokens=25,
    output_tokens=89,
    cache_creation_input_tokens=7,
    cache_read_input_tokens=9,
    cache_creation_1h_input_tokens=3,
)
OPENAI = Usage(
    input_tokens=60, output_tokens=20, cache_read_input_tokens=30, cache_creation_input_tokens=10, thinking_tokens=5
)
RESPONSES_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
}
CHAT_USAGE = {
    "prompt_tokens": 100,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
    "completion_tokens": 20,
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def tapped(kind: AnswerKind, *pieces: bytes, streams: bool = True) -> UsageTap:
    tap = UsageTap(kind, streams=streams)
    for piece in pieces:
        tap.feed(piece)
    tap.finish()
    return tap


@pytest.mark.parametrize(
    ("kind", "pieces", "expected"),
    [
        pytest.param("messages", [START, delta("hi"), END], ANTHROPIC, id="Messages"),
        pytest.param("messages", [START + delta("hi") + END], ANTHROPIC, id="Messages at once"),
        pytest.param(
            "messages", [START.replace(b"\n", b"\r\n"), delta("hi").replace(b"\n", b"\r\n")],
            msgspec.structs.replace(ANTHROPIC, output_tokens=1), id="Messages, CRLF",
        ),
        pytest.param(
            "messages", [START, END, event("message_delta", usage={"output_tokens": 95, "input_tokens": 30})],
            msgspec.structs.replace(ANTHROPIC, output_tokens=95, input_tokens=30), id="the last word counts",
        ),
        pytest.param(
            "responses",
            [
                event("response.created", response={"model": "gpt-6-sol", "usage": None}),
                event("response.output_text.delta", delta="hi"),
                event("response.completed", response={"model": "gpt-6-sol", "usage": RESPONSES_USAGE}),
            ],
            OPENAI,
            id="Responses",
        ),
        pytest.param(
            "chat", [chunk(model="m", usage=None), chunk(model="m", usage=CHAT_USAGE), b"data: [DONE]\n\n"],
            OPENAI, id="Chat",
        ),
        pytest.param("count", [START, END], None, id="counting is free"),
        pytest.param("messages", [delta("hi")], None, id="nothing told"),
        pytest.param("messages", [event("message_delta", usage="much")], None, id="nonsense"),
        pytest.param("messages", [b'data: "usage": {\xff\n\n'], None, id="no JSON"),
        pytest.param("messages", [START, event("message_delta", usage={"output_tokens": -5})],
                     msgspec.structs.replace(ANTHROPIC, output_tokens=0), id="less than nothing"),
    ],
)  # fmt: skip
def test_streams(kind: AnswerKind, pieces: list[bytes], expected: Usage | None) -> None:
    assert tapped(kind, *pieces).usage == expected


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        pytest.param(
            "messages",
            {"type": "message", "content": [{"input": {"usage": {"output_tokens": 0}}}], "usage": {"output_tokens": 9}},
            Usage(output_tokens=9),
            id="Messages",
        ),
        pytest.param("responses", {"object": "response", "usage": RESPONSES_USAGE}, OPENAI, id="Responses"),
        pytest.param("chat", {"object": "chat.completion", "usage": CHAT_USAGE}, OPENAI, id="Chat"),
    ],
)
def test_whole_answers(kind: AnswerKind, body: object, expected: Usage) -> None:
    written = msgspec.json.encode(body)

    assert tapped(kind, written[:20], written[20:], streams=False).usage == expected


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(delta('"usage":{"output_tokens":0}'), id="text"),
        pytest.param(delta('\n\nevent: message_delta\ndata: {"usage":{"output_tokens":0}}\n\n'), id="an event in text"),
        pytest.param(
            event("content_block_start", content_block={"type": "server_tool_use", "usage": {"output_tokens": 0}}),
            id="in a block",
        ),
    ],
)
def test_a_model_cannot_forge_its_usage(said: bytes) -> None:
    assert tapped("messages", START, END, said).usage == ANTHROPIC


def test_an_error_inside_a_stream_is_noticed() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    assert tapped("messages", START, error).error == "overloaded_error"
    assert tapped("messages", START, b"event: error\ndata: ?\n\n").error == "unknown"
    assert tapped("messages", START, END).error == ""


def test_the_model_that_answered_is_known() -> None:
    assert tapped("messages", START, END).model == "claude-opus-5-5"


def test_who_hangs_up_before_the_end_has_still_used_what_passed() -> None:
    stream = tapped("messages", START, *[delta("word")] * 200)
    whole = tapped("messages", b"x" * 400, streams=False)

    assert stream.usage is not None
    assert stream.with_what_passed(stream.usage).output_tokens == stream.payload_bytes // 128 > 100
    assert whole.with_what_passed(Usage(output_tokens=7)).output_tokens == 100
    assert whole.with_what_passed(Usage(output_tokens=700)).output_tokens == 700


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.plumbing.event_stream.LONGEST_EVENT", 1_000)

    assert tapped("messages", b"data: " + b"x" * 2_000, b"\n\n", START).usage is None
    assert LONGEST_EVENT > 1_000


def test_a_whole_answer_beyond_all_measure_goes_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.gateway.usage_tap._LARGEST_BODY", 10)

    assert tapped("chat", msgspec.json.encode({"usage": CHAT_USAGE}), streams=False).usage is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6), st.lists(st.integers(0, 3000), max_size=12))
def test_cuts_change_nothing(texts: list[str], cuts: list[int]) -> None:
    stream = START + b"".join(map(delta, texts)) + END
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]

    assert tapped("messages", *pieces).usage == ANTHROPIC
