"""The lines of an agent that speaks stream-json, decoded once: what of them says how a window is doing.

The counterpart of `protocol.client_lines`, for the other end of the pipe; the whole protocol is drawn in
`protocol.stream_json`. Claude Code and our own agent write the same lines. Fields that nobody needs here are skipped,
and so are lines of other types. All shapes are lenient: a new field of an old line must not end a window.
"""

import json
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tianting.plumbing.well_formed import well_formed_json


class Init(Struct, frozen=True, kw_only=True):
    """`system/init`: a turn begins."""

    session_id: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """`system/status`: `requesting` when the model is asked."""

    status: str | None = None


class Retry(Struct, frozen=True, kw_only=True):
    """`system/api_retry`: the model is asked again later."""

    error_status: int | None = None
    error: str | None = None
    retry_delay_ms: float = 0


class State(Struct, frozen=True, kw_only=True):
    """`system/session_state_changed`."""

    state: str = ""


class Compaction(Struct, frozen=True, kw_only=True):
    """The figures of a compaction."""

    post_tokens: int | None = None


class CompactBoundary(Struct, frozen=True, kw_only=True):
    """`system/compact_boundary`: what was said before is a summary now."""

    compact_metadata: Compaction = Compaction()


class ConversationReset(Struct, frozen=True, kw_only=True):
    """`conversation_reset`: what was said before is forgotten."""

    new_conversation_id: str = ""


class CacheWrites(Struct, frozen=True, kw_only=True):
    """By how long they live."""

    ephemeral_1h_input_tokens: int | None = 0


class OutputDetails(Struct, frozen=True, kw_only=True):
    """What the output consists of."""

    thinking_tokens: int | None = 0


class WireUsage(Struct, frozen=True, kw_only=True):
    """Consumption in the words of the Anthropic API; any number may be missing or null."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation: CacheWrites | None = None
    output_tokens_details: OutputDetails | None = None


class StartedMessage(Struct, frozen=True, kw_only=True):
    """The answer that begins."""

    model: str = ""
    usage: WireUsage | None = None


class Delta(Struct, frozen=True, kw_only=True):
    """A piece of a block."""

    type: str = ""
    text: str = ""


class Piece(Struct, frozen=True, kw_only=True):
    """One event of the Messages API."""

    type: str = ""
    delta: Delta = Delta()
    message: StartedMessage | None = None
    usage: WireUsage | None = None


class StreamEvent(Struct, frozen=True, kw_only=True):
    """`stream_event`: the answer while it arrives."""

    event: Piece
    parent_tool_use_id: str | None = None
    """Set where a sub-agent speaks, as on all lines."""


class Block(Struct, frozen=True, kw_only=True):
    """A block of a message: words, a call, a result."""

    type: str = ""
    id: str = ""
    name: str = ""
    tool_use_id: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """What was said."""

    content: str | tuple[Block, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Words alone are no block."""
        return () if isinstance(self.content, str) else self.content


class AssistantLine(Struct, frozen=True, kw_only=True):
    """`assistant`: a finished block, or the story of a failed request."""

    message: Message = Message()
    error: str | None = None
    """The kind of the failure."""


class UserLine(Struct, frozen=True, kw_only=True, rename={"is_replay": "isReplay"}):
    """`user`: a tool's result, or a prompt that became a part of the conversation."""

    message: Message = Message()
    uuid: str | None = None
    is_replay: bool | None = False


class Question(Struct, frozen=True, kw_only=True):
    """What is asked. Of `can_use_tool`, unless it has another subtype."""

    subtype: str = ""
    tool_name: str = ""
    input: Any = None
    permission_suggestions: tuple[Any, ...] | None = ()
    title: str | None = None
    decision_reason: str | None = None
    description: str | None = None


class Asked(Struct, frozen=True, kw_only=True):
    """`control_request`: a question to us."""

    request_id: str
    request: Question


class AskedNoMore(Struct, frozen=True, kw_only=True):
    """`control_cancel_request`: a question is moot."""

    request_id: str


