"""The shapes of stream-json lines, so that the hot path encodes typed structs and builds no dictionaries.

The lines are those of today's coding agents, as their SDKs parse them. A field set to `UNSET` does not appear.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from tianting.protocol.deltas import RateLimitStatus
from tianting.protocol.events import ModelUse
from tianting.protocol.turn_ends import ResultSubtype
from tianting.protocol.usage import Usage


class CacheCreation(Struct, frozen=True, kw_only=True):
    """Cache writes by how long they live."""

    ephemeral_5m_input_tokens: int
    ephemeral_1h_input_tokens: int


class WireUsage(Struct, frozen=True, kw_only=True):
    """Consumption in the words of the Anthropic API."""

    input_tokens: int
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    cache_creation: CacheCreation
    output_tokens: int


class WireMessage(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """An assistant message, or one block of it."""

    id: str
    role: Literal["assistant"] = "assistant"
    model: str
    content: tuple[Any, ...]
    stop_reason: None = None
    """Always null: a line is written before the provider says why it stopped."""
    stop_sequence: None = None
    usage: WireUsage


class AssistantLine(Struct, frozen=True, kw_only=True, tag_field="type", tag="assistant"):
    """One finished block of an answer, or the story of a failed request."""

    message: WireMessage
    parent_tool_use_id: None = None
    session_id: str
    uuid: str
    aborted: bool | UnsetType = UNSET
    error: str | UnsetType = UNSET
    is_api_error_message: bool | UnsetType = UNSET
    api_error_status: int | UnsetType | None = UNSET
    api_error_type: str | UnsetType = UNSET


class PermissionDecision(Struct, frozen=True, kw_only=True):
    """Which way a call went, and what decided it."""

    decision: Literal["deny"] = "deny"
    source: Literal["config"] = "config"
    reason_type: Literal["other"] = "other"


class ResultMeta(Struct, frozen=True, kw_only=True):
    """What a client may want to know of a tool result beside its text."""

    id: str
    permission_decision: PermissionDecision | UnsetType = UNSET
    non_execution_kind: Literal["user-rejected"] | UnsetType = UNSET


class WireUserMessage(Struct, frozen=True, kw_only=True):
    """What the model reads next."""

    role: Literal["user"] = "user"
    content: str | tuple[Any, ...]


class UserLine(Struct, frozen=True, kw_only=True, tag_field="type", tag="user", rename={"is_replay": "isReplay"}):
    """A tool result, words the model was given in a turn, or a client's own prompt, given back."""

    message: WireUserMessage
    parent_tool_use_id: None = None
    session_id: str
    uuid: str
    tool_use_result: Any = UNSET
    tool_result_meta: tuple[ResultMeta, ...] | UnsetType = UNSET
    is_replay: bool | UnsetType = UNSET


class SessionStateChanged(Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """Whether the session works, rests, or waits for an answer of its client.

    For clients' machinery: with `sdk_host_only` an SDK keeps the line to itself.
    """

    subtype: Literal["session_state_changed"] = "session_state_changed"
    state: Literal["idle", "running", "requires_action"]
    sdk_host_only: bool = True
    uuid: str
    session_id: str


class CommandLifecycle(Struct, frozen=True, kw_only=True, tag_field="type", tag="command_lifecycle"):
    """What has become of a prompt that its client sent with a uuid. At most one of the two last states ends it."""

    command_uuid: str
    """The client's own uuid of the prompt; `uuid` is only this line's."""
    state: Literal["queued", "started", "completed", "cancelled"]
    uuid: str
    session_id: str


class ConversationReset(Struct, frozen=True, kw_only=True, tag_field="type", tag="conversation_reset"):
    """What was said before is forgotten; totals of cost and usage begin at zero."""

    new_conversation_id: str
    trigger: Literal["clear", "plan_mode_exit", "fresh_session", "onboarding"]
    uuid: str
    session_id: str


class ModelUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What one model consumed."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    web_search_requests: int = 0
    cost_usd: float = field(name="costUSD")
    context_window: int
    max_output_tokens: int


class Denial(Struct, frozen=True, kw_only=True):
    """A call that did not run, in the account of the turn."""

    tool_name: str
    tool_use_id: str
    tool_input: dict[str, Any]


class ResultLine(
    Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    tag="result",
    rename={"model_usage": "modelUsage"},
):
    """The end of a turn. `result` stands on every `success`, `errors` on every other subtype."""

    subtype: ResultSubtype
    is_error: bool
    api_error_status: int | UnsetType | None = UNSET
    duration_ms: int
    duration_api_ms: int
    num_turns: int
    result: str | UnsetType = UNSET
    stop_reason: str | None
    session_id: str
    total_cost_usd: float
    usage: WireUsage
    model_usage: dict[str, ModelUsage]
    permission_denials: tuple[Denial, ...]
    structured_output: Any = UNSET
    terminal_reason: str
    errors: tuple[str, ...] | UnsetType = UNSET
    uuid: str


class StreamEvent(Struct, frozen=True, kw_only=True, tag_field="type", tag="stream_event"):
    """One event of the Messages API, for clients that draw an answer while it arrives."""

    event: Any
    session_id: str
    parent_tool_use_id: None = None
    uuid: str
    api_message_id: str | UnsetType = UNSET
    """On `message_start` alone, like the next."""
    ttft_ms: int | UnsetType = UNSET
    """Milliseconds from the request to the first sign of the answer."""


class RateLimitInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """How it stands with a limit of the account."""

    status: RateLimitStatus
    resets_at: int | UnsetType = UNSET
    """Seconds since 1970."""
    rate_limit_type: str | UnsetType = UNSET
    utilization: float | UnsetType = UNSET


class RateLimitEvent(Struct, frozen=True, kw_only=True, tag_field="type", tag="rate_limit_event"):
    """The provider says something else of the account's limits than it did before."""

    rate_limit_info: RateLimitInfo
    uuid: str
    session_id: str


def wire_usage(usage: Usage) -> WireUsage:
    """`usage` in the wire's words."""
    hour = usage.cache_creation_1h_input_tokens
    return WireUsage(
        input_tokens=usage.input_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens,
        cache_read_input_tokens=usage.cache_read_input_tokens,
        cache_creation=CacheCreation(
            ephemeral_5m_input_tokens=usage.cache_creation_input_tokens - hour,
            ephemeral_1h_input_tokens=hour,
        ),
        output_tokens=usage.output_tokens,
    )


def model_usage(use: ModelUse) -> ModelUsage:
    """`use` in the wire's words."""
    return ModelUsage(
        input_tokens=use.usage.input_tokens,
        output_tokens=use.usage.output_tokens,
        cache_read_input_tokens=use.usage.cache_read_input_tokens,
        cache_creation_input_tokens=use.usage.cache_creation_input_tokens,
        cost_usd=use.cost_usd,
        context_window=use.context_window,
        max_output_tokens=use.max_output_tokens,
    )
