"""The servers of a session: which there are, how they are doing, and which tools they bring.

pending → connected    its tools can be called
        → failed       and why; a person, or the client, may have it tried again
disabled               left alone until somebody wants it

A server that fails takes nothing else with it. What is asked here is answered at once, whatever any server does.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import anyio
from msgspec import Struct

from tianting.mcp.client import Exchange, McpClient
from tianting.mcp.messages import McpFailed, ServerInfo, ToolAnswer
from tianting.mcp.results import Attic
from tianting.mcp.tool import CALL_SECONDS, McpTool
from tianting.plumbing.printable import printable
from tianting.protocol.control_answers import McpServer, McpServersSet
from tianting.protocol.control_answers import McpTool as ToolLine
from tianting.protocol.errors import ConfigError
from tianting.protocol.ids import NewId
from tianting.tools.contract import AnyTool

log = logging.getLogger(__name__)

LONGEST_NAME = 128
"""Characters of a tool's name that providers take."""


class Patience(Struct, frozen=True, kw_only=True):
    """How long servers may take, in seconds."""

    connect: float = 30.0
    """Until its tools are known."""
    call: float = CALL_SECONDS


class ClientServers:
    """The servers that live in the client. `exchange_with` gives the way to the one of a name."""

    def __init__(
        self,
        exchange_with: Callable[[str], Exchange],
        *,
        spill: Path,
        new_id: NewId,
        patience: Patience = Patience(),  # noqa: B008 (frozen)
    ) -> None:
        self._exchange_with = exchange_with
        self._attic = Attic(spill, new_id)
        self._new_id = new_id
        self._patience = patience
        self._servers: dict[str, _Server] = {}

    def status(self) -> tuple[McpServer, ...]:
        """How each is doing."""
        return tuple(_line(server.name, state) for server, state in self._states())

    def tools(self) -> tuple[AnyTool, ...]:
        """The tools of all that are connected."""
        return tuple(tool for _, state in self._states() for tool in state.tools)

    def add(self, names: Iterable[str]) -> None:
        """Have these, too; connecting is another step."""
        for name in names:
            if name not in self._servers:
                self._servers[name] = _Server(name, self._exchange_with(name), self._new_id)

    async def connect_all(self) -> None:
        """Connect to all that wait for it, at the same time. None that fails raises."""
        async with anyio.create_task_group() as tasks:
            for server in self._servers.values():
                if server.state.status == "pending":
                    tasks.start_soon(server.connect, self._attic, self._patience)

    async def set(self, servers: dict[str, dict[str, Any]]) -> McpServersSet:
        """Have these and no others. `servers` are by name, each as in `.mcp.json`; only those of type `sdk` can be."""
        wanted = {name for name, config in servers.items() if config.get("type") == "sdk"}
        added = tuple(name for name in servers if name in wanted and name not in self._servers)
        removed = tuple(name for name in self._servers if name not in wanted)
        for name in removed:
            self._servers.pop(name).end("removed")
        self.add(added)
        await self.connect_all()
        errors = {name: _NOT_HERE for name in servers if name not in wanted}
        errors |= {line.name: line.error or "" for line in self.status() if line.name in added and line.error}
        return McpServersSet(added=added, removed=removed, errors=errors)

    async def reconnect(self, name: str) -> None:
        """Connect to a server anew, also to one that was disabled. Raises `ConfigError` where it cannot be had."""
        server = self._known(name)
        await server.connect(self._attic, self._patience)
        [line] = (line for line in self.status() if line.name == name)
        if line.error:
            raise ConfigError(f"{name}: {line.error}")

    async def toggle(self, name: str, *, enabled: bool) -> None:
        """Use a server, or leave it alone. Raises `ConfigError` for a name that nobody knows."""
        server = self._known(name)
        if not enabled:
            server.end("disabled")
        elif server.state.status == "disabled":
            await server.connect(self._attic, self._patience)

    def _known(self, name: str) -> "_Server":
        if server := self._servers.get(name):
            return server
        known = ", ".join(self._servers) or "none"
        raise ConfigError(f"There is no MCP server {printable(name, 100)!r}. Servers: {known}.")

    def _states(self) -> Iterator[tuple["_Server", "_State"]]:
        """Each server's state. Of two whose tools would go by one name the first has it, and the other has failed."""
        taken: dict[str, str] = {}
        for server in self._servers.values():
            state = server.state
            names = [tool.spec.name for tool in state.tools]
            if clash := next((name for name in names if name in taken), None):
                yield server, _failed(f"Its tool {clash} has the name of one of {taken[clash]}.")
                continue
            taken |= dict.fromkeys(names, server.name)
            yield server, state


