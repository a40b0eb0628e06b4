"""One conversation with a process that speaks stream-json: both directions of its pipe, and who waits for what.

    pipe → lines → decoded → answers to us · questions to us · events, told one by one
    prompt, interrupt, answer, probe → outbox → pipe

After the handshake nothing is written to the pipe but by the outbox.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from msgspec import Struct, json

from tianting.fleet.drivers.agent_lines import Answered, Asked, NoLine, Response, read_line
from tianting.fleet.drivers.driver import (
    AgentEvent,
    Answer,
    DriverError,
    Garbled,
    LineRead,
    Pipe,
    Prompt,
    Tell,
    TurnDone,
)
from tianting.fleet.drivers.line_splitter import LineSplitter
from tianting.fleet.drivers.outbox import Outbox
from tianting.fleet.drivers.stream_json_events import StreamJsonEvents
from tianting.protocol.control_answers import answer_line, error_line, question_line
from tianting.protocol.ids import NewId

_MOST_GARBAGE = 100
"""Lines before the handshake that are not the protocol: a program may greet before it speaks."""
_SAMPLE = 200
_DECLINED = "The user declined this call."


class StreamJsonAgent:
    """The `Agent` behind `pipe`."""

    def __init__(self, pipe: Pipe, events: StreamJsonEvents, new_id: NewId) -> None:
        self._pipe = pipe
        self._events = events
        self._new_id = new_id
        self._lines = LineSplitter()
        self._heard: list[AgentEvent] = []
        self._waiting: dict[str, _Request] = {}
        self._is_over = False
        self._outbox = Outbox(pipe)

    async def shake_hands(self) -> None:
        """Introduce us, and read until the agent can take a prompt. Raises `DriverError`."""
        request = _Request()
        request_id = self._new_id()
        self._waiting[request_id] = request
        await self._send(question_line(request_id, {"subtype": "initialize", "hooks": None}))
        while not request.settled.is_set():
            chunk = await self._pipe.receive()
            if not chunk:
                raise DriverError("The agent ended before it was ready.")
            self._hear(chunk)
        del self._waiting[request_id]
        request.check()

    async def run(self, tell: Tell) -> None:
        """See `Agent`. When it returns, whoever waits for an answer gets a `DriverError`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._outbox.run)
            try:
                await self._read(tell)
            finally:
                self._end()
            tasks.cancel_scope.cancel()

    async def prompt(self, prompt: Prompt) -> None:
        """See `Agent`. `PromptTaken` says when it has become a part of the conversation."""
        self._outbox.post(json.encode(_PromptLine(message=_Said(content=prompt.text), uuid=prompt.uuid)) + b"\n")

    async def interrupt(self) -> None:
        """See `Agent`."""
        self._outbox.post(question_line(self._new_id(), {"subtype": "interrupt"}))

    async def answer(self, question_id: str, answer: Answer) -> None:
        """See `Agent`."""
        if question_id in self._events.open_questions:
            self._outbox.post(answer_line(question_id, _payload(answer)))
            self._events.answered(question_id)

    async def probe(self) -> None:
        """See `Agent`. `mcp_status` is answered from memory in a millisecond, also while a stream hangs."""
        async with self._asking({"subtype": "mcp_status"}) as request:
            await request.settled.wait()
        if self._is_over:
            raise DriverError("The agent ended before it answered.")

    async def leave(self) -> None:
        """See `Agent`: the end of its input, behind what was said before."""
        self._outbox.post(None)

    async def _read(self, tell: Tell) -> None:
        for event in self._heard:
            await tell(event)
        self._heard.clear()
        while chunk := await self._pipe.receive():
            for line in self._lines.feed(chunk):
                for event in self._take(line):
                    await tell(event)
        for event in self._take(self._lines.rest()):
            await tell(event)

    def _hear(self, chunk: bytes) -> None:
        """Keep what is said in the handshake. A turn that fails before any prompt is how an agent says no."""
        self._heard += [event for line in self._lines.feed(chunk) for event in self._take(line)]
        for event in self._heard:
            if isinstance(event, TurnDone) and event.fault is not None:
                raise DriverError(f"The agent could not begin: {event.fault.message}", fault=event.fault)
        if sum(isinstance(event, Garbled) for event in self._heard) > _MOST_GARBAGE:
            raise DriverError("What the agent writes is not stream-json.")

    def _take(self, line: bytes) -> list[AgentEvent]:
        """All that a line tells; the line itself first."""
        if not line.strip():
            return []
        try:
            said = read_line(line)
        except NoLine:
            return [Garbled(sample=line[:_SAMPLE].decode(errors="replace"))]
        if isinstance(said, Answered):
            self._settle(said.response)
        elif isinstance(said, Asked) and said.request.subtype != "can_use_tool":
            self._refuse(said)
        return [LineRead(line=line), *self._events.events(said)]

    def _settle(self, response: Response) -> None:
        if (request := self._waiting.get(response.request_id)) is not None:
            request.settle(response)

    def _refuse(self, asked: Asked) -> None:
        """Nobody here brings hooks or servers; without an answer the agent would wait for ever."""
        try:
            self._outbox.post(error_line(asked.request_id, f"{asked.request.subtype} is not served here."))
        except DriverError:
            return  # it does not read; that is noticed elsewhere

    @asynccontextmanager
    async def _asking(self, question: dict[str, Any]) -> AsyncIterator["_Request"]:
        request = _Request()
        request_id = self._new_id()
        self._outbox.post(question_line(request_id, question))
        self._waiting[request_id] = request
        try:
            yield request
        finally:
            del self._waiting[request_id]

    async def _send(self, line: bytes) -> None:
        try:
            await self._pipe.send(line)
        except BrokenPipeError:
            raise DriverError("The agent ended before it was ready.") from None

    def _end(self) -> None:
        self._is_over = True
        self._outbox.close("The agent has ended.")
        for request in self._waiting.values():
            request.settle(None)


class _Request:
    """A question of ours on its way."""

    def __init__(self) -> None:
        self.settled = anyio.Event()
        self._response: Response | None = None

    def settle(self, response: Response | None) -> None:
        """None: the agent has ended."""
        self._response = response
        self.settled.set()

    def check(self) -> None:
        """Raises `DriverError` for a refusal."""
        if self._response is not None and self._response.subtype != "success":
            raise DriverError(f"The agent refused to begin: {self._response.error or self._response.subtype}")


class _Said(Struct, frozen=True, kw_only=True):
    role: str = "user"
    content: str


class _PromptLine(Struct, frozen=True, kw_only=True, tag_field="type", tag="user"):
    message: _Said
    parent_tool_use_id: None = None
    session_id: str = "default"
    uuid: str


def _payload(answer: Answer) -> dict[str, Any]:
    if not answer.allow:
        interrupt = {"interrupt": True} if answer.interrupt else {}
        return {"behavior": "deny", "message": answer.text or _DECLINED, **interrupt}
    changed = {} if answer.updated_input is None else {"updatedInput": answer.updated_input}
    granted = {"updatedPermissions": answer.suggestions} if answer.suggestions else {}
    return {"behavior": "allow", **changed, **granted}