class Response(Struct, frozen=True, kw_only=True):
    """Its outcome."""

    request_id: str = ""
    subtype: str = "success"
    error: str | None = None


class Answered(Struct, frozen=True, kw_only=True):
    """`control_response`: an answer to us. Claude Code also repeats our own answers."""

    response: Response


class LimitInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """How it stands with a limit of the account."""

    status: str = ""
    resets_at: float | None = None
    """Unix time."""
    rate_limit_type: str | None = None


class LimitLine(Struct, frozen=True, kw_only=True):
    """`rate_limit_event`."""

    rate_limit_info: LimitInfo


class ModelShare(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one model consumed."""

    context_window: int | None = None


class Result(Struct, frozen=True, kw_only=True, rename={"model_usage": "modelUsage"}):
    """`result`: a turn is over."""

    subtype: str = ""
    is_error: bool = False
    api_error_status: int | None = None
    result: str | None = ""
    errors: tuple[str, ...] | None = ()
    terminal_reason: str | None = ""
    total_cost_usd: float | None = 0.0
    """Of all turns of the process."""
    usage: WireUsage | None = None
    """Of this turn."""
    model_usage: dict[str, ModelShare] | None = None


class Other(Struct, frozen=True, kw_only=True):
    """A line that says nothing about how the window is doing."""


AgentLine = (
    Init
    | Status
    | Retry
    | State
    | CompactBoundary
    | ConversationReset
    | StreamEvent
    | AssistantLine
    | UserLine
    | Asked
    | AskedNoMore
    | Answered
    | LimitLine
    | Result
    | Other
)


class NoLine(Exception):
    """What was read is not the protocol."""


class _Kind(Struct):
    type: str | UnsetType = UNSET
    subtype: Any = None


_kind = msgspec.json.Decoder(_Kind)
_SYSTEM: dict[Any, msgspec.json.Decoder[AgentLine]] = {
    "init": msgspec.json.Decoder(Init),
    "status": msgspec.json.Decoder(Status),
    "api_retry": msgspec.json.Decoder(Retry),
    "session_state_changed": msgspec.json.Decoder(State),
    "compact_boundary": msgspec.json.Decoder(CompactBoundary),
}
_TYPES: dict[Any, msgspec.json.Decoder[AgentLine]] = {
    "conversation_reset": msgspec.json.Decoder(ConversationReset),
    "stream_event": msgspec.json.Decoder(StreamEvent),
    "assistant": msgspec.json.Decoder(AssistantLine),
    "user": msgspec.json.Decoder(UserLine),
    "control_request": msgspec.json.Decoder(Asked),
    "control_cancel_request": msgspec.json.Decoder(AskedNoMore),
    "control_response": msgspec.json.Decoder(Answered),
    "rate_limit_event": msgspec.json.Decoder(LimitLine),
    "result": msgspec.json.Decoder(Result),
}
_OTHER = Other()


def read_line(line: bytes) -> AgentLine:
    """Decode one line. Raises `NoLine` for what is no JSON object with a type, or breaks the shape of a known one."""
    try:
        return _read(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if b"\\ud" not in line and b"\\uD" not in line:
            raise NoLine(str(error)) from error
    return _read_mended(line)


def _read(line: bytes) -> AgentLine:
    kind = _kind.decode(line)
    if kind.type is UNSET:
        raise NoLine("a line without a type")
    decoder = _SYSTEM.get(_name(kind.subtype)) if kind.type == "system" else _TYPES.get(kind.type)
    return _OTHER if decoder is None else decoder.decode(line)


def _name(subtype: Any) -> str | None:
    return subtype if isinstance(subtype, str) else None


def _read_mended(line: bytes) -> AgentLine:
    """JavaScript writes half surrogates where text was cut within a character; that is no reason to call it garbage."""
    try:
        return _read(msgspec.json.encode(well_formed_json(json.loads(line))))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoLine(str(error)) from error
