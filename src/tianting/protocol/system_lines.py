"""The shapes of `system` lines: what a client is told beside the conversation itself.

A field set to `UNSET` does not appear; `None` appears as null.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from tianting.protocol.events import LoadedPlugin, McpServerState, PermissionMode


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
    mcp_servers: tuple[McpServerState, ...]
    model: str
    permission_mode: PermissionMode
    slash_commands: tuple[str, ...]
    api_key_source: str
    claude_code_version: str
    output_style: str
    agents: tuple[str, ...]
    skills: tuple[str, ...]
    plugins: tuple[LoadedPlugin, ...]
    capabilities: tuple[str, ...]
    uuid: str


class Status(
    Struct, frozen=True, kw_only=True, tag_field="type", tag="system", rename={"permission_mode": "permissionMode"}
):
    """A request goes out, or the permission mode is another one from here on."""

    subtype: Literal["status"] = "status"
    status: Literal["requesting"] | None
    permission_mode: PermissionMode | UnsetType = UNSET
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


class HookStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A hook is about to be asked."""

    subtype: Literal["hook_started"] = "hook_started"
    hook_id: str
    hook_name: str
    hook_event: str
    session_id: str
    uuid: str


class HookResponse(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A hook has answered."""

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


class TaskStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """Work goes on in the background."""

    subtype: Literal["task_started"] = "task_started"
    task_id: str
    tool_use_id: str | UnsetType = UNSET
    description: str
    task_type: str
    session_id: str
    uuid: str


class TaskPatch(Struct, frozen=True, kw_only=True):
    """What of a task is another thing now."""

    status: Literal["completed", "failed", "killed"]
    end_time: int
    """Milliseconds since 1970."""


class TaskUpdate(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A task changed."""

    subtype: Literal["task_updated"] = "task_updated"
    task_id: str
    patch: TaskPatch
    session_id: str
    uuid: str


class TaskNotification(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """A task is over."""

    subtype: Literal["task_notification"] = "task_notification"
    task_id: str
    tool_use_id: str | UnsetType = UNSET
    status: Literal["completed", "failed", "stopped"]
    output_file: str
    summary: str
    session_id: str
    uuid: str


class LiveTask(Struct, frozen=True, kw_only=True):
    """A task that goes on."""

    task_id: str
    task_type: str
    description: str


class BackgroundTasksChanged(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """All tasks that go on now: clients take them in place of those they knew."""

    subtype: Literal["background_tasks_changed"] = "background_tasks_changed"
    tasks: tuple[LiveTask, ...]
    session_id: str
    uuid: str
