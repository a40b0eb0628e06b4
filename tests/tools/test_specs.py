"""What models are told of the tools, held against what the tools take, and against rules that a reader forgets."""

import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import anyio
import msgspec
import pytest

from tianting.agent.prompt import system_prompt
from tianting.cli.invocation import Invocation
from tianting.cli.toolbox import Toolbox, open_toolbox
from tianting.protocol.model_catalogue import Family
from tianting.protocol.tool_calls import ToolSpec
from tianting.tools.contract import AnyTool
from tianting.tools.workspace import Workspace

FAMILIES: tuple[Family, ...] = get_args(Family)
EACH_FAMILY = pytest.mark.parametrize("family", FAMILIES)


@cache
def toolbox(family: Family) -> Toolbox:
    async def build() -> Toolbox:
        workspace = Workspace(Path("/repo"), ())
        async with open_toolbox(Invocation(), workspace, family, Path("/spill"), {}) as opened:
            return opened

    return anyio.run(build)


TOOLS: dict[str, AnyTool] = {tool.spec.name: tool for tool in toolbox("claude").tools}
EACH_TOOL = pytest.mark.parametrize("name", TOOLS)

MOST_BYTES = {
    "Bash": 1_700,
    "BashOutput": 400,
    "Edit": 1_100,
    "Glob": 450,
    "Grep": 1_200,
    "LS": 350,
    "MultiEdit": 800,
    "Read": 900,
    "TaskStop": 300,
    "TodoRead": 200,
    "TodoWrite": 800,
    "Write": 550,
    "apply_patch": 1_650,
}
"""Of name, description and schema as JSON: every request carries them."""

TAKEN_UNTOLD = {
    "Bash": {"dangerouslyDisableSandbox"},
    "BashOutput": {"task_id"},
    "TaskStop": {"shell_id"},
    "TodoWrite": {"id", "priority"},
}
"""Parameters that other agents' models send: read, and never advertised."""

OTHER_TOOLS = {"Agent", "AskUserQuestion", "ExitPlanMode", "KillShell", "NotebookEdit", "Skill", "Task", "WebFetch"}
"""Names that a description could have brought along from elsewhere."""


@EACH_TOOL
def test_schema_is_that_of_the_parameters(name: str) -> None:
    tool = TOOLS[name]
    generated = msgspec.json.schema(tool.parameters)
    taken = _shape(generated, generated.get("$defs", {}), TAKEN_UNTOLD.get(name, set()))
    told = _shape(tool.spec.input_schema, {}, set())

    if name in ("BashOutput", "TaskStop"):  # either of two names is required, which no schema of ours says
        taken["required"] = told["required"]
    assert told == taken


@EACH_TOOL
def test_schema_is_strict_and_every_parameter_explained(name: str) -> None:
    spec = TOOLS[name].spec
    texts = " ".join(_texts(spec))

    for schema in _objects(spec.input_schema):
        assert schema["additionalProperties"] is False
        for parameter, told in schema["properties"].items():
            explained = "description" in told or "enum" in told or "properties" in told.get("items", {})
            assert explained or re.search(rf"(?<!\w){parameter}(?!\w)", texts), parameter


@EACH_TOOL
def test_name_is_one_that_every_provider_takes(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)


@EACH_TOOL
def test_spec_is_short_and_plain(name: str) -> None:
    spec = TOOLS[name].spec
    text = "".join((spec.name, *_texts(spec)))

    assert len(_written(spec)) <= MOST_BYTES[name]
    assert text.isascii()
    assert set(re.findall(r"\b[A-Z]{4,}\b", text)) <= {"JPEG"}, "capitals make models over-obey"


@EACH_FAMILY
def test_tools_and_prompt_stay_small(family: Family) -> None:
    offered = toolbox(family).offered
    prompt = system_prompt(family, tuple(spec.name for spec in offered))

    assert sum(len(_written(spec)) for spec in offered) + len(prompt.encode()) <= 14_000


@EACH_FAMILY
def test_tools_are_sorted_and_callable(family: Family) -> None:
    names = [spec.name for spec in toolbox(family).offered]

    assert names == sorted(set(names) & TOOLS.keys())


@EACH_FAMILY
def test_no_tool_names_one_that_is_not_offered(family: Family) -> None:
    offered = toolbox(family).offered
    names = {spec.name for spec in offered}

    named = {word for spec in offered for text in _texts(spec) for word in _tools_named(text)}
    assert named - names == set()


@EACH_TOOL
def test_parameters_that_are_named_exist(name: str) -> None:
    spec = TOOLS[name].spec
    known = {word for schema in _objects(spec.input_schema) for word in _vocabulary(schema)}

    named = {word for text in _texts(spec) for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text)}
    assert named - known == set()


@EACH_FAMILY
def test_no_sentence_stands_twice(family: Family) -> None:
    offered = toolbox(family).offered
    prompt = system_prompt(family, tuple(spec.name for spec in offered))
    texts = [prompt, *(spec.description for spec in offered)]

    sentences = [part.strip() for text in texts for part in re.split(r"[.:;\n]", text) if len(part.split()) > 3]
    assert sorted(sentences) == sorted(set(sentences))


def _written(spec: ToolSpec) -> bytes:
    return msgspec.json.encode({"name": spec.name, "description": spec.description, "input_schema": spec.input_schema})


def _texts(spec: ToolSpec) -> list[str]:
    """The description of the tool, and those of its parameters."""
    parameters = [told for schema in _objects(spec.input_schema) for told in schema["properties"].values()]
    return [spec.description, *(told["description"] for told in parameters if "description" in told)]


def _objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """`schema` and the objects inside it."""
    inner = [told.get("items", told) for told in schema["properties"].values()]
    return [schema, *(found for told in inner if "properties" in told for found in _objects(told))]


def _vocabulary(schema: dict[str, Any]) -> list[str]:
    """Parameters and the words they may be."""
    return [*schema["properties"], *(word for told in schema["properties"].values() for word in told.get("enum", ()))]


def _tools_named(text: str) -> set[str]:
    """Names of tools in `text`. At the beginning of a sentence `Read` is a verb."""
    inside = re.sub(r"(^|[.\n] )(Read|Write|Edit|Task)\b", "", text)
    return {name for name in TOOLS.keys() | OTHER_TOOLS if re.search(rf"(?<![\w.]){name}(?!\w)", inside)}


def _shape(schema: dict[str, Any], definitions: dict[str, Any], left_out: set[str]) -> dict[str, Any]:
    """What a schema says of names, types and which are required, wherever it says it."""
    if "$ref" in schema:
        return _shape(definitions[schema["$ref"].rpartition("/")[2]], definitions, left_out)
    if "properties" not in schema:
        inner = {"items": _shape(schema["items"], definitions, left_out)} if "items" in schema else {}
        kind = "string" if "enum" in schema else schema["type"]
        return {"type": kind, **({"enum": sorted(schema["enum"])} if "enum" in schema else {}), **inner}
    told = {name: value for name, value in schema["properties"].items() if name not in left_out}
    return {
        "properties": {name: _shape(value, definitions, left_out) for name, value in told.items()},
        "required": sorted(schema.get("required", ())),
    }
