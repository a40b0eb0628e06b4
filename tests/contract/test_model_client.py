"""One suite for `ModelClient`: every dialect's door over real HTTP, and the scripted model that stands in for them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from tianting.models.anthropic.client import open_anthropic
from tianting.models.chat.client import ChatModel
from tianting.models.client import ModelClient
from tianting.models.http.api import HttpApi
from tianting.models.provider_profiles import Profile
from tianting.models.responses.client import ResponsesModel
from tianting.models.scripted import Call, Reply, Script, ScriptedModel, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.content import Text, Thinking, ToolResult
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
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable, NotAuthenticated, RequestRejected
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.protocol.tool_calls import ToolSpec
from tianting.protocol.usage import Usage
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio

CATALOGUE = ModelCatalogue()
READ = ToolSpec(name="Read", description="Reads.", input_schema={"type": "object", "properties": {}})


def over_anthropic(base_url: str) -> ModelClient:
    return open_anthropic(base_url, "key", CATALOGUE)


def over_responses(base_url: str) -> ModelClient:
    return ResponsesModel(HttpApi(f"{base_url}/v1", {"authorization": "Bearer key"}), catalogue=CATALOGUE)


def over_chat(base_url: str) -> ModelClient:
    return ChatModel(HttpApi(f"{base_url}/v1", {"authorization": "Bearer key"}), Profile(), catalogue=CATALOGUE)


MODELS = {"anthropic": "claude-sonnet-5-5", "responses": "gpt-6.1-sol", "chat": "qwen", "scripted": "scripted"}
DOORS: dict[str, Callable[[str], ModelClient]] = {
    "anthropic": over_anthropic,
    "responses": over_responses,
    "chat": over_chat,
}

every_client = pytest.mark.parametrize("kind", MODELS)


@asynccontextmanager
async def playing(kind: str, *replies: Reply) -> AsyncIterator[ModelClient]:
    """A client that hears `replies`, one way or the other."""
    with anyio.fail_after(10):
        if kind == "scripted":
            yield ScriptedModel(*replies)
            return
        async with serve(Script(replies=replies), key="key") as server:
            client = DOORS[kind](server.base_url)
            try:
                yield client
            finally:
                await client.aclose()


def ask(kind: str, *messages: Message) -> ModelRequest:
    return ModelRequest(
        model=MODELS[kind],
        system=("Be brief.",),
        tools=(READ,),
        messages=messages or (user_text("Hi."),),
        max_tokens=1000,
        effort="high",
    )


async def collect(client: ModelClient, request: ModelRequest) -> list[Delta]:
    return [delta async for delta in client.stream(request)]


def finished(deltas: list[Delta]) -> AssistantMessage:
    assert isinstance(deltas[-1], MessageFinished)
    return deltas[-1].message


@every_client
async def test_deltas_add_up_to_the_message(kind: str) -> None:
    reply = Reply(text="Looking, with ümläuts.", thinking="Hm, let me see.", calls=(calls("Read", path="a"),), chunk=3)
    async with playing(kind, reply) as client:
        deltas = await collect(client, ask(kind))
    message = finished(deltas)

    assert isinstance(deltas[0], MessageStarted)
    assert sum(isinstance(delta, MessageStarted | MessageFinished) for delta in deltas) == 2
    started = [delta.index for delta in deltas if isinstance(delta, BlockStarted)]
    whole = [(delta.index, delta.block) for delta in deltas if isinstance(delta, BlockFinished)]
    assert started == [0, 1, 2]
    assert whole == list(enumerate(message.content))
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == reply.text
    assert "".join(delta.thinking for delta in deltas if isinstance(delta, ThinkingDelta)) == reply.thinking
    assert "".join(delta.json for delta in deltas if isinstance(delta, ArgumentsDelta)) == '{"path":"a"}'


@every_client
async def test_message_holds_what_the_script_says(kind: str) -> None:
    usage = Usage(input_tokens=50, output_tokens=20, cache_read_input_tokens=7)
    reply = Reply(text="So.", thinking="Hm.", calls=(calls("Read", path="a"), calls("Read", call_id="x")), usage=usage)
    async with playing(kind, reply) as client:
        message = finished(await collect(client, ask(kind)))

    assert [block.thinking for block in message.content if isinstance(block, Thinking)] == ["Hm."]
    assert [block.text for block in message.content if isinstance(block, Text)] == ["So."]
    assert [(call.name, call.input) for call in message.calls] == [("Read", {"path": "a"}), ("Read", {})]
    assert (message.stop_reason, message.usage, message.model) == ("tool_use", usage, MODELS[kind])


@every_client
async def test_conversation_goes_on_over_calls_and_thinking(kind: str) -> None:
    looking = says("Looking.", calls("Read", path="a"), calls("Read", path="b"), thinking="Hm.")
    replies = (looking, Reply(text="Between.", when="content of a"), Reply(text="Done.", when="Thanks."))
    async with playing(kind, *replies) as client:
        first = finished(await collect(client, ask(kind)))
        results = [
            UserMessage(content=(ToolResult(tool_use_id=call.id, content=f"content of {call.input['path']}"),))
            for call in first.calls
        ]
        history: list[Message] = [user_text("Hi."), first, *results]
        second = finished(await collect(client, ask(kind, *history)))
        third = finished(await collect(client, ask(kind, *history, second, user_text("Thanks."))))

    assert [block.text for message in (second, third) for block in message.content if isinstance(block, Text)] == [
        "Between.",
        "Done.",
    ]
    assert third.stop_reason == "end_turn"


@every_client
async def test_arguments_that_are_no_json_are_kept_as_text(kind: str) -> None:
    async with playing(kind, says("", Call(tool="Read", raw='{"path": '))) as client:
        [call] = finished(await collect(client, ask(kind))).calls

    assert (call.input, call.unparsed) == ({}, '{"path": ')


@every_client
async def test_answer_cut_by_the_limit_says_so(kind: str) -> None:
    async with playing(kind, Reply(text="Cut o", stop_reason="max_tokens")) as client:
        assert finished(await collect(client, ask(kind))).stop_reason == "max_tokens"


BROKEN = (ModelUnavailable, "broken_stream")


@every_client
@pytest.mark.parametrize(
    ("fault", "error", "cause"),
    [
        pytest.param(Fault(kind="status"), ModelUnavailable, "overloaded", id="overloaded"),
        pytest.param(Fault(kind="status", status=429), ModelUnavailable, "rate_limit", id="rate limit"),
        pytest.param(Fault(kind="status", status=500), ModelUnavailable, "server_error", id="server error"),
        pytest.param(Fault(kind="status", status=401), NotAuthenticated, None, id="wrong key"),
        pytest.param(Fault(kind="status", status=400), RequestRejected, None, id="bad request"),
        pytest.param(Fault(kind="status", status=413), ContextOverflow, None, id="too large"),
        pytest.param(
            Fault(kind="status", status=400, message="prompt is too long: 9 tokens > 8 maximum"),
            ContextOverflow,
            None,
            id="prompt too long",
        ),
        pytest.param(Fault(kind="garbage_html"), ModelUnavailable, "server_error", id="web page"),
        pytest.param(Fault(kind="truncate"), *BROKEN, id="truncated"),
        pytest.param(Fault(kind="disconnect"), *BROKEN, id="disconnected"),
        pytest.param(Fault(kind="malformed"), *BROKEN, id="malformed"),
        pytest.param(Fault(kind="stream_error"), ModelUnavailable, "overloaded", id="error event"),
        pytest.param(
            Fault(kind="stream_error", error_type="invalid_request_error"),
            RequestRejected,
            None,
            id="fatal error event",
        ),
    ],
)
async def test_fault_becomes_the_same_error_everywhere(
    kind: str, fault: Fault, error: type[ModelError], cause: str | None
) -> None:
    async with playing(kind, says("Half of this is lost on the way.", fault=fault), says("fine")) as client:
        with pytest.raises(ModelError) as caught:
            await collect(client, ask(kind))
        again = finished(await collect(client, ask(kind)))

    assert (type(caught.value), getattr(caught.value, "cause", None)) == (error, cause)
    assert [block.text for block in again.content if isinstance(block, Text)] == ["fine"]


@every_client
async def test_wait_that_was_asked_for_is_passed_on(kind: str) -> None:
    async with playing(kind, says(fault=Fault(kind="status", status=429, retry_after=7))) as client:
        with pytest.raises(ModelUnavailable) as caught:
            await collect(client, ask(kind))

    assert (caught.value.retry_after, caught.value.status) == (7, 429)


@every_client
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(kind="hang_before_headers"), id="at once"),
        pytest.param(Fault(kind="hang_mid_stream"), id="half-way"),
    ],
)
async def test_silence_can_be_cancelled_and_the_client_used_again(kind: str, fault: Fault) -> None:
    async with playing(kind, says("Half of this.", fault=fault), says("fine")) as client:
        with anyio.move_on_after(0.1) as patience:
            await collect(client, ask(kind))
        again = finished(await collect(client, ask(kind)))

    assert patience.cancelled_caught
    assert [block.text for block in again.content if isinstance(block, Text)] == ["fine"]


@every_client
async def test_bytes_may_drip(kind: str) -> None:
    reply = says("Drop by drop, ü.", calls("Read", path="a"), fault=Fault(kind="drip"))
    async with playing(kind, reply) as client:
        message = finished(await collect(client, ask(kind)))

    assert [block.text for block in message.content if isinstance(block, Text)] == ["Drop by drop, ü."]
    assert message.calls[0].input == {"path": "a"}


@every_client
async def test_tokens_grow_with_the_prompt(kind: str) -> None:
    async with playing(kind) as client:
        short = await client.count_tokens(ask(kind))
        long = await client.count_tokens(ask(kind, user_text("word " * 2000)))

    assert 1000 < long - short < 5000
