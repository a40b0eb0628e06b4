"""Speaks tmux's control mode: without it each command to a terminal would cost a process of 3 ms.

    ask -> one line -> %begin ... %end | %error -> the lines between, or `TmuxError`
    %output, %pause -> `stirred`: something was written on a screen

The protocol is in tmux(1), "CONTROL MODE". Replies come in the order of the questions, and nothing comes between the
lines of a reply.
"""

from collections import deque
from typing import Protocol

import anyio

_OURS = b"1"
"""The flag of a reply to what this client asked; 0 is what tmux says by itself when a client attaches."""
_STIRRING = (b"%output ", b"%extended-output ", b"%pause ")


class TmuxError(Exception):
    """tmux refused a command, is missing, or has ended. One line that a person can act on."""


class Stream(Protocol):
    """Both directions of a connection that tmux serves in control mode."""

    async def receive(self) -> bytes:
        """The next bytes; empty at the end."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of `data`. Raises `BrokenPipeError`."""
        ...


class ControlMode:
    """One connection. Questions are answered while `run` reads."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rest = b""
        self._questions: deque[_Question] = deque()
        self._reply: list[str] | None = None
        self._guard: list[bytes] = []
        self._is_over = False
        self.stirred = anyio.Event()
        """Set when something was written on a screen; `calm` makes a new one."""

    @property
    def is_over(self) -> bool:
        """Nobody answers any more."""
        return self._is_over

    def calm(self) -> None:
        """From now on, `stirred` is about what comes."""
        self.stirred = anyio.Event()

    async def run(self) -> None:
        """Read to the end of the connection; then whoever waits for an answer gets a `TmuxError`.

        It may be cancelled and run again: what was half read is kept.
        """
        while chunk := await self._stream.receive():
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._take(line.removesuffix(b"\r"))
        self._end()

    async def ask(self, *commands: str) -> list[list[str]]:
        """The replies to `commands`, which tmux carries out one after the other with nothing in between.

        Raises `TmuxError` for the first that is refused; those behind it are carried out all the same.
        """
        if self._is_over:
            raise TmuxError("The tmux server has ended.")
        questions = [_Question() for _ in commands]
        self._questions.extend(questions)
        try:
            await self._stream.send("".join(f"{command}\n" for command in commands).encode())
        except BrokenPipeError:
            raise TmuxError("The tmux server has ended.") from None
        for question in questions:
            await question.settled.wait()
        return [question.lines() for question in questions]

    def _take(self, line: bytes) -> None:
        if self._reply is not None:
            self._take_reply(self._reply, line)
        elif line.startswith(b"%begin "):
            self._guard = line.split()[1:]
            self._reply = []
        elif line.startswith(_STIRRING):
            self.stirred.set()
        elif line.startswith(b"%exit"):
            self._end()

    def _take_reply(self, reply: list[str], line: bytes) -> None:
        # A screen may show `%end`, too, but not with the time and number of this very command.
        if line.startswith((b"%end ", b"%error ")) and line.split()[1:] == self._guard:
            self._reply = None
            if self._guard[-1:] == [_OURS] and self._questions:
                self._questions.popleft().settle(reply, refused=line.startswith(b"%error "))
        else:
            reply.append(line.decode(errors="replace"))

    def _end(self) -> None:
        self._is_over = True
        self.stirred.set()
        while self._questions:
            self._questions.popleft().settle(["The tmux server has ended"], refused=True)


class _Question:
    """A command on its way."""

    def __init__(self) -> None:
        self.settled = anyio.Event()
        self._lines: list[str] = []
        self._refused = False

    def settle(self, lines: list[str], *, refused: bool) -> None:
        self._lines, self._refused = lines, refused
        self.settled.set()

    def lines(self) -> list[str]:
        if self._refused:
            raise TmuxError(f"{' '.join(self._lines).removeprefix('parse error: ')}.")
        return self._lines


def quoted(text: str) -> str:
    """`text` as one word of tmux's command language, on one line; without NUL bytes, which no command can hold."""
    return '"' + "".join(_ESCAPES.get(character, character) for character in text) + '"'


_ESCAPES = {
    "\0": "",
    **{chr(code): f"\\{code:03o}" for code in (*range(1, 32), 127)},
    **{character: f"\\{character}" for character in ('"', "\\", "$")},
}
