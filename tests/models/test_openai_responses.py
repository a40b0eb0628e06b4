"""The Responses client over real sockets: what it asks, and how it mends a request that was refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from tests.models.loopback import Answer, Server, serve, sse
from tests.models.sdk_types import strict
from tests.models.test_responses_stream import FULL, MESSAGE, REASONING, completed, done
from tianting.models.http.api import HttpApi
from tianting.models.responses.client import ResponsesModel
from tianting.protocol.content import Text, Thinking
from tianting.protocol.deltas import Delta, MessageFinished
from tianting.protocol.errors import ModelError, ModelUnavailable, RequestRejected
from tianting.protocol.messages import AssistantMessage, Message, Origin, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest

pytestmark = pytest.mark.anyio

UNREADABLE = Answer(
    status=400,
    content_type="application/json",
    body=b'{"error":{"message":"The encrypted content gAAA... could not be verified.","type":"invalid_request_error",'
    b'"param":null,"code":"invalid_encrypted_content"}}',
)
GOOD = Answer(body=sse(*FULL))


@asynccontextmanager
async def model_with(*answers: Answer) -> AsyncIterator[tuple[ResponsesModel, Server]]:
    with anyio.fail_after(5):
        async with serve(*answers) as server:
            model = ResponsesModel(HttpApi(server.url, {}), catalogue=ModelCatalogue(), new_id=lambda: "0")
            yield model, server
            await model.aclose()


def ask(*messages: Message) -> ModelRequest:
    return ModelRequest(model="gpt-6-sol", system=("Be brief.",), tools=(), messages=messages, max_tokens=100)


def thought_at(server: Server, name: str) -> AssistantMessage:
    origin = Origin(dialect="openai-responses", base_url=server.url, model="gpt-6-sol")
    thinking = Thinking(thinking="", signature=msgspec.json.encode(REASONING).decode())
    return AssistantMessage(id=name, model="gpt-6-sol", content=(thinking, Text(text="A")), origin=origin)


async def collect(model: ResponsesModel, request: ModelRequest) -> list[Delta]:
    return [delta async for delta in model.stream(request)]


async def test_answer_comes_through() -> None:
    async with model_with(GOOD) as (model, server):
        deltas = await collect(model, ask(user_text("Hi.")))

        [(path, body)] = server.requests
        last = deltas[-1]
        assert isinstance(last, MessageFinished)
        assert last.message.origin == Origin(dialect="openai-responses", base_url=server.url, model="gpt-6-sol")
        assert path == "/responses"
        strict(ResponseCreateParamsStreaming).validate_python(body)


async def test_unreadable_reasoning_is_dropped_once_and_for_all_but_later_reasoning_is_not() -> None:
    async with model_with(UNREADABLE, GOOD, GOOD) as (model, server):
        first = (user_text("Hi."), thought_at(server, "a"), user_text("Go on."))
        await collect(model, ask(*first))
        await collect(model, ask(*first, thought_at(server, "b"), user_text("And?")))

        reasoning = [[item for item in body["input"] if item.get("type") == "reasoning"] for _, body in server.requests]
        assert reasoning == [[REASONING], [], [REASONING]]


async def test_second_refusal_is_final() -> None:
    async with model_with(UNREADABLE, UNREADABLE) as (model, server):
        with pytest.raises(RequestRejected):
            await collect(model, ask(user_text("Hi."), thought_at(server, "a"), user_text("Go on.")))

        assert len(server.requests) == 2


async def test_refusal_without_reasoning_is_final() -> None:
    async with model_with(UNREADABLE) as (model, server):
        with pytest.raises(RequestRejected):
            await collect(model, ask(user_text("Hi.")))

        assert len(server.requests) == 1


async def test_other_refusals_are_not_mended() -> None:
    refused = Answer(status=400, content_type="application/json", body=b'{"error":{"message":"No."}}')
    async with model_with(refused) as (model, server):
        with pytest.raises(RequestRejected):
            await collect(model, ask(user_text("Hi."), thought_at(server, "a")))

        assert len(server.requests) == 1


async def test_cut_off_answer_is_no_answer() -> None:
    async with model_with(Answer(body=sse(*FULL[:-1]))) as (model, _):
        with pytest.raises(ModelUnavailable) as caught:
            await collect(model, ask(user_text("Hi.")))

        assert caught.value.cause == "broken_stream"


async def test_reader_may_leave_early() -> None:
    async with model_with(GOOD) as (model, _):
        stream = model.stream(ask(user_text("Hi.")))
        await anext(stream)
        await stream.aclose()


async def test_tokens_are_counted_by_the_provider() -> None:
    counted = Answer(content_type="application/json", body=b'{"object":"response.input_tokens","input_tokens":42}')
    async with model_with(counted) as (model, server):
        assert await model.count_tokens(ask(user_text("Hi."))) == 42
        assert server.requests[0][0] == "/responses/input_tokens"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(status=404, content_type="text/plain", body=b"Not found"), id="unknown path"),
        pytest.param(Answer(content_type="application/json", body=b"{}"), id="no number"),
    ],
)
async def test_tokens_are_estimated_where_the_provider_cannot_count(answer: Answer) -> None:
    async with model_with(answer) as (model, _):
        assert await model.count_tokens(ask(user_text("x" * 3500))) in range(1000, 1100)


async def test_count_fails_where_the_provider_is_away() -> None:
    async with model_with(Answer(status=503, body=b"")) as (model, _):
        with pytest.raises(ModelError):
            await model.count_tokens(ask(user_text("Hi.")))


async def test_server_that_never_closes_its_stream_holds_nobody_up() -> None:
    answer = Answer(body=sse(done(0, MESSAGE), completed(), "data: [DONE]\n\n"), stays_open=True)
    async with model_with(answer) as (model, _):
        assert isinstance((await collect(model, ask(user_text("Hi."))))[-1], MessageFinished)
