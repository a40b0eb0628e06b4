"""What servers say, decoded once: what breaks a shape here is a server's fault and reaches nobody behind it.

The words are those of the Model Context Protocol, version 2025-11-25, on JSON-RPC 2.0. Fields that nobody here needs
are left out.
"""

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

S = TypeVar("S", bound=Struct)


class McpFailed(Exception):
    """A server cannot be spoken to, answered with an error, or with what is no answer. `str` is one line."""


class ErrorObject(Struct, frozen=True, kw_only=True):
    """Why a request failed."""

    code: int
    message: str


class Response(Struct, frozen=True, kw_only=True):
    """The answer to a request: a result or an error."""

    id: str | int | None = None
    result: Any = UNSET
    error: ErrorObject | UnsetType = UNSET


class ServerInfo(Struct, frozen=True, kw_only=True):
    """Who a server says it is."""

    name: str = ""
    version: str = ""


class Greeting(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to `initialize`."""

    protocol_version: str
    """What it would speak. Listing and calling tools is the same in every version so far."""
    capabilities: dict[str, Any]
    server_info: ServerInfo = ServerInfo()


class Annotations(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a server says of a tool of its own: a hint, which nothing may be permitted on."""

    read_only_hint: bool | None = None


class ToolSchema(Struct, frozen=True, kw_only=True):
    """The part of a JSON schema that others of our parts rely on."""

    type: Literal["object"]
    properties: dict[str, dict[str, Any] | bool] = {}
    required: tuple[str, ...] = ()


class ListedTool(Struct, frozen=True, kw_only=True, rename="camel"):
    """One tool, as its server describes it."""

    name: str
    input_schema: dict[str, Any]
    """Has at least the shape of `ToolSchema`."""
    description: str | None = None
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")

    def __post_init__(self) -> None:
        msgspec.convert(self.input_schema, ToolSchema)


class ToolPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the list of tools."""

    tools: tuple[ListedTool, ...]
    next_cursor: str | None = None
    """What to ask for the next part with; None where there is none."""


class ToolAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What came of a call."""

    content: tuple[dict[str, Any], ...] = ()
    """Blocks of many types, read by whoever shows them."""
    structured_content: dict[str, Any] | None = None
    is_error: bool = False


def read(value: Any, shape: type[S], what: str) -> S:
    """`value`, taken apart as JSON, as a `shape`. Raises `McpFailed` naming `what` is wrong."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise McpFailed(f"{what} cannot be read: {error}.") from None
