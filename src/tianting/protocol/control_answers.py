"""What we write on the control channel: answers to the client's requests, questions of our own, and their withdrawal.

    {"type": "control_response", "response": {"subtype": "success", "request_id": "r1", "response": {"model": "m"}}}

The payloads are those of today's coding agents; the names of their fields are the wire's.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tianting.protocol.events import PermissionMode

ErrorCode = Literal["unsupported_request"]
SessionState = Literal["idle", "running", "requires_action"]


class Success(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="success"):
    """It was done. `response` is an object, or does not appear."""

    request_id: str
    response: Any = UNSET


class Failure(Struct, frozen=True, kw_only=True, tag_field="subtype", tag="error"):
    """It was not done. `error` is one line for a person."""

    request_id: str
    error: str
    error_code: ErrorCode | UnsetType = UNSET


class ControlResponse(Struct, frozen=True, kw_only=True, tag_field="type", tag="control_response"):
    """Our answer to a request of the client."""

    response: Success | Failure


class ControlQuestion(Struct, frozen=True, kw_only=True, tag_field="type", tag="control_request"):
    """A request of ours, which the client answers."""

    request_id: str
    request: Any


class ControlCancel(Struct, frozen=True, kw_only=True, tag_field="type", tag="control_cancel_request"):
    """We need no answer any more."""

    request_id: str


class InterruptAnswer(Struct, frozen=True, kw_only=True):
    """What an interrupt leaves to be done."""

    still_queued: tuple[str, ...]
    """Prompts that wait and will begin turns of their own."""
    cancelled: tuple[str, ...] | UnsetType = UNSET
    """Prompts it took back, where it was to do so."""


class ModeAnswer(Struct, frozen=True, kw_only=True):
    """The mode that holds now."""

    mode: PermissionMode


class ModelAnswer(Struct, frozen=True, kw_only=True):
    """The model that will be asked from now on."""

    model: str


class CancelledMessage(Struct, frozen=True, kw_only=True):
    """Whether a prompt could still be taken back."""

    cancelled: bool
    message_uuid: str


class McpTool(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool of a server."""

    name: str
    description: str | None = None


class McpServer(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One server, and how it is doing."""

    name: str
    status: Literal["connected", "failed", "needs-auth", "pending", "disabled"]
    server_info: dict[str, str] | None = None
    """Its own `name` and `version`."""
    error: str | None = None
    scope: str | None = None
    tools: tuple[McpTool, ...] | None = None


class McpServers(Struct, frozen=True, kw_only=True, rename="camel"):
    """All servers."""

    mcp_servers: tuple[McpServer, ...] = ()


class McpServersSet(Struct, frozen=True, kw_only=True):
    """What became of a new list of servers."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    errors: dict[str, str] = {}
    """By server."""


class CommandInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """A slash command."""

    name: str
    description: str
    argument_hint: str = ""
    builtin: bool = False


class AgentInfo(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A kind of sub-agent."""

    name: str
    description: str
    model: str | None = None


class ModelChoice(Struct, frozen=True, kw_only=True, rename="camel"):
    """A model that `set_model` takes."""

    value: str
    resolved_model: str
    display_name: str
    description: str
    supports_effort: bool = False
    supported_effort_levels: tuple[str, ...] = ()


class Account(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who pays."""

    token_source: str
    api_key_source: str
    api_provider: str = "firstParty"


class InitializeAnswer(Struct, frozen=True, kw_only=True):
    """What we are and can do."""

    commands: tuple[CommandInfo, ...] = ()
    agents: tuple[AgentInfo, ...] = ()
    output_style: str = "default"
    available_output_styles: tuple[str, ...] = ("default",)
    models: tuple[ModelChoice, ...] = ()
    account: Account
    claude_code_version: str
    pid: int
    current_permission_mode: PermissionMode
    session_state: SessionState = "idle"
    capabilities: tuple[str, ...] = ()
    hooks_applied: bool = False
    hook_on_failure_supported: bool = False


class ModelList(Struct, frozen=True, kw_only=True):
    """The answer to `list_models`."""

    models: tuple[ModelChoice, ...]


class ContextCategory(Struct, frozen=True, kw_only=True):
    """One kind of content in the model's window."""

    name: str
    tokens: int
    color: str
    kind: Literal["used", "free", "buffer", "deferred"] = "used"


class ContextUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """How full the model's window is. All counts are tokens; clients index the lists, so empty ones are sent."""

    categories: tuple[ContextCategory, ...]
    total_tokens: int
    max_tokens: int
    """What can be used; less than `raw_max_tokens` where room is kept for a summary."""
    raw_max_tokens: int
    percentage: float
    """0 to 100."""
    model: str
    is_auto_compact_enabled: bool = False
    memory_files: tuple[Any, ...] = ()
    mcp_tools: tuple[Any, ...] = ()
    agents: tuple[Any, ...] = ()
    grid_rows: tuple[Any, ...] = ()


class SessionCost(Struct, frozen=True, kw_only=True):
    """What the session has cost so far."""

    text: str
    """For a person."""
    total_cost_usd: float


class Settings(Struct, frozen=True, kw_only=True):
    """What is in force, in the words of the settings files."""

    effective: dict[str, Any]


class PermissionRule(Struct, frozen=True, kw_only=True):
    """One rule, and who said it."""

    rule: str
    behavior: Literal["allow", "ask", "deny"]
    source: str
    """`userSettings`, `cliArg` or another of the protocol's words."""
    editability: Literal["persistent", "session", "readonly"] = "readonly"


class WorkspaceDirectory(Struct, frozen=True, kw_only=True):
    """A place that counts as inside the project."""

    path: str
    source: str


class PermissionRules(Struct, frozen=True, kw_only=True, rename="camel"):
    """All rules that hold."""

    rules: tuple[PermissionRule, ...]
    workspace_directories: tuple[WorkspaceDirectory, ...] = ()
    original_cwd: str
    managed_only: bool = False


class PermissionRulesState(Struct, frozen=True, kw_only=True):
    """The answer to `list_permission_rules`."""

    state: PermissionRules


class BinaryVersion(Struct, frozen=True, kw_only=True):
    """The answer to `get_binary_version`."""

    version: str


_encode = msgspec.json.Encoder().encode


def answer_line(request_id: str, payload: Any = UNSET) -> bytes:
    """A success. `payload` is a struct of this file, or left out."""
    return _line(ControlResponse(response=Success(request_id=request_id, response=payload)))


def error_line(request_id: str, error: str, code: ErrorCode | UnsetType = UNSET) -> bytes:
    """A failure."""
    return _line(ControlResponse(response=Failure(request_id=request_id, error=error, error_code=code)))


def question_line(request_id: str, request: Any) -> bytes:
    """A question of ours; `request` is a struct or an object with its `subtype`."""
    return _line(ControlQuestion(request_id=request_id, request=request))


def cancel_line(request_id: str) -> bytes:
    """The withdrawal of a question of ours."""
    return _line(ControlCancel(request_id=request_id))


def _line(value: ControlResponse | ControlQuestion | ControlCancel) -> bytes:
    return _encode(value) + b"\n"
