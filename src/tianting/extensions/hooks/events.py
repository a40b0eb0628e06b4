"""What a hook is told: the facts of the session, and those of what happens at this moment.

Field names are those of the JSON that other agents' hooks read, because scripts written for them must run here.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from tianting.permissions.updates import PermissionUpdate
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.protocol.requests import Effort


class EffortLevel(Struct, frozen=True, kw_only=True):
    """How hard the model thinks."""

    level: Effort


class Circumstances(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event carries."""

    session_id: str
    transcript_path: str
    cwd: str
    prompt_id: str | None = None
    permission_mode: PermissionMode | None = None
    effort: EffortLevel | None = None
    agent_id: str | None = None
    """Set inside a sub-agent."""
    agent_type: str | None = None


class PreToolUse(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A call is about to be permitted, and then to run."""

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str


class PostToolUse(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A call worked."""

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str
    tool_response: Any
    duration_ms: int = 0


class PostToolUseFailure(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A call failed, or was stopped."""

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str
    error: str
    is_interrupt: bool = False
    duration_ms: int = 0


class PermissionRequest(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A person is about to be asked about a call."""

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str = ""
    permission_suggestions: tuple[PermissionUpdate, ...] = ()
    """What would spare the question the next time: a hook may give one back with its yes."""


class PermissionDenied(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A call was refused, by whomever."""

    tool_name: str
    tool_input: dict[str, Any]
    tool_use_id: str
    reason: str


class UserPromptSubmit(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A person sent a prompt; the model has not seen it yet."""

    prompt: str


class SessionStart(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A session begins or goes on."""

    source: Literal["startup", "resume", "clear", "compact"]
    model: str = ""


class SessionEnd(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A session is over."""

    reason: str


class Stop(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """The model has answered and would stop."""

    stop_hook_active: bool
    """A hook already made it go on in this turn."""
    last_assistant_message: str = ""
    background_tasks: tuple[Any, ...] = ()


class SubagentStart(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A sub-agent begins."""

    agent_id: str
    agent_type: str


class SubagentStop(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A sub-agent has answered and would stop."""

    agent_id: str
    agent_type: str
    stop_hook_active: bool
    agent_transcript_path: str = ""
    last_assistant_message: str = ""
    background_tasks: tuple[Any, ...] = ()


class PreCompact(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """The history is about to be summarised."""

    trigger: Literal["manual", "auto"]
    custom_instructions: str = ""


class PostCompact(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """The history was summarised."""

    trigger: Literal["manual", "auto"]
    compact_summary: str = ""


class Notification(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A person's attention is wanted."""

    message: str
    notification_type: str
    title: str = ""


class ConfigChange(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A settings file changed while the session runs."""

    source: str
    file_path: str = ""


class FileChanged(Struct, frozen=True, kw_only=True, tag_field="hook_event_name", tag=True):
    """A file was changed by somebody else."""

    file_path: str
    event: Literal["add", "change", "unlink"] = "change"


ToolEvent = PreToolUse | PostToolUse | PostToolUseFailure | PermissionRequest | PermissionDenied
HookEvent = (
    ToolEvent
    | UserPromptSubmit
    | SessionStart
    | SessionEnd
    | Stop
    | SubagentStart
    | SubagentStop
    | PreCompact
    | PostCompact
    | Notification
    | ConfigChange
    | FileChanged
)
TOOL_EVENTS = frozenset(
    {"PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest", "PermissionDenied"},
)
EVENTS = TOOL_EVENTS | {
    "UserPromptSubmit",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "Notification",
    "ConfigChange",
    "FileChanged",
}
"""The names of all events that hooks can wait for."""


class HookInput(Struct, frozen=True, kw_only=True):
    """One event and its circumstances."""

    event: HookEvent
    circumstances: Circumstances

    @property
    def event_name(self) -> str:
        """The `hook_event_name` of the wire."""
        return type(self.event).__name__


def encode_input(hook_input: HookInput) -> bytes:
    """`hook_input` as one JSON object, as a hook reads it."""
    together = msgspec.to_builtins(hook_input.circumstances) | msgspec.to_builtins(hook_input.event)
    return msgspec.json.encode(together)


def decode_input(text: bytes) -> HookInput:
    """Read what `encode_input` wrote, or a person by hand. Raises `ConfigError` naming the field that is wrong."""
    try:
        return HookInput(
            event=msgspec.json.decode(text, type=HookEvent),
            circumstances=msgspec.json.decode(text, type=Circumstances),
        )
    except msgspec.DecodeError as error:
        raise ConfigError(f"The hook input cannot be read: {error}.") from None
