"""Reads the `hooks` key of a settings file: `{Event: [{matcher?, hooks: [{type, ...}]}]}`.

What is malformed is an error and not skipped: a guard that silently never runs is worse than a program that will not
start. Kinds of hooks and events that only other agents have are skipped and told of, because files are shared.
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from tianting.extensions.hooks.events import EVENTS, TOOL_EVENTS
from tianting.extensions.hooks.schema import CommandHook, ConfiguredAction, Hook, HttpHook
from tianting.protocol.errors import ConfigError

_KINDS = frozenset({"command", "http", "prompt"})


class ReadHooks(Struct, frozen=True, kw_only=True):
    """What one file configures."""

    hooks: tuple[Hook, ...] = ()
    """In the order of the file."""
    complaints: tuple[str, ...] = ()
    """One line for each thing that was skipped."""


class _Group(Struct, frozen=True, kw_only=True):
    hooks: tuple[dict[str, Any], ...]
    matcher: str | None = None


def read_hooks(value: Any, source: str) -> ReadHooks:
    """Read the decoded `value` of `hooks` in `source`. Raises `ConfigError` naming file, event and index."""
    hooks: list[Hook] = []
    complaints: list[str] = []
    for event, groups in _converted(value, dict[str, list[Any]], source, "hooks").items():
        if event not in EVENTS:
            complaints.append(
                f"{source}: hooks.{event} never run: there is no such event here. Events: {', '.join(sorted(EVENTS))}."
            )
            continue
        for index, group in enumerate(groups):
            _read_group(group, event, source, f"hooks.{event}[{index}]", hooks, complaints)
    return ReadHooks(hooks=tuple(hooks), complaints=tuple(complaints))


def _read_group(value: Any, event: str, source: str, place: str, hooks: list[Hook], complaints: list[str]) -> None:
    group = _converted(value, _Group, source, place)
    matcher = group.matcher or ""
    check_matcher(matcher, source, place)
    for index, raw in enumerate(group.hooks):
        at = f"{place}.hooks[{index}]"
        if (kind := raw.get("type")) not in _KINDS:
            complaints.append(f"{source}: {at} never runs: there are no hooks of type {kind!r} here.")
            continue
        action: ConfiguredAction = _converted(raw, ConfiguredAction, source, at)
        _check_action(action, event, source, at)
        hooks.append(Hook(event=event, matcher=matcher, action=action, source=source, place=at))


def _converted(value: Any, shape: Any, source: str, place: str) -> Any:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {place}: {error}.") from None


def check_matcher(matcher: str, source: str, place: str) -> None:
    """Raises `ConfigError` for what is no regular expression."""
    try:
        re.compile("" if matcher == "*" else matcher)
    except re.error as error:
        raise ConfigError(f"{source}: {place}: the matcher {matcher!r} is no regular expression: {error}.") from None


def _check_action(action: ConfiguredAction, event: str, source: str, place: str) -> None:
    if action.condition is not None and event not in TOOL_EVENTS:
        raise ConfigError(f"{source}: {place}: `if` speaks of tool calls, and {event} is none.")
    if isinstance(action, CommandHook) and action.in_background and action.on_failure == "block":
        raise ConfigError(f"{source}: {place}: nobody waits for an `async` hook, so it cannot block.")
    if isinstance(action, HttpHook) and not re.match(r"https?://[^/@]+(/|$)", action.url):
        raise ConfigError(f"{source}: {place}: the url must begin with http:// or https:// and hold no password.")
