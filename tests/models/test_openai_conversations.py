"""Whole conversations with a server as strict as the real one, in both dialects of OpenAI's."""

from collections.abc import Callable

import anyio
import pytest

from tests.models.histories import FREEFORM, READ
from tianting.models.chat.client import ChatModel
from tianting.models.client import ModelClient
from tianting.models.http.api import HttpApi
from tianting.models.provider_profiles import Profile
from tianting.models.responses.client import ResponsesModel
from tianting.models.scripted import Call, Reply, Script
from tianting.protocol.content import ToolResult, text_of
from tianting.protocol.deltas import MessageFinished
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio

SCRIPT = Script(
    replies=(
        Reply(
            text="Looking.",
            thinking="Two files.",
            calls=(Call(tool="read", input={"path": "a"}), Call(tool="apply_patch", input={"patch": 'x "y"\n'})),
        ),
        Reply(calls=(Call(tool="read", raw='{"path": '),)),
        Reply(text="Done."),
    )
)


def responses(base_url: str) -> ModelClient:
    return ResponsesModel(HttpApi(base_url, {}), catalogue=ModelCatalogue())


def chat(base_url: str) -> ModelClient:
    return ChatModel(HttpApi(base_url, {}), Profile(), catalogue=ModelCatalogue())


async def answer(model: ModelClient, history: list[Message]) -> AssistantMessage:
    request = ModelRequest(
        model="gpt-6-sol", system=("Be brief.",), tools=(READ, FREEFORM), messages=tuple(history), max_tokens=1000
    )
    async for delta in model.stream(request):
        if isinstance(delta, MessageFinished):
            return delta.message
    raise AssertionError("a stream ends with its message")


@pytest.mark.parametrize("client", [pytest.param(responses, id="responses"), pytest.param(chat, id="chat")])
async def test_conversation_with_tools(client: Callable[[str], ModelClient]) -> None:
    history: list[Message] = [user_text("Begin.")]
    with anyio.fail_after(10):
        async with serve(SCRIPT) as server:
            model = client(f"{server.base_url}/v1")
            while not history or not isinstance(history[-1], AssistantMessage):
                message = await answer(model, history)
                history.append(message)
                for call in message.calls:
                    result = ToolResult(tool_use_id=call.id, content="ok", is_error=bool(call.unparsed))
                    history.append(UserMessage(content=(result,)))
            await model.aclose()

    answers = [message for message in history if isinstance(message, AssistantMessage)]
    assert [(text_of(message.content), message.stop_reason) for message in answers] == [
        ("Looking.", "tool_use"),
        ("", "tool_use"),
        ("Done.", "end_turn"),
    ]
    assert [(call.name, call.input, call.unparsed) for message in answers for call in message.calls] == [
        ("read", {"path": "a"}, ""),
        ("apply_patch", {"patch": 'x "y"\n'}, ""),
        ("read", {}, '{"path": '),
    ]
