"""The official clients talk to the server and notice nothing: every kind of answer, in all three dialects."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import anthropic
import anyio
import anyio.to_thread
import httpx2
import msgspec
import openai
import pytest
from anthropic.types.raw_message_stream_event import RawMessageStreamEvent
from openai.types.chat.chat_completion_chunk import ChatCompletionChunk
from openai.types.responses.response_stream_event import ResponseStreamEvent

from tests.models.sdk_types import strict
from tianting.models.scripted import Call, Reply, Script, calls, says
from tianting.models.scripted_faults import Fault
from tianting.plumbing.event_stream import EventSplitter, ServerSentEvent
from tianting.protocol.usage import Usage
from tianting.testing.model_server import ServerOptions, serve

pytestmark = pytest.mark.anyio

T = TypeVar("T")

USAGE = Usage(input_tokens=100, output_tokens=30, cache_read_input_tokens=20, thinking_tokens=10)
REPLIES = [
    pytest.param(says("Hello, world. This is more than one delta of text, with ümläuts and 中文."), id="text"),
    pytest.param(says("So.", thinking="Let me think about this for a while."), id="thinking"),
    pytest.param(
        says("Looking.", calls("Read", file_path="a.py"), calls("Bash", command="ls -l"), calls("Now")), id="calls"
    ),
    pytest.param(Reply(text="Cut o", stop_reason="max_tokens", usage=USAGE), id="truncated by limit"),
    pytest.param(Reply(text="No.", stop_reason="refusal"), id="refused"),
    pytest.param(Reply(), id="empty"),
    pytest.param(says("Byte by byte, ü.", thinking="Hm.", fault=Fault(kind="drip")), id="dripping"),
    pytest.param(Reply(text="Slow.", delay=0.01, pause=0.001, chunk=1), id="slow"),
]


def one(reply: Reply) -> Script:
    return Script(replies=(reply,))


async def in_thread(work: Callable[[], T]) -> T:
    with anyio.fail_after(10):
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def anthropic_message(base_url: str, **settings: Any) -> anthropic.types.Message:
    with (
        anthropic.Anthropic(
            api_key="k", base_url=base_url, max_retries=0, _strict_response_validation=True, **settings
        ) as client,
        client.messages.stream(model="m", max_tokens=100, messages=[{"role": "user", "content": "Hi."}]) as stream,
    ):
        return stream.get_final_message()


def responses_answer(base_url: str, **settings: Any) -> Any:
    with openai.OpenAI(api_key="k", base_url=base_url + "/v1", max_retries=0, **settings) as client:
        last = None
        with client.responses.stream(model="m", input="Hi.") as stream:
            for event in stream:
                last = event
        assert last is not None
        return getattr(last, "response", last)


def chat_answer(base_url: str) -> Any:
    with (
        openai.OpenAI(api_key="k", base_url=base_url + "/v1", max_retries=0) as client,
        client.chat.completions.stream(
            model="m", messages=[{"role": "user", "content": "Hi."}], stream_options={"include_usage": True}
        ) as stream,
    ):
        try:
            return stream.get_final_completion()
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
            return stream.current_completion_snapshot


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("chunked", [pytest.param(True, id="chunked"), pytest.param(False, id="until close")])
async def test_anthropic_client_reads_the_reply(reply: Reply, chunked: bool) -> None:
    async with serve(one(reply), options=ServerOptions(chunked=chunked)) as server:
        message = await in_thread(lambda: anthropic_message(server.base_url))

    assert "".join(block.text for block in message.content if block.type == "text") == reply.text
    assert [(block.thinking, block.signature) for block in message.content if block.type == "thinking"] == (
        [(reply.thinking, "scripted")] if reply.thinking else []
    )
    assert [(block.name, block.input) for block in message.content if block.type == "tool_use"] == [
        (call.tool, call.input) for call in reply.calls
    ]
    assert message.stop_reason == (reply.stop_reason or ("tool_use" if reply.calls else "end_turn"))


@pytest.mark.parametrize("reply", REPLIES)
async def test_responses_client_reads_the_reply(reply: Reply) -> None:
    async with serve(one(reply)) as server:
        response = await in_thread(lambda: responses_answer(server.base_url))

    assert response.output_text == reply.text
    summaries = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
    assert "".join(summaries) == reply.thinking
    assert [
        (item.name, msgspec.json.decode(item.arguments)) for item in response.output if item.type == "function_call"
    ] == [(call.tool, call.input) for call in reply.calls]
    assert response.status == ("incomplete" if reply.stop_reason else "completed")


@pytest.mark.parametrize("reply", REPLIES)
async def test_chat_client_reads_the_reply(reply: Reply) -> None:
    async with serve(one(reply)) as server:
        completion = await in_thread(lambda: chat_answer(server.base_url))

    [choice] = completion.choices
    assert (choice.message.content or "") == reply.text
    assert [
        (call.function.name, msgspec.json.decode(call.function.arguments)) for call in choice.message.tool_calls or ()
    ] == [(call.tool, call.input) for call in reply.calls]
    finish = {"max_tokens": "length", "refusal": "content_filter", None: "tool_calls" if reply.calls else "stop"}
    assert choice.finish_reason == finish[reply.stop_reason]
    assert completion.usage.prompt_tokens > 0


async def post(base_url: str, path: str, body: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        with anyio.fail_after(5):
            return await client.post(base_url + path, json=body, headers={"anthropic-version": "2023-06-01"})


def events_of(response: httpx2.Response) -> Iterator[ServerSentEvent]:
    assert response.status_code == 200, response.text
    return iter(EventSplitter().feed(response.content))


ASKED = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi."}]}
RAW = says("Hm.", Call(tool="Read", raw='{"file_path": '))


@pytest.mark.parametrize("reply", [*REPLIES, pytest.param(RAW, id="arguments that are no JSON")])
async def test_every_anthropic_event_has_the_official_shape(reply: Reply) -> None:
    async with serve(one(reply)) as server:
        events = list(events_of(await post(server.base_url, "/v1/messages", {**ASKED, "max_tokens": 9})))

    for event in events:
        strict(RawMessageStreamEvent).validate_python(msgspec.json.decode(event.data))
        assert msgspec.json.decode(event.data)["type"] == event.event
    assert events[-1].event == "message_stop"


@pytest.mark.parametrize("reply", [*REPLIES, pytest.param(RAW, id="arguments that are no JSON")])
async def test_every_responses_event_has_the_official_shape(reply: Reply) -> None:
    free = [{"type": "custom", "name": "Bash"}]
    async with serve(one(reply)) as server:
        asked = {"model": "m", "stream": True, "input": "Hi.", "tools": free}
        events = list(events_of(await post(server.base_url, "/v1/responses", asked)))

    contents = [msgspec.json.decode(event.data) for event in events]
    for content in contents:
        strict(ResponseStreamEvent).validate_python(content)
    assert [content["sequence_number"] for content in contents] == list(range(len(contents)))
    assert [content["type"] for content in contents] == [event.event for event in events]
    assert events[-1].event in {"response.completed", "response.incomplete"}


@pytest.mark.parametrize("reply", [*REPLIES, pytest.param(RAW, id="arguments that are no JSON")])
@pytest.mark.parametrize("usage", [pytest.param(True, id="with usage"), pytest.param(False, id="without")])
async def test_every_chat_chunk_has_the_official_shape(reply: Reply, usage: bool) -> None:
    async with serve(one(reply)) as server:
        asked = {**ASKED, "stream_options": {"include_usage": usage}}
        *events, end = events_of(await post(server.base_url, "/v1/chat/completions", asked))

    chunks = [msgspec.json.decode(event.data) for event in events]
    for chunk in chunks:
        for choice in chunk["choices"]:
            choice["delta"].pop("reasoning_content", None)  # an extension that everybody but OpenAI has
        strict(ChatCompletionChunk).validate_python(chunk)
    assert any("usage" in chunk for chunk in chunks) == usage
    assert end.data == b"[DONE]"


async def test_free_form_tool_is_called_with_plain_text() -> None:
    patch = "*** Begin Patch\n*** End Patch"
    async with serve(one(says("", calls("apply_patch", input=patch)))) as server:
        tools = [{"type": "custom", "name": "apply_patch"}]
        asked = {"model": "m", "input": "Hi.", "tools": tools}
        response = await post(server.base_url, "/v1/responses", asked)

    [item] = response.json()["output"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "apply_patch", patch)


@pytest.mark.parametrize(
    ("path", "asked", "shape"),
    [
        pytest.param("/v1/messages", {**ASKED, "max_tokens": 9}, anthropic.types.Message, id="anthropic"),
        pytest.param("/v1/responses", {"model": "m", "input": "Hi."}, openai.types.responses.Response, id="responses"),
        pytest.param("/v1/chat/completions", ASKED, openai.types.chat.ChatCompletion, id="chat"),
    ],
)
async def test_answer_without_a_stream_has_the_official_shape(path: str, asked: Any, shape: Any) -> None:
    reply = Reply(text="Hello.", calls=(calls("Read", path="a"),), usage=USAGE)
    async with serve(one(reply)) as server:
        response = await post(server.base_url, path, {**asked, "stream": False})

    assert response.headers["content-type"] == "application/json"
    strict(shape).validate_python(response.json())
    assert "Hello." in response.text
    assert "Read" in response.text


async def test_thinking_comes_whole_without_a_stream() -> None:
    async with serve(one(says("So.", thinking="Hm.")), options=ServerOptions(order="arrival")) as server:
        anthropic_body = (
            await post(server.base_url, "/v1/messages", {**ASKED, "max_tokens": 9, "stream": False})
        ).json()
    async with serve(one(says("So.", thinking="Hm."))) as server:
        chat_body = (await post(server.base_url, "/v1/chat/completions", {**ASKED, "stream": False})).json()

    assert anthropic_body["content"][0] == {"type": "thinking", "thinking": "Hm.", "signature": "scripted"}
    assert chat_body["choices"][0]["message"]["reasoning_content"] == "Hm."


async def test_usage_is_told_in_each_dialects_way() -> None:
    async with serve(one(Reply(text="a", usage=USAGE))) as server:
        message = await in_thread(lambda: anthropic_message(server.base_url))
        response = await in_thread(lambda: responses_answer(server.base_url))
        completion = await in_thread(lambda: chat_answer(server.base_url))

    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        100,
        20,
        30,
    )
    assert (response.usage.input_tokens, response.usage.input_tokens_details.cached_tokens) == (120, 20)
    assert (completion.usage.prompt_tokens, completion.usage.total_tokens) == (120, 150)


async def test_usage_is_estimated_where_the_script_is_silent() -> None:
    async with serve(one(says("a" * 40, calls("Read"), thinking="b" * 20))) as server:
        message = await in_thread(lambda: anthropic_message(server.base_url))

    assert message.usage.output_tokens == 11 + 5
    assert message.usage.input_tokens > 10


async def test_tokens_are_counted_and_models_listed() -> None:
    async with serve(Script(replies=())) as server:

        def ask_anthropic() -> tuple[int, list[str]]:
            with anthropic.Anthropic(api_key="k", base_url=server.base_url, max_retries=0) as client:
                counted = client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x" * 400}])
                return counted.input_tokens, [model.id for model in client.models.list()]

        def ask_openai() -> tuple[int, list[str]]:
            with openai.OpenAI(api_key="k", base_url=server.base_url + "/v1", max_retries=0) as client:
                counted = client.responses.input_tokens.count(model="m", input="x" * 400)
                return counted.input_tokens, [model.id for model in client.models.list()]

        answers = [await in_thread(ask_anthropic), await in_thread(ask_openai)]

    assert [models for _, models in answers] == [["scripted"], ["scripted"]]
    assert all(100 < tokens < 150 for tokens, _ in answers)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, anthropic.BadRequestError, id="400"),
        pytest.param(401, anthropic.AuthenticationError, id="401"),
        pytest.param(429, anthropic.RateLimitError, id="429"),
        pytest.param(500, anthropic.InternalServerError, id="500"),
        pytest.param(529, anthropic.APIStatusError, id="529"),
    ],
)
async def test_anthropic_client_raises_what_the_status_means(status: int, error: Any) -> None:
    async with serve(one(says(fault=Fault(kind="status", status=status, retry_after=2)))) as server:
        with pytest.raises(error) as caught:
            await in_thread(lambda: anthropic_message(server.base_url))

    assert caught.value.status_code == status
    assert caught.value.body["type"] == "error"
    assert caught.value.response.headers["retry-after"] == "2"
    assert caught.value.response.headers["request-id"] == "req_1"


async def test_clients_raise_for_an_error_within_the_stream() -> None:
    script = Script(replies=(says("Half of this is lost.", fault=Fault(kind="stream_error", message="Too busy.")),))
    async with serve(script) as server:
        with pytest.raises(anthropic.APIStatusError, match=r"Too busy\."):
            await in_thread(lambda: anthropic_message(server.base_url))
    async with serve(script) as server:
        assert (await in_thread(lambda: responses_answer(server.base_url))).code == "server_is_overloaded"
    async with serve(script) as server:
        with pytest.raises(openai.APIError, match=r"Too busy\."):
            await in_thread(lambda: chat_answer(server.base_url))
