"""A conversation: takes a prompt, logs all that happens before anybody hears of it, and can be interrupted.

submit(prompt) -> hooks -> the loop -> emit(event) -> the log -> every listener
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import anyio
from msgspec import Struct

from tianting.agent.briefing import stale_note
from tianting.agent.loop import AgentLoop
from tianting.extensions.hooks.port import AgentHooks, BeforeTurn, NoHooks, Source
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.content import text_of
from tianting.protocol.events import Event, NoteAdded, SessionStarted, TurnFinished, TurnReport, TurnStarted
from tianting.protocol.ids import NewId
from tianting.protocol.messages import Message, UserMessage, note
from tianting.protocol.requests import ModelRequest
from tianting.tools.read_ledger import FileChange

Listener = Callable[[Event], Awaitable[None]]

_FAREWELL = 10.0
"""Seconds that hooks have at the end of a session, whatever ends it."""


class Recorder(Protocol):
    """What keeps events; `SessionLog` is one."""

    def record(self, event: Event) -> None:
        """Keep `event`. Raises `SessionError` when it cannot; the turn ends with that."""
        ...


class Opening(Struct, frozen=True, kw_only=True):
    """How a session begins."""

    facts: SessionStarted
    shape: ModelRequest
    """Every request of the session, less its messages."""
    history: tuple[Message, ...] = ()
    """What was said before, in a session that goes on."""
    briefing: UserMessage | None = None
    """The note before the first prompt of the conversation."""
    notices: tuple[UserMessage, ...] = ()
    """Notes before the first prompt of this process: what holds now, and may not have held before."""


class Session:
    """One conversation. It works on one prompt at a time."""

    def __init__(
        self,
        loop: AgentLoop,
        opening: Opening,
        *,
        log: Recorder | None,
        new_id: NewId,
        hooks: AgentHooks | None = None,
        changed_files: Callable[[], tuple[FileChange, ...]] = tuple,
    ) -> None:
        """`changed_files` is asked before each prompt what changed since the model read it."""
        self._loop = loop
        self._opening = opening
        self._history = list(opening.history)
        self._unsaid = [*([opening.briefing] if opening.briefing and not opening.history else []), *opening.notices]
        self._log = log
        self._listeners: list[Listener] = []
        self._new_id = new_id
        self._hooks = hooks or NoHooks()
        self._changed_files = changed_files
        self._begun = False
        self._turn: anyio.CancelScope | None = None
        self._report = TurnReport(end="interrupted_streaming")
        self._hooks.report_to(self._emit)

    @property
    def facts(self) -> SessionStarted:
        """What can be told of the session before anything happens."""
        return self._opening.facts

    @property
    def history(self) -> tuple[Message, ...]:
        """What was said so far."""
        return tuple(self._history)

    def listen(self, listener: Listener) -> None:
        """Tell `listener` everything from now on, after the log and the listeners before it."""
        self._listeners.append(listener)

    def announce(self, message: UserMessage) -> None:
        """Tell the model `message` before the next prompt."""
        self._unsaid.append(message)

    async def submit(self, prompt: UserMessage) -> TurnReport:
        """Work on `prompt` and return what became of it, also when it was interrupted or a hook refused it.

        Raises `SessionError` when the conversation can no longer be stored.
        """
        with anyio.CancelScope() as self._turn:
            with anyio.CancelScope(shield=True):  # an interrupt in the first moment must not lose the prompt
                await self._emit(self._opening.facts)
                await self._brief()
            started = TurnStarted(uuid=self._new_id(), prompt=prompt)
            refusal = await self._ask_hooks(started)
            if refusal is None:
                await self._loop.run(started, self._history, self._opening.shape, self._emit)
            else:
                await self._emit(TurnFinished(report=TurnReport(end="hook_stopped", text=refusal)))
        self._turn = None
        return self._report

    async def end(self, reason: str) -> None:
        """Tell hooks that nothing follows. They have 10 s, also when the caller is being cancelled."""
        if self._begun:
            self._listeners.clear()  # who reads a turn to its end must not find more behind it
            with anyio.move_on_after(_FAREWELL, shield=True):
                await self._hooks.session_ended(reason)

    def interrupt(self) -> None:
        """End the running turn, if there is one. Safe in a signal handler of the event loop."""
        if self._turn is not None:
            self._turn.cancel()

    async def _brief(self) -> None:
        while self._unsaid:
            await self._add(self._unsaid.pop(0))

    async def _ask_hooks(self, turn: TurnStarted) -> str | None:
        """Why the prompt must not reach the model; None once the model was told what hooks know of it."""
        try:
            if (refusal := await self._begin()) is not None:
                return refusal
            await self._look_around()
            return await self._submit_to_hooks(turn)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                report = TurnReport(end="interrupted_streaming", text="Stopped by the user.")
                await self._emit(TurnFinished(report=report))
            raise

    async def _begin(self) -> str | None:
        """Once in a session."""
        if self._begun:
            return None
        self._begun = True
        source: Source = "resume" if self._opening.history else "startup"
        return await self._heed(await self._hooks.session_started(source, self.facts.model))

    async def _look_around(self) -> None:
        """Tell the model what it knows no longer, and hooks, too."""
        if changes := self._changed_files():
            with anyio.CancelScope(shield=True):  # each change is told once: an interrupt must not lose it
                await self._add(stale_note(tuple(change.path for change in changes), Path(self.facts.cwd)))
            for change in changes:
                await self._hooks.file_changed(well_formed(str(change.path)), is_gone=change.is_gone)

    async def _submit_to_hooks(self, turn: TurnStarted) -> str | None:
        return await self._heed(await self._hooks.prompt_submitted(text_of(turn.prompt.content), turn.uuid))

    async def _heed(self, before: BeforeTurn) -> str | None:
        if before.blocked is None:
            for text in before.contexts:
                await self._add(note(text))
        return before.blocked

    async def _add(self, message: UserMessage) -> None:
        self._history.append(message)
        await self._emit(NoteAdded(message=message))

    async def _emit(self, event: Event) -> None:
        if self._log is not None:
            self._log.record(event)
        if isinstance(event, TurnFinished):
            self._report = event.report
        for listener in self._listeners:
            await listener(event)
