"""A tool of a server may be the person: its yes counts, and whatever else it does is a no."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tianting.mcp.messages import ListedTool, McpFailed, ToolAnswer
from tianting.mcp.results import Attic
from tianting.mcp.tool import McpTool
from tianting.permissions.decision import Allow, Decision, Deny
from tianting.permissions.updates import PermissionUpdate
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.surfaces.stream_json.client_person import ClientPerson, Permissions
from tianting.surfaces.stream_json.prompt_tool import through_tool

pytestmark = pytest.mark.anyio

CALL = ToolCall(call_id="call-1", tool_name="Bash", arguments={"command": "make"})
ACCESSES = (Access(effect="execute", target="make"),)


async def change_nothing(updates: tuple[PermissionUpdate, ...]) -> tuple[str, ...]:
    return ()


PERMISSIONS = Permissions(
    suggested_updates=lambda call, accesses: (), apply_updates=change_nothing, directories=lambda: ()
)


class Guard:
    """A server with one tool, which answers `answer`."""

    def __init__(self, answer: dict[str, Any] | McpFailed) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolAnswer:
        self.asked.append(arguments)
        if isinstance(self.answer, McpFailed):
            raise self.answer
        return msgspec.convert(self.answer, ToolAnswer)

    def tool(self) -> McpTool:
        listed = ListedTool(name="ask", input_schema={"type": "object"})
        return McpTool("guard", listed, self.call, Attic(Path("/nowhere"), lambda: "id"))

    async def decide(self, name: str = "mcp__guard__ask") -> Decision:
        ask = through_tool(name, lambda: (self.tool(),))
        return await ClientPerson(ask, PERMISSIONS).ask(CALL, ACCESSES, "no rule allows make")


def saying(text: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], **more}


async def test_tool_is_told_which_call_it_is_asked_about() -> None:
    guard = Guard(saying('{"behavior": "allow", "updatedInput": {"command": "make -n"}}'))

    assert await guard.decide() == Allow(reason="allowed by the user", arguments={"command": "make -n"})
    assert guard.asked == [{"tool_name": "Bash", "input": {"command": "make"}, "tool_use_id": "call-1"}]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(saying('{"behavior": "deny", "message": "Not now."}'), "Not now.", id="a no"),
        pytest.param({"structuredContent": {"behavior": "deny", "message": "No."}}, "No.", id="a no as data"),
        pytest.param(saying("sure"), "mcp__guard__ask gave an answer that is no JSON", id="words"),
        pytest.param(saying('"allow"'), "The answer could not be read", id="a word"),
        pytest.param(saying("it broke", isError=True), "mcp__guard__ask failed: it broke", id="an error"),
        pytest.param(McpFailed("gone"), "mcp__guard__ask: gone", id="no server"),
        pytest.param(
            {"content": [{"type": "image", "data": "aGk=", "mimeType": "image/png"}]}, "no JSON", id="a picture"
        ),
    ],
)
async def test_anything_but_a_yes_is_a_no(answer: Any, reason: str) -> None:
    decision = await Guard(answer).decide()

    assert isinstance(decision, Deny)
    assert reason in decision.reason


async def test_tool_that_is_not_there_is_named() -> None:
    decision = await Guard(saying("{}")).decide("mcp__other__ask")

    assert isinstance(decision, Deny)
    assert decision.reason.endswith("There is no tool mcp__other__ask to ask. Is its server connected?")
