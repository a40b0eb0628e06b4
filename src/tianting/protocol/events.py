"""What happened, in order. Surfaces draw events; the session log stores them; nothing else is said."""

from typing import Any, Literal

from msgspec import Struct

from tianting.protocol.deltas import Delta
from tianting.protocol.messages import AssistantMessage, UserMessage
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.protocol.usage import Usage

TurnEnd = Literal[
    "answered",
    "max_turns",
    "max_budget",
    "interrupted_streaming",
    "interrupted_tools",
    "refused",
    "model_error",
    "no_structured_output",
    "going_in_circles",
    "hook_stopped",
]
"""Why a turn ended. `interrupted_*` were asked for by a person; `answered` and `hook_stopped` are success."""

PermissionMode = Literal["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk"]


class McpServerState(Struct, frozen=True, kw_only=True):
    """A server of tools, and how it stands with it."""

    name: str
    status: str
    """`connected`, `failed`, `needs-auth`, `pending` or `disabled`."""


class LoadedPlugin(Struct, frozen=True, kw_only=True):
    """A plugin of the session."""

    name: str
    path: str


class SessionStarted(Struct, frozen=True, kw_only=True):
    """What a client must know before the first turn; said again at the start of every turn."""

    session_id: str
    cwd: str
    model: str
    permission_mode: PermissionMode
    tools: tuple[str, ...]
    key_source: str
    """Which variable or setting the key came from; `none` where none is needed."""
    mcp_servers: tuple[McpServerState, ...] = ()
    slash_commands: tuple[str, ...] = ()
    """Without the slash."""
    output_style: str = "default"
    agents: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    plugins: tuple[LoadedPlugin, ...] = ()
    capabilities: tuple[str, ...] = ()
    """What of the headless protocol a client may count on, in that protocol's words."""


class PermissionModeChanged(Struct, frozen=True, kw_only=True):
    """From now on calls are judged in another mode."""

    mode: PermissionMode


class TurnStarted(Struct, frozen=True, kw_only=True):
    """A prompt is being worked on."""

    uuid: str
    prompt: UserMessage


class PromptDelivered(Struct, frozen=True, kw_only=True):
    """A message posted while the turn ran reaches the model, under the id it was posted with."""

    uuid: str
    message: UserMessage


class NoteAdded(Struct, frozen=True, kw_only=True):
    """The harness told the model something."""

    message: UserMessage


class RequestStarted(Struct, frozen=True, kw_only=True):
    """A request goes out."""


class AnswerAborted(Struct, frozen=True, kw_only=True):
    """The person stopped an answer; `message` is what of it stays in the history."""

    message: AssistantMessage


class ToolStarted(Struct, frozen=True, kw_only=True):
    """A call passed its checks and begins. One that is refused at once has only its end."""

    call: ToolCall


class ToolFinished(Struct, frozen=True, kw_only=True):
    """A call has its result. In call order, whatever the order of completion."""

    call: ToolCall
    result: CallResult
    duration: float
    """Seconds."""


class HookStarted(Struct, frozen=True, kw_only=True):
    """A command hook is about to run. Its `HookRecord` follows in `HooksAsked`, under the same id."""

    hook_id: str
    name: str
    """`PreToolUse:Bash`."""
    event: str


HookKind = Literal["command", "http", "prompt", "callback"]


class HookRecord(Struct, frozen=True, kw_only=True):
    """One run of one hook, for protocols and logs."""

    hook_id: str
    name: str
    """`PreToolUse:Bash`."""
    event: str
    kind: HookKind = "command"
    title: str
    """The command, the address or the question."""
    stdout: str = ""
    """10,000 characters at most, and nothing where the hook wants its output hidden."""
    stderr: str = ""
    exit_code: int | None = None
    """None where no process came to its end."""
    outcome: Literal["success", "error", "cancelled"] = "success"
    """`cancelled`: it took too long."""
    duration: float = 0.0
    """Seconds."""


class HooksAsked(Struct, frozen=True, kw_only=True):
    """Hooks were asked about something that happens."""

    records: tuple[HookRecord, ...] = ()
    messages: tuple[str, ...] = ()
    """For the person: what hooks have to say, and what went wrong with them."""


class TaskStarted(Struct, frozen=True, kw_only=True):
    """Work goes on in the background from here on, whatever becomes of the turn."""

    task_id: str
    """The name by which the model and clients ask about it and end it."""
    description: str
    kind: Literal["local_bash"] = "local_bash"


class TaskFinished(Struct, frozen=True, kw_only=True):
    """Background work is over. It may end between turns, too."""

    task_id: str
    status: Literal["completed", "failed", "stopped"]
    """`stopped`: somebody ended it."""
    output_file: str
    summary: str
    """One line for people."""
    at: float
    """Seconds since 1970."""
    is_news: bool = True
    """False where the model ended it itself: then it needs no note."""


class ModelUse(Struct, frozen=True, kw_only=True):
    """What one model consumed in a turn."""

    usage: Usage
    cost_usd: float
    context_window: int
    max_output_tokens: int


class TurnReport(Struct, frozen=True, kw_only=True):
    """A turn in figures."""

    end: TurnEnd
    text: str = ""
    """The last words of the model, or the error's one line."""
    num_turns: int = 0
    """One, and one for each message of tool results."""
    duration: float = 0.0
    """Seconds, as the person waited."""
    api_duration: float = 0.0
    """Seconds of it spent waiting for the provider."""
    usage: Usage = Usage()
    cost_usd: float = 0.0
    models: dict[str, ModelUse] = {}
    denials: tuple[ToolCall, ...] = ()
    structured_output: Any = None
    stop_reason: str | None = None
    error_status: int | None = None
    """HTTP status of a `model_error`."""


class TurnFinished(Struct, frozen=True, kw_only=True):
    """Exactly one ends each turn."""

    report: TurnReport


Event = (
    SessionStarted
    | PermissionModeChanged
    | TurnStarted
    | PromptDelivered
    | NoteAdded
    | RequestStarted
    | Delta
    | AnswerAborted
    | ToolStarted
    | ToolFinished
    | HookStarted
    | HooksAsked
    | TaskStarted
    | TaskFinished
    | TurnFinished
)
