"""Writes a request in the words of the Messages API: system, tools, messages, thinking, cache breakpoints.

Pure, and the same history gives the same bytes apart from the breakpoints: the prompt cache and the signatures of
thinking hang on it.
"""

from tianting.models.anthropic.messages import Json, WireMessages
from tianting.protocol.model_catalogue import ModelInfo
from tianting.protocol.requests import Effort, ModelRequest, ThinkingWish
from tianting.protocol.tool_calls import ToolSpec

_BREAKPOINT = {"type": "ephemeral"}
_THINKING_BUDGET: dict[Effort, int] = {"low": 4_096, "medium": 10_000, "high": 20_000, "xhigh": 28_000, "max": 32_000}
"""Tokens, for models that cannot choose for themselves."""
_FOR_THINKERS: tuple[Effort, ...] = ("xhigh", "max")
"""Refused where thinking is off."""
_LEAST_BUDGET = 1_024
"""Tokens: the API's least, and what we leave for the words behind the thinking."""


def message_body(request: ModelRequest, messages: WireMessages, info: ModelInfo) -> Json:
    """The body of `POST /v1/messages`, streaming.

    `messages` are those of `request`; `info` says what its model can do.
    """
    max_tokens = min(request.max_tokens, info.max_output)
    body: Json = {
        "model": request.model,
        "max_tokens": max_tokens,
        "stream": True,
        **_prompt(request),
        "messages": messages.all,
        **_thinking(info, request, max_tokens, messages.newest),
    }
    return {**body, **request.extra}


def count_body(request: ModelRequest, messages: WireMessages, info: ModelInfo) -> Json:
    """The body of `POST /v1/messages/count_tokens`: the same prompt, without what concerns the answer."""
    unknown = ("max_tokens", "stream", "metadata", "service_tier", "stop_sequences")
    body = message_body(request, messages, info)
    return {name: value for name, value in body.items() if name not in unknown}


def _prompt(request: ModelRequest) -> Json:
    """What stands before the messages, and is the same in every request of a session: a breakpoint ends it."""
    prompt: Json = {}
    if system := [{"type": "text", "text": part} for part in request.system if part.strip()]:
        prompt["system"] = system
    if request.tools:
        prompt["tools"] = [_tool(spec) for spec in request.tools]
        if request.tool_choice == "none":
            prompt["tool_choice"] = {"type": "none"}
    if system or request.tools:
        prompt["system" if system else "tools"][-1]["cache_control"] = _BREAKPOINT
    return prompt


def _tool(spec: ToolSpec) -> Json:
    return {"name": spec.name, "description": spec.description, "input_schema": spec.input_schema}


def _thinking(info: ModelInfo, request: ModelRequest, max_tokens: int, messages: list[Json]) -> Json:
    """The fields that ask for thinking, or for none."""
    wish = request.thinking or ThinkingWish()
    match info.thinking:
        case "none":
            return {}
        case "adaptive":
            asked = _by_itself(info, wish)
            effort = request.effort
            if asked["type"] != "adaptive" and effort in _FOR_THINKERS:
                effort = "high"
            return {"thinking": asked, **({"output_config": {"effort": effort}} if effort else {})}
        case "budget":
            budget = min(_budget(wish, request.effort), max_tokens - _LEAST_BUDGET)
            if budget < _LEAST_BUDGET or _began_without_thinking(messages):
                return {}
            return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _by_itself(info: ModelInfo, wish: ThinkingWish) -> Json:
    """For a model that chooses how long. Newer ones hide their thinking unless a summary is asked for."""
    if not wish.wanted and info.least_thinking != "adaptive":
        return {"type": info.least_thinking}
    return {"type": "adaptive", "display": wish.display}


def _budget(wish: ThinkingWish, effort: Effort | None) -> int:
    """Tokens, for a model that has to be told."""
    if not wish.wanted:
        return 0
    if wish.budget is not None:
        return wish.budget
    return 0 if effort is None else _THINKING_BUDGET[effort]


def _began_without_thinking(messages: list[Json]) -> bool:
    """Whether a turn is open whose calls follow no thinking: to ask for a budget then is an error."""
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return messages[-2]["content"][0]["type"] not in ("thinking", "redacted_thinking")
