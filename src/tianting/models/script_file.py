"""Scripts in files: YAML (or JSON, which is YAML) in, a `Script` out, and for every mistake the line it stands on.

Apart from `scripted`, because only those who read a file should pay for loading a YAML parser.
"""

import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import yaml
from msgspec import Struct, structs

from tianting.models.scripted import Script
from tianting.protocol.errors import ConfigError


def load_script(path: Path) -> Script:
    """Read the script at `path`. Raises `ConfigError`: one line with path, line, key, and what is allowed."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else None  # also resolves merge keys
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}{_place(error)}: no YAML: {' '.join(str(error).split())}") from error
    if node is None:
        raise ConfigError(f"{path}: is empty; a script needs `replies`")
    _Check(path, loader).value(node, Script, "script")
    return msgspec.convert(content, Script)


class _Check:
    """Walks YAML and types side by side, innermost first, so that an error is named where it stands."""

    def __init__(self, path: Path, loader: yaml.SafeLoader) -> None:
        self._path = path
        self._loader = loader

    def value(self, node: yaml.Node, kind: Any, key: str) -> None:
        match node, _inner(kind):
            case yaml.MappingNode(), type() as struct if issubclass(struct, Struct):
                self._fields(node, struct)
            case yaml.SequenceNode(), item if _is_tuple(kind):
                for child in node.value:
                    self.value(child, item, key)
        try:
            msgspec.convert(self._loader.construct_document(node), kind)
        except msgspec.ValidationError as error:
            raise self._error(node, f"`{key}`: {error}{_choices(kind)}") from error

    def _fields(self, node: yaml.MappingNode, struct: type[Struct]) -> None:
        fields = {field.name: field.type for field in structs.fields(struct)}
        for name, child in node.value:
            if name.value not in fields:
                raise self._error(name, f"unknown key `{name.value}`; allowed: {', '.join(fields)}")
            self.value(child, fields[name.value], name.value)

    def _error(self, node: yaml.Node, words: str) -> ConfigError:
        return ConfigError(f"{self._path}:{node.start_mark.line + 1}: {words}")


def _inner(kind: Any) -> Any:
    """The type that matters inside `Annotated[X, ...]`, `X | None` and `tuple[X, ...]`."""
    if get_origin(kind) in {Annotated, Union, types.UnionType, tuple}:
        return _inner(get_args(kind)[0])
    return kind


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _choices(kind: Any) -> str:
    inner = _inner(kind)
    return f"; allowed: {', '.join(map(str, get_args(inner)))}" if get_origin(inner) is Literal else ""


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""
