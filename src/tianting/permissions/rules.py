"""Rules a person writes to allow or forbid calls: `Bash(git status)`, `Bash(npm run:*)`, `Edit`.

A rule of this storey names a tool, and for Bash a command or the beginning of one. Anything a rule cannot
express is refused when it is read, so that a rule never silently matches less than its author meant.
"""

import re
from typing import Literal

from msgspec import Struct

from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import Access

_FORM = re.compile(r"([A-Za-z_][\w*-]*)(?:\((.*)\))?", re.DOTALL)
_SHELL_SYNTAX = re.compile(r"[;&|<>`$(){}\\\n'\"*?\[~!#]")
_EDITING_TOOLS = frozenset({"Edit", "Write", "MultiEdit", "NotebookEdit", "apply_patch"})


class Rule(Struct, frozen=True, kw_only=True):
    """One rule, taken apart."""

    tool: str
    kind: Literal["any", "exact", "prefix"] = "any"
    words: str = ""
    """The command, or its beginning, for a rule about Bash."""

    def matches(self, tool_name: str, accesses: tuple[Access, ...]) -> bool:
        """Whether this rule speaks of the call. A rule for Edit covers every tool that edits."""
        if tool_name != self.tool and not (self.tool == "Edit" and tool_name in _EDITING_TOOLS):
            return False
        commands = [access.target for access in accesses if access.effect == "execute"]
        return self.kind == "any" or (bool(commands) and all(self._matches_command(text) for text in commands))

    def _matches_command(self, command: str) -> bool:
        command = command.strip()
        if self.kind == "exact":
            return command == self.words
        # A prefix says nothing about what a second command in the same line does.
        if _SHELL_SYNTAX.search(command.removeprefix(self.words)):
            return False
        return command == self.words or command.startswith(f"{self.words} ")


def parse_rule(text: str) -> Rule:
    """Read one rule. Raises `ConfigError` for a form that is not understood."""
    text = text.strip()
    form = _FORM.fullmatch(text)
    if form is None:
        raise ConfigError(f"The rule {text!r} is not understood. Write Tool or Tool(command), like Bash(git status:*).")
    tool, words = form.group(1), form.group(2)
    if words is None or words.strip() in {"", "*"}:
        return Rule(tool=tool)
    if tool != "Bash":
        raise ConfigError(
            f"The rule {text!r} is not understood: only Bash takes a command in parentheses; write {tool}."
        )
    return _parse_command(text, words.strip())


def _parse_command(rule: str, words: str) -> Rule:
    for ending in (":*", " *"):
        if words.endswith(ending):
            words = words.removesuffix(ending).strip()
            if "*" in words or not words:
                break
            return Rule(tool="Bash", kind="prefix", words=words)
    if "*" in words:
        raise ConfigError(
            f"The rule {rule!r} is not understood: a `*` may stand only at the end, as in Bash(git log:*)."
        )
    return Rule(tool="Bash", kind="exact", words=words)


def split_rules(values: tuple[str, ...]) -> tuple[Rule, ...]:
    """Read the values of a repeated flag; each may hold several rules parted by commas or blanks."""
    return tuple(parse_rule(text) for value in values for text in _split(value))


def _split(value: str) -> list[str]:
    """Cut at commas and blanks outside parentheses."""
    parts, depth = [""], 0
    for character in value:
        depth += (character == "(") - (character == ")")
        if depth == 0 and character in ", \n":
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]
