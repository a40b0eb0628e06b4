"""The shapes of `system` lines: what a client is told beside the conversation itself.

A field set to `UNSET` does not appear; `None` appears as null.
"""

from typing import Any, Literal

from msgspec import Struct

from tianting.protocol.events import PermissionMode


class SystemInit(
    Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    tag="system",
    rename={"permission_mode": "permissionMode", "api_key_source": "apiKeySource"},
):
    """The facts of the session; comes at every turn. Clients index the lists, so empty ones are sent too."""

    subtype: Literal["init"] = "init"
    cwd: str
    session_id: str
    tools: tuple[str, ...]
    mcp_servers: tuple[Any, ...] = ()
    model: str
    permission_mode: PermissionMode
    slash_commands: tuple[str, ...] = ()
    api_key_source: str
    claude_code_version: str
    output_style: str = "default"
    agents: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    plugins: tuple[Any, ...] = ()
    capabilities: tuple[str, ...] = ()
    uuid: str


class Status(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A request goes out."""

    subtype: Literal["status"] = "status"
    status: Literal["requesting"] = "requesting"
    session_id: str
    uuid: str


class ApiRetry(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """The request failed and will be sent again."""

    subtype: Literal["api_retry"] = "api_retry"
    attempt: int
    max_retries: int
    retry_delay_ms: int
    error_status: int | None
    error: str
    session_id: str
    uuid: str


class ModelFallback(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """Another model answers from here on."""

    subtype: Literal["model_fallback"] = "model_fallback"
    trigger: str
    original_model: str
    fallback_model: str
    session_id: str
    uuid: str


class PermissionDenied(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A call did not run."""

    subtype: Literal["permission_denied"] = "permission_denied"
    tool_name: str
    tool_use_id: str
    message: str
    session_id: str
    uuid: str


class HookResponse(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A hook was asked."""

    subtype: Literal["hook_response"] = "hook_response"
    hook_id: str
    hook_name: str
    hook_event: str
    output: str
    stdout: str
    stderr: str
    exit_code: int | None
    outcome: str
    session_id: str
    uuid: str


class Informational(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A word to the person."""

    subtype: Literal["informational"] = "informational"
    content: str
    level: Literal["warning"] = "warning"
    session_id: str
    uuid: str
