"""Conversations that a test plays, and a daemon's socket in front of them."""

import json
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from tianting.daemon.conversations import Conversation
from tianting.daemon.desk import Desk
from tianting.daemon.listener import Listener, ListenerLimits
from tianting.daemon.outcomes import Outcome, Piece, Tell
from tianting.daemon.pulse import Pulse
from tianting.daemon.words import Ask, ConversationStatus

Play = Callable[[Ask, Tell], Awaitable[Outcome]]


async def echo(question: Ask, _tell: Tell) -> Outcome:
    return Outcome(text=question.question)


async def piecemeal(question: Ask, tell: Tell) -> Outcome:
    for word in question.question.split():
        await tell(Piece(text=word))
    return Outcome(text=question.question)


async def never(_question: Ask, _tell: Tell) -> Outcome:
    await anyio.sleep_forever()
    return Outcome()


class PlayedTalks:
    """Implements `Talks`."""

    def __init__(self, play: Play = echo) -> None:
        self.play = play
        self.asked: list[tuple[Ask, str, str]] = []
        self.known: dict[str, Conversation] = {}

    async def ask(self, question: Ask, name: str, cwd: str, tell: Tell) -> Outcome:
        self.asked.append((question, name, cwd))
        return await self.play(question, tell)

    def conversation(self, name: str, cwd: str) -> Conversation:
        return self.known.get(name) or Conversation(name=name, cwd=cwd)

    def change(self, conversation: Conversation) -> None:
        self.known[conversation.name] = conversation

    def shown(self) -> tuple[ConversationStatus, ...]:
        return ()

    async def sleep(self) -> None:
        return


def desk_of(talks: PlayedTalks | None, hold: Callable[[int], None] = lambda _: None) -> Desk:
    """A desk; without `talks` it is still starting."""
    desk = Desk(Pulse(), version="1", agent="codex", home="/", hold=hold)
    if talks is not None:
        desk.open(talks)
    return desk


class Line:
    """A client."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self._lines = BufferedByteReceiveStream(stream)

    async def say(self, **fields: Any) -> None:
        await self.stream.send(json.dumps(fields).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        with anyio.fail_after(5):
            heard: dict[str, Any] = json.loads(await self._lines.receive_until(b"\n", 1 << 24))
        return heard

    async def ask(self, **fields: Any) -> dict[str, Any]:
        await self.say(**fields)
        return await self.hear()

    async def ended(self) -> bool:
        """Whether it is hung up on, or will be."""
        with anyio.fail_after(5):
            try:
                await self._lines.receive(1)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return True
        return False


class Listening:
    """A socket that answers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        async with await anyio.connect_unix(self.path) as stream:
            yield Line(stream)


@asynccontextmanager
async def listening(talks: PlayedTalks | None, limits: ListenerLimits | None = None) -> AsyncGenerator[Listening]:
    root = Path(tempfile.mkdtemp(prefix="listen-"))
    try:
        async with anyio.create_task_group() as tasks:
            listener = Listener(desk_of(talks), limits)
            await tasks.start(listener.serve, root / "socket")
            yield Listening(root / "socket")
            with anyio.move_on_after(1):  # one that is cancelled in the moment in which it ends would be noisy
                while listener.clients:
                    await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
    finally:
        shutil.rmtree(root)
