"""From a request of ours to the body of `POST /chat/completions`, as a provider's profile wants it."""

from typing import Any

from tianting.models.chat.history import ChatHistory
from tianting.models.provider_profiles import Profile
from tianting.protocol.requests import Effort, ModelRequest, ThinkingWish
from tianting.protocol.tool_calls import ToolSpec

_MARKED_MODELS = "anthropic/"
_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")
_THINKING_BUDGETS: dict[Effort, int] = {"low": 4_096, "medium": 16_384, "high": 32_768}
Json = dict[str, Any]


def request_body(request: ModelRequest, history: ChatHistory, profile: Profile) -> Json:
    """The body, to be encoded by msgspec. `history` is that of `request`."""
    system = _system(request, profile)
    if profile.cache_markers and request.model.startswith(_MARKED_MODELS):
        _mark([*system, *history.newest])
    return {
        "model": request.model,
        "messages": [*system, *history.settled, *history.newest],
        "stream": True,
        **({"stream_options": {"include_usage": True}} if profile.stream_usage else {}),
        profile.max_tokens_field: request.max_tokens,
        **_tools(request, profile),
        **_thinking(request, profile),
        **({profile.cache_key_field: request.cache_key} if profile.cache_key_field and request.cache_key else {}),
        **profile.body,
        **request.extra,
    }


def _system(request: ModelRequest, profile: Profile) -> list[Json]:
    """One message: many templates take no second."""
    return [{"role": profile.system_role, "content": "\n\n".join(request.system)}] if request.system else []


def _tools(request: ModelRequest, profile: Profile) -> Json:
    if not request.tools:
        return {}
    return {
        "tools": [_tool(tool) for tool in request.tools],
        **({"tool_choice": "none"} if request.tool_choice == "none" else {}),
        **({"parallel_tool_calls": True} if profile.parallel_calls else {}),
    }


def _tool(tool: ToolSpec) -> Json:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def _thinking(request: ModelRequest, profile: Profile) -> Json:
    wish = request.thinking or ThinkingWish()
    if not wish.wanted:
        return _no_thinking(profile)
    if wish.budget is not None and profile.effort_param == "enable_thinking":
        return {"enable_thinking": True, "thinking_budget": wish.budget}
    return _effort(request.effort, profile)


def _no_thinking(profile: Profile) -> Json:
    """Providers that know only degrees are asked for the least of them."""
    match profile.effort_param:
        case "none" | "reasoning_effort":
            return _effort("low", profile)
        case "reasoning":
            return {"reasoning": {"effort": "none"}}
        case "thinking":
            return {"thinking": {"type": "disabled"}}
        case "enable_thinking":
            return {"enable_thinking": False}


def _effort(wanted: Effort | None, profile: Profile) -> Json:
    if wanted is None:
        return {}
    known = _nearest(wanted, profile.efforts)
    match profile.effort_param:
        case "none":
            return {}
        case "reasoning_effort":
            return {"reasoning_effort": known}
        case "reasoning":
            return {"reasoning": {"effort": known}}
        case "thinking":
            return {"thinking": {"type": "enabled"}, **({"reasoning_effort": known} if known else {})}
        case "enable_thinking":
            return {"enable_thinking": True, "thinking_budget": _THINKING_BUDGETS[known or "medium"]}


def _nearest(wanted: Effort, known: tuple[Effort, ...]) -> Effort | None:
    """The highest that is not above `wanted`, else the lowest; None where the provider has no degrees."""
    below = [effort for effort in known if _EFFORTS.index(effort) <= _EFFORTS.index(wanted)]
    return below[-1] if below else next(iter(known), None)


def _mark(messages: list[Json]) -> None:
    """Cache what stays: the system prompt, and the conversation up to its two newest messages to the model."""
    newest = [message for message in messages if message["role"] in ("user", "tool")][-2:]
    for message in [message for message in messages if message["role"] in ("system", "developer")] + newest:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if parts and parts[-1].get("text", True):
            message["content"] = [*parts[:-1], {**parts[-1], "cache_control": {"type": "ephemeral"}}]
