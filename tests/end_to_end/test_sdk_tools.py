"""Tools that are functions of the SDK's user, data as the answer, and commands in the background."""

from typing import Any

import pytest
from claude_agent_sdk import (
    McpSdkServerConfig,
    TaskNotificationMessage,
    TaskStartedMessage,
    ToolAnnotations,
    create_sdk_mcp_server,
    tool,
)
from mcp.server import Server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool

from tests.end_to_end.sdk_stage import answered, called, end_of, over, results, said, talking, unanswered
from tests.end_to_end.stage import Stage, is_alive, until
from tianting.models.scripted import Call, calls, says

pytestmark = pytest.mark.anyio

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@tool("add", "Add two numbers.", {"a": float, "b": float}, annotations=ToolAnnotations(readOnlyHint=True))
async def add(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": f"{arguments['a'] + arguments['b']:g}"}]}


@tool("refuse", "Refuse.", {})
async def refuse(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": "I would rather not."}], "is_error": True}


@tool("break", "Break.", {})
async def break_down(arguments: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("a spring is loose")


@tool("draw", "Draw.", {})
async def draw(arguments: dict[str, Any]) -> dict[str, Any]:
    picture = {"type": "image", "data": PIXEL, "mimeType": "image/png"}
    return {"content": [{"type": "text", "text": "A dot:"}, picture]}


async def offer(context: Any, request: Any) -> ListToolsResult:
    return ListToolsResult(tools=[Tool(name="measure", input_schema={"type": "object"})])


async def measure(context: Any, request: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text="warm")], structured_content={"celsius": 21})


@pytest.fixture
def desk() -> dict[str, McpSdkServerConfig]:
    wall = Server("wall", on_list_tools=offer, on_call_tool=measure)
    return {
        "desk": create_sdk_mcp_server("desk", tools=[add, refuse, break_down, draw]),
        "wall": McpSdkServerConfig(type="sdk", name="wall", instance=wall),
    }


def on_desk(name: str, **arguments: Any) -> Call:
    return calls(f"mcp__desk__{name}", call_id="c1", **arguments)


async def test_model_is_told_of_tools_and_calls_them(library_stage: Stage, desk: dict[str, McpSdkServerConfig]) -> None:
    more = {"mcp_servers": desk, "allowed_tools": ["mcp__desk__add"]}

    async with talking(library_stage, says("", on_desk("add", a=1, b=2)), says("Three."), **more) as talk:
        heard = await talk.ask("One and two?")
        status = await talk.client.get_mcp_status()
        offered = {spec["name"]: spec for spec in talk.sent(0)["tools"]}

    assert heard == [
        called("c1", "mcp__desk__add", a=1, b=2),
        answered("c1", "3"),
        said("Three."),
        over("Three.", turns=2),
    ]
    assert set(offered) >= {"mcp__desk__add", "mcp__desk__refuse", "mcp__desk__break", "Bash"}
    assert offered["mcp__desk__add"]["description"] == "Add two numbers."
    assert offered["mcp__desk__add"]["input_schema"]["required"] == ["a", "b"]
    assert [
        (server["name"], server["status"], [entry["name"] for entry in server["tools"]])
        for server in status["mcpServers"]
    ] == [("desk", "connected", ["add", "refuse", "break", "draw"]), ("wall", "connected", ["measure"])]


@pytest.mark.parametrize(
    ("call", "content", "is_error"),
    [
        pytest.param(on_desk("refuse"), "I would rather not.", True, id="error"),
        pytest.param(on_desk("break"), "a spring is loose", True, id="exception"),
        pytest.param(on_desk("add", a="one"), "b", True, id="wrong arguments"),
        pytest.param(calls("mcp__wall__measure"), '{"celsius":21}', False, id="structured"),
        pytest.param(on_desk("draw"), PIXEL, False, id="picture"),
    ],
)
async def test_model_reads_what_a_tool_came_to(
    library_stage: Stage, desk: dict[str, McpSdkServerConfig], call: Call, content: str, *, is_error: bool
) -> None:
    more = {"mcp_servers": desk, "allowed_tools": ["mcp__desk", "mcp__wall"]}

    async with talking(library_stage, says("", call), says("I see."), **more) as talk:
        heard = await talk.ask("Go.")

        [result] = results(talk.sent())
    assert (content in str(result["content"]), result.get("is_error", False)) == (True, is_error)
    assert heard[-2:] == [said("I see."), over("I see.", turns=2)]


async def test_server_is_left_alone_until_it_is_wanted_again(
    library_stage: Stage, desk: dict[str, McpSdkServerConfig]
) -> None:
    async with talking(library_stage, says("Off."), says("On."), mcp_servers=desk) as talk:
        await talk.client.toggle_mcp_server("desk", enabled=False)
        await talk.ask("Without?")
        await talk.client.toggle_mcp_server("desk", enabled=True)
        await talk.client.reconnect_mcp_server("desk")
        await talk.ask("With?")

        offered = [[spec["name"] for spec in talk.sent(index)["tools"]] for index in (0, 1)]
        assert ["mcp__desk__add" in names for names in offered] == [False, True]
        with pytest.raises(Exception, match="There is no MCP server 'nobody'"):
            await talk.client.reconnect_mcp_server("nobody")


SCHEMA = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}


async def test_answer_is_data_of_the_wanted_shape(library_stage: Stage) -> None:
    wrong, right = calls("StructuredOutput", call_id="c1"), calls("StructuredOutput", call_id="c2", town="Delft")
    wanted = {"type": "json_schema", "schema": SCHEMA}

    async with talking(library_stage, says("", wrong), says("", right), output_format=wanted) as talk:
        end = end_of(await talk.ask("Where?"))

        assert "'town' is a required property" in results(talk.sent())[0]["content"]
        assert len(talk.server.requests) == 2
    assert (end.subtype, end.structured_output, end.result) == ("success", {"town": "Delft"}, '{"town":"Delft"}')


async def test_data_that_never_fits_ends_the_turn(library_stage: Stage) -> None:
    wrong = says("", calls("StructuredOutput"))
    wanted = {"type": "json_schema", "schema": SCHEMA}

    async with talking(library_stage, *[wrong] * 5, output_format=wanted) as talk:
        end = end_of(await talk.ask("Where?"))

    assert (end.subtype, end.is_error, end.structured_output) == ("error_max_structured_output_retries", True, None)


async def test_command_in_the_background_is_stopped_and_the_model_hears_of_it(library_stage: Stage) -> None:
    work = calls("Bash", call_id="c1", command="echo $$ > pid; mv pid begun; sleep 60", run_in_background=True)
    begun = library_stage.project / "begun"
    replies = (says("", work), says("It runs."), says("It is over."))

    async with talking(library_stage, *replies, allowed_tools=["Bash"]) as talk:
        await talk.client.query("Begin.")
        started = await talk.until(TaskStartedMessage)
        await talk.hear()
        await until(begun.exists)

        assert isinstance(started, TaskStartedMessage)
        await talk.client.stop_task(started.task_id)
        finished = await talk.until(TaskNotificationMessage)
        heard = await talk.hear()

        assert isinstance(finished, TaskNotificationMessage)
        assert (started.tool_use_id, finished.task_id, finished.status) == ("c1", started.task_id, "stopped")
        assert not is_alive(int(begun.read_text()))
        assert heard == [said("It is over."), over("It is over.")]
        assert unanswered(talk.sent()) == []
        with pytest.raises(Exception, match="no_such_task"):
            await talk.client.stop_task("no_such_task")
