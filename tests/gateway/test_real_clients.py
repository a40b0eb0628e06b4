"""The vendors' own clients, unchanged, with a window's token for a key, in front of the scripted model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anthropic
import openai
import pytest
from msgspec import structs

from tests.gateway.stage import SECRET, Stage, stage, upstream
from tianting.models.scripted import Reply, Script
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio

TEXT = "Well spoken, by the model itself."
MESSAGES = [{"role": "user", "content": "Speak."}, {"role": "system", "content": "Be brief."}]


@asynccontextmanager
async def door() -> AsyncIterator[Stage]:
    """A gateway before a scripted model that knows the real key only."""
    async with serve(Script(replies=(Reply(text=TEXT, chunk=4),) * 4), key=SECRET) as server:
        ours = upstream(server.base_url)
        async with stage(ours, structs.replace(ours, speech="openai")) as played:
            yield played


async def test_anthropics_client() -> None:
    async with (
        door() as played,
        anthropic.AsyncAnthropic(
            api_key=played.token, base_url=f"http://127.0.0.1:{played.port}", max_retries=0
        ) as client,
    ):
        asked = {"model": "claude-opus-5-5", "messages": MESSAGES}
        async with client.messages.stream(max_tokens=100, **asked) as stream:  # type: ignore[arg-type]
            streamed = await stream.get_final_message()
        counted = await client.messages.count_tokens(**asked)  # type: ignore[arg-type]
        models = await client.models.list()

    assert [block.text for block in streamed.content if block.type == "text"] == [TEXT]
    assert counted.input_tokens > 0
    assert [model.id for model in models.data] == ["scripted"]


async def test_openais_client() -> None:
    async with (
        door() as played,
        openai.AsyncOpenAI(
            api_key=played.token, base_url=f"http://127.0.0.1:{played.port}/v1", max_retries=0
        ) as client,
    ):
        async with client.responses.stream(model="gpt-6-sol", input="Speak.") as stream:
            answered = await stream.get_final_response()
        async with client.chat.completions.stream(
            model="gpt-6-sol", messages=[{"role": "user", "content": "Speak."}]
        ) as chat:
            completed = await chat.get_final_completion()
        models = await client.models.list()

    assert (answered.output_text, completed.choices[0].message.content) == (TEXT, TEXT)
    assert [model.id for model in models.data] == ["scripted"]


async def test_both_read_our_refusals_as_their_own() -> None:
    async with door() as played:
        url = f"http://127.0.0.1:{played.port}"
        async with anthropic.AsyncAnthropic(api_key="nobodys", base_url=url, max_retries=0) as client:
            with pytest.raises(anthropic.AuthenticationError, match="ask whoever started this window"):
                await client.models.list()
        async with openai.AsyncOpenAI(api_key="nobodys", base_url=f"{url}/v1", max_retries=0) as other:
            with pytest.raises(openai.AuthenticationError, match="ask whoever started this window"):
                await other.models.list()
