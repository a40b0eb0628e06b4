"""Lets other processes of the same person speak to a fleet: one Unix socket, many clients, none of which can hold up
another.

    accept → whose is it? → welcome → a line → decoded → answered in a task of its own → written by one writer

A client that does not read is hung up on; one that says nonsense is told so, and may go on.
"""

import logging
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

import anyio
import anyio.abc
import msgspec
from msgspec import Struct

from tianting.fleet.door.lines import HungUp, LineSocket, LineTooLong, accept, listen
from tianting.fleet.door.place import is_own
from tianting.fleet.door.words import LONGEST_LINE, Answer, Ask, Ended, Follow, Line, Question, Refused, Stream, Watch
from tianting.protocol.errors import TiantingError

log = logging.getLogger(__name__)

_BETWEEN_TRIES = 1.0
"""Seconds."""

_encode = msgspec.json.Encoder().encode
_question = msgspec.json.Decoder(Question)


class DoorLimits(Struct, frozen=True, kw_only=True):
    """How much clients may ask of a door."""

    clients: int = 128
    """At once; the next one is told so, and hung up on."""
    questions: int = 64
    """Of one client, that are not answered yet. It is not read from before one of them is."""
    unread: int = 256
    """Lines to one client that wait to be written; its streams pause then."""
    patience: float = 10.0
    """Seconds in which a client takes one line."""


class Behind(Protocol):
    """Who answers."""

    def welcome(self) -> Answer:
        """Said to each client first."""
        ...

    async def answer(self, ask: Ask) -> Answer:
        """Raises `TiantingError`, whose line the client is told."""
        ...

    def stream(self, ask: Stream) -> AsyncGenerator[Answer, None]:
        """Raises the same, now or later."""
        ...


class Door:
    """Run `serve`."""

    def __init__(self, behind: Behind, limits: DoorLimits | None = None) -> None:
        self._behind = behind
        self._limits = limits or DoorLimits()
        self._clients = 0

    async def serve(self, path: Path, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Answer at `path` until cancelled; started when clients can connect. A dead one's socket is replaced.

        The directory must be ours alone and held (`door_place`). Raises `OSError`.
        """
        listening = listen(path)
        try:
            async with anyio.create_task_group() as tasks:
                task_status.started()
                await self._let_in(listening, tasks)
        finally:
            listening.close()
            path.unlink(missing_ok=True)

    async def _let_in(self, listening: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        while True:
            try:
                client = await accept(listening)
            except OSError as error:  # out of descriptors: who is here may leave some
                log.warning("nobody can be let in: %s", error)
                await anyio.sleep(_BETWEEN_TRIES)
            else:
                tasks.start_soon(self._welcome, client)

    async def _welcome(self, client: LineSocket) -> None:
        try:
            if not is_own(client.connection):
                log.warning("a client of another person was turned away")
            elif self._clients >= self._limits.clients:
                why = f"{self._clients} clients are connected, and there may be no more: end one of them."
                with anyio.move_on_after(self._limits.patience):
                    await client.send(_line(0, Refused(why=why)))
            else:
                await self._serve(client)
        except HungUp:
            log.debug("a client left at once")
        finally:
            client.close()

    async def _serve(self, client: LineSocket) -> None:
        self._clients += 1
        try:
            await _Caller(client, self._behind, self._limits).run()
        except Exception:  # a bug in answering one client must not end the others
            log.exception("a client could not be served")
        finally:
            self._clients -= 1


class _Caller:
    """One client."""

    def __init__(self, client: LineSocket, behind: Behind, limits: DoorLimits) -> None:
        self._client = client
        self._behind = behind
        self._limits = limits
        self._room = anyio.Semaphore(limits.questions)
        self._put, self._lines = anyio.create_memory_object_stream[bytes](limits.unread)

    async def run(self) -> None:
        """Until it hangs up, or is hung up on."""
        try:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._write)
                await self._say(0, self._behind.welcome())
                await self._read()
                self._tasks.cancel_scope.cancel()
        except* (HungUp, anyio.BrokenResourceError):
            log.debug("a client left")
        finally:
            self._put.close()
            self._lines.close()

    async def _read(self) -> None:
        while True:
            try:
                line = await self._client.receive(LONGEST_LINE)
            except LineTooLong:
                await self._say(0, Refused(why=f"A line has {LONGEST_LINE} bytes at most."))
            else:
                await self._hear(line)

    async def _hear(self, line: bytes) -> None:
        try:
            question = _question.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            await self._say(_id_of(line), Refused(why=f"That is no question to a fleet: {error}."))
            return
        await self._room.acquire()
        self._tasks.start_soon(self._answer, question)

    async def _answer(self, question: Question) -> None:
        try:
            if isinstance(question.ask, Follow | Watch):
                await self._stream(question.id, question.ask)
                said: Answer = Ended()
            else:
                said = await self._behind.answer(question.ask)
        except TiantingError as error:
            said = Refused(why=str(error))
        except Exception:  # a bug in one answer must not end the client's other questions
            log.exception("%s could not be answered", type(question.ask).__name__)
            said = Refused(why="The fleet has a bug; its log says more.")
        finally:
            self._room.release()
        await self._say(question.id, said)

    async def _stream(self, to: int, ask: Stream) -> None:
        told = self._behind.stream(ask)
        try:
            async for each in told:
                await self._say(to, each)
        finally:
            with anyio.CancelScope(shield=True):
                await told.aclose()

    async def _say(self, to: int, what: Answer) -> None:
        line = _line(to, what)
        if len(line) > LONGEST_LINE:
            line = _line(to, Refused(why="The answer is too long for one line."))
        await self._put.send(line)

    async def _write(self) -> None:
        async for line in self._lines:
            await self._hand_over(line)

    async def _hand_over(self, line: bytes) -> None:
        try:
            with anyio.fail_after(self._limits.patience):
                await self._client.send(line)
        except TimeoutError:
            log.info("a client that does not read is hung up on")
            raise HungUp from None


def _line(to: int, what: Answer) -> bytes:
    return _encode(Line(to=to, say=what)) + b"\n"


class _Numbered(Struct):
    id: int = 0


def _id_of(line: bytes) -> int:
    """Whose answer a complaint about `line` is, as far as that can be read."""
    try:
        return msgspec.json.decode(line, type=_Numbered).id
    except (msgspec.DecodeError, RecursionError):
        return 0
