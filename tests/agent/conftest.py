"""Tools with one habit each, and a turn to run them in."""

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from msgspec import Struct

from tianting.agent.batch import Emit
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.agent.steering import Inbox, Posted
from tianting.extensions.hooks.port import AgentHooks, NoHooks
from tianting.models.scripted import Reply, ScriptedModel
from tianting.permissions.decision import Allow, Ask, Decision, Deny, Verdict, Weigh, as_judged
from tianting.protocol.content import Text, ToolResult
from tianting.protocol.events import Event, TurnReport, TurnStarted
from tianting.protocol.messages import Message, UserMessage, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.protocol.tool_calls import Access, Effect, ToolCall, ToolOutput, ToolSpec
from tianting.tools.contract import AnyTool, ToolFailed


class StillClock:
    """Time stands."""

    def now(self) -> float:
        return 1_000.0

    def monotonic(self) -> float:
        return 5.0


class Parameters(Struct, frozen=True, kw_only=True):
    text: str = ""
    number: int = 0
    items: list[str] = []


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "number": {"type": "integer"},
        "items": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["text"],
}


class Habit:
    """A tool that does `work`."""

    parameters = Parameters

    def __init__(self, name: str, effect: Effect, work: Callable[[Parameters], Any]) -> None:
        self.spec = ToolSpec(name=name, description=f"{name}.", input_schema=SCHEMA)
        self.effect = effect
        self.work = work

    def accesses(self, parameters: Parameters) -> tuple[Access, ...]:
        return (Access(effect=self.effect, target="/repo"),)

    async def run(self, parameters: Parameters) -> ToolOutput:
        result = self.work(parameters)
        return ToolOutput(content=str(await result if hasattr(result, "__await__") else result))


def upper(parameters: Parameters) -> str:
    if not parameters.text:
        raise ToolFailed("`text` is missing.")
    return parameters.text.upper()


def broken(parameters: Parameters) -> str:
    raise TimeoutError("its own, not ours")


async def never(parameters: Parameters) -> None:
    await anyio.sleep_forever()


def habits() -> list[AnyTool]:
    return [
        Habit("Upper", "read", upper),
        Habit("Change", "edit", upper),
        Habit("Broken", "read", broken),
        Habit("Never", "read", never),
    ]


class FixedGate:
    """Answers every call alike, unless whoever weighs in wants otherwise; nobody can be asked."""

    def __init__(self, decision: Verdict) -> None:
        self.decision = decision

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh = as_judged) -> Decision:
        match weigh(self.decision):
            case Ask(reason=reason):
                return Deny(reason=f"Asked: {reason}")
            case Allow() | Deny() as decision:
                return decision


SHAPE = ModelRequest(model="test", system=("Be brief.",), tools=(), messages=(), max_tokens=1000)


class Ear:
    """Hears what is posted to an inbox."""

    def __init__(self) -> None:
        self.inbox = Inbox()

    async def drain(self) -> tuple[Posted, ...]:
        await anyio.lowlevel.checkpoint()
        return self.inbox.drain()


class Turns:
    """Runs turns and keeps what happened."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.history: list[Message] = []
        self.tools: list[AnyTool] = habits()
        self.decision: Verdict = Allow()
        self.hooks: AgentHooks = NoHooks()
        self.limits = Limits()
        self.catalogue = ModelCatalogue()
        self.goal: Any = None
        self.on_event: Callable[[Event], None] = lambda event: None
        self.model = ScriptedModel()
        self.shape = SHAPE
        self.ear = Ear()

    async def emit(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def dispatcher(self) -> ToolDispatcher:
        return ToolDispatcher(self.tools, FixedGate(self.decision), self.limits, self.hooks)

    def loop(self, *replies: Reply, dispatcher: ToolDispatcher | None = None) -> AgentLoop:
        self.model = ScriptedModel(*replies)
        return AgentLoop(
            self.model,
            dispatcher or self.dispatcher(),
            limits=self.limits,
            clock=StillClock(),
            catalogue=self.catalogue,
            goal=self.goal,
            hooks=self.hooks,
        )

    async def run(self, *replies: Reply) -> TurnReport:
        with anyio.fail_after(5):
            return await self.work(self.loop(*replies))

    async def work(self, loop: AgentLoop, emit: Emit | None = None) -> TurnReport:
        return await loop.run(
            prompt("Shout."), self.history, emit or self.emit, shape=lambda: self.shape, steering=self.ear
        )

    def said(self) -> list[str]:
        """The history, each message as one short text."""
        return [_short(message) for message in self.history]


def _short(message: Message) -> str:
    who = "user" if isinstance(message, UserMessage) else "model"
    parts = []
    for block in message.content:
        match block:
            case Text(text=text):
                parts.append(text.replace("<system-reminder>\n", "note: ").replace("\n</system-reminder>", ""))
            case ToolResult(content=content, is_error=error):
                parts.append(f"{'error' if error else 'result'} {content}")
            case _:
                parts.append(f"{getattr(block, 'name', block)}")
    return f"{who}: {' | '.join(parts)}"


def prompt(text: str) -> TurnStarted:
    return TurnStarted(uuid="turn-1", prompt=user_text(text))


@pytest.fixture
def turns() -> Turns:
    return Turns()
