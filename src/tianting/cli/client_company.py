"""What lives in the client of the headless protocol: hooks that are functions there, and servers of tools."""

from msgspec import Struct

from tianting.extensions.hooks.callbacks import AskClient
from tianting.mcp.servers import ClientServers


class ClientCompany(Struct, frozen=True, kw_only=True):
    """The client's share in a session."""

    servers: ClientServers
    ask_hook: AskClient
    """Puts a question to one of its hooks."""
