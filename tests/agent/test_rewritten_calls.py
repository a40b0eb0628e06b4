"""A person may say yes to other arguments: the call becomes what they wrote, and rules hold for that."""

from typing import Any

import pytest

from tests.agent.conftest import StillClock, Turns
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.loop import AgentLoop
from tianting.models.scripted import ScriptedModel, calls, says
from tianting.permissions.decision import Allow, Ask, Decision, Deny, Verdict
from tianting.permissions.gate import Gate
from tianting.protocol.events import ToolStarted
from tianting.protocol.tool_calls import Access, ToolCall

pytestmark = pytest.mark.anyio


class Guard:
    """Asks about everything, and forbids shouting `secret`."""

    asks = True

    def verdict(self, call: ToolCall, accesses: tuple[Access, ...]) -> Verdict:
        return Deny(reason="Never that.") if call.arguments["text"] == "secret" else Ask(reason="It is loud.")

    def suggestions(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        return ()


class Editor:
    """A person who wants every call to have these arguments."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.asked: list[dict[str, Any]] = []

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        self.asked.append(call.arguments)
        return Allow(arguments=self.arguments)


@pytest.mark.parametrize(
    ("arguments", "answer", "ran"),
    [
        pytest.param({"text": "b"}, "user: result B", [{"text": "b"}], id="another text"),
        pytest.param({"text": "secret"}, "user: error Never that.", [], id="what a rule forbids"),
        pytest.param({"text": ["b"]}, "user: error Upper: text must be a string", [], id="what the tool cannot read"),
    ],
)
async def test_a_call_becomes_what_the_person_wrote(
    turns: Turns, arguments: dict[str, Any], answer: str, ran: list[dict[str, Any]]
) -> None:
    editor = Editor(arguments)
    dispatcher = ToolDispatcher(turns.tools, Gate(Guard, editor), turns.limits)
    turns.model = ScriptedModel(says("", calls("Upper", text="a")), says("Done."))
    loop = AgentLoop(
        turns.model, dispatcher, limits=turns.limits, clock=StillClock(), catalogue=turns.catalogue, hooks=turns.hooks
    )

    await turns.work(loop)

    assert turns.said()[2].startswith(answer)
    assert [event.call.arguments for event in turns.events if isinstance(event, ToolStarted)] == ran
    assert editor.asked == [{"text": "a"}]
