"""Puts permission questions to a tool of a server, as `--permission-prompt-tool mcp__server__tool` asks for.

The tool is called with `{tool_name, input, tool_use_id}`, and answers with the words of `can_use_tool` as JSON.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tianting.protocol.content import text_of
from tianting.protocol.tool_calls import ToolOutput
from tianting.surfaces.stream_json.client_person import AskPermission, PermissionQuestion
from tianting.surfaces.stream_json.link import ClientRefused
from tianting.tools.contract import AnyTool, RawArguments, ToolFailed


def through_tool(name: str, tools: Callable[[], Iterable[AnyTool]]) -> AskPermission:
    """Ask the tool called `name` among those that are there when somebody is asked. It has the time of any call."""

    async def ask(question: PermissionQuestion) -> Any:
        tool = next((tool for tool in tools() if tool.spec.name == name), None)
        if tool is None:
            raise ClientRefused(f"There is no tool {name} to ask. Is its server connected?")
        asked = {"tool_name": question.tool_name, "input": question.input, "tool_use_id": question.tool_use_id}
        try:
            return _answer(name, await tool.run(RawArguments(values=asked)))
        except ToolFailed as failure:
            raise ClientRefused(str(failure)) from None

    return ask


def _answer(name: str, output: ToolOutput) -> Any:
    """What the tool said. Raises `ClientRefused` where it failed, or said what is no JSON."""
    text = output.content if isinstance(output.content, str) else text_of(output.content)
    if output.failed:
        raise ClientRefused(f"{name} failed: {text[:300]}")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ClientRefused(f"{name} gave an answer that is no JSON: {error}") from None
