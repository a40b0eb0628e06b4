"""Answers in the Responses dialect: what the events become, and that the SDK reads the same."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from openai.types.responses.response_stream_event import ResponseStreamEvent

from tests.models.damage import damaged
from tests.models.loopback import sse
from tests.models.sdk_types import strict
from tianting.models.responses.stream import ResponseAssembly
from tianting.plumbing.event_stream import EventSplitter
from tianting.protocol.content import Opaque, Text, Thinking, ToolUse
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
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable, RequestRejected
from tianting.protocol.messages import AssistantMessage, Origin
from tianting.protocol.usage import Usage

HERE = Origin(dialect="openai-responses", base_url="https://api.openai.com/v1", model="gpt-6-sol")
Event = dict[str, Any]

REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
    "encrypted_content": "gAAA",
}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "phase": "commentary",
    "content": [{"type": "output_text", "text": "Grüß dich 👋", "annotations": []}],
}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "read",
    "arguments": '{"path": "a"}',
    "status": "completed",
}
CUSTOM = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "apply_patch", "input": 'say "ä"\n'}
SEARCH = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "x", "queries": ["x"]},
}
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


def response(**fields: Any) -> Event:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-6-sol-2026-10-01",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **fields,
    }


def added(position: int, item: Event, **changes: Any) -> Event:
    return {"type": "response.output_item.added", "output_index": position, "item": {**item, **changes}}


def done(position: int, item: Event) -> Event:
    return {"type": "response.output_item.done", "output_index": position, "item": item}


def delta(kind: str, position: int, item_id: str, text: str, **fields: Any) -> Event:
    return {"type": f"response.{kind}.delta", "output_index": position, "item_id": item_id, "delta": text, **fields}


def completed(*items: Event, kind: str = "completed", **fields: Any) -> Event:
    return {"type": f"response.{kind}", "response": response(output=list(items), usage=USAGE, **fields)}


CREATED = {"type": "response.created", "response": response()}
SUMMARY_ADDED = "response.reasoning_summary_part.added"
SUMMARY = "reasoning_summary_text"
FULL: list[Event] = [
    CREATED,
    {"type": "response.in_progress", "response": response()},
    added(0, REASONING, summary=[], encrypted_content=None),
    {
        "type": SUMMARY_ADDED,
        "item_id": "rs_1",
        "output_index": 0,
        "summary_index": 0,
        "part": {"type": "summary_text", "text": ""},
    },
    delta(SUMMARY, 0, "rs_1", "First.", summary_index=0),
    {
        "type": SUMMARY_ADDED,
        "item_id": "rs_1",
        "output_index": 0,
        "summary_index": 1,
        "part": {"type": "summary_text", "text": ""},
    },
    delta(SUMMARY, 0, "rs_1", "Then.", summary_index=1),
    done(0, REASONING),
    added(1, MESSAGE, content=[], status="in_progress"),
    {
        "type": "response.content_part.added",
        "item_id": "msg_1",
        "output_index": 1,
        "content_index": 0,
        "part": {"type": "output_text", "text": "", "annotations": []},
    },
    delta("output_text", 1, "msg_1", "Grüß ", content_index=0, logprobs=[]),
    delta("output_text", 1, "msg_1", "dich 👋", content_index=0, logprobs=[]),
    {
        "type": "response.output_text.done",
        "item_id": "msg_1",
        "output_index": 1,
        "content_index": 0,
        "text": "Grüß dich 👋",
        "logprobs": [],
    },
    done(1, MESSAGE),
    added(2, CALL, arguments="", status="in_progress"),
    delta("function_call_arguments", 2, "fc_1", '{"path":'),
    delta("function_call_arguments", 2, "fc_1", ' "a"}'),
    done(2, CALL),
    added(3, CUSTOM, input=""),
    delta("custom_tool_call_input", 3, "ctc_1", 'say "'),
    delta("custom_tool_call_input", 3, "ctc_1", 'ä"\n'),
    done(3, CUSTOM),
    completed(REASONING, MESSAGE, CALL, CUSTOM, status="completed"),
]
FULL = [{**event, "sequence_number": number} for number, event in enumerate(FULL)]

THOUGHT = Thinking(thinking="First.\n\nThen.", signature=msgspec.json.encode(REASONING).decode())
WORDS = Text(text="Grüß dich 👋", opaque='{"id":"msg_1","phase":"commentary","status":"completed"}')
READ = ToolUse(
    id="call_1", name="read", input={"path": "a"}, opaque='{"id":"fc_1","arguments":"{\\"path\\": \\"a\\"}"}'
)
PATCH = ToolUse(id="call_2", name="apply_patch", input={"patch": 'say "ä"\n'}, opaque='{"id":"ctc_1"}')
WHOLE = AssistantMessage(
    id="resp_1",
    model="gpt-6-sol-2026-10-01",
    content=(THOUGHT, WORDS, READ, PATCH),
    stop_reason="tool_use",
    usage=Usage(
        input_tokens=10,
        output_tokens=20,
        cache_creation_input_tokens=30,
        cache_read_input_tokens=60,
        thinking_tokens=5,
    ),
    origin=HERE,
)


def read(*events: Event | str) -> list[Delta]:
    return read_bytes([sse(*events)])


def read_bytes(chunks: Sequence[bytes]) -> list[Delta]:
    splitter = EventSplitter()
    assembly = ResponseAssembly(HERE, {"apply_patch": "patch"}, "resp_fallback")
    deltas = [delta for chunk in chunks for event in splitter.feed(chunk) for delta in assembly.feed(event.data)]
    assembly.check_ended()
    return deltas


def answer(*events: Event | str) -> AssistantMessage:
    last = read(*events)[-1]
    assert isinstance(last, MessageFinished)
    return last.message


def test_whole_answer() -> None:
    assert read(*FULL) == [
        MessageStarted(message_id="resp_1", model="gpt-6-sol-2026-10-01"),
        BlockStarted(index=0, block=Thinking(thinking="")),
        ThinkingDelta(index=0, thinking="First."),
        ThinkingDelta(index=0, thinking="\n\n"),
        ThinkingDelta(index=0, thinking="Then."),
        BlockFinished(index=0, block=THOUGHT),
        BlockStarted(index=1, block=Text(text="")),
        TextDelta(index=1, text="Grüß "),
        TextDelta(index=1, text="dich 👋"),
        BlockFinished(index=1, block=WORDS),
        BlockStarted(index=2, block=ToolUse(id="call_1", name="read", input={})),
        ArgumentsDelta(index=2, json='{"path":'),
        ArgumentsDelta(index=2, json=' "a"}'),
        BlockFinished(index=2, block=READ),
        BlockStarted(index=3, block=ToolUse(id="call_2", name="apply_patch", input={})),
        ArgumentsDelta(index=3, json='{"patch":"say \\"'),
        ArgumentsDelta(index=3, json='ä\\"\\n'),
        ArgumentsDelta(index=3, json='"}'),
        BlockFinished(index=3, block=PATCH),
        MessageFinished(message=WHOLE),
    ]


@pytest.mark.parametrize("number", range(len(FULL)))
def test_our_sample_is_what_the_api_sends(number: int) -> None:
    strict(ResponseStreamEvent).validate_python(FULL[number])


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_sdk_reads_the_same_however_the_bytes_are_cut(data: st.DataObject) -> None:
    raw = sse(*FULL)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))
    chunks = [raw[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]

    last = read_bytes(chunks)[-1]

    assert isinstance(last, MessageFinished)
    assert last.message == WHOLE
    assert shape_of(last.message) == shape_of_sdk(read_with_sdk(chunks))


def read_with_sdk(chunks: Sequence[bytes]) -> Any:
    def respond(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=iter(chunks))

    transport = httpx2.MockTransport(respond)
    with (
        httpx2.Client(transport=transport) as http,
        openai.OpenAI(api_key="k", base_url="http://127.0.0.1/v1", max_retries=0, http_client=http) as client,
        client.responses.stream(model="gpt-6-sol", input="Hi.") as stream,
    ):
        return stream.get_final_response()


def shape_of(message: AssistantMessage) -> list[tuple[str, ...]]:
    shapes: list[tuple[str, ...]] = []
    for block in message.content:
        match block:
            case Thinking(thinking=thinking):
                shapes.append(("reasoning", thinking))
            case Text(text=text):
                shapes.append(("message", text))
            case ToolUse(name="apply_patch", id=call_id, input={"patch": text}):
                shapes.append(("custom_tool_call", call_id, text))
            case ToolUse(id=call_id, name=name, input=arguments):
                shapes.append(("function_call", call_id, name, str(arguments)))
    return [*shapes, (message.id, message.model, str(message.usage.context_tokens))]


def shape_of_sdk(final: Any) -> list[tuple[str, ...]]:
    shapes: list[tuple[str, ...]] = []
    for item in final.output:
        match item.type:
            case "reasoning":
                shapes.append(("reasoning", "\n\n".join(part.text for part in item.summary)))
            case "message":
                shapes.append(("message", "".join(part.text for part in item.content)))
            case "custom_tool_call":
                shapes.append(("custom_tool_call", item.call_id, item.input))
            case "function_call":
                shapes.append(("function_call", item.call_id, item.name, str(msgspec.json.decode(item.arguments))))
    return [*shapes, (final.id, final.model, str(final.usage.total_tokens))]


@pytest.mark.parametrize(
    ("events", "content", "stop"),
    [
        pytest.param([completed(status="completed")], (), "end_turn", id="nothing to say"),
        pytest.param([done(0, MESSAGE), completed()], (WORDS,), "end_turn", id="no word before the item is done"),
        pytest.param([completed(MESSAGE)], (WORDS,), "end_turn", id="items in the terminal event alone"),
        pytest.param(
            [done(0, REASONING), added(1, MESSAGE, content=[]), completed(REASONING, MESSAGE)],
            (THOUGHT, WORDS),
            "end_turn",
            id="one item done in the terminal event alone",
        ),
        pytest.param(
            [done(0, {**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]}), completed()],
            (structs.replace(WORDS, text="No."),),
            "refusal",
            id="refusal",
        ),
        pytest.param(
            [done(0, MESSAGE), completed(kind="incomplete", incomplete_details={"reason": "max_output_tokens"})],
            (WORDS,),
            "max_tokens",
            id="too long",
        ),
        pytest.param(
            [
                done(0, {**CALL, "arguments": '{"path": "a'}),
                completed(kind="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            ],
            (ToolUse(id="call_1", name="read", input={}, unparsed='{"path": "a', opaque='{"id":"fc_1"}'),),
            "max_tokens",
            id="call cut off",
        ),
        pytest.param(
            [completed(kind="incomplete", incomplete_details={"reason": "content_filter"})],
            (),
            "refusal",
            id="filtered",
        ),
        pytest.param([done(0, SEARCH), completed()], (Opaque(raw=SEARCH),), "end_turn", id="item of another kind"),
        pytest.param(
            [done(0, {"type": "function_call", "id": "fc_1", "name": "read", "arguments": ""}), completed()],
            (ToolUse(id="fc_1", name="read", input={}, opaque='{"id":"fc_1"}'),),
            "tool_use",
            id="call without a call id",
        ),
        pytest.param(
            [
                done(0, {"type": "reasoning", "id": "rs_1", "content": [{"type": "reasoning_text", "text": "Hm."}]}),
                completed(),
            ],
            (
                Thinking(
                    thinking="Hm.",
                    signature='{"type":"reasoning","id":"rs_1","content":[{"type":"reasoning_text","text":"Hm."}]}',
                ),
            ),
            "end_turn",
            id="open reasoning",
        ),
        pytest.param(
            [
                {"type": "response.new"},
                {"type": "new.delta"},
                {"type": "keepalive"},
                ": comment\n\n",
                completed(MESSAGE),
            ],
            (WORDS,),
            "end_turn",
            id="unknown events",
        ),
        pytest.param(
            [delta("output_text", 7, "msg_9", "lost"), delta("shell_call_command", 0, "x", "ls"), completed(MESSAGE)],
            (WORDS,),
            "end_turn",
            id="deltas of nothing",
        ),
    ],
)
def test_final_message(events: list[Event], content: tuple[Any, ...], stop: str) -> None:
    message = answer(*events)

    assert (message.content, message.stop_reason) == (content, stop)


def test_what_was_not_streamed_is_shown_when_it_is_done() -> None:
    shown = [
        delta
        for delta in read(done(0, REASONING), done(1, MESSAGE), done(2, CALL), done(3, CUSTOM), completed())
        if isinstance(delta, TextDelta | ThinkingDelta | ArgumentsDelta)
    ]

    assert shown == [
        ThinkingDelta(index=0, thinking="First.\n\nThen."),
        TextDelta(index=1, text="Grüß dich 👋"),
        ArgumentsDelta(index=2, json='{"path":"a"}'),
        ArgumentsDelta(index=3, json='{"patch":"say \\"ä\\"\\n"}'),
    ]


def test_nameless_answer_gets_a_name() -> None:
    deltas = read(done(0, MESSAGE), {"type": "response.completed", "response": {}})

    assert deltas[0] == MessageStarted(message_id="resp_fallback", model="gpt-6-sol")
    assert isinstance(deltas[-1], MessageFinished)
    assert (deltas[-1].message.id, deltas[-1].message.model) == ("resp_fallback", "gpt-6-sol")


def test_cache_writes_that_live_long_are_counted() -> None:
    details = {"cached_tokens": 1, "cache_write_tokens": 5, "cache_write_tokens_details": {"ttl_12h_tokens": 3}}
    usage = {"input_tokens": 10, "output_tokens": 2, "input_tokens_details": details}

    assert answer({"type": "response.completed", "response": {"usage": usage}}).usage == Usage(
        input_tokens=4,
        output_tokens=2,
        cache_read_input_tokens=1,
        cache_creation_input_tokens=5,
        cache_creation_1h_input_tokens=3,
    )


@pytest.mark.parametrize(
    ("events", "error", "cause"),
    [
        pytest.param(FULL[:-1], ModelUnavailable, "broken_stream", id="no terminal event"),
        pytest.param([CREATED, "data: {oops\n\n"], ModelUnavailable, "broken_stream", id="no JSON"),
        pytest.param(['data: {"id":' + "[" * 9999 + "\n\n"], ModelUnavailable, "broken_stream", id="too deep"),
        pytest.param([done(0, {"type": "message", "id": 7})], ModelUnavailable, "broken_stream", id="bad item"),
        pytest.param([added(0, MESSAGE), completed()], ModelUnavailable, "broken_stream", id="item never done"),
        pytest.param(
            [{"type": "error", "code": "server_error", "message": "Oops."}], ModelUnavailable, "server_error", id="flat"
        ),
        pytest.param(
            [{"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}],
            ModelUnavailable,
            "overloaded",
            id="nested",
        ),
        pytest.param(
            [completed(kind="failed", error={"code": "rate_limit_exceeded", "message": "Try again in 1.5s."})],
            ModelUnavailable,
            "rate_limit",
            id="failed by rate",
        ),
        pytest.param(
            [completed(kind="failed", error={"code": "context_length_exceeded", "message": "Too long."})],
            ContextOverflow,
            None,
            id="failed by length",
        ),
        pytest.param(
            [completed(kind="failed", error={"code": "invalid_prompt", "message": "No."})],
            RequestRejected,
            None,
            id="failed for good",
        ),
    ],
)
def test_failures(events: list[Event], error: type[ModelError], cause: str | None) -> None:
    with pytest.raises(error) as caught:
        read(*events)

    assert getattr(caught.value, "cause", None) == cause


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_nonsense_is_a_broken_stream_and_no_crash(data: st.DataObject) -> None:
    with suppress(ModelError):
        read(*data.draw(damaged(FULL)))


def test_letters_that_are_none_are_a_broken_stream() -> None:
    with pytest.raises(ModelUnavailable):
        read_bytes([b'data: {"type":"\xff"}\n\n'])
