"""The agent in a pipe: its last words, one JSON object, or JSON lines as they come.

Each surface listens to a session's events and knows afterwards what the process should exit with:
0 for an answer, 1 for anything else; a signal that ended the turn is the command line's to tell. With several turns
the last one counts.
"""

from typing import Protocol

from tianting.protocol.deltas import ModelSwitched, RequestRetried
from tianting.protocol.events import Event, HooksAsked, SessionStarted, ToolFinished, TurnFinished
from tianting.protocol.turn_ends import MEANINGS
from tianting.surfaces.drawing import call_line, complaint_line, result_lines, retry_line, switch_line
from tianting.surfaces.escaping import one_line, visible
from tianting.surfaces.output import Output


class LineEncoder(Protocol):
    """Turns events into lines; `StreamJsonEncoder` does. A port, so that plain text does not pay for loading it."""

    def lines(self, event: Event) -> list[bytes]:
        """The lines that tell `event`; the last of a `TurnFinished` is the result."""
        ...


class TextSurface:
    """Prints the answer and nothing else; what went wrong is one line on `errors`.

    `verbose` adds what the agent does on the way, on `errors` too. An answer `to_terminal` is made harmless for it;
    a file or a pipe gets it as it is.
    """

    def __init__(self, output: Output, errors: Output, *, verbose: bool = False, to_terminal: bool = False) -> None:
        self.exit_code = 0
        self._output = output
        self._errors = errors
        self._verbose = verbose
        self._to_terminal = to_terminal
        self._root = ""

    async def __call__(self, event: Event) -> None:
        """Listen. Raises `OutputClosed`; the command line handles it."""
        if isinstance(event, TurnFinished):
            await self._finish(event)
        elif isinstance(event, SessionStarted):
            self._root = event.cwd
        elif isinstance(event, HooksAsked):
            await self._complain(*map(one_line, event.messages))
        elif self._verbose:
            await self._complain(*_story(event, self._root))

    async def _finish(self, event: TurnFinished) -> None:
        self.exit_code = MEANINGS[event.report.end].exit_code
        if self.exit_code:
            await self._complain(complaint_line(event.report))
        elif event.report.text:
            answer = visible(event.report.text) if self._to_terminal else event.report.text
            await self._output.write(_lines(answer.removesuffix("\n")))

    async def _complain(self, *lines: str) -> None:
        if lines:
            await self._errors.write(_lines(*lines))


class JsonSurface:
    """Prints one JSON value when the turn is over: its result, or with `verbose` an array of all messages."""

    def __init__(self, output: Output, encoder: LineEncoder, *, verbose: bool = False) -> None:
        self.exit_code = 0
        self._output = output
        self._encoder = encoder
        self._verbose = verbose
        self._messages: list[bytes] = []

    async def __call__(self, event: Event) -> None:
        """Listen. Raises `OutputClosed`; the command line handles it."""
        lines = self._encoder.lines(event)
        if self._verbose:
            self._messages += [line[:-1] for line in lines]
        if isinstance(event, TurnFinished):
            self.exit_code = MEANINGS[event.report.end].exit_code
            await self._output.write(b"[" + b",\n".join(self._messages) + b"]\n" if self._verbose else lines[-1])


class StreamJsonSurface:
    """Prints each message as a line at the moment it happens."""

    def __init__(self, output: Output, encoder: LineEncoder) -> None:
        self.exit_code = 0
        self._output = output
        self._encoder = encoder

    async def __call__(self, event: Event) -> None:
        """Listen. Raises `OutputClosed`; the command line handles it."""
        if isinstance(event, TurnFinished):
            self.exit_code = MEANINGS[event.report.end].exit_code
        if lines := self._encoder.lines(event):
            await self._output.write(b"".join(lines))


def _story(event: Event, root: str) -> list[str]:
    match event:
        case ToolFinished():
            return [f"● {call_line(event.call, root)}", *(f"  └ {line}" for line in result_lines(event))]
        case RequestRetried():
            return [retry_line(event)]
        case ModelSwitched():
            return [switch_line(event)]
        case _:
            return []


def _lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode(errors="replace")
