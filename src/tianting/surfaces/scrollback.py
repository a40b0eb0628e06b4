"""A session's events in the terminal's own scrollback: written once, never repainted, so nothing flickers.

Looking at it.
● Read src/a.py
  └ 42 lines
Retry 1 of 10 in 0.5 s: overloaded (529)
"""

from tianting.protocol.deltas import BlockFinished, ModelSwitched, RequestRetried, TextDelta
from tianting.protocol.events import Event, HooksAsked, SessionStarted, ToolFinished, ToolStarted, TurnFinished
from tianting.surfaces.colours import Ink, inked
from tianting.surfaces.drawing import call_line, complaint_line, result_lines, retry_line, switch_line
from tianting.surfaces.escaping import one_line, visible
from tianting.surfaces.output import Output


class Scrollback:
    """Draws events and whatever else a surface has to say; keeps lines whole."""

    def __init__(self, output: Output, *, colour: bool) -> None:
        self._output = output
        self._colour = colour
        self._inside_line = False
        self._root = ""
        self._running: dict[str, str] = {}
        """The lines of calls that began and have no result yet, by call id."""
        self._newest = ""
        """The call whose line stands at the bottom."""

    async def __call__(self, event: Event) -> None:
        """Draw `event`. Raises `OutputClosed`; the command line handles it."""
        match event:
            case TextDelta(text=text):
                await self._stream(text)
            case BlockFinished() | TurnFinished():
                await self._end(event)
            case ToolStarted():
                await self._begin_call(event)
            case ToolFinished():
                await self._finish_call(event)
            case RequestRetried():
                await self.say(retry_line(event), "yellow")
            case ModelSwitched():
                await self.say(switch_line(event), "yellow")
            case HooksAsked(messages=messages):
                for message in messages:
                    await self.say(one_line(message, 1_000), "yellow")
            case SessionStarted(cwd=cwd):
                self._root = cwd
            case _:
                return

    async def say(self, line: str, ink: Ink = "plain") -> None:
        """Write one line, below whatever is there. `line` must be safe for a terminal."""
        await self._end_line()
        self._newest = ""
        await self._write(f"{inked(line, ink) if self._colour else line}\n")

    async def _stream(self, text: str) -> None:
        if text:
            self._inside_line = not text.endswith("\n")
            self._newest = ""
            await self._write(visible(text))

    async def _end(self, event: BlockFinished | TurnFinished) -> None:
        await self._end_line()
        if isinstance(event, TurnFinished) and event.report.end != "answered":
            await self.say(complaint_line(event.report), "red")

    async def _begin_call(self, event: ToolStarted) -> None:
        line = call_line(event.call, self._root)
        self._running[event.call.call_id] = line
        await self.say(f"● {line}", "cyan")
        self._newest = event.call.call_id

    async def _finish_call(self, event: ToolFinished) -> None:
        """Calls that run together end out of sight of their line; then the result says whose it is."""
        call_id = event.call.call_id
        line = self._running.pop(call_id, None)
        if line is None:
            await self.say(f"● {call_line(event.call, self._root)}", "cyan")
        first, *others = result_lines(event)
        named = first if line is None or self._newest == call_id else f"{line}: {first}"
        ink: Ink = "dim" if event.result.outcome == "ok" else "red"
        await self.say(f"  └ {named}", ink)
        for other in others:
            await self.say(f"    {other}", ink)

    async def _end_line(self) -> None:
        if self._inside_line:
            self._inside_line = False
            await self._write("\n")

    async def _write(self, text: str) -> None:
        await self._output.write(text.encode(errors="replace"))
