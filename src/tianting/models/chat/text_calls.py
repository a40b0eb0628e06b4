"""Finds tool calls that a model wrote into its text, because its server has no parser for them.

Only calls of known tools count: a model that explains a syntax is not to be obeyed.
"""

import re
from collections.abc import Callable, Iterator, Set
from typing import Any

import msgspec
from msgspec import Struct


class WrittenCall(Struct, frozen=True, kw_only=True):
    """A call as it stood in the text."""

    name: str
    arguments: dict[str, Any]


# Patterns are compiled when they are first used: few servers need them, and all would wait for them.
_JSON_CALLS = (
    r"<tool_call>\s*(\{.*?\})\s*(?:</tool_call>|\Z)",  # Hermes, Qwen
    r"\[TOOL_REQUEST\]\s*(\{.*?\})\s*(?:\[END_TOOL_REQUEST\]|\Z)",  # LM Studio
    r"\[TOOL_CALLS\]\s*(\[.*\]|\{.*\})\s*\Z",  # Mistral
    r"<\|python_tag\|>\s*(\{.*\})\s*(?:<\|eom_id\|>|\Z)",  # Llama
    r"\A\s*```(?:json)?\s*(\{.*\}|\[.*\])\s*```\s*\Z",
)
_NAMED_JSON = r"\[TOOL_CALLS\]([\w.-]+)\[ARGS\](\{.*?\})(?=\s*(?:\[TOOL_CALLS\]|\Z))"  # Mistral
_TAGGED = r"(?:<tool_call>\s*)?<function=([\w.-]+)>(.*?)</function>(?:\s*</tool_call>)?"  # Qwen-Coder
_PARAMETER = r"<parameter=([\w.-]+)>\n?(.*?)\n?</parameter>"


def find_calls(text: str, known: Set[str]) -> tuple[str, list[WrittenCall]]:
    """The text without its calls, and the calls. Where one is of no known tool, the text stays as it is."""
    for pattern, read in _SYNTAXES:
        calls = [call for match in re.finditer(pattern, text, re.DOTALL) for call in read(match)]
        if calls and all(call.name in known for call in calls):
            return re.sub(pattern, "", text, flags=re.DOTALL).strip(), calls
    return text, []


def _read_json(match: re.Match[str]) -> Iterator[WrittenCall]:
    value = _decoded(match[1])
    for call in value if isinstance(value, list) else [value]:
        yield _call(call)


def _read_named(match: re.Match[str]) -> Iterator[WrittenCall]:
    yield _call({"name": match[1], "arguments": _decoded(match[2])})


def _read_tagged(match: re.Match[str]) -> Iterator[WrittenCall]:
    arguments = {name: _value(text) for name, text in re.findall(_PARAMETER, match[2], re.DOTALL)}
    yield WrittenCall(name=match[1], arguments=arguments)


_SYNTAXES: tuple[tuple[str, Callable[[re.Match[str]], Iterator[WrittenCall]]], ...] = (
    (_TAGGED, _read_tagged),
    (_NAMED_JSON, _read_named),
    *((pattern, _read_json) for pattern in _JSON_CALLS),
)


def _call(value: Any) -> WrittenCall:
    """What is no call is one of a tool that nobody knows."""
    if not isinstance(value, dict):
        return WrittenCall(name="", arguments={})
    arguments = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):
        arguments = _decoded(arguments)
    name = value.get("name") if isinstance(arguments, dict) else ""
    return WrittenCall(name=name if isinstance(name, str) else "", arguments=arguments or {})


def _value(text: str) -> Any:
    """Parameters stand unquoted, so only lists and objects are JSON; the tool's schema sorts out the rest."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    value = _decoded(text)
    return text if value is None else value


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
