"""What the tests of Claude's Agent SDK stand on: the SDK starts the installed program, which asks a scripted model.

What no test can know (ids, times, counts) is taken out of the SDK's messages, so that the rest is compared whole.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ContentBlock,
    Message,
    PermissionResultAllow,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ToolPermissionContext,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
    query,
)

from tests.end_to_end.stage import CLAUDE, KEY, PATIENCE, Line, Stage, body
from tianting.models.scripted import Reply, Script
from tianting.testing.model_server import ModelServer, ServerOptions, serve

MODEL = "claude-sonnet-5-5"


class Talk:
    """A client, and the model that its words reach."""

    def __init__(self, client: ClaudeSDKClient, server: ModelServer) -> None:
        self.client = client
        self.server = server
        self._messages: AsyncIterator[Message] = client.receive_messages()

    async def ask(self, prompt: str) -> list[Message]:
        """Say `prompt`, and hear everything until the turn is over."""
        await self.client.query(prompt)
        return await self.hear()

    async def hear(self) -> list[Message]:
        """Everything until the turn is over, as `plain` leaves it; without the program's remarks."""
        return [plain(message) for message in await self.everything() if not isinstance(message, SystemMessage)]

    async def everything(self) -> list[Message]:
        """The same as it came, with all remarks."""
        messages: list[Message] = []
        while not messages or not isinstance(messages[-1], ResultMessage):
            messages.append(await anext(self._messages))
        return messages

    async def until(self, kind: type[Message], subtype: str = "") -> Message:
        """The next message of this kind; what comes before it is passed over."""
        while True:
            message = await anext(self._messages)
            if isinstance(message, kind) and subtype in ("", getattr(message, "subtype", "")):
                return message

    def sent(self, index: int = -1) -> Line:
        """What a request told the model."""
        return body(self.server, index)


@asynccontextmanager
async def talking(stage: Stage, *replies: Reply, **more: Any) -> AsyncGenerator[Talk, None]:
    """A client of the program, `more` being its options, until the end of the block."""
    with anyio.fail_after(PATIENCE):
        async with answering(stage, *replies) as server, ClaudeSDKClient(options(stage, **more)) as client:
            yield Talk(client, server)


async def run(stage: Stage, prompt: str, *replies: Reply, **more: Any) -> tuple[list[Message], list[Line]]:
    """What the one-shot `query` gives, as `plain` leaves it, and what the model was sent."""
    with anyio.fail_after(PATIENCE):
        async with answering(stage, *replies) as server:
            heard = [message async for message in query(prompt=prompt, options=options(stage, **more))]
            told = [plain(message) for message in heard if not isinstance(message, SystemMessage)]
            return told, [body(server, index) for index in range(len(server.requests))]


@asynccontextmanager
async def answering(stage: Stage, *replies: Reply) -> AsyncGenerator[ModelServer, None]:
    """A model that gives these replies in the order of the requests, whatever came of those before."""
    script, behaviour = Script(replies=replies), ServerOptions(key=KEY, order="arrival")
    async with serve(script, options=behaviour) as server:
        stage.toward(server)
        yield server


def options(stage: Stage, **more: Any) -> ClaudeAgentOptions:
    """Those of a client of the program in the stage's project."""
    given: dict[str, Any] = {"model": MODEL, "cwd": stage.project, **more}
    environment = stage.environment | given.pop("env", {})
    return ClaudeAgentOptions(cli_path=CLAUDE, env=environment, **given)


def plain(message: Message) -> Message:
    """The message without what differs from run to run."""
    match message:
        case AssistantMessage():
            return replace(message, uuid=None, session_id=None, usage=None, message_id=None)
        case UserMessage(content=list(blocks)):
            return replace(message, uuid=None, content=[_plain_block(block) for block in blocks])
        case ResultMessage():
            timeless = replace(message, uuid=None, session_id="", duration_ms=0, duration_api_ms=0)
            return replace(timeless, usage=None, model_usage=None, total_cost_usd=None)
    return message


def remarks(messages: list[Message], subtype: str) -> list[Line]:
    """What the program remarked of this kind."""
    return [message.data for message in messages if isinstance(message, SystemMessage) and message.subtype == subtype]


def end_of(heard: list[Message]) -> ResultMessage:
    """How the turn ended."""
    assert isinstance(heard[-1], ResultMessage)
    return heard[-1]


def said(*blocks: ContentBlock | str, **more: Any) -> AssistantMessage:
    """What the model said; a string is text."""
    content = [TextBlock(text=block) if isinstance(block, str) else block for block in blocks]
    return AssistantMessage(content=content, **{"model": MODEL, **more})


def called(call_id: str, tool: str, **arguments: Any) -> AssistantMessage:
    """A call of the model's."""
    return said(ToolUseBlock(id=call_id, name=tool, input=arguments))


def answered(call_id: str, content: Any, facts: Any = None, *, is_error: bool | None = None) -> UserMessage:
    """What a call came to: for the model, and as `facts` for programs."""
    block = ToolResultBlock(tool_use_id=call_id, content=content, is_error=is_error)
    return UserMessage(content=[block], tool_use_result=facts)


def over(result: str | None, turns: int = 1, **more: Any) -> ResultMessage:
    """The end of a turn."""
    usual: dict[str, Any] = {
        "subtype": "success",
        "is_error": False,
        "stop_reason": "end_turn",
        "permission_denials": [],
        "terminal_reason": "completed",
    }
    return ResultMessage(
        duration_ms=0, duration_api_ms=0, session_id="", result=result, num_turns=turns, **{**usual, **more}
    )


def ran(stdout: str) -> Line:
    """The facts of a command that went well."""
    return {"stdout": stdout, "stderr": "", "interrupted": False, "isImage": False}


def unanswered(request: Line) -> list[str]:
    """The calls of a history that have no result in the very next message: a provider would refuse it."""
    missing: list[str] = []
    messages = request["messages"]
    for message, following in zip(messages, [*messages[1:], {"content": []}], strict=True):
        asked = [block["id"] for block in _blocks(message) if block["type"] == "tool_use"]
        given = {block["tool_use_id"] for block in _blocks(following) if block["type"] == "tool_result"}
        missing += [call for call in asked if call not in given]
    return missing


def spoken(request: Line) -> list[tuple[str, str]]:
    """Who said what, in text, without what the harness says of itself."""
    return [
        (message["role"], block["text"])
        for message in request["messages"]
        for block in _blocks(message)
        if block["type"] == "text" and not block["text"].startswith("<system-reminder>")
    ]


def results(request: Line) -> list[Line]:
    """All results of calls."""
    return [block for message in request["messages"] for block in _blocks(message) if block["type"] == "tool_result"]


async def agree(name: str, arguments: Line, context: ToolPermissionContext) -> PermissionResultAllow:
    """Somebody who allows everything."""
    return PermissionResultAllow()


def _blocks(message: Line) -> list[Line]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _plain_block(block: ContentBlock) -> ContentBlock:
    if isinstance(block, ToolResultBlock) and isinstance(block.content, str):
        return replace(block, content=re.sub(r" in [\d.]+ s(?=\n|$)", "", block.content))
    return block
