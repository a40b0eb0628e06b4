"""The Chat client over real sockets: what it asks, and what it learns from a refusal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from tests.models.loopback import Answer, Server, serve, sse
from tests.models.test_chat_assembly import ASK, FULL, WHOLE
from tianting.models.chat.client import ChatModel
from tianting.models.http.api import HttpApi
from tianting.models.provider_profiles import Profile
from tianting.protocol.content import Text
from tianting.protocol.deltas import Delta, MessageFinished
from tianting.protocol.errors import ContextOverflow, ModelUnavailable, RequestRejected
from tianting.protocol.messages import Origin
from tianting.protocol.model_catalogue import ModelCatalogue

pytestmark = pytest.mark.anyio

GOOD = Answer(body=sse(*FULL))


def refusal(message: str, status: int = 400) -> Answer:
    return Answer(status=status, content_type="application/json", body=sse({"error": {"message": message}})[6:])


@asynccontextmanager
async def model_with(*answers: Answer, profile: Profile = Profile()) -> AsyncIterator[tuple[ChatModel, Server]]:  # noqa: B008
    with anyio.fail_after(5):
        async with serve(*answers) as server:
            model = ChatModel(HttpApi(server.url, {}), profile, catalogue=ModelCatalogue(), new_id=lambda: "0")
            yield model, server
            await model.aclose()


async def collect(model: ChatModel) -> list[Delta]:
    return [delta async for delta in model.stream(ASK)]


async def test_answer_comes_through() -> None:
    async with model_with(GOOD) as (model, server):
        last = (await collect(model))[-1]

        assert isinstance(last, MessageFinished)
        assert last.message.content == WHOLE.content
        assert last.message.origin == Origin(dialect="openai-chat", base_url=server.url, model="qwen3")
        assert [path for path, _ in server.requests] == ["/chat/completions"]


async def test_server_that_never_closes_its_stream_holds_nobody_up() -> None:
    async with model_with(Answer(body=sse(*FULL), stays_open=True)) as (model, _):
        assert isinstance((await collect(model))[-1], MessageFinished)


async def test_server_may_forget_the_last_blank_line() -> None:
    async with model_with(Answer(body=sse(*FULL[:-1])[:-1])) as (model, _):
        assert isinstance((await collect(model))[-1], MessageFinished)


async def test_server_may_answer_at_once() -> None:
    said = {"role": "assistant", "content": "A" * 100_000}
    whole = sse({"id": "c1", "choices": [{"message": said, "finish_reason": "stop"}]})[6:]
    async with model_with(Answer(body=whole, content_type="application/json; charset=utf-8")) as (model, _):
        last = (await collect(model))[-1]

        assert isinstance(last, MessageFinished)
        assert last.message.content == (Text(text="A" * 100_000),)


async def test_error_may_come_with_a_good_status() -> None:
    error = sse({"error": {"type": "exceed_context_size_error", "message": "Too long."}})[6:]
    async with model_with(Answer(body=error, content_type="application/json")) as (model, _):
        with pytest.raises(ContextOverflow):
            await collect(model)


async def test_refused_field_is_left_out_from_then_on() -> None:
    refused = refusal("stream_options: Extra inputs are not permitted", 422)
    async with model_with(refused, GOOD, GOOD) as (model, server):
        await collect(model)
        await collect(model)

        assert ["stream_options" in body for _, body in server.requests] == [True, False, False]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusal("messages.0: wrong"), id="about something else"),
        pytest.param(refusal("reasoning_effort is not supported"), id="about a field that was not sent"),
        pytest.param(refusal("no stream_options here", 404), id="no such place"),
    ],
)
async def test_other_refusals_are_final(answer: Answer) -> None:
    async with model_with(answer) as (model, server):
        with pytest.raises(RequestRejected):
            await collect(model)

        assert len(server.requests) == 1


async def test_call_the_server_could_not_read_is_worth_another_try() -> None:
    async with model_with(refusal("Failed to call a function. See 'failed_generation'.")) as (model, _):
        with pytest.raises(ModelUnavailable) as caught:
            await collect(model)

        assert (caught.value.cause, caught.value.status) == ("server_error", 400)


async def test_cut_off_answer_is_no_answer() -> None:
    async with model_with(Answer(body=sse(*FULL[:3]))) as (model, _):
        with pytest.raises(ModelUnavailable) as caught:
            await collect(model)

        assert caught.value.cause == "broken_stream"


async def test_tokens_are_estimated_by_length() -> None:
    async with model_with() as (model, server):
        assert await model.count_tokens(ASK) in range(50, 150)
        assert server.requests == []
