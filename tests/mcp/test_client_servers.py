"""Servers come, fail, are left alone and go, and none takes another with it."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.mcp.speaking_server import ADD, GONE, SpeakingServer, error, numbered, result
from tianting.mcp.servers import ClientServers, Patience
from tianting.protocol.control_answers import McpServer, McpServersSet, McpTool
from tianting.protocol.errors import ConfigError
from tianting.tools.contract import AnyTool, RawArguments, ToolFailed

pytestmark = pytest.mark.anyio

INFO = {"name": "calc", "version": "1.0"}
TOOLS = (McpTool(name="add", description="Adds."),)
SDK = {"type": "sdk"}


def servers_of(patience: float = 5.0, **servers: SpeakingServer) -> ClientServers:
    made = ClientServers(
        lambda name: servers[name].exchange,
        spill=Path("/nowhere"),
        new_id=numbered(),
        patience=Patience(connect=patience),
    )
    made.add(servers)
    return made


async def connected(patience: float = 5.0, **servers: SpeakingServer) -> ClientServers:
    made = servers_of(patience, **servers)
    with anyio.fail_after(5):
        await made.connect_all()
    return made


def names(tools: tuple[AnyTool, ...]) -> list[str]:
    return [tool.spec.name for tool in tools]


def well(name: str) -> McpServer:
    return McpServer(name=name, status="connected", server_info=INFO, tools=TOOLS)


async def test_servers_wait_until_they_are_connected() -> None:
    servers = servers_of(calc=SpeakingServer())

    assert servers.status() == (McpServer(name="calc", status="pending"),)
    assert servers.tools() == ()

    await servers.connect_all()
    assert servers.status() == (well("calc"),)
    assert names(servers.tools()) == ["mcp__calc__add"]


async def test_connected_servers_are_left_as_they_are() -> None:
    server = SpeakingServer()
    servers = await connected(calc=server)
    servers.add(["calc"])

    await servers.connect_all()

    assert server.methods() == ["initialize", "notifications/initialized", "tools/list"]


async def test_server_without_tools_is_not_asked_for_them() -> None:
    greeting = result({"protocolVersion": "2024-11-05", "capabilities": {"prompts": {}}, "serverInfo": INFO})
    server = SpeakingServer(instead={"initialize": greeting})

    servers = await connected(calc=server)

    assert servers.status() == (McpServer(name="calc", status="connected", server_info=INFO, tools=()),)
    assert "tools/list" not in server.methods()


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        pytest.param({"initialize": "silence"}, "It gave no answer within 0.05 seconds.", id="silence"),
        pytest.param({"tools/list": "silence"}, "It gave no answer within 0.05 seconds.", id="silence later"),
        pytest.param({"initialize": GONE}, "The client is gone.", id="nobody there"),
        pytest.param({"initialize": error(-1, "no")}, "initialize failed: no (-1)", id="an error"),
        pytest.param(
            {"initialize": "hey"},
            "The answer to initialize cannot be read: Expected `object`, got `str`.",
            id="garbage",
        ),
        pytest.param({"initialize": KeyError("x")}, "Connecting to it broke; the log says more.", id="a bug"),
        pytest.param(
            {"tools/list": result({"tools": [ADD, ADD]})}, "Two of its tools are called mcp__calc__add.", id="twins"
        ),
        pytest.param(
            {"tools/list": result({"tools": [{**ADD, "name": "a.b"}, {**ADD, "name": "a/b"}]})},
            "Two of its tools are called mcp__calc__a_b.",
            id="twins by their names here",
        ),
        pytest.param(
            {"tools/list": result({"tools": [{**ADD, "name": "x" * 200}]})},
            f"The name mcp__calc__{'x' * 200} is longer than 128 characters.",
            id="a name that nobody takes",
        ),
    ],
)
async def test_server_that_fails_says_why_and_takes_no_other_with_it(server: dict[str, Any], complaint: str) -> None:
    servers = await connected(0.05, calc=SpeakingServer(instead=server), other=SpeakingServer())

    assert servers.status() == (McpServer(name="calc", status="failed", error=complaint), well("other"))
    assert names(servers.tools()) == ["mcp__other__add"]


async def test_of_two_servers_whose_tools_share_a_name_the_first_has_it() -> None:
    servers = await connected(a=SpeakingServer({**ADD, "name": "b__add"}), a__b=SpeakingServer())

    [first, second] = servers.status()
    assert (first.status, names(servers.tools())) == ("connected", ["mcp__a__b__add"])
    assert second == McpServer(name="a__b", status="failed", error="Its tool mcp__a__b__add has the name of one of a.")


async def test_server_is_left_alone_and_used_again() -> None:
    servers = await connected(calc=SpeakingServer())
    [tool] = servers.tools()

    await servers.toggle("calc", enabled=False)
    assert (servers.status(), servers.tools()) == ((McpServer(name="calc", status="disabled"),), ())
    with pytest.raises(ToolFailed, match="The server calc is disabled"):
        await tool.run(RawArguments(values={}))
    await servers.connect_all()
    assert servers.tools() == ()

    await servers.toggle("calc", enabled=True)
    assert servers.status() == (well("calc"),)
    assert (await tool.run(RawArguments(values={"a": 1}))).content == "3"


async def test_server_that_failed_is_tried_again() -> None:
    server = SpeakingServer(instead={"initialize": GONE})
    servers = await connected(calc=server)
    with pytest.raises(ConfigError, match=r"calc: The client is gone\."):
        await servers.reconnect("calc")

    server.instead.clear()
    await servers.reconnect("calc")

    assert servers.status() == (well("calc"),)


async def test_server_that_is_left_alone_while_it_connects_stays_alone() -> None:
    server = SpeakingServer(instead={"initialize": "silence"})
    servers = servers_of(0.1, calc=server)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(servers.connect_all)
            await server.asked.wait()
            await servers.toggle("calc", enabled=False)

    assert servers.status() == (McpServer(name="calc", status="disabled"),)


async def test_servers_are_exchanged_for_others() -> None:
    all_servers = {name: SpeakingServer() for name in ("kept", "old", "new")}
    all_servers["broken"] = SpeakingServer(instead={"initialize": GONE})
    servers = ClientServers(lambda name: all_servers[name].exchange, spill=Path("/nowhere"), new_id=numbered())
    servers.add(["kept", "old"])
    await servers.connect_all()
    [_, old_tool] = servers.tools()

    done = await servers.set({"kept": SDK, "new": SDK, "broken": SDK, "far": {"type": "http", "url": "http://x"}})

    assert done == McpServersSet(
        added=("new", "broken"),
        removed=("old",),
        errors={
            "far": "Only servers of type sdk, which live in the client, can be set while a session runs.",
            "broken": "The client is gone.",
        },
    )
    assert names(servers.tools()) == ["mcp__kept__add", "mcp__new__add"]
    with pytest.raises(ToolFailed, match="The server old is removed"):
        await old_tool.run(RawArguments(values={}))


@pytest.mark.parametrize("known", [{}, {"calc": SpeakingServer()}])
async def test_name_that_nobody_knows_is_answered_with_those_that_are(known: dict[str, SpeakingServer]) -> None:
    servers = servers_of(5.0, **known)
    complaint = rf"There is no MCP server 'x'\. Servers: {', '.join(known) or 'none'}\."

    with pytest.raises(ConfigError, match=complaint):
        await servers.toggle("x", enabled=True)
    with pytest.raises(ConfigError, match=complaint):
        await servers.reconnect("x")
