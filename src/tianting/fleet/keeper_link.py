"""The keeper as the fleet sees it: without this link each part of the fleet would have to know sockets and frames.

launch_keeper -> KeeperLink.open -> run (in a task of its own) -> roster, take, start … -> close
"""

import logging
import math
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from tianting.keeper.frames import FrameReader, Message, NoMessage, pack
from tianting.keeper.words import Gone, Held, Start
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

LAUNCH_PATIENCE = 30.0
"""Seconds in which a keeper has warmed its image and listens; it takes half of one."""
PATIENCE = 5.0
"""Seconds in which a keeper that is well answers; it takes a few milliseconds."""
_LOST = "The connection to the keeper is lost: ask for the roster on a new one"


async def launch_keeper(path: Path, *, image: str, environment: Mapping[str, str]) -> None:
    """Start a keeper that listens at `path`, and outlives us. What it has to say later is in `<path>.log`.

    `image` is `module:function`. Raises `FleetError` where there is a keeper already, or it cannot start.
    """
    command = [sys.executable, "-P", "-m", "tianting.keeper", str(path), image]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = path.with_name(f"{path.name}.log")
    errors = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with anyio.fail_after(LAUNCH_PATIENCE):
            ran = await anyio.run_process(
                command, stdin=DEVNULL, stdout=PIPE, stderr=errors, env=environment, check=False
            )
    except TimeoutError:
        raise FleetError(f"The keeper did not listen within {LAUNCH_PATIENCE:g} s: see {log}") from None
    finally:
        os.close(errors)
    said = ran.stdout.decode(errors="replace").strip()
    if said != "ready":
        raise FleetError(f"The keeper did not start: {said or f'see {log}'}")


class _Waiting:
    """A request on its way."""

    def __init__(self) -> None:
        self.answered = anyio.Event()
        self.answer: Message = {}
        self.descriptor: int | None = None


