"""Asks every hook that an event concerns, at the same time, and gives their common answer.

event -> which hooks -> each in time: command | address | model | callback -> verdict each -> joined -> shortened
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct, structs

from tianting.extensions.hooks.command import run_command
from tianting.extensions.hooks.events import HookInput, encode_input
from tianting.extensions.hooks.launch import CommandSurroundings, command_for
from tianting.extensions.hooks.matching import TWIN, Holds, Selection, always, select, subjects_of
from tianting.extensions.hooks.outcome import NOTHING, HookOutcome, joined
from tianting.extensions.hooks.question import AskModel, ask_question
from tianting.extensions.hooks.schema import (
    CallbackFailed,
    CallbackHook,
    CallbackSilent,
    CommandHook,
    Hook,
    HttpHook,
    OnFailure,
    PromptHook,
)
from tianting.extensions.hooks.spill import LONGEST, Spill
from tianting.extensions.hooks.verdict import ENDINGS, Said, judge
from tianting.extensions.hooks.web import WebHooks
from tianting.protocol.events import HookKind, HookRecord, HookStarted
from tianting.protocol.ids import NewId

log = logging.getLogger(__name__)

SECONDS = 60.0
"""How long a hook may take that does not say so itself."""
_SHORTER = {"UserPromptSubmit": 30.0, "SessionEnd": 10.0}
"""Where a person sits and waits."""
_QUESTION_SECONDS = 30.0

_KINDS: dict[type[Struct], HookKind] = {
    CommandHook: "command",
    HttpHook: "http",
    PromptHook: "prompt",
    CallbackHook: "callback",
}

OnStart = Callable[[HookStarted], Awaitable[None]]


class HookSetting(Struct, frozen=True, kw_only=True):
    """Where hooks run and what they may reach."""

    surroundings: CommandSurroundings
    spill_directory: Path
    """Where texts lie that are too long for the history."""
    allowed_urls: tuple[str, ...] | None = None
    """See `WebHooks`."""


class HookRunner:
    """The hooks of one session. An async context manager: leaving it ends what runs in the background."""

    def __init__(
        self, hooks: Iterable[Hook], setting: HookSetting, *, new_id: NewId, ask_model: AskModel | None = None
    ) -> None:
        self._have(hooks)
        self._surroundings = setting.surroundings
        self._web = WebHooks(setting.surroundings.environment, setting.allowed_urls)
        self._spill = Spill(setting.spill_directory, new_id)
        self._ask_model = ask_model
        self._new_id = new_id
        self._spent: set[str] = set()
        self._background: TaskGroup | None = None

    async def __aenter__(self) -> "HookRunner":
        self._background = anyio.create_task_group()
        await self._background.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._background is not None:
                self._background.cancel_scope.cancel()
                # Our caller's failure is not the group's: handed to it, it would come out inside an ExceptionGroup.
                await self._background.__aexit__(None, None, None)
        finally:
            await self._web.aclose()

    def replace(self, source: str, hooks: Iterable[Hook]) -> None:
        """Ask these from the next event on, and none of `source` that were asked before."""
        self._have((*(hook for hook in self._hooks if hook.source != source), *hooks))

    def waits_for(self, event_name: str) -> bool:
        """Whether any hook is configured for the event: who does not ask needs not gather what it would be told."""
        return event_name in self._events

    def selection(self, hook_input: HookInput, holds: Holds = always) -> tuple[Selection, ...]:
        """Every hook of the event, and why it would not run now."""
        return select((hook for hook in self._hooks if _mark(hook) not in self._spent), hook_input, holds)

    async def run(self, hook_input: HookInput, holds: Holds = always, on_start: OnStart | None = None) -> HookOutcome:
        """Ask them all. What fails becomes a message, or a refusal; what `on_start` raises gets out.

        `holds` judges the rules of hooks that have an `if`. `on_start` is told of each command before any runs.
        """
        if not self.waits_for(hook_input.event_name):
            return NOTHING
        asked: dict[str, Hook] = {}
        for hook in self._due(hook_input, holds):
            if self._background is not None and _is_unheard(hook):
                self._background.start_soon(self._run_unheard, hook, hook_input)
            else:
                asked[self._new_id()] = hook
        if on_start is not None:
            await _announce(asked, hook_input, on_start)
        return self._spill.shortened(joined(await self._ask_together(asked, hook_input)))

    def _have(self, hooks: Iterable[Hook]) -> None:
        self._hooks = tuple(hooks)
        self._events = frozenset(hook.event for hook in self._hooks)

    async def _ask_together(self, asked: Mapping[str, Hook], hook_input: HookInput) -> list[HookOutcome]:
        outcomes = [NOTHING] * len(asked)

        async def ask(index: int, hook_id: str, hook: Hook) -> None:
            outcomes[index] = await self.ask(hook, hook_input, hook_id)

        async with anyio.create_task_group() as tasks:
            for index, (hook_id, hook) in enumerate(asked.items()):
                tasks.start_soon(ask, index, hook_id, hook)
        return outcomes

    async def ask(self, hook: Hook, hook_input: HookInput, hook_id: str = "") -> HookOutcome:
        """Ask one hook, whatever it waits for, and wait for its answer. `hook_id` names its record."""
        begun = time.monotonic()
        said = await self._guarded(hook, hook_input)
        outcome = judge(hook_input.event_name, said, title=hook.title, on_failure=_on_failure(hook, said))
        record = _record(hook, hook_input, said, outcome)
        record = structs.replace(record, hook_id=hook_id or self._new_id(), duration=time.monotonic() - begun)
        return structs.replace(outcome, records=(record,))

    def _due(self, hook_input: HookInput, holds: Holds) -> list[Hook]:
        """The hooks to run now. Those that run once in a session, themselves or as a twin, are spent with it."""
        due = [one for one in self.selection(hook_input, holds) if one.passed_over in ("", TWIN)]
        self._spent.update(_mark(one.hook) for one in due if one.hook.action.once)
        return [one.hook for one in due if not one.passed_over]

    async def _guarded(self, hook: Hook, hook_input: HookInput) -> Said:
        try:
            return await self._said(hook, hook_input)
        except Exception:  # a hook that breaks us must count as a failed one, which may be a refusal
            log.exception("asking the hook %r about %s failed", hook.title, hook_input.event_name)
            return Said(failure="asking it broke; the log says more")

    async def _said(self, hook: Hook, hook_input: HookInput) -> Said:
        seconds = hook.action.timeout or _seconds(hook)
        event = encode_input(hook_input)
        match hook.action:
            case CommandHook() as action:
                return await run_command(command_for(action, hook_input, self._surroundings), event, seconds=seconds)
            case HttpHook() as action:
                return await self._web.post(action, event, seconds=seconds)
            case PromptHook() as action:
                return await ask_question(action, event, self._ask_model, seconds=seconds)
            case CallbackHook() as action:
                return await _call_back(action, event, seconds)

    async def _run_unheard(self, hook: Hook, hook_input: HookInput) -> None:
        said = await self._guarded(hook, hook_input)
        if said.failure or said.exit_code:
            log.warning("the background hook %r failed: %s", hook.title, said.failure or f"exit code {said.exit_code}")


async def _announce(asked: Mapping[str, Hook], hook_input: HookInput, on_start: OnStart) -> None:
    """Not from within the tasks: a task group would wrap what a listener raises."""
    for hook_id, hook in asked.items():
        if isinstance(hook.action, CommandHook):
            await on_start(HookStarted(hook_id=hook_id, name=_name(hook_input), event=hook_input.event_name))


async def _call_back(action: CallbackHook, event: bytes, seconds: float) -> Said:
    with anyio.move_on_after(seconds):
        try:
            return Said(exit_code=0, stdout=await action.call(event))
        except CallbackFailed as error:
            return Said(failure=str(error), timed_out=isinstance(error, CallbackSilent))
    return Said(failure=f"took longer than {seconds:g} s", timed_out=True)


def _on_failure(hook: Hook, said: Said) -> OnFailure:
    is_silent = isinstance(hook.action, CallbackHook) and said.timed_out
    return "block" if is_silent and hook.event not in ENDINGS else hook.action.on_failure


def _record(hook: Hook, hook_input: HookInput, said: Said, outcome: HookOutcome) -> HookRecord:
    """What is known of one run but for its id and its duration."""
    return HookRecord(
        hook_id="",
        name=_name(hook_input),
        event=hook_input.event_name,
        kind=_KINDS[type(hook.action)],
        title=hook.title,
        stdout="" if outcome.hides_output else said.stdout[:LONGEST],
        stderr="" if outcome.hides_output else said.stderr[:LONGEST],
        exit_code=said.exit_code,
        outcome="cancelled" if said.timed_out else "error" if said.failure or said.exit_code else "success",
    )


def _name(hook_input: HookInput) -> str:
    return ":".join((hook_input.event_name, *subjects_of(hook_input.event)[:1]))


def _is_unheard(hook: Hook) -> bool:
    return isinstance(hook.action, CommandHook) and hook.action.in_background


def _seconds(hook: Hook) -> float:
    usual = _QUESTION_SECONDS if isinstance(hook.action, PromptHook) else SECONDS
    return min(usual, _SHORTER.get(hook.event, usual))


def _mark(hook: Hook) -> str:
    return f"{hook.source}:{hook.place}"
