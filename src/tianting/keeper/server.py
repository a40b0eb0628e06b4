"""The keeper's loop: one thread that waits for the fleet, for its children's ends, and for the time to kill.

listening socket ─ a fleet comes; a second one is refused while the first lives
client           ─ start · roster · take · signal · end · forget, each answered once
signals          ─ SIGCHLD: reap, and tell at once; SIGTERM: end all windows, then itself
"""

import os
import selectors
import signal
import socket
import time
from typing import Any

from tianting.keeper.client import Client
from tianting.keeper.frames import Message
from tianting.keeper.windows import Refused, Windows
from tianting.keeper.words import Gone, Name, start_from

_LOOK_AGAIN = 0.02
"""Seconds until the next look at what was killed and is not gone."""
_PATIENCE = 2.0
"""Seconds after the grace until the keeper leaves, whatever the kernel still holds."""


class Server:
    """Serves one fleet at a time until it is told to end."""

    def __init__(self, windows: Windows, listening: socket.socket, *, grace: float) -> None:
        self._windows = windows
        self._listening = listening
        self._grace = grace
        self._client: Client | None = None
        self._ends: dict[Name, list[int]] = {}
        """Requests that are answered when their window is gone."""
        self._leaves_at: float | None = None
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Return when a signal has asked for it and the windows are gone, or will not go."""
        woken, wakes = socket.socketpair()
        for end in (woken, wakes):
            end.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _only_wake)
        self._selector.register(woken, selectors.EVENT_READ, "signals")
        self._selector.register(self._listening, selectors.EVENT_READ, "listening")
        while not self._is_done():
            for key, events in self._selector.select(self._until_next()):
                self._handle(key, events)
            self._windows.kill_overdue(time.monotonic())
            if self._windows.has_leftovers:
                self._reap()

    def _handle(self, key: selectors.SelectorKey, events: int) -> None:
        match key.data:
            case "signals":
                self._handle_signals(_drained(key.fileobj))
            case "listening":
                self._accept()
            case Client() as client:
                if events & selectors.EVENT_WRITE:
                    client.flush()
                if events & selectors.EVENT_READ:
                    self._serve(client)
                self._watch(client)

    def _handle_signals(self, numbers: bytes) -> None:
        if {signal.SIGTERM, signal.SIGINT} & set(numbers) and self._leaves_at is None:
            now = time.monotonic()
            self._leaves_at = now + self._grace + _PATIENCE
            self._windows.end_all(kill_at=now + self._grace)
        self._reap()

    def _reap(self) -> None:
        for gone in self._windows.reap():
            self._tell(gone)

    def _tell(self, gone: Gone) -> None:
        if self._client is None:
            return
        self._client.send({"gone": gone})
        for request in self._ends.pop((gone.window, gone.generation), ()):
            self._client.send({"id": request})
        self._watch(self._client)

    def _accept(self) -> None:
        try:
            newcomer = Client(self._listening.accept()[0])
        except OSError:  # gone before its turn
            return
        if not newcomer.is_same_user():
            newcomer.close()
        elif self._client is not None and not self._client.is_gone():
            newcomer.send({"refused": "another fleet is connected to this keeper: stop that one first"})
            newcomer.close()
        else:
            self._drop_client()
            self._client = newcomer
            self._selector.register(newcomer, selectors.EVENT_READ, newcomer)
            newcomer.send({"keeper": os.getpid()})

    def _drop_client(self) -> None:
        if self._client is not None:
            self._selector.unregister(self._client)
            self._client.close()
            self._client = None
            self._ends.clear()

    def _serve(self, client: Client) -> None:
        try:
            for message in client.receive():
                self._answer(client, message)
        except EOFError:
            if client is self._client:
                self._drop_client()

    def _watch(self, client: Client) -> None:
        if client is self._client:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.has_unsent else 0)
            self._selector.modify(client, wanted, client)

    def _answer(self, client: Client, message: Message) -> None:
        request = message.pop("id", None)
        try:
            answer, descriptor = self._do(request, message)
        except Refused as refusal:
            answer, descriptor = {"error": str(refusal)}, None
        except (KeyError, TypeError, ValueError) as error:
            answer, descriptor = {"error": f"The keeper does not understand the request: {error}"}, None
        if answer is not None:
            client.send({"id": request, **answer, "descriptor": descriptor is not None}, descriptor)

    def _do(self, request: Any, message: Message) -> tuple[Message | None, int | None]:
        """The answer and the descriptor that goes with it; no answer yet where it comes with the window's end."""
        match message.pop("do", None):
            case "start":
                return self._start(message)
            case "take":
                return {}, self._windows.pipe(_name(message))
            case "roster":
                running, gone = self._windows.roster()
                return {"running": running, "ended": gone}, None
            case "end":
                return self._end(request, message), None
            case other:
                self._obey(other, message)
                return {}, None

    def _obey(self, order: Any, message: Message) -> None:
        """What is answered by having been done."""
        match order:
            case "signal":
                self._windows.signal(_name(message), message["number"], group=message["group"])
            case "forget":
                self._windows.forget(_name(message))
            case unknown:
                raise ValueError(f"there is no {unknown!r}")

    def _start(self, message: Message) -> tuple[Message, int]:
        if self._leaves_at is not None:
            raise Refused("The keeper is about to end: start another one")
        held = self._windows.start(start_from(message["start"]))
        return {"held": held}, self._windows.pipe((held.window, held.generation))

    def _end(self, request: Any, message: Message) -> Message | None:
        name = _name(message)
        if not self._windows.end(name, kill_at=time.monotonic() + message["grace"]):
            return {}
        self._ends.setdefault(name, []).append(request)
        return None

    def _until_next(self) -> float | None:
        """Seconds until something is to be done that nobody will announce."""
        now = time.monotonic()
        times = [self._windows.next_kill(), self._leaves_at]
        waits = [max(0.0, at - now) for at in times if at is not None]
        if self._windows.has_leftovers:
            waits.append(_LOOK_AGAIN)
        return min(waits, default=None)

    def _is_done(self) -> bool:
        if self._leaves_at is None:
            return False
        over = not self._windows.roster()[0] and not self._windows.has_leftovers
        return over or time.monotonic() >= self._leaves_at


def _only_wake(_number: int, _frame: object) -> None:
    """The number is read off the wake-up socket."""


def _drained(woken: Any) -> bytes:
    try:
        return bytes(woken.recv(4096))
    except BlockingIOError:
        return b""


def _name(message: Message) -> Name:
    return message["window"], message["generation"]
