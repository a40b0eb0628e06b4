"""Rules a person writes to allow or forbid calls: `Bash(git status)`, `Bash(npm run:*)`, `Edit`.

A rule names a tool, and for Bash a command or the beginning of one. To allow, it is read narrowly: whatever it does
not plainly say is asked about. To forbid, it is read broadly: whatever it might mean is refused. Anything a rule
cannot express is refused when it is read, so that a rule never silently matches less than its author meant.

A prefix allows every option of its program: `Bash(git log:*)` includes `git log --output=FILE`.
"""

import re
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from tianting.permissions.command_line import UNREADABLE, programs
from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import FORMER_NAMES, Access

_FORM = re.compile(r"([A-Za-z_][\w*-]*)(?:\((.*)\))?", re.DOTALL)
_SHELL_SYNTAX = re.compile(r"[;&|<>`$(){}\\\n'\"*?\[~!#]")
_BLANKS = " \t\n"
_EDITING = frozenset({"write", "multiedit", "notebookedit", "apply_patch"})
_READING = frozenset({"grep", "glob", "ls", "notebookread"})


class Rule(Struct, frozen=True, kw_only=True):
    """One rule, taken apart."""

    tool: str
    """A name, whose case does not count; `*` stands for any part of one."""
    kind: Literal["any", "exact", "prefix"] = "any"
    words: str = ""
    """The command, or its beginning, for a rule about Bash."""

    def allows(self, tool_name: str, accesses: tuple[Access, ...]) -> bool:
        """Whether all of the call is what this rule names. A rule for Edit covers every tool that edits."""
        if not self._names(tool_name, "edit", _EDITING):
            return False
        commands = _commands(accesses)
        return self.kind == "any" or (bool(commands) and all(self._is_allowed(command) for command in commands))

    def forbids(self, tool_name: str, accesses: tuple[Access, ...]) -> bool:
        """Whether any of the call is what this rule names. A rule for Read also covers searching and listing."""
        if not (self._names(tool_name, "edit", _EDITING) or self._names(tool_name, "read", _READING)):
            return False
        return self.kind == "any" or any(self._is_forbidden(command) for command in _commands(accesses))

    def _names(self, tool_name: str, family: str, members: frozenset[str]) -> bool:
        named, rule = tool_name.casefold(), self.tool.casefold()
        is_server = rule.startswith("mcp__") and named.startswith(f"{rule}__")
        return fnmatchcase(named, rule) or is_server or (rule == family and named in members)

    def _is_allowed(self, command: str) -> bool:
        command = command.strip(_BLANKS)
        if self.kind == "exact":
            return command == self.words
        # A prefix says nothing about what a second command in the same line does.
        rest = command.removeprefix(self.words)
        if _SHELL_SYNTAX.search(rest) or not rest.isprintable():
            return False
        return command == self.words or command.startswith(f"{self.words} ")

    def _is_forbidden(self, command: str) -> bool:
        spelled = command.strip(_BLANKS)
        if spelled == self.words or (self.kind == "prefix" and spelled.startswith(f"{self.words} ")):
            return True
        name, *words = self.words.split() or [""]
        name = name.rpartition("/")[2].casefold()
        for program, *arguments in programs(command):
            if program == UNREADABLE or (program == name and self._fits(words, arguments)):
                return True
        return False

    def _fits(self, words: list[str], arguments: list[str]) -> bool:
        """A prefix fits also with options between its words: `git push` is in `git -C there push`."""
        if self.kind == "exact":
            return words == arguments
        remaining = iter(arguments)
        return all(word in remaining for word in words)


def _commands(accesses: tuple[Access, ...]) -> list[str]:
    return [access.target for access in accesses if access.effect == "execute"]


def parse_rule(text: str) -> Rule:
    """Read one rule. Raises `ConfigError` for a form that is not understood."""
    text = text.strip()
    form = _FORM.fullmatch(text)
    if form is None:
        raise ConfigError(f"The rule {text!r} is not understood. Write Tool or Tool(command), like Bash(git status:*).")
    tool, words = FORMER_NAMES.get(form.group(1), form.group(1)), form.group(2)
    if words is None or words.strip() in {"", "*"}:
        return Rule(tool=tool)
    if tool.casefold() != "bash":
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
