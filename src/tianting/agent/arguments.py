"""From the arguments a model wrote to the parameters a tool takes: repair -> coerce -> check, or a complaint.

Coercion is only where nothing can be meant but one thing: a number in a string, a list written as JSON text,
one value where a list belongs. A missing or wrong argument is answered with the schema's complaint.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from tianting.agent.json_repair import decoded, repaired_object
from tianting.protocol.content import ToolUse
from tianting.protocol.tool_calls import ToolSpec
from tianting.tools.contract import RawArguments

P = TypeVar("P", bound=Struct)
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$")


class MalformedArgumentsError(Exception):
    """The arguments cannot be read. `str(error)` goes to the model and shows the way out."""


class Arguments(Struct, frozen=True, kw_only=True):
    """Arguments that fit."""

    values: dict[str, Any]
    parameters: Any
    """The same, as the tool's own struct."""
    ignored: tuple[str, ...] = ()
    """Names the tool does not know; the result mentions them."""


def read_arguments(call: ToolUse, spec: ToolSpec, parameters: type[P]) -> Arguments:
    """Read `call.input` as `parameters`. Raises `MalformedArgumentsError`."""
    properties = _properties(spec)
    values = {name: _coerced(value, properties.get(name, {})) for name, value in _object(call, spec).items()}
    if parameters is RawArguments:
        return Arguments(values=values, parameters=RawArguments(values=values))
    known = parameters.__struct_encode_fields__
    ignored = tuple(name for name in values if name not in known)
    values = {name: value for name, value in values.items() if name in known}
    try:
        return Arguments(
            values=values,
            parameters=msgspec.convert(values, parameters, strict=False),
            ignored=ignored,
        )
    except msgspec.ValidationError as error:
        raise MalformedArgumentsError(_complaint(str(error), values, spec)) from None


def _object(call: ToolUse, spec: ToolSpec) -> dict[str, Any]:
    if not call.unparsed:
        return call.input
    repaired = repaired_object(call.unparsed)
    if repaired is None:
        shown = call.unparsed if len(call.unparsed) <= 200 else f"{call.unparsed[:120]} … {call.unparsed[-60:]}"
        raise MalformedArgumentsError(f"{spec.name}: the arguments are no JSON object: {shown}. {_usage(spec)}")
    return repaired


def _coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "array" if isinstance(value, str):
            items = decoded(value)
            return items if isinstance(items, list) else [value]
        case "array" if not isinstance(value, list):
            return [value]
        case "object" if isinstance(value, str):
            fields = decoded(value)
            return fields if isinstance(fields, dict) else value
        case "string" if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        case _:
            return value


def _complaint(error: str, values: dict[str, Any], spec: ToolSpec) -> str:
    place = _PLACE.match(error)
    where = place.group("where") if place else None
    if where and where in values:
        wanted = _properties(spec).get(where, {})
        got = msgspec.json.encode(values[where]).decode()[:120]
        return f"{spec.name}: {where} must be {_kind(wanted)}, got {got}. {_usage(spec)}"
    return f"{spec.name}: {error}. {_usage(spec)}"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    return {"integer": "a whole number", "array": "a list"}.get(schema.get("type", ""), f"a {schema.get('type')}")


def _usage(spec: ToolSpec) -> str:
    """How to call the tool, in one line."""
    required = spec.input_schema.get("required", ())
    parameters = ", ".join(
        f"{name} ({schema.get('type', 'any')}{', required' if name in required else ''})"
        for name, schema in _properties(spec).items()
    )
    return f"It takes: {parameters}."


def _properties(spec: ToolSpec) -> Mapping[str, Mapping[str, Any]]:
    """The schema of each parameter. Schemas of other programs may say no more than `true`."""
    properties: Mapping[str, Any] = spec.input_schema.get("properties", {})
    return {name: schema if isinstance(schema, Mapping) else {} for name, schema in properties.items()}
