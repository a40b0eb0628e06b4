"""A server in memory that answers by the book, or as a test makes it answer."""

from collections.abc import Callable
from itertools import count
from typing import Any

import anyio

from tianting.mcp.client import Message
from tianting.mcp.messages import McpFailed

INFO = {"name": "calc", "version": "1.0"}
ADD: dict[str, Any] = {
    "name": "add",
    "description": "Adds.",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]},
}


def numbered() -> Callable[[], str]:
    """Ids that tests know before."""
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


class SpeakingServer:
    """Has `tools`, and gives `answers` to calls by the tool's name; `instead` takes the place of whole methods."""

    def __init__(self, *tools: dict[str, Any], answers: Any = None, instead: dict[str, Any] | None = None) -> None:
        self.tools = tools or (ADD,)
        self.answers = answers or {}
        self.instead = instead or {}
        self.heard: list[Message] = []
        self.asked = anyio.Event()
        """It was asked what it never answers."""

    async def exchange(self, message: Message) -> Any:
        self.heard.append(message)
        method = message["method"]
        if method in self.instead:
            return await self._odd(self.instead[method], message)
        if "id" not in message:
            return {"jsonrpc": "2.0", "result": {}}
        return {"jsonrpc": "2.0", "id": message["id"], "result": self._result(method, message["params"])}

    def methods(self) -> list[str]:
        return [message["method"] for message in self.heard]

    def _result(self, method: str, params: dict[str, Any]) -> Any:
        match method:
            case "initialize":
                return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": INFO}
            case "tools/list":
                return {"tools": list(self.tools)}
        return self.answers.get(params["name"], {"content": [{"type": "text", "text": "3"}]})

    async def _odd(self, answer: Any, message: Message) -> Any:
        if answer == "silence":
            self.asked.set()
            await anyio.sleep_forever()
        if isinstance(answer, Exception):
            raise answer
        return answer(message) if callable(answer) else answer


def result(value: Any) -> Callable[[Message], Message]:
    """An answer with this result."""
    return lambda message: {"jsonrpc": "2.0", "id": message["id"], "result": value}


def error(code: int, text: str) -> Callable[[Message], Message]:
    """An answer that says no."""
    return lambda message: {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}}


GONE = McpFailed("The client is gone.")