class KeeperLink:
    """One connection to a keeper. Any number of tasks may ask at once, while one runs `run`.

    Every question raises `FleetError` where the keeper refuses, is gone, or does not answer in time.
    """

    def __init__(self, connection: socket.socket, reader: FrameReader, keeper_pid: int) -> None:
        self.keeper_pid = keeper_pid
        """SIGTERM ends it and all its windows in order."""
        self._connection = connection
        self._reader = reader
        self._reading = anyio.Lock()
        self._sending = anyio.Lock()
        self._last_request = 0
        self._waiting: dict[int, _Waiting] = {}
        self._is_over = False
        # Without a bound: the keeper holds as many until they are forgotten, and nothing may wait for whoever listens.
        self._tell, exits = anyio.create_memory_object_stream[Gone](math.inf)
        self.exits: MemoryObjectReceiveStream[Gone] = exits
        """Every end as it happens; those before `open` are in the roster. Is over when the connection is."""

    @classmethod
    async def open(cls, path: Path) -> "KeeperLink":
        """Connect to the keeper that listens at `path`. Raises `FleetError` where there is none, or it is taken."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        reader = FrameReader(connection)
        try:
            connection.setblocking(False)
            connection.connect(str(path))  # of a local socket: at once, or never
            with anyio.fail_after(PATIENCE):
                greeting, _ = await _next_message(connection, reader)
        except (OSError, EOFError, NoMessage) as error:  # TimeoutError, too
            connection.close()
            raise FleetError(f"No keeper answers at {path} ({error}): launch one, then connect again.") from error
        if "refused" in greeting:
            connection.close()
            raise FleetError(f"The keeper at {path} refuses: {greeting['refused']}.")
        return cls(connection, reader, greeting["keeper"])

    async def run(self) -> None:
        """Read what the keeper says until the connection ends; then every question still open fails."""
        try:
            async with self._reading:
                await self._read()
        except (OSError, NoMessage, anyio.ClosedResourceError) as error:
            log.info("the link to the keeper broke: %s", error)
        finally:
            self._finish()

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        """Start a process, and give back our end of its pipe, which does not block.

        A command that does not exist is no error here: its `Gone` follows within milliseconds, with exit code 127.
        """
        answer, pipe = await self._ask_for_pipe({"do": "start", "start": start._asdict()})
        return Held(*answer["held"]), pipe

    async def roster(self) -> tuple[list[Held], list[Gone]]:
        """Those that run, and those that ended and are not forgotten."""
        answer, _ = await self._ask({"do": "roster"})
        return [Held(*held) for held in answer["running"]], [Gone(*gone) for gone in answer["ended"]]

    async def take(self, window: str, generation: int) -> socket.socket:
        """Our end of a window's pipe again, also of one that is gone: what it said last is still in it."""
        _, pipe = await self._ask_for_pipe({"do": "take", "window": window, "generation": generation})
        return pipe

    async def signal(self, window: str, generation: int, number: int, *, group: bool = True) -> None:
        """Send a signal to the window's process group, or to its process alone. One that is gone does not hear it."""
        await self._ask({"do": "signal", "window": window, "generation": generation, "number": number, "group": group})

    async def end(self, window: str, generation: int, *, grace: float) -> None:
        """TERM to all that belongs to the window, KILL after `grace` seconds. Returns when its process is gone."""
        question = {"do": "end", "window": window, "generation": generation, "grace": grace}
        await self._ask(question, patience=grace + PATIENCE)

    async def forget(self, window: str, generation: int) -> None:
        """The end of the window is noted: the keeper closes its pipe, and lists it no longer."""
        await self._ask({"do": "forget", "window": window, "generation": generation})

    async def close(self) -> None:
        """Hang up. The windows run on; `exits` is closed."""
        self._finish()
        self.exits.close()
        anyio.notify_closing(self._connection)
        # Whoever still waits for the socket must have left first: it would unwatch whatever has its number by then.
        with anyio.CancelScope(shield=True):
            async with self._reading, self._sending:
                self._connection.close()

    async def _ask_for_pipe(self, question: Message) -> tuple[Message, socket.socket]:
        answer, descriptor = await self._ask(question)
        if descriptor is None:
            raise FleetError("The keeper sent no pipe: is it of another version? Stop it and start the fleet again.")
        pipe = socket.socket(fileno=descriptor)
        pipe.setblocking(False)
        return answer, pipe

    async def _ask(self, question: Message, *, patience: float = PATIENCE) -> tuple[Message, int | None]:
        self._last_request += 1
        request, waiting = self._last_request, _Waiting()
        self._waiting[request] = waiting
        try:
            with anyio.move_on_after(patience):
                await self._send({"id": request, **question})
                await waiting.answered.wait()
        except BaseException:
            _close(waiting.descriptor)  # came, but nobody waits for it any more
            raise
        finally:
            self._waiting.pop(request, None)
        if not waiting.answered.is_set():
            raise FleetError(f"The keeper did not answer {question['do']!r} within {patience:g} s.")
        if "error" in waiting.answer:
            raise FleetError(f"{waiting.answer['error']}.")
        return waiting.answer, waiting.descriptor

    async def _read(self) -> None:
        while not self._is_over:
            for message, descriptor in self._reader.messages():
                self._take_in(message, descriptor)
            await anyio.wait_readable(self._connection)
            if not self._reader.receive():
                return

    async def _send(self, message: Message) -> None:
        data = memoryview(pack(message))
        async with self._sending:
            while data:
                if self._is_over:
                    raise FleetError(f"{_LOST}.")
                try:
                    data = data[await self._send_some(data) :]
                except (OSError, anyio.ClosedResourceError) as error:
                    raise FleetError(f"{_LOST}.") from error

    async def _send_some(self, data: memoryview) -> int:
        try:
            return self._connection.send(data)
        except BlockingIOError:
            await anyio.wait_writable(self._connection)
            return 0

    def _take_in(self, message: Message, descriptor: int | None) -> None:
        if "gone" in message:
            self._tell.send_nowait(Gone(*message["gone"]))
        elif (waiting := self._waiting.get(message["id"])) is not None:
            waiting.answer, waiting.descriptor = message, descriptor
            waiting.answered.set()
        else:
            _close(descriptor)

    def _finish(self) -> None:
        self._is_over = True
        self._tell.close()
        self._reader.close()
        for waiting in self._waiting.values():
            if not waiting.answered.is_set():
                waiting.answer = {"error": _LOST}
                waiting.answered.set()


async def _next_message(connection: socket.socket, reader: FrameReader) -> tuple[Message, int | None]:
    while True:
        for found in reader.messages():
            return found
        await anyio.wait_readable(connection)
        if not reader.receive():
            raise EOFError("it hung up")


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
