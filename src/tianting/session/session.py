"""A conversation: takes a prompt, logs all that happens before anybody hears of it, and can be interrupted.

submit(prompt) -> hooks -> the loop -> tell(event) -> the log -> every listener

What is posted to `inbox` while a turn runs steers it; facts and shape may change, too, and hold from the next request.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import anyio
from msgspec import Struct, structs

from tianting.agent.briefing import PLAN_MODE, PLAN_MODE_LEFT, stale_note
from tianting.agent.loop import AgentLoop
from tianting.agent.steering import Inbox, Posted
from tianting.extensions.hooks.port import AgentHooks, BeforeTurn, NoHooks, Source
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.content import text_of
from tianting.protocol.events import (
    Event,
    HooksAsked,
    NoteAdded,
    PermissionMode,
    PermissionModeChanged,
    SessionStarted,
    TurnFinished,
    TurnReport,
    TurnStarted,
)
from tianting.protocol.ids import NewId
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, note, unanswered_calls
from tianting.protocol.requests import ModelRequest
from tianting.protocol.usage import Usage
from tianting.session.hearing import Hearing
from tianting.tools.read_ledger import FileChange

Listener = Callable[[Event], Awaitable[None]]

_FAREWELL = 10.0
"""Seconds that hooks have at the end of a session."""
_SHORT_FAREWELL = 0.8
"""The same where whoever ends the process would kill it 2 s later."""


class Recorder(Protocol):
    """What keeps events; `SessionLog` is one."""

    def record(self, event: Event) -> None:
        """Keep `event`. Raises `SessionError` when it cannot; the turn ends with that."""
        ...


class Opening(Struct, frozen=True, kw_only=True):
    """How a session begins."""

    facts: SessionStarted
    shape: ModelRequest
    """Its requests, less their messages."""
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
        self._facts = opening.facts
        self._shape = opening.shape
        self._source: Source = "resume" if opening.history else "startup"
        self._history = list(opening.history)
        self._unsaid = [*([opening.briefing] if opening.briefing and not opening.history else []), *opening.notices]
        self._log = log
        self._listeners: list[Listener] = []
        self._new_id = new_id
        self._hooks = hooks or NoHooks()
        self._changed_files = changed_files
        self._begun = False
        self._farewell = _FAREWELL
        self._turn: anyio.CancelScope | None = None
        self._report = TurnReport(end="interrupted_streaming")
        self.inbox = Inbox()
        """Who posts here while a turn runs is heard at its next safe point."""
        self._hearing = Hearing(self.inbox, self._brief, self._may_pass)
        self._hooks.report_to(self.tell)

    @property
    def facts(self) -> SessionStarted:
        """What can be told of the session before anything happens."""
        return self._facts

    def restate(self, facts: SessionStarted) -> None:
        """Let `facts` hold; listeners hear of them with the next turn."""
        self._facts = facts

    @property
    def shape(self) -> ModelRequest:
        """The next request, less its messages."""
        return self._shape

    def reshape(self, shape: ModelRequest) -> None:
        """Ask by `shape` from the next request on, also within a turn. The prompt cache hangs on what stays equal."""
        self._shape = shape

    @property
    def history(self) -> tuple[Message, ...]:
        """What was said so far, and a provider would take: an answer whose calls still run is not in it."""
        return tuple(self._history[: _whole(self._history)])

    @property
    def last_usage(self) -> Usage | None:
        """Tokens of the newest answer: how full the context is. None before the first."""
        newest = _newest_answer(self._history)
        return None if newest is None else newest[1].usage

    @property
    def works(self) -> bool:
        """Whether a turn runs."""
        return self._turn is not None

    def listen(self, listener: Listener) -> None:
        """Tell `listener` everything from now on, after the log and the listeners before it."""
        self._listeners.append(listener)

    def announce(self, message: UserMessage) -> None:
        """Tell the model `message` before the next request, of this turn or of the next one."""
        self._unsaid.append(message)

    async def change_mode(self, mode: PermissionMode) -> None:
        """Say that calls are judged by `mode` from now on; whoever calls this sees to it that they are.

        The model is told when plan mode begins or ends. What a listener raises gets out.
        """
        if (mode == "plan") != (self._facts.permission_mode == "plan"):
            self._announce_plan_mode(begins=mode == "plan")
        self._facts = structs.replace(self._facts, permission_mode=mode)
        await self.tell(PermissionModeChanged(mode=mode))

    def _announce_plan_mode(self, *, begins: bool) -> None:
        news, opposite = (PLAN_MODE, PLAN_MODE_LEFT) if begins else (PLAN_MODE_LEFT, PLAN_MODE)
        if opposite in self._unsaid:  # the model never heard of it
            self._unsaid.remove(opposite)
        else:
            self._unsaid.append(news)

    async def submit(
        self,
        prompt: UserMessage,
        uuid: str | None = None,
        *,
        get_ready: Callable[[], Awaitable[None]] | None = None,
        asks: bool = True,
    ) -> TurnReport:
        """Work on `prompt` and return what became of it, also when it was interrupted or a hook refused it.

        `uuid` is what the transcript calls it; `get_ready` is done first, and an interrupt ends it with the turn.
        With `asks` false it becomes part of what was said, and the model hears it with the next prompt.
        Raises `SessionError` when the conversation can no longer be stored, and what `get_ready` raises.
        """
        is_interrupted = get_ready is not None and await self._is_interrupted_during(get_ready)
        with anyio.CancelScope() as self._turn:
            if is_interrupted:
                self._turn.cancel()
            with anyio.CancelScope(shield=True):  # an interrupt in the first moment must not lose the prompt
                await self.tell(self._facts)
                await self._brief()
            await self._take(TurnStarted(uuid=uuid or self._new_id(), prompt=prompt), asks=asks)
        self._turn = None
        return self._report

    async def end(self, reason: str) -> None:
        """Tell hooks that nothing follows. They have 10 s, after `hurry` 0.8, also in a caller that is cancelled."""
        if self._begun:
            self._listeners.clear()  # who reads a turn to its end must not find more behind it
            with anyio.move_on_after(self._farewell, shield=True):
                await self._hooks.session_ended(reason)

    def interrupt(self) -> None:
        """End the running turn, if there is one. Safe in a signal handler of the event loop."""
        if self._turn is not None:
            self._turn.cancel()

    def hurry(self) -> None:
        """Somebody who will not wait long wants the process to end."""
        self._farewell = _SHORT_FAREWELL

    async def tell(self, event: Event) -> None:
        """Log `event`, then tell every listener; also between turns. What log or listeners raise gets out."""
        if self._log is not None:
            self._log.record(event)
        if isinstance(event, TurnFinished):
            self._report = event.report
        for listener in self._listeners:
            await listener(event)

    async def _is_interrupted_during(self, get_ready: Callable[[], Awaitable[None]]) -> bool:
        with anyio.CancelScope() as self._turn:
            await get_ready()
        return self._turn.cancel_called

    async def _take(self, turn: TurnStarted, *, asks: bool) -> None:
        refusal = await self._ask_hooks(turn)
        if refusal is not None:
            await self._finish(TurnReport(end="hook_stopped", text=refusal))
        elif asks:
            await self._loop.run(turn, self._history, self.tell, shape=lambda: self._shape, steering=self._hearing)
        else:
            await self._only_hear(turn)

    async def _only_hear(self, turn: TurnStarted) -> None:
        with anyio.CancelScope(shield=True):
            self._history.append(turn.prompt)
            await self.tell(turn)
            await self._finish(TurnReport(end="answered"))

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
            await self._finish(TurnReport(end="interrupted_streaming", text="Stopped by the user."))
            raise

    async def _begin(self) -> str | None:
        """Once in a session."""
        if self._begun:
            return None
        self._begun = True
        return await self._heed(await self._hooks.session_started(self._source, self.facts.model))

    async def _look_around(self) -> None:
        """Tell the model what it knows no longer, and hooks, too."""
        if changes := self._changed_files():
            with anyio.CancelScope(shield=True):  # each change is told once: an interrupt must not lose it
                await self._add(stale_note(tuple(change.path for change in changes), Path(self.facts.cwd)))
            for change in changes:
                await self._hooks.file_changed(well_formed(str(change.path)), is_gone=change.is_gone)

    async def _submit_to_hooks(self, turn: TurnStarted) -> str | None:
        return await self._heed(await self._hooks.prompt_submitted(text_of(turn.prompt.content), turn.uuid))

    async def _may_pass(self, posted: Posted) -> bool:
        words = text_of(posted.message.content)
        refusal = await self._heed(await self._hooks.prompt_submitted(words, posted.uuid))
        if refusal is not None:
            told = f"A hook kept from the model what was said while it worked: {refusal}"
            await self.tell(HooksAsked(messages=(told,)))
        return refusal is None

    async def _heed(self, before: BeforeTurn) -> str | None:
        if before.blocked is None:
            for text in before.contexts:
                await self._add(note(text))
        return before.blocked

    async def _add(self, message: UserMessage) -> None:
        self._history.append(message)
        await self.tell(NoteAdded(message=message))

    async def _finish(self, report: TurnReport) -> None:
        with anyio.CancelScope(shield=True):
            await self.tell(TurnFinished(report=report))


def _whole(history: list[Message]) -> int:
    """How many messages of `history` make one without an unanswered call."""
    newest = _newest_answer(history)
    return newest[0] if newest is not None and unanswered_calls(history[newest[0] :]) else len(history)


def _newest_answer(history: list[Message]) -> tuple[int, AssistantMessage] | None:
    """It and its place."""
    for index in range(len(history) - 1, -1, -1):
        if isinstance(message := history[index], AssistantMessage):
            return index, message
    return None
