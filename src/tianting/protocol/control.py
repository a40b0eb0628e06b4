"""What a client may ask of a running session beside its prompts: the control requests, decoded once.

    {"type": "control_request", "request_id": "r1", "request": {"subtype": "set_model", "model": "m"}}

The subtypes are those of today's coding agents, as their SDKs send them. Each gets exactly one answer
(`control_answers`), also one that is unknown or malformed.
"""

from typing import Any, TypeAlias, get_args

import msgspec
from msgspec import Raw, Struct


class HookMatcher(Struct, frozen=True, kw_only=True, rename="camel"):
    """Callbacks of the client for one hook event."""

    matcher: str | None = None
    """Which tools or causes; None for all."""
    hook_callback_ids: tuple[str, ...] = ()
    timeout: float | None = None
    """Seconds."""
    on_failure: str | None = None
    """`continue`, which is the default, or `block`: what a callback that breaks means. Any other word means `block`."""


class Initialize(Struct, frozen=True, kw_only=True, rename="camel", tag_field="subtype", tag="initialize"):
    """What the client brings, and: what can you do? Usually its first line; may be omitted, and may come again."""

    hooks: dict[str, tuple[HookMatcher, ...]] | None = None
    """By event, `PreToolUse` and its like."""
    sdk_mcp_servers: tuple[str, ...] | None = None
    """Servers that live in the client."""
    agents: dict[str, Any] | None = None
    skills: tuple[str, ...] | None = None
    json_schema: dict[str, Any] | None = None
    system_prompt: str | tuple[str, ...] | None = None
    append_system_prompt: str | None = None
    exclude_dynamic_sections: bool | None = None
    title: str | None = None


class Interrupt(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="interrupt"):
    """End the running turn."""

    cancel_queued: bool | None = None
    """Take back all prompts that wait, too."""


class SetPermissionMode(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="set_permission_mode"):
    """Judge calls in this mode from now on."""

    mode: str
    """A word that this release may not know: whoever carries it out says so."""


class SetModel(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="set_model"):
    """Ask this model from the next request on; None for the default."""

    model: str | None = None


class SetMaxThinkingTokens(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="set_max_thinking_tokens"):
    """Think this much from the next request on; None for the default, 0 for not at all."""

    max_thinking_tokens: int | None = None


class RewindFiles(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="rewind_files"):
    """Give the files back as they were before a prompt."""

    user_message_id: str
    dry_run: bool | None = None


class McpStatus(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="mcp_status"):
    """Which servers are there? Supervisors ask it to see whether we live."""


class McpReconnect(Struct, frozen=True, kw_only=True, rename="camel", tag_field="subtype", tag="mcp_reconnect"):
    """Connect to a server anew."""

    server_name: str


class McpToggle(Struct, frozen=True, kw_only=True, rename="camel", tag_field="subtype", tag="mcp_toggle"):
    """Use a server, or leave it alone."""

    server_name: str
    enabled: bool


class McpSetServers(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="mcp_set_servers"):
    """Have these servers and no others of the client's."""

    servers: dict[str, dict[str, Any]]


class GetContextUsage(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="get_context_usage"):
    """How full is the model's window, and of what?"""


class StopTask(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="stop_task"):
    """End a background job."""

    task_id: str


class CancelAsyncMessage(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="cancel_async_message"):
    """Take a prompt back that has not reached the model."""

    message_uuid: str


class SeedReadState(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="seed_read_state"):
    """The model knows this file as it was at this time."""

    path: str
    mtime: float
    """Milliseconds since 1970."""


class ApplyFlagSettings(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="apply_flag_settings"):
    """Let these settings hold as if `--settings` had given them."""

    settings: dict[str, Any]


class RenameSession(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="rename_session"):
    """Give the conversation a title."""

    title: str


class GetSessionCost(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="get_session_cost"):
    """What has the session cost?"""


class GetSettings(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="get_settings"):
    """What settings are in force?"""


class ListModels(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="list_models"):
    """Which models can be chosen?"""


class ListPermissionRules(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="list_permission_rules"):
    """Which rules hold, and who said them?"""


class GetBinaryVersion(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="get_binary_version"):
    """Which release is this?"""


KnownRequest: TypeAlias = (
    Initialize
    | Interrupt
    | SetPermissionMode
    | SetModel
    | SetMaxThinkingTokens
    | RewindFiles
    | McpStatus
    | McpReconnect
    | McpToggle
    | McpSetServers
    | GetContextUsage
    | StopTask
    | CancelAsyncMessage
    | SeedReadState
    | ApplyFlagSettings
    | RenameSession
    | GetSessionCost
    | GetSettings
    | ListModels
    | ListPermissionRules
    | GetBinaryVersion
)


class UnknownRequest(Struct, frozen=True, kw_only=True):
    """A subtype that nobody here has heard of."""

    subtype: str


class MalformedRequest(Struct, frozen=True, kw_only=True):
    """A known subtype whose fields are wrong; `complaint` names the first."""

    subtype: str
    complaint: str


class ControlRequest(Struct, frozen=True, kw_only=True):
    """One question of the client. The answer carries its `request_id`."""

    request_id: str
    request: KnownRequest | UnknownRequest | MalformedRequest


class _Subtype(Struct):
    subtype: str = ""


_known = msgspec.json.Decoder(KnownRequest)
_subtype = msgspec.json.Decoder(_Subtype)
_SUBTYPES = frozenset(str(request.__struct_config__.tag) for request in get_args(KnownRequest))


def read_request(request_id: str, raw: Raw) -> ControlRequest:
    """Decode what stands under `request`. Never fails on a JSON object: what cannot be read says so in its answer.

    Raises `msgspec.DecodeError` for what is no object with a subtype; whoever read the line handles it.
    """
    subtype = _subtype.decode(raw).subtype
    if subtype not in _SUBTYPES:
        return ControlRequest(request_id=request_id, request=UnknownRequest(subtype=subtype))
    try:
        return ControlRequest(request_id=request_id, request=_known.decode(raw))
    except msgspec.ValidationError as error:
        return ControlRequest(request_id=request_id, request=MalformedRequest(subtype=subtype, complaint=str(error)))
