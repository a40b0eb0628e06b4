"""A session that is served over a pipe in memory: a scripted model behind it, and a test in the client's place."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import anyio
import msgspec

from tests.agent.conftest import FixedGate, Habit, Parameters, StillClock
from tests.surfaces.stream_json.fake_controls import FakeControls
from tests.surfaces.stream_json.wires import KeptWire
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.extensions.hooks.port import AgentHooks
from tianting.models.scripted import Reply, ScriptedModel
from tianting.permissions.decision import Allow
from tianting.protocol.events import SessionStarted
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.protocol.stream_json import StreamJsonEncoder
from tianting.session.session import Opening, Session
from tianting.surfaces.stream_json.connection import Connection, connection_over
from tianting.surfaces.stream_json.input import LONGEST_LINE
from tianting.surfaces.stream_json.link import ClientGone, ClientRefused
from tianting.surfaces.stream_json.serving import serve
from tianting.tools.contract import AnyTool, ToolFailed

SHAPE = ModelRequest(model="m", system=(), tools=(), messages=(), max_tokens=100)
FACTS = SessionStarted(
    session_id="s", cwd="/work/app", model="m", permission_mode="default", tools=(), key_source="none"
)
PERMISSION = {"subtype": "can_use_tool", "tool_name": "Bash"}


class TypedInput:
    """What the test says, as it says it."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._is_over = False
        self._changed = anyio.Event()

    async def read(self) -> bytes:
        while not self._chunks:
            if self._is_over:
                return b""
            self._changed = anyio.Event()
            await self._changed.wait()
        return self._chunks.pop(0)

    def write(self, data: bytes) -> None:
        self._chunks.append(data)
        self._changed.set()

    def close(self) -> None:
        self._is_over = True
        self._changed.set()


class Stage:
    """One client and the session it drives."""

    def __init__(self, wire: KeptWire, *replies: Reply, hooks: AgentHooks | None = None) -> None:
        numbers = count(1)
        self.new_id: Callable[[], str] = lambda: f"id{next(numbers)}"
        self.wire = wire
        self.input = TypedInput()
        self.connection: Connection = connection_over(self.input, wire, self.new_id)
        self.model = ScriptedModel(*replies)
        self.session = self._session(hooks)
        self.controls = FakeControls(self.session)
        self.code: int | None = None
        self.failure: Exception | None = None
        self.began = anyio.Event()
        """A tool that never ends was begun."""
        self.ended = False
        """It was ended."""

    def say(self, line: dict[str, Any]) -> None:
        self.input.write(msgspec.json.encode(line) + b"\n")

    def prompt(self, text: str, **fields: Any) -> None:
        self.say({"type": "user", "message": {"role": "user", "content": text}, **fields})

    def request(self, subtype: str, request_id: str = "r1", **fields: Any) -> None:
        self.ask({"subtype": subtype, **fields}, request_id)

    def ask(self, request: dict[str, Any], request_id: str = "r1") -> None:
        self.say({"type": "control_request", "request_id": request_id, "request": request})

    async def answer(self, request_id: str = "r1") -> Any:
        """The answer to a request."""

        def is_answer(line: Any) -> bool:
            return bool(line["type"] == "control_response" and line["response"]["request_id"] == request_id)

        with anyio.fail_after(5):
            while not (found := [line["response"] for line in self.wire.lines if is_answer(line)]):
                await self.wire.until_more()
        return found[0]

    def kinds(self) -> list[str]:
        """What was written, in short."""
        return [_kind(line) for line in self.wire.lines]

    async def run(self, **manner: Any) -> None:
        encoder = StreamJsonEncoder("s", partial_messages=False, new_id=self.new_id)
        try:
            self.code = await serve(self.session, self.controls, self.connection, encoder, new_id=self.new_id, **manner)
        except Exception as failure:
            self.failure = failure

    def _session(self, hooks: AgentHooks | None) -> Session:
        loop = AgentLoop(
            self.model,
            ToolDispatcher(self._tools(), FixedGate(Allow()), Limits()),
            limits=Limits(),
            clock=StillClock(),
            catalogue=ModelCatalogue(),
        )
        return Session(loop, Opening(facts=FACTS, shape=SHAPE), log=None, new_id=self.new_id, hooks=hooks)

    def _tools(self) -> list[AnyTool]:
        return [Habit("Ask", "read", self._ask), Habit("Never", "execute", self._never)]

    async def _ask(self, _: Parameters) -> str:
        try:
            return str(await self.connection.link.ask(PERMISSION))
        except (ClientGone, ClientRefused) as failure:
            raise ToolFailed(str(failure)) from failure

    async def _never(self, _: Parameters) -> None:
        self.began.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended = True


@asynccontextmanager
async def on_stage(
    *replies: Reply,
    wire: KeptWire | None = None,
    hooks: AgentHooks | None = None,
    tells_state: bool = False,
    longest_line: int = LONGEST_LINE,
) -> AsyncGenerator[Stage, None]:
    """Serve a client; leaving ends its input and waits until all is done."""
    stage = Stage(wire or KeptWire(), *replies, hooks=hooks)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                await stage.run(tells_state=tells_state, longest_line=longest_line)

            tasks.start_soon(run)
            yield stage
            stage.input.close()


def _kind(line: dict[str, Any]) -> str:
    match line:
        case {"type": "system", "subtype": "session_state_changed", "state": state}:
            return f"state {state}"
        case {"type": "system", "subtype": subtype}:
            return f"system/{subtype}"
        case {"type": "command_lifecycle", "command_uuid": uuid, "state": state}:
            return f"{uuid} {state}"
        case {"type": "control_response", "response": {"request_id": request_id, "subtype": subtype}}:
            return f"{subtype} {request_id}"
        case {"type": "control_request", "request": {"subtype": subtype}}:
            return f"question {subtype}"
        case _:
            return str(line["type"])
