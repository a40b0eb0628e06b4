"""From a request of ours to the body of `POST /responses`: stateless, with the whole history."""

from typing import Any

from tianting.models.responses.input import WireInput
from tianting.protocol.requests import ModelRequest
from tianting.protocol.tool_calls import ToolSpec

_WITHOUT_REASONING = ("gpt-4", "gpt-3.5", "chatgpt-4")
_COUNTED = ("model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning")


def request_body(request: ModelRequest, history: WireInput) -> dict[str, Any]:
    """The body, to be encoded by msgspec. `history` is that of `request`."""
    return {
        "model": request.model,
        "instructions": "\n\n".join(request.system),
        "input": history.items,
        "store": False,
        "stream": True,
        "max_output_tokens": request.max_tokens,
        **_tools(request),
        **_reasoning(request),
        **({"prompt_cache_key": request.cache_key} if request.cache_key else {}),
        **request.extra,
    }


def count_body(request: ModelRequest, history: WireInput) -> dict[str, Any]:
    """The body of `POST /responses/input_tokens`: what of the same request makes up its prompt."""
    body = request_body(request, history)
    return {field: body[field] for field in _COUNTED if field in body}


def _tools(request: ModelRequest) -> dict[str, Any]:
    if not request.tools:
        return {}
    return {
        "tools": [_tool(tool) for tool in request.tools],
        "tool_choice": request.tool_choice,
        "parallel_tool_calls": True,
    }


def _tool(tool: ToolSpec) -> dict[str, Any]:
    if tool.grammar:
        grammar = {"type": "grammar", "syntax": "lark", "definition": tool.grammar}
        return {"type": "custom", "name": tool.name, "description": tool.description, "format": grammar}
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.input_schema,
        "strict": False,
    }


def _reasoning(request: ModelRequest) -> dict[str, Any]:
    """Models that do not reason reject these fields."""
    if request.model.rpartition("/")[2].startswith(_WITHOUT_REASONING):
        return {}
    wished = request.thinking
    effort = "low" if wished is not None and not wished.wanted else request.effort  # "none" is refused by the newest
    how = {} if effort is None else {"effort": effort}
    summary = {} if wished is not None and wished.display == "omitted" else {"summary": "auto"}
    return {"reasoning": {**summary, **how}, "include": ["reasoning.encrypted_content"]}
