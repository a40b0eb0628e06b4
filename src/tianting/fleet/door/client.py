"""The other side of a fleet's door: asks, and hears what comes of it.

async with knock(path) as fleet:
    shown = await fleet.ask(Show(window="3f2a"), Shown)
    async for happened in fleet.stream(Follow(), Happened): ...
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TypeVar

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectSendStream

from tianting.fleet.door.lines import HungUp, LineSocket, connect
from tianting.fleet.door.place import is_own
from tianting.fleet.door.words import (
    LONGEST_LINE,
    VOCABULARY,
    Answer,
    Ask,
    Ended,
    Line,
    Question,
    Refused,
    Stream,
    Welcome,
)
from tianting.protocol.errors import FleetError

_T = TypeVar("_T")

GREETING = 5.0
"""Seconds in which a fleet that is well says who it is."""
UNHEARD = 256
"""Answers to one question that may wait; then nothing more is read."""
_line = msgspec.json.Decoder(Line)
_encode = msgspec.json.Encoder().encode


class NoFleet(FleetError):
    """Nobody answers at that address."""


class FleetGone(FleetError):
    """The fleet hung up before it had answered."""


class FleetClient:
    """One connection. Any number of tasks may ask at once. Every question raises `FleetError` where it is refused."""

    def __init__(self, connection: LineSocket, welcome: Welcome) -> None:
        self.welcome = welcome
        self._connection = connection
        self._last_id = 0
        self._waiting: dict[int, MemoryObjectSendStream[Answer]] = {}
        self._sending = anyio.Lock()
        self._is_over = False

    async def ask(self, ask: Ask, wanted: type[_T]) -> _T:
        """The answer. Some take as long as a person does, or an agent: the caller has the deadline."""
        async with aclosing(self._answers(ask)) as answers:
            async for answer in answers:
                return _checked(answer, wanted)
        raise FleetGone("The fleet ended before it had answered: ask again.")

    async def stream(self, ask: Stream, wanted: type[_T]) -> AsyncGenerator[_T, None]:
        """Every answer, until there are no more. What is left unread comes in vain; close it with the connection."""
        async with aclosing(self._answers(ask)) as answers:
            async for answer in answers:
                if isinstance(answer, Ended):
                    return
                yield _checked(answer, wanted)
        raise FleetGone("The fleet ended: ask again.")

    async def read(self) -> None:
        """Read answers until the fleet hangs up. Run once."""
        try:
            while True:
                line = _line.decode(await self._connection.receive(LONGEST_LINE))
                if (waiting := self._waiting.get(line.to)) is not None:
                    await _put(waiting, line.say)
        except HungUp:
            pass
        finally:
            self._is_over = True
            for waiting in self._waiting.values():
                waiting.close()

    async def _answers(self, ask: Ask | Stream) -> AsyncGenerator[Answer, None]:
        if self._is_over:
            raise FleetGone("The fleet has ended: ask again.")
        self._last_id += 1
        number = self._last_id
        put, answers = anyio.create_memory_object_stream[Answer](UNHEARD)
        self._waiting[number] = put
        try:
            with answers:
                await self._send(Question(id=number, ask=ask))
                async for answer in answers:
                    yield answer
        finally:
            del self._waiting[number]
            put.close()

    async def _send(self, question: Question) -> None:
        line = _encode(question) + b"\n"
        if len(line) > LONGEST_LINE:
            raise FleetError(f"That is too long: {LONGEST_LINE >> 20} MiB at most.")
        try:
            async with self._sending:
                await self._connection.send(line)
        except HungUp:
            raise FleetGone("The fleet has ended: ask again.") from None


@asynccontextmanager
async def knock(path: Path) -> AsyncGenerator[FleetClient, None]:
    """A connection to the fleet that listens at `path`. Raises `NoFleet`, and `FleetError` for one that is not ours."""
    try:
        connection = connect(path)
    except OSError as error:
        raise NoFleet(f"No fleet answers at {path}: {error.strerror}.") from None
    with closing(connection):
        if not is_own(connection.connection):
            raise FleetError(f"What answers at {path} belongs to somebody else.")
        client = FleetClient(connection, await _greeting(connection, path))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.read)
            try:
                yield client
            finally:
                tasks.cancel_scope.cancel()


async def _greeting(connection: LineSocket, path: Path) -> Welcome:
    try:
        with anyio.fail_after(GREETING):
            said = _line.decode(await connection.receive(LONGEST_LINE)).say
    except (TimeoutError, HungUp) as error:
        raise NoFleet(f"The fleet at {path} does not say who it is ({type(error).__name__}).") from None
    except msgspec.DecodeError:
        raise FleetError(_OTHER_VERSION) from None
    welcome = _checked(said, Welcome)
    if welcome.vocabulary != VOCABULARY:
        raise FleetError(_OTHER_VERSION)
    return welcome


_OTHER_VERSION = (
    "The fleet that runs is of another version: end it with `tianting windows serve --stop`, then try again."
)


async def _put(waiting: MemoryObjectSendStream[Answer], answer: Answer) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # whoever asked has gone
        await waiting.send(answer)


def _checked(answer: Answer, wanted: type[_T]) -> _T:
    if isinstance(answer, Refused):
        raise FleetError(answer.why)
    if not isinstance(answer, wanted):
        raise FleetError(f"The fleet answered {type(answer).__name__} where {wanted.__name__} was expected.")
    return answer
