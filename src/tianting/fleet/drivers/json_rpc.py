"""JSON-RPC 2.0 as lines, both ways at once: without it each protocol on it would match answers and requests anew.

    bytes -> lines -> Asked | Told | Answered | Nonsense -> hear, one after the other -> whoever waits for an answer
    request, post, notify, respond, refuse -> unsent -> one writer

One writer, because a caller who gives up must not leave half a line behind, and because the reader must never wait for
an agent that itself waits to be read.

The specification is at https://www.jsonrpc.org/specification; batches are not part of what agents speak. Codex leaves
the key `jsonrpc` out, which is what `marked` is about.
"""

import contextlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tianting.fleet.drivers.driver import DriverError, Fault, Pipe
from tianting.fleet.drivers.line_splitter import LineSplitter
from tianting.plumbing.well_formed import well_formed_json
from tianting.protocol.ids import NewId

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

RequestId = int | str
_Object = dict[str, Any]
_MOST_UNSENT = 256
"""Messages that may wait for an agent that does not read."""


class Asked(Struct, frozen=True, kw_only=True):
    """The agent wants an answer from us: `respond` or `refuse`."""

    id: RequestId
    method: str
    params: Raw
    line: bytes


class Told(Struct, frozen=True, kw_only=True):
    """The agent says something."""

    method: str
    params: Raw
    line: bytes


class Refusal(Struct, frozen=True, kw_only=True):
    """Why there is no result."""

    code: int = 0
    message: str = ""


class Answered(Struct, frozen=True, kw_only=True):
    """One of our requests has its answer. Heard before whoever asked goes on."""

    topic: str
    """What the request was given; empty for an answer to a request of an earlier fleet."""
    result: Raw
    """`null` where it was refused."""
    refusal: Refusal | None
    line: bytes


class Nonsense(Struct, frozen=True, kw_only=True):
    """A line that is not the protocol."""

    line: bytes


Incoming = Asked | Told | Answered | Nonsense
Hear = Callable[[Incoming], Awaitable[None]]


