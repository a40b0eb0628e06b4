"""A conversation in a real terminal, with an agent that follows a fixed part. Run by `test_in_tmux.py`."""

import sys
from pathlib import Path

import anyio

from tianting.permissions.decision import Deny
from tianting.protocol.content import Text, text_of
from tianting.protocol.deltas import BlockFinished, TextDelta
from tianting.protocol.events import Event, ToolFinished, ToolStarted, TurnFinished, TurnReport
from tianting.protocol.messages import UserMessage
from tianting.protocol.tool_calls import Access, CallResult, ToolCall
from tianting.surfaces.conversation import ConversationSurface
from tianting.surfaces.input_line import InputLine
from tianting.surfaces.output import DescriptorOutput
from tianting.surfaces.permission_question import TerminalPerson
from tianting.surfaces.scrollback import Scrollback


class Nothing:
    """Nothing is offered besides a single yes."""

    def offered(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        return ()

    def grant(self, rules: tuple[str, ...], *, lasting: bool) -> str:
        raise AssertionError("nothing was offered")


class Part:
    """Greets, asks before it runs `rm`, and works without end when told to wait."""

    def __init__(self, scrollback: Scrollback, person: TerminalPerson) -> None:
        self._emit = scrollback
        self._person = person
        self._turn = anyio.CancelScope()

    async def submit(self, prompt: UserMessage) -> TurnReport:
        words = text_of(prompt.content)
        with anyio.CancelScope() as self._turn:
            await self._answer(words)
        stopped = self._turn.cancelled_caught
        report = TurnReport(end="interrupted_streaming" if stopped else "answered", text="Stopped.")
        await self._emit(TurnFinished(report=report))
        return report

    def interrupt(self) -> None:
        self._turn.cancel()

    async def _answer(self, words: str) -> None:
        if words == "wait":
            await self._emit(TextDelta(index=0, text="Waiting"))
            await anyio.sleep_forever()
        if words == "remove":
            await self._remove()
        await self._emit(TextDelta(index=0, text=f"You said {words!r}."))
        await self._emit(BlockFinished(index=0, block=Text(text="")))

    async def _remove(self) -> None:
        call = ToolCall(call_id="t", tool_name="Bash", arguments={"command": "rm -rf build"})
        decision = await self._person.ask(call, (Access(effect="execute", target="rm"),), "runs a command")
        denied = isinstance(decision, Deny)
        result = CallResult(call_id="t", content=decision.reason, outcome="denied" if denied else "ok")
        event: Event = ToolStarted(call=call)
        if not denied:
            await self._emit(event)
        await self._emit(ToolFinished(call=call, result=result, duration=0.0))


async def main(history: Path) -> None:
    scrollback = Scrollback(DescriptorOutput(1), colour=True)
    part = Part(scrollback, TerminalPerson(scrollback, Nothing()))
    await ConversationSurface(InputLine(history), scrollback).run(part)


anyio.run(main, Path(sys.argv[1]))
