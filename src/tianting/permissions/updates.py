"""The words in which somebody asks for other permissions while a session runs: a hook, or a program that drives us.

The form on the wire is that of other agents, because scripts written for them must run here:

    {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "make *"}],
     "behavior": "allow", "destination": "localSettings"}

Pure: what an update means is here, carrying it out is `cli/granting.py`.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from tianting.permissions.rule_text import Behaviour
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode

Destination = Literal["session", "localSettings", "projectSettings", "userSettings"]
"""How long an update lasts: until the session ends, or as long as the settings file says it."""


class RuleValue(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A rule in two parts."""

    tool_name: str
    rule_content: str | None = None
    """What stands in the parentheses; None for every call of the tool."""


class AddRules(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="addRules"):
    """Let these rules hold, too."""

    rules: tuple[RuleValue, ...]
    behavior: Behaviour
    destination: Destination = "session"


class ReplaceRules(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="replaceRules"):
    """Of this behaviour the destination is to hold these rules and no others."""

    rules: tuple[RuleValue, ...]
    behavior: Behaviour
    destination: Destination = "session"


class RemoveRules(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="removeRules"):
    """Let the destination hold these rules no longer."""

    rules: tuple[RuleValue, ...]
    behavior: Behaviour
    destination: Destination = "session"


class AddDirectories(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="addDirectories"):
    """Count these as inside the project."""

    directories: tuple[str, ...]
    destination: Destination = "session"


class RemoveDirectories(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="removeDirectories"):
    """Count these as inside no longer."""

    directories: tuple[str, ...]
    destination: Destination = "session"


class SetMode(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", tag="setMode"):
    """Go on in this mode; in a settings file, begin in it."""

    mode: PermissionMode
    destination: Destination = "session"


RuleUpdate = AddRules | ReplaceRules | RemoveRules
PermissionUpdate = RuleUpdate | AddDirectories | RemoveDirectories | SetMode


def read_updates(raw: Any) -> tuple[PermissionUpdate, ...]:
    """Decode a list of updates out of JSON that was taken apart already. Raises `ConfigError` naming what is wrong."""
    try:
        return msgspec.convert(raw, tuple[PermissionUpdate, ...])
    except msgspec.ValidationError as error:
        raise ConfigError(f"The permission updates cannot be read: {error}.") from None


def encoded(updates: tuple[PermissionUpdate, ...]) -> tuple[dict[str, Any], ...]:
    """The same, ready to become JSON."""
    return tuple(msgspec.to_builtins(update) for update in updates)


def suggested(rules: tuple[str, ...], directories: tuple[str, ...] = ()) -> tuple[PermissionUpdate, ...]:
    """What would spare the question the next time: rules for good, directories for this session."""
    updates: list[PermissionUpdate] = []
    if rules:
        values = tuple(map(rule_value, rules))
        updates.append(AddRules(rules=values, behavior="allow", destination="localSettings"))
    if directories:
        updates.append(AddDirectories(directories=directories))
    return tuple(updates)


def rule_text(rule: RuleValue) -> str:
    """The rule as a settings file holds it: `Bash(make *)`, or `Bash` for every call.

    Empty content stays empty, and no reader of rules takes it: a script that left out a word must not mean every call.
    """
    return rule.tool_name if rule.rule_content is None else f"{rule.tool_name}({rule.rule_content})"


def rule_value(text: str) -> RuleValue:
    """The two parts of a rule as a settings file holds it."""
    tool, parenthesis, rest = text.partition("(")
    if not parenthesis or not rest.endswith(")"):
        return RuleValue(tool_name=text)
    return RuleValue(tool_name=tool, rule_content=rest[:-1])