class JsonRpc:
    """One pipe. Any number of tasks may send; one reads.

    `alone`: before `run`, whoever asks sends and reads by themselves, which is how hands are shaken. Otherwise nothing
    is sent and nothing read before it.
    """

    def __init__(self, pipe: Pipe, *, marked: bool, alone: bool, new_id: NewId) -> None:
        self._pipe = pipe
        self._head: _Object = {"jsonrpc": "2.0"} if marked else {}
        # An answer to a request of an earlier fleet may still lie in the pipe, so ids must not come again.
        self._ids = f"{new_id()}/"
        self._asked = 0
        self._waiting: dict[RequestId, Waiting] = {}
        self._lines = LineSplitter()
        self._kept: list[Incoming] = []
        self._alone = alone
        self._reading = anyio.Lock()
        self._unsent: deque[bytes | None] = deque()
        """None is the end of what will be sent."""
        self._posted = anyio.Event()
        self._ended = False

    async def run(self, hear: Hear) -> None:
        """Read to the end of the pipe, one message after the other. What came before is heard first."""
        self._alone = False
        async with self._reading, anyio.create_task_group() as tasks:
            tasks.start_soon(self._write)
            try:
                await self._read(hear)
            finally:
                self._give_up()
            tasks.cancel_scope.cancel()

    async def request(self, method: str, params: object, *, topic: str = "") -> Raw:
        """Ask, and wait for the result. Alone, only one may ask at a time; what else comes is kept for `run`.

        Raises `DriverError` when the agent refuses (its code is the fault's) or ends. The caller has the deadline.
        """
        waiting = await self.post(method, params, topic=topic)
        if self._alone:
            await self._read_until(waiting)
        await waiting.settled.wait()
        return waiting.result()

    async def post(self, method: str, params: object, *, topic: str = "") -> "Waiting":
        """Ask without waiting: `run` hears the answer. Raises `DriverError` when the agent reads no more."""
        self._asked += 1
        request_id = f"{self._ids}{self._asked}"
        waiting = self._waiting[request_id] = Waiting(method, topic)
        await self._send({"id": request_id, "method": method, "params": params})
        return waiting

    async def notify(self, method: str, params: object = None) -> None:
        """Say something that has no answer."""
        await self._send({"method": method} if params is None else {"method": method, "params": params})

    async def respond(self, request_id: RequestId, result: object) -> None:
        """Answer `Asked`."""
        await self._send({"id": request_id, "result": result})

    async def refuse(self, request_id: RequestId, code: int, message: str) -> None:
        """Answer `Asked` with an error."""
        await self._send({"id": request_id, "error": {"code": code, "message": message}})

    async def finish(self) -> None:
        """Nothing more will be sent, once everything has been."""
        await self._put(None)

    async def _send(self, message: _Object) -> None:
        await self._put(msgspec.json.encode(self._head | message) + b"\n")

    async def _put(self, line: bytes | None) -> None:
        if self._ended:
            raise DriverError("The agent has ended.")
        if len(self._unsent) >= _MOST_UNSENT:
            raise DriverError(f"The agent does not read: {_MOST_UNSENT} messages wait for it.")
        self._unsent.append(line)
        self._posted.set()
        if self._alone:
            await self._send_one()

    async def _write(self) -> None:
        """Send what is posted, to the end of the agent's input or of its patience."""
        with contextlib.suppress(DriverError):
            while True:
                while self._unsent:
                    await self._send_one()
                self._posted = anyio.Event()
                await self._posted.wait()

    async def _send_one(self) -> None:
        line = self._unsent.popleft()
        try:
            await (self._pipe.finish() if line is None else self._pipe.send(line))
        except BrokenPipeError as error:
            raise DriverError("The agent does not read any more: it is ending or has ended.") from error

    async def _read(self, hear: Hear) -> None:
        for message in _drained(self._kept):
            await hear(message)
        while not self._ended and (data := await self._pipe.receive()):
            for line in self._lines.feed(data):
                await self._take(line, hear)

    async def _read_until(self, waiting: "Waiting") -> None:
        async with self._reading:
            while not waiting.settled.is_set():
                data = b"" if self._ended else await self._pipe.receive()
                if not data:
                    self._give_up()
                for line in self._lines.feed(data):
                    await self._take(line, self._keep)

    async def _keep(self, message: Incoming) -> None:
        self._kept.append(message)

    async def _take(self, line: bytes, hear: Hear) -> None:
        if not line.strip():
            return
        wire = _decoded(line)
        match wire:
            case None:
                await hear(Nonsense(line=line))
            case _Wire(method=str(method), id=UnsetType() | None):
                await hear(Told(method=method, params=wire.params, line=line))
            case _Wire(method=str(method), id=int() | str() as request_id):
                await hear(Asked(id=request_id, method=method, params=wire.params, line=line))
            case _Wire(id=int() | str() as request_id):
                await self._settle(self._waiting.pop(request_id, None), wire, line, hear)
            case _:
                await hear(Nonsense(line=line))

    async def _settle(self, waiting: "Waiting | None", wire: "_Wire", line: bytes, hear: Hear) -> None:
        topic = waiting.topic if waiting is not None else ""
        refusal = wire.error or None
        await hear(Answered(topic=topic, result=wire.result, refusal=refusal, line=line))
        if waiting is not None:
            waiting.settle(refusal or wire.result)

    def _give_up(self) -> None:
        """Nobody will answer any more."""
        self._ended = True
        for waiting in self._waiting.values():
            waiting.settle(None)
        self._waiting.clear()


class Waiting:
    """A request of ours that is out."""

    def __init__(self, method: str, topic: str) -> None:
        self.topic = topic
        self.settled = anyio.Event()
        self._method = method
        self._answer: Raw | Refusal | None = None

    def settle(self, answer: Raw | Refusal | None) -> None:
        if not self.settled.is_set():
            self._answer = answer
            self.settled.set()

    def result(self) -> Raw:
        match self._answer:
            case None:
                raise DriverError(f"The agent ended before it answered `{self._method}`.")
            case Refusal(code=code, message=message):
                fault = Fault(message=message, code=str(code))
                raise DriverError(f"The agent refused `{self._method}`: {message}", fault=fault)
            case Raw() as result:
                return result


class _Wire(Struct, frozen=True, kw_only=True):
    id: RequestId | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw = Raw(b"null")
    error: Refusal | UnsetType | None = UNSET


_decoder = msgspec.json.Decoder(_Wire)


def _decoded(line: bytes) -> _Wire | None:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _mended(line) if b"\\ud" in line.lower() else None


def _mended(line: bytes) -> _Wire | None:
    """JavaScript writes half surrogates where text was cut within a character; no reason to call it nonsense."""
    try:
        return _decoder.decode(msgspec.json.encode(well_formed_json(json.loads(line))))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _drained(kept: list[Incoming]) -> Iterator[Incoming]:
    while kept:
        yield kept.pop(0)
