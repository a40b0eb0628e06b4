"""One thread of a Codex process as an agent: without it a window could not be less than a process.

CodexHost.run -> hear(message) -> CodexReader -> tell
"""

from collections.abc import Mapping
from typing import Any, Literal

import anyio
import msgspec
from msgspec import UNSET, Struct, UnsetType

from tianting.fleet.drivers.codex_events import CodexReader
from tianting.fleet.drivers.codex_questions import can_end_turn, result_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    ConversationKnown,
    DriverError,
    Limited,
    LineRead,
    Prompt,
    PromptOptions,
    Standing,
    Tell,
)
from tianting.fleet.drivers.json_rpc import METHOD_NOT_FOUND, Answered, Asked, JsonRpc, Told

_OVERLOADED = -32001
_NOT_NOW = "-32600"
"""What a request is refused with that came too late."""


class TurnOptions(Struct, frozen=True, kw_only=True, rename="camel"):
    """What Codex can be told for one turn; it holds for the later ones, too. Left out, nothing changes."""

    effort: str | UnsetType = UNSET
    """`minimal` to `xhigh`, as the model has them."""
    summary: Literal["auto", "concise", "detailed", "none"] | UnsetType = UNSET
    """How much of the reasoning is told; `codex_messages.reasoning_of` finds it in the lines."""
    output_schema: Mapping[str, Any] | UnsetType = UNSET
    """JSON Schema of this turn's answer, and only of this one's."""


class CodexThread:
    """Implements `Agent`. `TurnDone.text` is the final answer alone; what was said before it comes as `Progressed`."""

    def __init__(self, rpc: JsonRpc, thread_id: str, standing: Standing, *, said_before: bool) -> None:
        self.thread_id = thread_id
        self._rpc = rpc
        self._reader = CodexReader(standing)
        self._tell: Tell | None = None
        self._telling = anyio.Lock()
        self._early: list[AgentEvent] = [] if said_before else [ConversationKnown(conversation_id=thread_id)]
        self._answered: set[str] = set()
        """These stay open until Codex says that they are closed."""
        self._over = anyio.Event()

    async def run(self, tell: Tell) -> None:
        """Tell what happens until the thread or its process ends; the host must be running beside it."""
        await self.listen(tell)
        await self._over.wait()

    async def listen(self, tell: Tell) -> None:
        """Have everything told to `tell` from now on, and first what came before."""
        async with self._telling:
            self._tell = tell
            for event in self._early:
                await tell(event)
            self._early = []

    async def prompt(self, prompt: Prompt) -> None:
        """Hand over a prompt; while a turn runs it becomes a part of that. Raises `DriverError`."""
        await self.ask(prompt, _turn_options(prompt.options))

    async def ask(self, prompt: Prompt, options: TurnOptions) -> None:
        """Hand over a prompt that is to be worked on in a certain way. Raises `DriverError`."""
        # `turn/start` joins the running turn if there is one, and cannot miss its end as `turn/steer` can.
        text = {"type": "text", "text": prompt.text, "text_elements": []}
        params = {"threadId": self.thread_id, "input": [text], "clientUserMessageId": prompt.uuid}
        await self._request("turn/start", {**params, **msgspec.to_builtins(options)})

    async def interrupt(self) -> None:
        """End the running turn. Nothing happens where none runs."""
        # An empty id means the turn that runs: after a take-over its name is not known.
        params = {"threadId": self.thread_id, "turnId": self._reader.turn_id}
        try:
            await self._request("turn/interrupt", params)
        except DriverError as error:
            if error.fault is None or error.fault.code != _NOT_NOW:
                raise

    async def answer(self, question_id: str, answer: Answer) -> None:
        """Answer a question, once."""
        if question_id not in self._reader.open_questions or question_id in self._answered:
            return
        self._answered.add(question_id)
        await self._rpc.respond(*result_of(question_id, answer))
        if answer.interrupt and not answer.allow and not can_end_turn(question_id):
            await self.interrupt()

    async def probe(self) -> None:
        """Ask the process which threads it has."""
        await self._request("thread/loaded/list", {})

    async def leave(self) -> None:
        """End the running turn and let go of the thread; its process stays."""
        if self._reader.in_turn:
            await self.interrupt()
        await self._request("thread/unsubscribe", {"threadId": self.thread_id})
        self.finish()

    async def hear(self, message: Told | Asked, *, of_child: bool = False) -> None:
        """Tell what a message means; `of_child` if it is about an agent that this one started."""
        await self._say(LineRead(line=message.line))
        known = len(self._reader.open_questions)
        for event in self._reader.read_of_child(message) if of_child else self._reader.read(message):
            await self._say(event)
        if isinstance(message, Asked) and len(self._reader.open_questions) == known:
            await self._rpc.refuse(message.id, METHOD_NOT_FOUND, f"{message.method} is not supported here")
        if isinstance(message, Told) and message.method == "thread/closed" and not of_child:
            self.finish()

    async def hear_limits(self, message: Told) -> None:
        """Tell what news of the account mean for this thread."""
        for event in self._reader.read(message):
            await self._say(event)

    async def hear_answer(self, answered: Answered) -> None:
        """Tell of the answer to a request about this thread."""
        await self._say(LineRead(line=answered.line))
        if answered.refusal is not None and answered.refusal.code == _OVERLOADED:
            await self._say(Limited(cause="overloaded"))

    def finish(self) -> None:
        """Nothing more will be heard."""
        self._over.set()

    async def _say(self, event: AgentEvent) -> None:
        async with self._telling:
            if self._tell is None:
                self._early.append(event)
            elif not self._over.is_set():
                await self._tell(event)

    async def _request(self, method: str, params: Mapping[str, object]) -> None:
        await self._rpc.request(method, params, topic=self.thread_id)


def _turn_options(told: PromptOptions | None) -> TurnOptions:
    if told is None:
        return TurnOptions()
    summary: Literal["detailed", "none"] = "detailed" if told.reasoning else "none"
    return TurnOptions(
        effort=UNSET if told.effort is None else told.effort,
        summary=UNSET if told.reasoning is None else summary,
    )
