"""A conversation by the book, and with servers that do not keep to it."""

from typing import Any

import anyio
import pytest

from tests.mcp.speaking_server import ADD, GONE, SpeakingServer, error, numbered, result
from tianting import __version__
from tianting.mcp.client import MOST_PAGES, McpClient, Message
from tianting.mcp.messages import McpFailed, ServerInfo, ToolAnswer

pytestmark = pytest.mark.anyio


def client_of(server: SpeakingServer) -> McpClient:
    return McpClient(server.exchange, numbered())


async def test_conversation_is_the_protocols() -> None:
    server = SpeakingServer()
    client = client_of(server)

    greeting = await client.initialize()
    [tool] = await client.tools()
    answer = await client.call("add", {"a": 1})

    assert greeting.server_info == ServerInfo(name="calc", version="1.0")
    assert (tool.name, tool.description, tool.input_schema) == ("add", "Adds.", ADD["inputSchema"])
    assert answer == ToolAnswer(content=({"type": "text", "text": "3"},))
    assert server.heard == [
        {
            "jsonrpc": "2.0",
            "id": "id-1",
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "tianting", "version": __version__},
            },
        },
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "id-2", "method": "tools/list", "params": {}},
        {
            "jsonrpc": "2.0",
            "id": "id-3",
            "method": "tools/call",
            "params": {"name": "add", "arguments": {"a": 1}, "_meta": {"progressToken": "id-3"}},
        },
    ]


async def test_list_of_tools_is_read_page_by_page() -> None:
    def page(message: Message) -> Message:
        cursor = message["params"].get("cursor")
        tools = [{**ADD, "name": f"after {cursor}"}]
        following = {None: "one", "one": "two"}.get(cursor)
        return result({"tools": tools, **({"nextCursor": following} if following else {})})(message)

    tools = await client_of(SpeakingServer(instead={"tools/list": page})).tools()

    assert [tool.name for tool in tools] == ["after None", "after one", "after two"]


async def test_list_without_end_is_ended() -> None:
    server = SpeakingServer(instead={"tools/list": result({"tools": [], "nextCursor": "again"})})

    with pytest.raises(McpFailed, match="more than 100 parts"):
        await client_of(server).tools()

    assert len(server.heard) == MOST_PAGES


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        pytest.param(GONE, "The client is gone.", id="nobody there"),
        pytest.param(error(-32601, "No such method"), r"tools/list failed: No such method \(-32601\)", id="an error"),
        pytest.param(None, "The answer to tools/list cannot be read", id="nothing"),
        pytest.param("hello", "The answer to tools/list cannot be read", id="words"),
        pytest.param({}, "no answer to tools/list", id="neither result nor error"),
        pytest.param({"id": "other", "result": {"tools": []}}, "no answer to tools/list", id="to somebody else"),
        pytest.param({"id": "id-1", "error": "no"}, "The answer to tools/list cannot be read", id="an odd error"),
        pytest.param(result([]), "The list of tools cannot be read", id="no list"),
        pytest.param(result({"tools": [{"name": "x"}]}), "inputSchema", id="no schema"),
        pytest.param(
            result({"tools": [{"name": "x", "inputSchema": {"type": "array"}}]}), "The list of tools", id="odd schema"
        ),
        pytest.param(
            result({"tools": [{"name": "x", "inputSchema": {"type": "object", "properties": []}}]}),
            "The list of tools",
            id="odd properties",
        ),
    ],
)
async def test_what_is_no_answer_is_a_failure_that_says_why(answer: Any, complaint: str) -> None:
    with pytest.raises(McpFailed, match=complaint):
        await client_of(SpeakingServer(instead={"tools/list": answer})).tools()


@pytest.mark.parametrize("farewell", [None, GONE, "silence"])
async def test_call_that_is_given_up_is_taken_back(farewell: Any) -> None:
    instead = {"tools/call": "silence"} | ({"notifications/cancelled": farewell} if farewell else {})
    server = SpeakingServer(instead=instead)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client_of(server).call, "add", {})
            await server.asked.wait()
            tasks.cancel_scope.cancel()

    assert server.heard[-1] == {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": "id-1", "reason": "interrupted"},
    }
