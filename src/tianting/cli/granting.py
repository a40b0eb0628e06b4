"""Changes what is permitted while a session runs: in the session's judge, and in settings files where it shall last.

a person's "do not ask again"      LocalGrants           the session, and .tianting/settings.local.json
what a hook's yes brings along     SessionPermissions    where each update says
"""

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tianting.permissions.rule_text import RuleLine
from tianting.permissions.session_judge import SessionJudge
from tianting.permissions.updates import (
    AddDirectories,
    AddRules,
    Destination,
    PermissionUpdate,
    RemoveDirectories,
    RemoveRules,
    ReplaceRules,
    RuleUpdate,
    SetMode,
    rule_text,
    suggested,
)
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.settings.editing import OwnLevel, add_items, remove_items, save_grant, set_value, trust_written
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded
from tianting.tools.contract import ToolFailed
from tianting.tools.workspace import Workspace

_SESSION = "this session"
"""The source of rules that end with it."""
_LEVELS: dict[Destination, OwnLevel] = {
    "localSettings": "local",
    "projectSettings": "project",
    "userSettings": "user",
}
_DIRECTORIES = ("permissions", "additionalDirectories")
_MODE = ("permissions", "defaultMode")


class LocalGrants:
    """`permissions.decision.Grants` that last in `.tianting/settings.local.json`."""

    def __init__(self, judge: Callable[[], SessionJudge], places: Places, loaded: Loaded) -> None:
        self._judge = judge
        self._places = places
        self._may_last = not loaded.settings.allow_managed_permission_rules_only

    def offered(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        """Rules that would spare the question; none where an administrator leaves rules to nobody else."""
        return self._judge().suggestions(call, accesses) if self._may_last else ()

    def grant(self, rules: tuple[str, ...], *, lasting: bool) -> str:
        """Let `rules` hold. What cannot be saved holds for the session all the same."""
        self._judge().grant(rules, str(self._places.own_file("local")) if lasting else _SESSION)
        if not lasting:
            return ""
        try:
            return f"Saved in {save_grant(self._places, rules, time.time())}."
        except ConfigError as error:
            return _only_now(error)


class SessionPermissions:
    """The permissions of one session, as others than its person ask to change them."""

    def __init__(
        self,
        judge: Callable[[], SessionJudge],
        mode: PermissionMode,
        places: Places,
        loaded: Loaded,
        workspace: Workspace,
        *,
        may_bypass: bool,
    ) -> None:
        """`may_bypass`: whoever started the session said that it may come to bypassPermissions."""
        self.grants = LocalGrants(judge, places, loaded)
        """What a person at the terminal can be offered."""
        self._judge = judge
        self._places = places
        self._settings = loaded.settings
        self._workspace = workspace
        self._may_bypass = may_bypass or mode == "bypassPermissions"
        self._when_mode_changes: Callable[[PermissionMode], Awaitable[None]] = _tell_nobody
        self.mode = mode
        """The mode of this moment."""

    def tell_modes_to(self, listener: Callable[[PermissionMode], Awaitable[None]]) -> None:
        """Tell `listener` from now on of each change of the mode."""
        self._when_mode_changes = listener

    async def change_mode(self, mode: PermissionMode) -> None:
        """Judge by `mode` from now on, and tell of it. Raises `ConfigError` for one that must not be had here."""
        self._require_allowed(mode)
        if mode != self.mode:
            self._judge().set_mode(mode)
            self.mode = mode
            await self._when_mode_changes(mode)

    @property
    def rules(self) -> tuple[RuleLine, ...]:
        """All that hold at this moment."""
        return self._judge().ruleset.lines

    def forbids(self, tool: str) -> bool:
        """Whether no call of `tool` may run, so that nobody needs to hear of it."""
        return any(rule.whole_tool and rule.names(tool) for rule in self._judge().ruleset.deny.tools)

    @property
    def question_timeout(self) -> float | None:
        """Seconds that an answer may take; None for as long as it takes."""
        return self._settings.permissions.question_timeout

    @property
    def directories(self) -> tuple[str, ...]:
        """Where calls may work, absolute and real."""
        return tuple(os.path.realpath(path) for path in (self._workspace.root, *self._workspace.additional))

    def suggested_updates(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[PermissionUpdate, ...]:
        """What would spare the question about `call` the next time: rules, a directory, another mode.

        The latter two are tried before they are offered, and end with the session.
        """
        rules = suggested(self.grants.offered(call, accesses))
        held, outside = self._judge(), _directories_outside(accesses, self.directories)
        if outside and held.would_allow(call, accesses, mode=self.mode, additional=outside):
            return (*rules, AddDirectories(directories=outside))
        if self.mode != "default" or not held.would_allow(call, accesses, mode="acceptEdits", additional=outside):
            return rules
        added = (AddDirectories(directories=outside),) if outside else ()
        return (*rules, *added, SetMode(mode="acceptEdits"))

    async def apply_updates(self, updates: tuple[PermissionUpdate, ...]) -> tuple[str, ...]:
        """Carry `updates` out, one after the other. One that cannot be is told and passed over.

        Gives back what a person must know, a line each: what was written, and what was not done.
        """
        told = [await self._carried_out(update) for update in updates]
        return tuple(filter(None, told))

    async def _carried_out(self, update: PermissionUpdate) -> str:
        try:
            match update:
                case AddRules() | ReplaceRules() | RemoveRules():
                    return self._change_rules(update)
                case AddDirectories() | RemoveDirectories():
                    return self._change_directories(update)
                case SetMode():
                    return await self._set_mode(update)
        except ConfigError as error:
            return f"Permissions stay as they are: {error}"

    def _change_rules(self, update: RuleUpdate) -> str:
        texts = tuple(map(rule_text, update.rules))
        brings = () if isinstance(update, RemoveRules) else texts
        if brings and update.behavior == "allow" and self._settings.allow_managed_permission_rules_only:
            raise ConfigError("an administrator leaves allow rules to managed settings.")
        source, directory = self._source(update.destination)
        self._judge().exchange(
            lambda line: _is_gone(line, update, source, texts),
            [RuleLine(text=text, behaviour=update.behavior, source=source, directory=directory) for text in brings],
        )
        return self._saved(update, ("permissions", update.behavior), texts)

    def _change_directories(self, update: AddDirectories | RemoveDirectories) -> str:
        paths = [self._directory(name) for name in update.directories]
        others = [path for path in self._workspace.additional if path not in paths]
        if isinstance(update, AddDirectories):
            if missing := next((path for path in paths if not path.is_dir()), None):
                raise ConfigError(f"{missing} is no directory.")
            others += paths
        self._workspace.additional = tuple(others)
        self._judge().set_directories(tuple(map(str, others)))
        as_written = update.directories if isinstance(update, RemoveDirectories) else ()
        return self._saved(update, _DIRECTORIES, tuple(dict.fromkeys((*map(str, paths), *as_written))))

    async def _set_mode(self, update: SetMode) -> str:
        if update.mode == "bypassPermissions" and update.destination in {"localSettings", "projectSettings"}:
            raise ConfigError("bypassPermissions never counts in the settings of a project.")
        await self.change_mode(update.mode)
        return self._saved(update, _MODE, (update.mode,))

    def _require_allowed(self, mode: PermissionMode) -> None:
        if mode != "bypassPermissions":
            return
        if self._settings.permissions.disable_bypass_permissions_mode:
            raise ConfigError("the settings disable bypassPermissions.")
        if not self._may_bypass:
            raise ConfigError(
                "bypassPermissions is not allowed in this session: start it with --allow-dangerously-skip-permissions."
            )

    def _directory(self, name: str) -> Path:
        """Absolute and real. Raises `ConfigError`."""
        try:
            return Path(os.path.realpath(self._workspace.resolve(name)))
        except ToolFailed as error:
            raise ConfigError(str(error)) from None

    def _source(self, destination: Destination) -> tuple[str, str]:
        """What rules of `destination` are known by, and where `/pattern` starts in them."""
        if destination == "session":
            return _SESSION, ""
        level = _LEVELS[destination]
        directory = self._places.home if level == "user" else self._places.project
        return str(self._places.own_file(level)), os.path.realpath(directory)

    def _saved(self, update: PermissionUpdate, key: tuple[str, ...], values: tuple[str, ...]) -> str:
        """Write down what holds already. Gives back the line about it; none for what ends with the session."""
        if update.destination == "session":
            return ""
        try:
            return f"{_write(self._places, _LEVELS[update.destination], update, key, values)}: {', '.join(values)}"
        except ConfigError as error:
            return _only_now(error)


def _directories_outside(accesses: tuple[Access, ...], inside: tuple[str, ...]) -> tuple[str, ...]:
    """Where the files lie that a call would touch outside, each once."""
    files = (Path(access.target) for access in accesses if access.effect in {"read", "edit"})
    return tuple(dict.fromkeys(str(file.parent) for file in files if not any(map(file.is_relative_to, inside))))


def _is_gone(line: RuleLine, update: RuleUpdate, source: str, texts: tuple[str, ...]) -> bool:
    if line.source != source or line.behaviour != update.behavior:
        return False
    return isinstance(update, ReplaceRules) or line.text in texts


def _write(
    places: Places, level: OwnLevel, update: PermissionUpdate, key: tuple[str, ...], values: tuple[str, ...]
) -> str:
    """Gives back what was done. Raises `ConfigError`."""
    where = ".".join(key)
    match update:
        case RemoveRules() | RemoveDirectories():
            return f"Removed from {where} in {remove_items(places, level, key, values)}"
        case AddRules() | AddDirectories():
            said = f"Added to {where} in {add_items(places, level, key, values)}"
        case ReplaceRules():
            said = f"Now all of {where} in {set_value(places, level, key, list(values))}"
        case SetMode(mode=mode):
            said = f"Now {where} in {set_value(places, level, key, mode)}"
    if level != "user":
        trust_written(places, key, list(values) if key != _MODE else values[0], time.time())
    return said


async def _tell_nobody(_: PermissionMode) -> None:
    """Until somebody listens."""


def _only_now(error: ConfigError) -> str:
    return f"It holds for this session only: {error}"
