"""Which MCP servers a client names with `--mcp-config`: its own, which it runs itself, and others."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from tianting.protocol.errors import ConfigError


class NamedServers(Struct, frozen=True, kw_only=True):
    """Servers by name, in the order they were given."""

    of_client: tuple[str, ...] = ()
    """Of type `sdk`: their messages go through the client's pipe."""
    others: tuple[str, ...] = ()
    """Those that somebody has to start or to reach."""


class _Server(Struct, frozen=True):
    type: str = "stdio"


class _Config(Struct, frozen=True, rename="camel"):
    mcp_servers: dict[str, _Server]


def named_servers(configs: Iterable[str]) -> NamedServers:
    """The servers of all `configs`, each JSON or the path of a file; of two with one name the last counts.

    Raises `ConfigError`.
    """
    types = {name: server.type for config in configs for name, server in _read(config).items()}
    return NamedServers(
        of_client=tuple(name for name, kind in types.items() if kind == "sdk"),
        others=tuple(name for name, kind in types.items() if kind != "sdk"),
    )


def _read(config: str) -> dict[str, _Server]:
    try:
        return msgspec.json.decode(_json(config), type=_Config).mcp_servers
    except msgspec.DecodeError as error:
        raise ConfigError(f"--mcp-config: {error}. Write {{'mcpServers': {{NAME: …}}}}, as in .mcp.json.") from None


def _json(config: str) -> bytes:
    if config.lstrip().startswith("{"):
        return config.encode(errors="replace")
    try:
        return Path(config).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(f"--mcp-config: {config!r} is neither JSON nor a file: {error.strerror}.") from None
