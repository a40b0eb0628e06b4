"""One ACP session as an agent: prompts and answers one way, updates and questions the other.

    prompt -> session/prompt, which is answered when the turn is over
    session/update, session/request_permission, that answer -> AcpReader -> tell

What follows from our own messages (a turn began, a question is closed) is due, and told before whatever comes next or
as soon as nothing else is being told. It is not told by the caller, who may be in the middle of hearing something.
"""

from collections import deque

import anyio

from tianting.fleet.drivers.acp_events import AcpReader, is_end_of_turn
from tianting.fleet.drivers.acp_questions import result_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    ConversationKnown,
    DriverError,
    Garbled,
    LineRead,
    Prompt,
    Standing,
    Tell,
)
from tianting.fleet.drivers.json_rpc import METHOD_NOT_FOUND, Answered, Asked, Incoming, JsonRpc, Nonsense, Told

_TURN = "turn"
_SAMPLE = 200


class AcpAgent:
    """Implements `Agent`."""

    def __init__(self, rpc: JsonRpc, session_id: str, standing: Standing, *, said_before: bool) -> None:
        self._rpc = rpc
        self._session_id = session_id
        self._reader = AcpReader(session_id, standing)
        self._tell: Tell | None = None
        self._due: deque[AgentEvent] = deque()
        if not said_before:
            self._due.append(ConversationKnown(conversation_id=session_id))
        self._has_due = anyio.Event()
        self._telling = anyio.Lock()

    async def run(self, tell: Tell) -> None:
        """Read to the end of the pipe."""
        self._tell = tell
        await self._tell_due()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_telling_due)
            await self._rpc.run(self._hear)
            tasks.cancel_scope.cancel()

    async def prompt(self, prompt: Prompt) -> None:
        """Begin a turn. Raises `DriverError` while one runs: the protocol has no way to join it."""
        if self._reader.in_turn:
            raise DriverError("A turn is running; the prompt can be sent when it is over.")
        params = {"sessionId": self._session_id, "prompt": [{"type": "text", "text": prompt.text}]}
        await self._rpc.post("session/prompt", params, topic=_TURN)
        self._let_tell(*self._reader.begin(prompt.uuid))

    async def interrupt(self) -> None:
        """Cancel the turn, and first all that it asks: the protocol wants these answered so."""
        for question_id in tuple(self._reader.open_questions):
            await self._respond(question_id, Answer(allow=False, interrupt=True))
        if self._reader.in_turn:
            await self._rpc.notify("session/cancel", {"sessionId": self._session_id})

    async def answer(self, question_id: str, answer: Answer) -> None:
        """Answer a question, once. The protocol takes no reason and no other input."""
        if question_id not in self._reader.open_questions:
            return
        if answer.interrupt and not answer.allow:
            await self.interrupt()
        else:
            await self._respond(question_id, answer)

    async def probe(self) -> None:
        """Ask for what no agent has: there is no other question that costs nothing, and a refusal is an answer."""
        try:
            await self._rpc.request("_tianting/probe", {})
        except DriverError as error:
            if error.fault is None:
                raise

    async def leave(self) -> None:
        """End its input."""
        await self._rpc.finish()

    async def _respond(self, question_id: str, answer: Answer) -> None:
        closed = self._reader.close(question_id)
        await self._rpc.respond(*result_of(question_id, answer))
        self._let_tell(closed)

    def _let_tell(self, *events: AgentEvent) -> None:
        self._due.extend(events)
        self._has_due.set()

    async def _keep_telling_due(self) -> None:
        while True:
            await self._has_due.wait()
            self._has_due = anyio.Event()
            async with self._telling:
                await self._tell_due()

    async def _hear(self, message: Incoming) -> None:
        async with self._telling:
            self._due.extend(await self._events(message))
            await self._tell_due()

    async def _events(self, message: Incoming) -> list[AgentEvent]:
        match message:
            case Nonsense(line=line):
                return [Garbled(sample=line[:_SAMPLE].decode(errors="replace"))]
            case Answered(line=line):
                ends = message.topic == _TURN or (message.topic == "" and is_end_of_turn(message))
                return [LineRead(line=line), *(self._reader.finish(message) if ends else ())]
            case Asked(line=line) if message.method != "session/request_permission":
                await self._rpc.refuse(message.id, METHOD_NOT_FOUND, f"{message.method} is not offered")
                return [LineRead(line=line)]
            case Told(line=line) | Asked(line=line):
                return [LineRead(line=line), *self._reader.read(message)]

    async def _tell_due(self) -> None:
        assert self._tell is not None
        while self._due:
            await self._tell(self._due.popleft())
