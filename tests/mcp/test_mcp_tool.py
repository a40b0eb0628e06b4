"""A server's tool keeps the contract of ours: name, schema, honest accesses, one result."""

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tests.mcp.speaking_server import ADD, numbered
from tianting.mcp.messages import ListedTool, McpFailed, ToolAnswer
from tianting.mcp.results import Attic
from tianting.mcp.tool import LONGEST_DESCRIPTION, McpTool, tool_name
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import RawArguments, ToolFailed

pytestmark = pytest.mark.anyio


def tool_of(listed: dict[str, Any], answer: Any = None, *, seconds: float = 5.0, spill: Path = Path("/no")) -> McpTool:
    async def call(name: str, arguments: dict[str, Any]) -> ToolAnswer:
        if answer == "silence":
            await anyio.sleep_forever()
        if isinstance(answer, Exception):
            raise answer
        return msgspec.convert(answer or {"structuredContent": {name: arguments}}, ToolAnswer)

    read = msgspec.convert(listed, ListedTool)
    return McpTool("calc", read, call, Attic(spill, numbered()), seconds=seconds)


def test_model_is_told_of_it_as_its_server_describes_it() -> None:
    assert tool_of(ADD).spec == ToolSpec(name="mcp__calc__add", description="Adds.", input_schema=ADD["inputSchema"])


@pytest.mark.parametrize(
    ("server", "tool", "name"),
    [
        pytest.param("calc", "add", "mcp__calc__add", id="plain"),
        pytest.param("my calc", "a.b/c-d_e", "mcp__my_calc__a_b_c-d_e", id="other characters"),
        pytest.param("算", "加", "mcp______", id="other letters"),
    ],
)
def test_name_says_whose_tool_it_is(server: str, tool: str, name: str) -> None:
    assert tool_name(server, tool) == name


@pytest.mark.parametrize("letter", ["x", "天"])
def test_long_description_is_cut(letter: str) -> None:
    description = tool_of({**ADD, "description": letter * 3_000}).spec.description

    assert len(description.encode()) <= LONGEST_DESCRIPTION
    assert description.endswith(f"{letter}…")


@pytest.mark.parametrize(
    ("annotations", "effect"),
    [
        pytest.param(None, "execute", id="says nothing"),
        pytest.param({"readOnlyHint": False}, "execute", id="changes things"),
        pytest.param({"readOnlyHint": True}, "fetch", id="only looks"),
    ],
)
def test_accesses_say_what_is_known_of_it(annotations: Any, effect: Any) -> None:
    tool = tool_of({**ADD, "annotations": annotations})

    assert tool.accesses(RawArguments(values={})) == (Access(effect=effect, target="mcp__calc__add"),)


async def test_arguments_reach_it_under_its_own_name() -> None:
    output = await tool_of({**ADD, "name": "add.up"}).run(RawArguments(values={"a": 1}))

    assert output == ToolOutput(content='{"add.up":{"a":1}}')


async def test_its_bad_news_is_a_failed_result() -> None:
    answer = {"content": [{"type": "text", "text": "no sum"}], "isError": True}

    assert await tool_of(ADD, answer).run(RawArguments(values={})) == ToolOutput(content="no sum", failed=True)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        pytest.param("silence", "mcp__calc__add gave no answer within 0.01 seconds.", id="silence"),
        pytest.param(McpFailed("tools/call failed:\nno"), "mcp__calc__add: tools/call failed:\\nno", id="an error"),
    ],
)
async def test_it_fails_with_one_line(answer: Any, complaint: str) -> None:
    with anyio.fail_after(5), pytest.raises(ToolFailed) as failure:
        await tool_of(ADD, answer, seconds=0.01).run(RawArguments(values={}))

    assert str(failure.value) == complaint


@pytest.mark.parametrize(
    ("meta", "longest"),
    [
        pytest.param(None, 100_000, id="says nothing"),
        pytest.param({"anthropic/maxResultSizeChars": 2_000}, 2_000, id="wishes for less"),
        pytest.param({"anthropic/maxResultSizeChars": 9_000_000}, 500_000, id="wishes for too much"),
        pytest.param({"anthropic/maxResultSizeChars": "all"}, 100_000, id="wishes for nonsense"),
        pytest.param({"anthropic/maxResultSizeChars": -1}, 100_000, id="wishes for less than nothing"),
    ],
)
async def test_room_for_its_result(meta: Any, longest: int, tmp_path: Path) -> None:
    answer = {"content": [{"type": "text", "text": "x" * 600_000}]}

    content = (await tool_of({**ADD, "_meta": meta}, answer, spill=tmp_path).run(RawArguments(values={}))).content

    text = content if isinstance(content, str) else "".join(getattr(part, "text", "") for part in content)
    assert longest - 500 < len(text) <= longest
