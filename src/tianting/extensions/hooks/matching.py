"""Which hooks an event concerns.

matcher               matches
"" or "*"             everything
only [\\w ,|-]         exactly one of the names between `|` or `,`
anything else         as a regular expression, anywhere in the subject
"""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePath

from msgspec import Struct, structs

from tianting.extensions.hooks.events import (
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
    SubagentStart,
    SubagentStop,
    UserPromptSubmit,
)
from tianting.extensions.hooks.schema import CallbackHook, CommandHook, Hook, HttpHook, PromptHook

Holds = Callable[[str], bool]
"""Whether a permission rule (`Bash(git push:*)`) speaks of the call that the event is about."""

_NAMES_ONLY = re.compile(r"[A-Za-z0-9_ ,|-]*")
_ALSO = {
    "apply_patch": ("Edit", "Write"),
    "MultiEdit": ("Edit",),
    "BashOutput": ("TaskOutput",),
    "TaskStop": ("KillShell", "KillBash"),
    "Agent": ("Task",),
    "Task": ("Agent",),
}
"""Names that hooks written for another set of tools know ours by. A guard on `Edit|Write` must see every edit."""

TWIN = "another hook does the same"


class Selection(Struct, frozen=True, kw_only=True):
    """A hook of the event, and why it does not run."""

    hook: Hook
    passed_over: str = ""
    """Empty: it runs."""


def always(_rule: str) -> bool:
    """Answer for whoever cannot judge rules: a guard that runs once too often is better than one that does not."""
    return True


def select(hooks: Iterable[Hook], hook_input: HookInput, holds: Holds) -> tuple[Selection, ...]:
    """Every hook of the event, with its fate. Those that would do the same thing again run once."""
    selected: list[Selection] = []
    for hook in hooks:
        if hook.event == hook_input.event_name:
            selected.append(Selection(hook=hook, passed_over=_why_not(hook, hook_input.event, holds)))
    return _without_twins(selected)


def matches(matcher: str, subjects: tuple[str, ...]) -> bool:
    """Whether `matcher` speaks of something called by any of `subjects`. Without a subject there is no choice."""
    if matcher in ("", "*") or not subjects:
        return True
    if _NAMES_ONLY.fullmatch(matcher):
        names = {name.strip() for name in re.split(r"[|,]", matcher)}
        return not names.isdisjoint(subjects)
    return any(re.search(matcher, subject) for subject in subjects)


def subjects_of(event: HookEvent) -> tuple[str, ...]:
    """What a matcher is held against; nothing where the event has no subject."""
    match event:
        case PreToolUse() | PostToolUse() | PostToolUseFailure() | PermissionRequest() | PermissionDenied():
            return (event.tool_name, *_ALSO.get(event.tool_name, ()))
        case SessionStart(source=subject) | ConfigChange(source=subject) | SessionEnd(reason=subject):
            return (subject,)
        case PreCompact(trigger=subject) | PostCompact(trigger=subject) | Notification(notification_type=subject):
            return (subject,)
        case SubagentStart(agent_type=subject) | SubagentStop(agent_type=subject):
            return (subject,)
        case FileChanged(file_path=path):
            return (PurePath(path).name,)
        case UserPromptSubmit() | Stop():
            return ()


def _why_not(hook: Hook, event: HookEvent, holds: Holds) -> str:
    if not matches(hook.matcher, subjects_of(event)):
        return f"its matcher {hook.matcher!r} does not match {subjects_of(event)[0]!r}"
    if hook.action.condition is not None and not holds(hook.action.condition):
        return f"its rule {hook.action.condition!r} does not speak of this call"
    return ""


def _without_twins(selected: list[Selection]) -> tuple[Selection, ...]:
    """Pass over repetitions; the one that runs fails as strictly as the strictest of them."""
    strict = {_work(one.hook) for one in selected if not one.passed_over and one.hook.action.on_failure == "block"}
    seen: set[tuple[object, ...]] = set()
    result: list[Selection] = []
    for one in selected:
        work = _work(one.hook)
        if one.passed_over:
            result.append(one)
        elif work in seen:
            result.append(structs.replace(one, passed_over=TWIN))
        else:
            seen.add(work)
            result.append(_stricter(one) if work in strict else one)
    return tuple(result)


def _stricter(selection: Selection) -> Selection:
    action = structs.replace(selection.hook.action, on_failure="block")
    return structs.replace(selection, hook=structs.replace(selection.hook, action=action))


def _work(hook: Hook) -> tuple[object, ...]:
    """What a hook does, less when and how strictly."""
    match hook.action:
        case CommandHook() as action:
            return ("command", action.command, action.args, action.shell, action.allowed_env_vars, action.in_background)
        case HttpHook() as action:
            return ("http", action.url, tuple(sorted(action.headers.items())), action.allowed_env_vars)
        case PromptHook() as action:
            return ("prompt", action.prompt, action.model)
        case CallbackHook() as action:
            return ("callback", action.call)
