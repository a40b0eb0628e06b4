"""The client as a whole: what goes over the wire, what comes back, and what a torn stream amounts to."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio
import msgspec
import pytest

from tests.models.raw_server import (
    STREAM_END,
    STREAM_HEAD,
    Handler,
    RawServer,
    answer,
    chunk,
    sends,
    sends_and_closes,
    sends_and_waits,
    serve_raw,
)
from tianting.models.anthropic.client import AnthropicModel, open_anthropic
from tianting.models.scripted import Script, calls, says
from tianting.protocol.content import RedactedThinking, Text, Thinking, ToolResult, ToolUse
from tianting.protocol.deltas import (
    BlockFinished,
    BlockStarted,
    Delta,
    MessageFinished,
    MessageStarted,
    RateLimitSeen,
    TextDelta,
)
from tianting.protocol.errors import ModelUnavailable, NotAuthenticated, RequestRejected
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio

MODEL = "claude-sonnet-5-5"
EVENTS = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-5-5"}}\n\n',
    b'event: content_block_start\ndata: {"index":0,"content_block":{"type":"text","text":""}}\n\n',
    b'event: content_block_delta\ndata: {"index":0,"delta":{"type":"text_delta","text":"Hi."}}\n\n',
    b'event: content_block_stop\ndata: {"index":0}\n\n',
    b'event: message_delta\ndata: {"delta":{"stop_reason":"end_turn"}}\n\n',
    b"event: message_stop\ndata: {}\n\n",
)
WHOLE = sends(STREAM_HEAD, *map(chunk, EVENTS), STREAM_END)


def request(*messages: Message) -> ModelRequest:
    return ModelRequest(
        model=MODEL, system=("Be brief.",), tools=(), messages=messages or (user_text("Hi?"),), max_tokens=99
    )


@asynccontextmanager
async def model_against(
    *steps: Handler, bearer: bool = False, key: str = "k"
) -> AsyncIterator[tuple[AnthropicModel, RawServer]]:
    with anyio.fail_after(5):
        async with serve_raw(*steps) as server:
            model = open_anthropic(server.url, key, ModelCatalogue(), bearer=bearer, key_source="MY_KEY")
            yield model, server
            await model.aclose()


async def deltas_of(model: AnthropicModel) -> list[Delta]:
    async with aclosing(model.stream(request())) as deltas:
        return [delta async for delta in deltas]


def answer_from(base_url: str) -> list[Delta]:
    message = AssistantMessage(
        id="msg_1",
        model=MODEL,
        content=(Text(text="Hi."),),
        stop_reason="end_turn",
        origin=Origin(dialect="anthropic", base_url=base_url, model=MODEL),
    )
    return [
        MessageStarted(message_id="msg_1", model=MODEL),
        BlockStarted(index=0, block=Text(text="")),
        TextDelta(index=0, text="Hi."),
        BlockFinished(index=0, block=Text(text="Hi.")),
        MessageFinished(message=message),
    ]


async def test_answer_arrives_and_the_connection_is_kept() -> None:
    async with model_against(WHOLE, WHOLE) as (model, server):
        assert await deltas_of(model) == answer_from(server.url)
        assert await deltas_of(model) == answer_from(server.url)

    assert server.connections == 1
    head, body = server.requests[0]
    assert head.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert msgspec.json.decode(body)["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("bearer", "key", "sent"),
    [
        pytest.param(False, "k", {b"x-api-key: k"}, id="API key"),
        pytest.param(True, "k", {b"authorization: Bearer k"}, id="auth token"),
        pytest.param(False, "", set(), id="none"),
    ],
)
async def test_one_kind_of_key_is_sent(bearer: bool, key: str, sent: set[bytes]) -> None:
    async with model_against(WHOLE, bearer=bearer, key=key) as (model, server):
        await deltas_of(model)

    lines = server.requests[0][0].split(b"\r\n")
    assert b"anthropic-version: 2023-06-01" in lines
    assert {line for line in lines if line.startswith((b"x-api-key", b"authorization"))} == sent


async def test_limits_of_the_account_are_told_before_the_answer() -> None:
    told = b"anthropic-ratelimit-unified-status: allowed_warning\r\nanthropic-ratelimit-unified-reset: 1800000000\r\n"
    head = STREAM_HEAD.removesuffix(b"\r\n") + told + b"\r\n"

    async with model_against(sends(head, *map(chunk, EVENTS), STREAM_END)) as (model, server):
        assert await deltas_of(model) == [
            RateLimitSeen(status="allowed_warning", resets_at=1_800_000_000),
            *answer_from(server.url),
        ]


@pytest.mark.parametrize("events", range(len(EVENTS)))
async def test_answer_without_its_end_is_no_answer(events: int) -> None:
    steps = sends_and_closes(STREAM_HEAD, *map(chunk, EVENTS[:events]), STREAM_END)

    async with model_against(steps) as (model, _):
        with pytest.raises(ModelUnavailable) as caught:
            await deltas_of(model)

    assert caught.value.cause == "broken_stream"


async def test_server_that_does_not_hang_up_is_not_waited_for() -> None:
    async with model_against(sends_and_waits(STREAM_HEAD, *map(chunk, EVENTS))) as (model, server):
        assert await deltas_of(model) == answer_from(server.url)


REFUSED = answer(
    "400 Bad Request",
    b'{"error":{"type":"invalid_request_error","message":"messages.1: Invalid `signature` in `thinking` block"}}',
)


def thought(base_url: str) -> AssistantMessage:
    blocks = (Thinking(thinking="Hm.", signature="c2ln"), RedactedThinking(data="x"), Text(text="Hello."))
    origin = Origin(dialect="anthropic", base_url=base_url, model=MODEL)
    return AssistantMessage(id="m", model=MODEL, content=blocks, origin=origin)


async def test_refused_thinking_is_left_out_from_then_on() -> None:
    async with model_against(sends(REFUSED), WHOLE, WHOLE) as (model, server):
        asked = request(user_text("Hi?"), thought(server.url), user_text("Well?"))
        for _ in range(2):
            assert (await last_message(model, asked)).content == (Text(text="Hi."),)

    kinds = [
        [part["type"] for part in msgspec.json.decode(body)["messages"][1]["content"]] for _, body in server.requests
    ]
    assert kinds == [["thinking", "redacted_thinking", "text"], ["text"], ["text"]]


@pytest.mark.parametrize(
    ("steps", "signed"),
    [
        pytest.param([REFUSED, REFUSED], True, id="refused again"),
        pytest.param([REFUSED], False, id="nothing to leave out"),
        pytest.param([answer("400 X", b'{"error":{"message":"max_tokens"}}')], True, id="refused for another reason"),
    ],
)
async def test_refusal_without_a_cure_is_raised(steps: list[bytes], signed: bool) -> None:
    async with model_against(*map(sends, steps)) as (model, server):
        history = (user_text("Hi?"), thought(server.url), user_text("Well?")) if signed else ()
        with pytest.raises(RequestRejected):
            await last_message(model, request(*history))

    assert len(server.requests) == len(steps)


async def test_refused_key_names_its_source() -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}'
    async with model_against(sends(answer("401 Unauthorized", body))) as (model, _):
        with pytest.raises(NotAuthenticated, match=r"^The key in MY_KEY was refused \(401\)"):
            await deltas_of(model)


async def test_tokens_are_counted_by_the_provider() -> None:
    async with model_against(sends(answer("200 OK", b'{"input_tokens":42}'))) as (model, server):
        assert await model.count_tokens(request()) == 42

    head, body = server.requests[0]
    assert head.startswith(b"POST /v1/messages/count_tokens HTTP/1.1\r\n")
    assert not {"max_tokens", "stream"} & msgspec.json.decode(body).keys()


async def test_count_that_is_none() -> None:
    async with model_against(sends(answer("200 OK", b"<html>"))) as (model, _):
        with pytest.raises(ModelUnavailable, match="count cannot be read"):
            await model.count_tokens(request())


async def test_path_may_be_part_of_the_address() -> None:
    async with serve_raw(WHOLE) as server:
        model = open_anthropic(f"{server.url}/anthropic/v1/", "k", ModelCatalogue(), headers={"anthropic-version": "x"})
        with anyio.fail_after(5):
            await deltas_of(model)
        await model.aclose()

    head = server.requests[0][0]
    assert head.startswith(b"POST /anthropic/v1/messages HTTP/1.1\r\n")
    assert b"\r\nanthropic-version: x\r\n" in head


async def test_conversation_with_the_scripted_server() -> None:
    script = Script(
        replies=(says("Reading.", calls("Read", call_id="toolu_1", file_path="a.py"), thinking="Hm."), says("Done."))
    )
    with anyio.fail_after(5):
        async with serve(script) as server:
            model = open_anthropic(server.base_url, "k", ModelCatalogue())
            first = await last_message(model, request())
            result = UserMessage(content=(ToolResult(tool_use_id="toolu_1", content="x = 1"),))
            second = await last_message(model, request(user_text("Hi?"), first, result))
            assert await model.count_tokens(request()) > 0
            await model.aclose()

    thinking, *rest = first.content
    assert isinstance(thinking, Thinking)
    assert rest == [Text(text="Reading."), ToolUse(id="toolu_1", name="Read", input={"file_path": "a.py"})]
    assert (first.stop_reason, second.content, second.stop_reason) == ("tool_use", (Text(text="Done."),), "end_turn")


async def last_message(model: AnthropicModel, asked: ModelRequest) -> AssistantMessage:
    last = [delta async for delta in model.stream(asked)][-1]
    assert isinstance(last, MessageFinished)
    return last.message
