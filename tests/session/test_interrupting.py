"""A person may stop the agent in any moment: the turn ends, nothing typed is lost, and the conversation goes on."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tests.agent.conftest import SHAPE, Habit, Parameters
from tests.session.conftest import OpenLog, StillClock
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.agent.steering import Posted
from tianting.extensions.hooks.port import BeforeTool, BeforeTurn, NoHooks
from tianting.models.scripted import ScriptedModel, calls, says
from tianting.permissions.decision import Allow, Decision, Weigh, as_judged
from tianting.protocol.content import ToolResult
from tianting.protocol.deltas import Delta
from tianting.protocol.events import Event, SessionStarted, TurnEnd, TurnFinished
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, note, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.protocol.tool_calls import Access, CallResult, ToolCall
from tianting.session.reading import load
from tianting.session.session import Opening, Session

pytestmark = pytest.mark.anyio

FACTS = SessionStarted(
    session_id="s", cwd="/work/app", model="m", permission_mode="default", tools=(), key_source="none"
)
PROMPT, STEERING = user_text("Paint it."), user_text("In blue.")


class Interrupter:
    """Everything of a session that takes its time, and tells where it is. At one moment somebody interrupts."""

    def __init__(self, moment: str) -> None:
        self.moment = moment
        self.session: Session
        self.ends: list[TurnEnd] = []
        self.said: list[UserMessage] = []

    async def reach(self, moment: str) -> None:
        """Hang where the interrupt is to come."""
        if self._is_wanted(moment):
            await anyio.sleep_forever()

    def _is_wanted(self, moment: str) -> bool:
        if moment != self.moment:
            return False
        self.moment = "it came"
        self.session.interrupt()
        return True

    async def listen(self, event: Event) -> None:
        if isinstance(event, TurnFinished):
            self.ends.append(event.report.end)
        self._is_wanted(type(event).__name__)
        await anyio.lowlevel.checkpoint()

    async def decide(self, call: ToolCall, accesses: tuple[Access, ...], weigh: Weigh = as_judged) -> Decision:
        await self.reach("open question")
        return Allow()

    async def interject(self, parameters: Parameters) -> str:
        if not self.said:
            self.said.append(STEERING)
            self.session.inbox.post(Posted(uuid="steering", message=STEERING))
        await self.reach("tool")
        return "done"


class Doubts(NoHooks):
    """Hooks that take their time."""

    def __init__(self, interrupter: Interrupter) -> None:
        self._reach = interrupter.reach

    async def session_started(self, source: str, model: str) -> BeforeTurn:
        await self._reach("hook of the session")
        return BeforeTurn(contexts=("Branch main.",))

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        await self._reach(f"hook of {prompt_id}")
        return BeforeTurn()

    async def before_tool(self, call: ToolCall, accesses: tuple[Access, ...]) -> BeforeTool:
        await self._reach("hook before a tool")
        return BeforeTool()

    async def after_tool(
        self,
        call: ToolCall,
        accesses: tuple[Access, ...],
        result: CallResult,
        *,
        duration: float,
        contexts: tuple[str, ...] = (),
    ) -> CallResult:
        await self._reach("hook after a tool")
        return result


class SlowModel:
    """Hangs before its first word, or before its last."""

    def __init__(self, inner: ScriptedModel, interrupter: Interrupter) -> None:
        self._inner = inner
        self._reach = interrupter.reach

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        await self._reach("silent model")
        async with aclosing(self._inner.stream(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def count_tokens(self, request: ModelRequest) -> int:
        return 0

    async def aclose(self) -> None:
        """Nothing to close."""


def session_with(interrupter: Interrupter, open_log: OpenLog) -> Session:
    model = ScriptedModel(
        says("Looking.", calls("Upper", text="a"), calls("Talk", text="b"), calls("Talk", text="c")),
        says("Done."),
        repeat_last=True,
    )
    hooks = Doubts(interrupter)
    tools = [
        Habit("Upper", "read", lambda parameters: parameters.text.upper()),
        Habit("Talk", "edit", interrupter.interject),
    ]
    loop = AgentLoop(
        SlowModel(model, interrupter),
        ToolDispatcher(tools, interrupter, Limits(), hooks),
        limits=Limits(),
        clock=StillClock(),
        catalogue=ModelCatalogue(),
        hooks=hooks,
    )
    numbers = count(1)
    opening = Opening(facts=FACTS, shape=SHAPE, briefing=note("Project root: /work/app"))
    interrupter.session = Session(loop, opening, log=open_log(), new_id=lambda: f"id{next(numbers)}", hooks=hooks)
    interrupter.session.listen(interrupter.listen)
    return interrupter.session


UNHEARD = {"SessionStarted", "NoteAdded", "hook of the session", "hook of prompt"}
"""Moments before hooks let the prompt reach the model. Whoever typed it hears of its end, and may send it again."""

MOMENTS: dict[str, TurnEnd] = {
    "SessionStarted": "interrupted_streaming",
    "NoteAdded": "interrupted_streaming",
    "hook of the session": "interrupted_streaming",
    "hook of prompt": "interrupted_streaming",
    "TurnStarted": "interrupted_tools",
    "RequestStarted": "interrupted_streaming",
    "silent model": "interrupted_streaming",
    "MessageStarted": "interrupted_streaming",
    "TextDelta": "interrupted_streaming",
    "ArgumentsDelta": "interrupted_streaming",
    "BlockFinished": "interrupted_streaming",
    "MessageFinished": "interrupted_tools",
    "hook before a tool": "interrupted_tools",
    "open question": "interrupted_tools",
    "ToolStarted": "interrupted_tools",
    "tool": "interrupted_tools",
    "hook after a tool": "interrupted_tools",
    "ToolFinished": "interrupted_tools",
    "hook of steering": "interrupted_tools",
    "PromptDelivered": "interrupted_streaming",
    "TurnFinished": "answered",
}


@pytest.mark.parametrize(("moment", "end"), MOMENTS.items())
async def test_interrupt_ends_the_turn_in_any_moment_and_the_next_one_works(
    moment: str, end: TurnEnd, open_log: OpenLog, transcript: Path
) -> None:
    interrupter = Interrupter(moment)
    session = session_with(interrupter, open_log)

    with anyio.fail_after(5):
        first = await session.submit(PROMPT, uuid="prompt")
        assert_every_call_is_answered_once(session.history)
        second = await session.submit(user_text("Go on."))

    assert interrupter.moment == "it came"
    assert (first.end, second.end, interrupter.ends) == (end, "answered", [end, "answered"])
    assert_every_call_is_answered_once(session.history)
    assert [message for message in session.history if message == PROMPT] == [PROMPT][: moment not in UNHEARD]
    heard = [message for message in session.history if message == STEERING]
    waits_for_a_turn = [STEERING for _ in session.inbox.waiting()]
    assert heard + waits_for_a_turn == interrupter.said
    assert load(transcript).history == list(session.history)


def assert_every_call_is_answered_once(history: tuple[Message, ...]) -> None:
    asked = [call.id for message in history if isinstance(message, AssistantMessage) for call in message.calls]
    blocks = [block for message in history if isinstance(message, UserMessage) for block in message.content]
    assert sorted(asked) == sorted(block.tool_use_id for block in blocks if isinstance(block, ToolResult))


async def test_history_of_a_running_turn_is_one_that_a_provider_takes(open_log: OpenLog) -> None:
    session = session_with(Interrupter("nothing"), open_log)
    lengths: list[int] = []

    async def look(event: Event) -> None:
        lengths.append(len(session.history))
        assert_every_call_is_answered_once(session.history)

    session.listen(look)
    with anyio.fail_after(5):
        await session.submit(PROMPT)

    assert lengths == sorted(lengths)
    assert len(lengths) > 30


async def test_interrupt_between_turns_ends_nothing(open_log: OpenLog) -> None:
    session = session_with(Interrupter("nothing"), open_log)
    with anyio.fail_after(5):
        await session.submit(PROMPT)
        session.interrupt()
        report = await session.submit(user_text("Go on."))

    assert report.end == "answered"
