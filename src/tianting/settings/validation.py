"""Holds one settings file against the schema: what is wrong is refused with its place, what is unknown is named.

text -> JSON -> the schema -> values, and complaints that stop nobody
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.protocol.errors import ConfigError
from tianting.settings.levels import Source
from tianting.settings.positions import Step, dotted, position_at
from tianting.settings.schema import Settings
from tianting.settings.unknown_keys import unknown_keys

_ELEMENT = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_BYTE = re.compile(r" ?\(byte (\d+)\)")
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]+)`")


class Checked(Struct, frozen=True, kw_only=True):
    """A file that keeps to the schema."""

    values: dict[str, Any]
    warnings: tuple[str, ...] = ()
    """One line each, with its place."""


class _Fault(Struct, frozen=True, kw_only=True):
    message: str
    path: tuple[Step | None, ...]
    """None for a name that the decoder did not tell."""


def check(source: Source) -> Checked:
    """Read and check `source`. Raises `ConfigError` with line and column.

    In a file that was written for another agent a value we cannot use is left out, with a warning; but never one
    that forbids something, because then less would be forbidden than the file says.
    """
    values = _with_one_fallback(decode(source))
    warnings: list[str] = []
    while fault := _fault(values):
        path = _resolved(values, fault)
        line = f"{source.place(path)}: {dotted(path)}: {_sentence(fault.message)}"
        if not _may_be_left_out(source, path):
            raise ConfigError(printable(f"Settings in {line}"))
        warnings.append(f"{line} This is left out.")
        values = _without(values, path[: _unit(path)])
    return Checked(values=values, warnings=(*warnings, *unknown_keys(source, values)))


def decode(source: Source) -> dict[str, Any]:
    """What `source` says, unchecked. Raises `ConfigError` with line and column for text that is no JSON object."""
    try:
        values: dict[str, Any] = msgspec.json.decode(source.text, type=dict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Settings in {source.name}:1:1: {error}.") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"Settings in {_malformed(source, str(error))}") from None
    except RecursionError:
        raise ConfigError(f"Settings in {source.name} are nested too deeply.") from None
    return values


def _with_one_fallback(values: dict[str, Any]) -> dict[str, Any]:
    """Other agents know a list of fallback models; we, the first."""
    named = values.get("fallbackModel")
    return {**values, "fallbackModel": named[0] if named else None} if isinstance(named, list) else values


def _malformed(source: Source, message: str) -> str:
    """Where the text stops to be JSON, and the two slips that JavaScript and Python teach."""
    found = _BYTE.search(message)
    before = source.text.encode()[: int(found[1])].decode("utf-8", "replace") if found else source.text
    position = position_at(source.text, len(before))
    rest = source.text[len(before) :]
    reason = _BYTE.sub("", message).removeprefix("JSON is malformed: ")
    if rest.startswith(("/", "#")):
        reason = "comments have no place in JSON"
    return f"{source.name}:{position.line}:{position.column} are no JSON: {reason}."


def _fault(values: dict[str, Any]) -> _Fault | None:
    try:
        msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        steps = tuple(_step(match) for match in _ELEMENT.finditer(path.removesuffix("`")))
        if named := _UNKNOWN_FIELD.search(message):
            steps = (*steps, named[1])
        return _Fault(message=message, path=steps)
    return None


def _step(match: re.Match[str]) -> Step | None:
    if match["any"]:
        return None
    return match["name"] or int(match["index"])


def _resolved(values: dict[str, Any], fault: _Fault) -> tuple[Step, ...]:
    """The path with its untold names: each is the one that, alone among its like, makes the same fault."""
    path: tuple[Step, ...] = ()
    node: Any = values
    for step in fault.path:
        told = step if step is not None else next(key for key in node if _fault(_only(values, path, key)) == fault)
        path = (*path, told)
        node = node.get(told) if isinstance(node, dict) else node[told]
    return path


def _only(node: Any, path: tuple[Step, ...], key: str) -> Any:
    """`node` with nothing but `key` in the object at `path`. No object with names of the user lies in a list."""
    if not path:
        return {key: node[key]}
    return {**node, path[0]: _only(node[path[0]], path[1:], key)}


def _without(node: Any, path: tuple[Step, ...]) -> Any:
    """`node` without the member at `path`, which holds no item numbers."""
    if len(path) == 1:
        return {name: value for name, value in node.items() if name != path[0]}
    return {**node, path[0]: _without(node[path[0]], path[1:])}


def _may_be_left_out(source: Source, path: tuple[Step, ...]) -> bool:
    return (
        source.foreign and path[0] != "sandbox" and path != ("permissions",) and path[1:2] not in (("deny",), ("ask",))
    )


def _unit(path: tuple[Step, ...]) -> int:
    """How many steps of `path` lead to the member that is left out whole."""
    return 2 if path[0] == "permissions" else 1


def _sentence(message: str) -> str:
    return f"{message[0].lower()}{message[1:]}."