class _State(Struct, frozen=True, kw_only=True):
    status: Literal["connected", "failed", "pending", "disabled"]
    error: str | None = None
    info: ServerInfo | None = None
    tools: tuple[McpTool, ...] = ()


class _Server:
    """One server, and the conversation with it."""

    def __init__(self, name: str, exchange: Exchange, new_id: NewId) -> None:
        self.name = name
        self.state = _State(status="pending")
        self._client = McpClient(exchange, new_id)
        self._attempt = 0
        self._why_not = "not connected"

    async def connect(self, attic: Attic, patience: Patience) -> None:
        """Find out which tools it has. Never raises; of two attempts at once the later counts."""
        self._attempt += 1
        attempt = self._attempt
        self.state = _State(status="pending")
        state = await self._connected(attic, patience)
        if attempt == self._attempt:
            self.state = state

    def end(self, why: Literal["disabled", "removed"]) -> None:
        """Call it no more, and forget an attempt that is under way."""
        self._attempt += 1
        self._why_not = why
        self.state = _State(status="disabled")

    async def _connected(self, attic: Attic, patience: Patience) -> _State:
        try:
            with anyio.fail_after(patience.connect):
                return await self._greeted(attic, patience)
        except TimeoutError:
            return _failed(f"It gave no answer within {patience.connect:g} seconds.")
        except McpFailed as failure:
            return _failed(str(failure))
        except Exception:  # a server that breaks us must count as a failed one
            log.exception("connecting to the MCP server %r failed", self.name)
            return _failed("Connecting to it broke; the log says more.")

    async def _greeted(self, attic: Attic, patience: Patience) -> _State:
        greeting = await self._client.initialize()
        listed = await self._client.tools() if "tools" in greeting.capabilities else ()
        tools = tuple(McpTool(self.name, tool, self._call, attic, seconds=patience.call) for tool in listed)
        _check_names([tool.spec.name for tool in tools])
        return _State(status="connected", info=greeting.server_info, tools=tools)

    async def _call(self, name: str, arguments: dict[str, Any]) -> ToolAnswer:
        if self.state.status == "disabled":
            raise McpFailed(f"The server {self.name} is {self._why_not}.")
        return await self._client.call(name, arguments)


_NOT_HERE = "Only servers of type sdk, which live in the client, can be set while a session runs."


def _check_names(names: list[str]) -> None:
    """Raises `McpFailed` where a call could mean two tools, or could not be made."""
    if doubled := next((name for name, count in Counter(names).items() if count > 1), None):
        raise McpFailed(f"Two of its tools are called {doubled}.")
    if long := next((name for name in names if len(name) > LONGEST_NAME), None):
        raise McpFailed(f"The name {long} is longer than {LONGEST_NAME} characters.")


def _failed(error: str) -> _State:
    return _State(status="failed", error=printable(error, 500))


def _line(name: str, state: _State) -> McpServer:
    tools = tuple(ToolLine(name=tool.own_name, description=tool.spec.description or None) for tool in state.tools)
    return McpServer(
        name=name,
        status=state.status,
        server_info={"name": state.info.name, "version": state.info.version} if state.info else None,
        error=state.error,
        tools=tools if state.status == "connected" else None,
    )
