"""A conversation with one server, over whatever carries its messages: without it each carrier would need its own.

initialize → notifications/initialized → tools/list, page by page → tools/call → …
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from msgspec import UNSET

from tianting import __version__
from tianting.mcp.messages import ErrorObject, Greeting, ListedTool, McpFailed, Response, ToolAnswer, ToolPage, read
from tianting.protocol.ids import NewId

PROTOCOL_VERSION = "2025-11-25"
MOST_PAGES = 100
"""Parts of one list of tools. A server that always has another would be listened to for ever."""
_FAREWELL = 0.05
"""Seconds to tell a server that an answer is no longer waited for: a person who interrupts waits for it, too."""

Message = dict[str, Any]
Exchange = Callable[[Message], Awaitable[Any]]
"""Carries one JSON-RPC message over, and gives back the answer. What it gives back for a notification means nothing.

Raises `McpFailed`. May wait for ever: whoever asks has the clock.
"""


class McpClient:
    """Speaks to one server. Every method may raise `McpFailed`, and waits as long as the server takes."""

    def __init__(self, exchange: Exchange, new_id: NewId) -> None:
        self._exchange = exchange
        self._new_id = new_id

    async def initialize(self) -> Greeting:
        """Begin. Nothing else may be asked before."""
        offer = {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": {"name": "tianting", "version": __version__},
        }
        greeting = read(await self._request("initialize", offer), Greeting, "The answer to initialize")
        await self._notify("notifications/initialized")
        return greeting

    async def tools(self) -> tuple[ListedTool, ...]:
        """All tools, in the server's order."""
        found: list[ListedTool] = []
        asked: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            page = read(await self._request("tools/list", asked), ToolPage, "The list of tools")
            found += page.tools
            if page.next_cursor is None:
                return tuple(found)
            asked = {"cursor": page.next_cursor}
        raise McpFailed(f"The list of tools has more than {MOST_PAGES} parts.")

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolAnswer:
        """Call a tool. Cancelled, it tells the server so."""
        request_id = self._new_id()
        call = {"name": name, "arguments": arguments, "_meta": {"progressToken": request_id}}
        try:
            result = await self._request("tools/call", call, request_id)
        except anyio.get_cancelled_exc_class():
            await self._withdraw(request_id)
            raise
        return read(result, ToolAnswer, f"The answer of {name}")

    async def _request(self, method: str, params: dict[str, Any], request_id: str = "") -> Any:
        request_id = request_id or self._new_id()
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        response = read(await self._exchange(message), Response, f"The answer to {method}")
        if isinstance(response.error, ErrorObject):
            raise McpFailed(f"{method} failed: {response.error.message} ({response.error.code})")
        if response.id != request_id or response.result is UNSET:
            raise McpFailed(f"What came back is no answer to {method}.")
        return response.result

    async def _notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        await self._exchange({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    async def _withdraw(self, request_id: str) -> None:
        with anyio.move_on_after(_FAREWELL, shield=True):
            try:
                await self._notify("notifications/cancelled", {"requestId": request_id, "reason": "interrupted"})
            except McpFailed:
                return  # nobody is left to be told
