"""The schema of settings files for editors, generated from the structs and their docstrings.

`settings.schema.json` beside this file is its output; `python -m tianting.settings.json_schema` writes it anew.
"""

import ast
from pathlib import Path
from typing import Any

import msgspec

from tianting.sandbox import policy
from tianting.sandbox import settings as sandbox
from tianting.settings import schema
from tianting.settings.other_agents import NOT_USED_YET
from tianting.settings.schema import Settings

SCHEMA_FILE = Path(__file__).with_name("settings.schema.json")
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_MODULES = (schema, sandbox, policy)
_NOT_USED = {"description": "Another agent's. Accepted, and not used yet."}


def schema_text() -> str:
    """The schema as JSON."""
    document = {"$schema": _DRAFT, "title": "Settings of Tianting", **_described()}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _described() -> dict[str, Any]:
    generated = msgspec.json.schema(Settings)
    definitions: dict[str, Any] = generated["$defs"]
    for struct, fields in _field_docstrings().items():
        properties = definitions.get(struct, {}).get("properties", {})
        for name, text in fields.items():
            properties.get(_camel_case(name), {})["description"] = text
    _with_other_agents(definitions)
    return generated


def _with_other_agents(definitions: dict[str, Any]) -> None:
    """Let editors take what we take: keys of other agents, and a list of fallback models."""
    structs = {
        (): "Settings",
        ("permissions",): "PermissionSettings",
        ("sandbox",): "SandboxSettings",
        ("sandbox", "network"): "NetworkSettings",
        ("sandbox", "filesystem"): "FilesystemSettings",
        ("sandbox", "credentials"): "CredentialSettings",
    }
    for *outer, name in sorted(NOT_USED_YET):
        definitions[structs[tuple(outer)]]["properties"][name] = _NOT_USED
    fallback = definitions["Settings"]["properties"]["fallbackModel"]
    fallback["anyOf"] = [*fallback["anyOf"], {"type": "array", "items": {"type": "string"}}]


def _field_docstrings() -> dict[str, dict[str, str]]:
    """What stands under each field, by struct and field."""
    trees = (ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in _MODULES)
    return {node.name: _docstrings(node) for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def _docstrings(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                found[name] = " ".join(words.split())
    return found


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
