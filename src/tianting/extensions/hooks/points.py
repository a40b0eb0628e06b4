"""The points of a session at which hooks are asked, each with the arguments and the answer of its caller."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct, structs

from tianting.extensions.hooks.answer import RequestDecision, is_given
from tianting.extensions.hooks.asking import AnnouncedPerson, HookedPerson
from tianting.extensions.hooks.events import (
    Circumstances,
    ConfigChange,
    FileChanged,
    HookEvent,
    HookInput,
    Notification,
    PermissionDenied,
    PermissionRequest,
    PostCompact,
    PostToolUse,
    PostToolUseFailure,
    PreCompact,
    PreToolUse,
    SessionEnd,
    SessionStart,
    Stop,
    UserPromptSubmit,
)
from tianting.extensions.hooks.matching import Holds, always
from tianting.extensions.hooks.outcome import NOTHING, HookOutcome
from tianting.extensions.hooks.port import BeforeStop, BeforeTool, BeforeTurn, Rename, Source, Tell, Trigger
from tianting.extensions.hooks.runner import HookRunner
from tianting.extensions.hooks.schema import Hook
from tianting.permissions.decision import Delegate, Person
from tianting.permissions.updates import PermissionUpdate
from tianting.protocol.content import Image, Text, text_of
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import HooksAsked
from tianting.protocol.tool_calls import Access, CallResult, ToolCall

log = logging.getLogger(__name__)

MOST_REMINDERS = 8
"""How often hooks may keep the model from stopping in one turn: one that is never satisfied would cost without end."""

RuleHolds = Callable[[str, ToolCall, tuple[Access, ...]], bool]
"""Whether a permission rule speaks of a call with these accesses. May raise `ConfigError`: then it does."""


class Ties(Struct, frozen=True, kw_only=True):
    """What joins hooks to the session they stand in."""

    circumstances: Callable[[], Circumstances]
    """The facts of this moment: mode and prompt change."""
    rule_holds: RuleHolds
    suggested_updates: Callable[[ToolCall, tuple[Access, ...]], tuple[PermissionUpdate, ...]]
    """What would spare the question about a call the next time."""
    apply_updates: Callable[[tuple[PermissionUpdate, ...]], Awaitable[tuple[str, ...]]]
    """Carries updates out, and gives back what a person must know of it, a line each."""
    changed_settings: Callable[[], tuple[ConfigChange, ...]] = tuple
    """What changed in settings files since this was asked last. It is asked before each prompt."""


class HookPoints:
    """`AgentHooks` for a session with hooks."""

    def __init__(self, runner: HookRunner, ties: Ties) -> None:
        self._runner = runner
        self._ties = ties
        self._tell: Tell | None = None
        self._rename: Rename | None = None
        self._prompt_id: str | None = None

    def report_to(self, tell: Tell) -> None:
        """Tell `tell` from now on what hooks did."""
        self._tell = tell

    def title_to(self, rename: Rename) -> None:
        """Call the session from now on what hooks call it, with `rename`."""
        self._rename = rename

    def replace(self, source: str, hooks: Iterable[Hook]) -> None:
        """See `HookRunner.replace`."""
        self._runner.replace(source, hooks)

    def person(self, inner: Person | None) -> Delegate | None:
        """Who is asked about a call: hooks that wait for such questions by then, and `inner`."""
        return HookedPerson(inner, self.permission_requested, self._grant)

    def announcing(self, person: Person) -> Person:
        """`person`, each of whose questions is told before it is put."""
        return AnnouncedPerson(person, self._attention_wanted)

    async def ask(self, event: HookEvent, holds: Holds = always) -> HookOutcome:
        """Ask about an event that has no method here, and report what is to be shown."""
        if not self._runner.waits_for(type(event).__name__):
            return NOTHING
        circumstances = structs.replace(self._ties.circumstances(), prompt_id=self._prompt_id)
        outcome = await self._runner.run(HookInput(event=event, circumstances=circumstances), holds, self._tell)
        if self._tell is not None and (outcome.messages or outcome.records):
            await self._tell(HooksAsked(records=outcome.records, messages=outcome.messages))
        return outcome

    async def before_tool(self, call: ToolCall, accesses: tuple[Access, ...]) -> BeforeTool:
        """Ask before the permission rules do. A hook that ends the turn refuses the call."""
        event = PreToolUse(tool_name=call.tool_name, tool_input=call.arguments, tool_use_id=call.call_id)
        outcome = await self.ask(event, self._holds(call, accesses))
        return BeforeTool(
            refusal=_refusal(call, outcome),
            arguments=outcome.updated_input,
            opinion="allow" if outcome.permission == "allow" else "ask" if outcome.permission else None,
            reason=outcome.permission_reason,
            contexts=outcome.contexts,
        )

    async def after_tool(
        self,
        call: ToolCall,
        accesses: tuple[Access, ...],
        result: CallResult,
        *,
        duration: float,
        contexts: tuple[str, ...] = (),
    ) -> CallResult:
        """The result as hooks want the model to see it. Nothing is asked about a call that never ran."""
        outcome = NOTHING
        if result.outcome != "denied":
            outcome = await self.ask(_after(call, result, duration), self._holds(call, accesses))
        if is_given(outcome.updated_output):
            result = structs.replace(result, content=_as_text(outcome.updated_output))
        if outcome.blocked is not None:
            result = structs.replace(_with_text(result, outcome.blocked), outcome="failed")
        notes = (*contexts, *outcome.contexts)
        return structs.replace(result, notes=notes, stop=outcome.stop) if notes or outcome.stop is not None else result

    async def permission_requested(self, call: ToolCall, accesses: tuple[Access, ...]) -> RequestDecision | None:
        """An answer in a person's place; None where the person must be asked."""
        if not self._runner.waits_for("PermissionRequest"):
            return None
        event = PermissionRequest(
            tool_name=call.tool_name,
            tool_input=call.arguments,
            tool_use_id=call.call_id,
            permission_suggestions=self._ties.suggested_updates(call, accesses),
        )
        return (await self.ask(event, self._holds(call, accesses))).request

    async def permission_denied(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> bool:
        """Tell that rules, mode or person refused a call. Gives back whether the model may try it again."""
        event = PermissionDenied(
            tool_name=call.tool_name, tool_input=call.arguments, tool_use_id=call.call_id, reason=reason
        )
        return (await self.ask(event, self._holds(call, accesses))).retry

    async def session_started(self, source: Source, model: str) -> BeforeTurn:
        """Ask before the first prompt."""
        return self._before_turn(await self.ask(SessionStart(source=source, model=model)))

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        """Ask before a prompt is worked on. A hook that ends the turn blocks the prompt."""
        for change in self._ties.changed_settings():
            await self.ask(change)
        self._prompt_id = prompt_id
        return self._before_turn(await self.ask(UserPromptSubmit(prompt=prompt)))

    async def stopping(self, last_message: str, *, times: int) -> BeforeStop:
        """Ask before the turn ends. After `MOST_REMINDERS` times it does, and nothing is asked."""
        if times >= MOST_REMINDERS:
            return BeforeStop()
        outcome = await self.ask(Stop(stop_hook_active=times > 0, last_assistant_message=last_message))
        return BeforeStop(stop=outcome.stop) if outcome.stop is not None else BeforeStop(more=outcome.blocked)

    async def compacting(self, trigger: Trigger, instructions: str = "") -> str | None:
        """Why the history must not be summarised now; None where it may."""
        return (await self.ask(PreCompact(trigger=trigger, custom_instructions=instructions))).blocked

    async def compacted(self, trigger: Trigger, summary: str) -> None:
        """Tell that it was."""
        await self.ask(PostCompact(trigger=trigger, compact_summary=summary))

    async def notify(self, message: str, kind: str, title: str = "") -> None:
        """Tell that a person's attention is wanted."""
        await self.ask(Notification(message=message, notification_type=kind, title=title))

    async def file_changed(self, path: str, *, is_gone: bool) -> None:
        """Tell that a file is no longer as the model read it."""
        await self.ask(FileChanged(file_path=path, event="unlink" if is_gone else "change"))

    async def session_ended(self, reason: str) -> None:
        """Tell that nothing follows."""
        await self.ask(SessionEnd(reason=reason))

    def _before_turn(self, outcome: HookOutcome) -> BeforeTurn:
        if outcome.session_title and self._rename is not None:
            self._rename(outcome.session_title)
        return BeforeTurn(
            blocked=outcome.blocked if outcome.blocked is not None else outcome.stop,
            contexts=outcome.contexts,
            initial_user_message=outcome.initial_user_message,
        )

    async def _grant(self, updates: tuple[PermissionUpdate, ...]) -> None:
        messages = await self._ties.apply_updates(updates) if updates else ()
        if self._tell is not None and messages:
            await self._tell(HooksAsked(messages=messages))

    async def _attention_wanted(self, call: ToolCall, reason: str) -> None:
        await self.notify(f"{call.tool_name} needs your permission: {reason}", "permission_prompt")

    def _holds(self, call: ToolCall, accesses: tuple[Access, ...]) -> Holds:
        def holds(rule: str) -> bool:
            try:
                return self._ties.rule_holds(rule, call, accesses)
            except ConfigError as error:
                log.warning("a hook's `if` cannot be judged, so the hook runs: %s", error)
                return True

        return holds


def _refusal(call: ToolCall, outcome: HookOutcome) -> CallResult | None:
    reason = outcome.blocked if outcome.blocked is not None else outcome.stop
    if reason is None:
        return None
    return CallResult(call_id=call.call_id, content=reason, outcome="denied", notes=outcome.contexts, stop=outcome.stop)


def _after(call: ToolCall, result: CallResult, duration: float) -> PostToolUse | PostToolUseFailure:
    milliseconds = round(duration * 1000)
    if result.outcome == "ok":
        return PostToolUse(
            tool_name=call.tool_name,
            tool_input=call.arguments,
            tool_use_id=call.call_id,
            tool_response=result.content if result.data is None else result.data,
            duration_ms=milliseconds,
        )
    return PostToolUseFailure(
        tool_name=call.tool_name,
        tool_input=call.arguments,
        tool_use_id=call.call_id,
        error=result.content if isinstance(result.content, str) else text_of(result.content),
        is_interrupt=result.outcome == "interrupted",
        duration_ms=milliseconds,
    )


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _with_text(result: CallResult, text: str) -> CallResult:
    content: str | tuple[Text | Image, ...]
    content = f"{result.content}\n\n{text}" if isinstance(result.content, str) else (*result.content, Text(text=text))
    return structs.replace(result, content=content)
