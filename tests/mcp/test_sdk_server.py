"""The SDK's own in-process server is spoken to as its users know it."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import pytest
from claude_agent_sdk import create_sdk_mcp_server, tool
from claude_agent_sdk._internal.sdk_mcp_bridge import SdkMcpBridge

from tianting.mcp.client import Message
from tianting.mcp.messages import McpFailed
from tianting.mcp.servers import ClientServers
from tianting.protocol.content import Base64Source, Image, Text
from tianting.protocol.control_answers import McpServer, McpTool
from tianting.protocol.ids import random_uuid
from tianting.protocol.tool_calls import ToolOutput
from tianting.tools.contract import RawArguments

pytestmark = pytest.mark.anyio


@tool("add", "Adds two numbers", {"a": int, "b": int})
async def add(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": str(arguments["a"] + arguments["b"])}]}


@tool("draw", "Draws", {})
async def draw(arguments: dict[str, Any]) -> dict[str, Any]:
    picture = {"type": "image", "data": "aGk=", "mimeType": "image/png"}
    return {"content": [{"type": "text", "text": "Here."}, picture]}


@tool("fail", "Fails", {})
async def fail(arguments: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("no such sum")


@pytest.fixture
async def servers() -> AsyncGenerator[ClientServers, None]:
    """The SDK's server, behind what carries messages to it in the SDK's own process."""
    bridge = SdkMcpBridge("calc", create_sdk_mcp_server("calc", version="2.0.0", tools=[add, draw, fail])["instance"])

    async def exchange(message: Message) -> Any:
        try:
            return await bridge.handle(message)
        except Exception as error:
            raise McpFailed(str(error)) from error

    made = ClientServers(lambda name: exchange, spill=Path("/nowhere"), new_id=random_uuid)
    made.add(["calc"])
    with anyio.fail_after(5):
        await made.connect_all()
    yield made
    await bridge.aclose()


async def test_server_tells_its_tools(servers: ClientServers) -> None:
    assert servers.status() == (
        McpServer(
            name="calc",
            status="connected",
            server_info={"name": "calc", "version": "2.0.0"},
            tools=(
                McpTool(name="add", description="Adds two numbers"),
                McpTool(name="draw", description="Draws"),
                McpTool(name="fail", description="Fails"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("name", "arguments", "output"),
    [
        pytest.param("mcp__calc__add", {"a": 1, "b": 2}, ToolOutput(content="3"), id="words"),
        pytest.param(
            "mcp__calc__draw",
            {},
            ToolOutput(content=(Text(text="Here."), Image(source=Base64Source(media_type="image/png", data="aGk=")))),
            id="a picture",
        ),
        pytest.param("mcp__calc__fail", {}, ToolOutput(content="no such sum", failed=True), id="an error"),
    ],
)
async def test_its_tools_are_called(
    servers: ClientServers, name: str, arguments: dict[str, Any], output: ToolOutput
) -> None:
    [called] = [one for one in servers.tools() if one.spec.name == name]

    with anyio.fail_after(5):
        assert await called.run(RawArguments(values=arguments)) == output


async def test_it_may_be_greeted_again(servers: ClientServers) -> None:
    with anyio.fail_after(5):
        await servers.reconnect("calc")

    assert [server.status for server in servers.status()] == ["connected"]
