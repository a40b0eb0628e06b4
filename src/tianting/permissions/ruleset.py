"""All rules that hold, compiled once and sorted the way they are asked: deny, ask, allow."""

import re
from collections.abc import Iterable

from msgspec import Struct

from tianting.permissions.questions import Verdict
from tianting.permissions.rule_text import Behaviour, Places, Rule, RuleLine, read_rule
from tianting.permissions.tool_classes import EDITING, READING

_NOTHING = re.compile(r"(?!)")


class Rules(Struct, frozen=True):
    """The rules of one behaviour, by what they speak of."""

    tools: tuple[Rule, ...] = ()
    """About every call of a tool, or one of its parameters, or a name."""
    commands: tuple[Rule, ...] = ()
    edits: tuple[Rule, ...] = ()
    """About paths that are written."""
    reads: tuple[Rule, ...] = ()
    """About paths that are read."""
    domains: tuple[Rule, ...] = ()
    heads: tuple[str, ...] = ()
    """What a text begins with if one of `commands` means it: one look says that none does."""


class Ruleset(Struct, frozen=True, kw_only=True):
    """The rules of one session."""

    places: Places
    lines: tuple[RuleLine, ...] = ()
    deny: Rules = Rules()
    ask: Rules = Rules()
    allow: Rules = Rules()
    read_reach: re.Pattern[str] = _NOTHING
    """What deny and ask rules about reading can cover, in one expression: most paths are none of it."""
    edit_reach: re.Pattern[str] = _NOTHING
    """The same for editing and reading: who may not read a file may not write it either."""

    @staticmethod
    def compile(lines: Iterable[RuleLine], places: Places) -> "Ruleset":
        """Read all rules. Raises `ConfigError` naming the first that is not understood."""
        lines = tuple(lines)
        rules = [read_rule(line, places) for line in lines]
        deny, ask = _sorted(rules, "deny"), _sorted(rules, "ask")
        return Ruleset(
            places=places,
            lines=lines,
            deny=deny,
            ask=ask,
            allow=_sorted(rules, "allow"),
            read_reach=_reach(deny.reads + ask.reads),
            edit_reach=_reach(deny.edits + deny.reads + ask.edits + ask.reads),
        )

    def with_lines(self, *lines: RuleLine) -> "Ruleset":
        """The same and more: what a person just granted, for the rest of the session."""
        return Ruleset.compile((*self.lines, *lines), self.places)


def refused(rule: Rule) -> Verdict:
    """What a deny rule says."""
    return Verdict("deny", f"the rule {rule.text} forbids it", rule.text, rule.source)


def questioned(rule: Rule) -> Verdict:
    """What an ask rule says."""
    return Verdict("ask", f"the rule {rule.text} wants it asked", rule.text, rule.source)


def permitted(rule: Rule) -> Verdict:
    """What an allow rule says."""
    return Verdict("allow", f"the rule {rule.text} allows it", rule.text, rule.source)


def _sorted(rules: list[Rule], behaviour: Behaviour) -> Rules:
    mine = [rule for rule in rules if rule.behaviour == behaviour]
    paths = [rule for rule in mine if rule.path is not None]
    edits = tuple(rule for rule in paths if rule.tool in EDITING)
    reads = tuple(rule for rule in paths if rule.tool in READING)
    commands = tuple(rule for rule in mine if rule.command is not None)
    return Rules(
        tools=tuple(rule for rule in mine if rule.whole_tool or rule.name or rule.value),
        commands=commands,
        edits=edits,
        reads=reads,
        domains=tuple(rule for rule in mine if rule.domain is not None),
        heads=tuple(rule.command.shortest_head for rule in commands if rule.command is not None),
    )


def _reach(rules: tuple[Rule, ...]) -> re.Pattern[str]:
    texts = [rule.path.reach for rule in rules if rule.path is not None]
    return re.compile("|".join(f"(?:{text})" for text in texts)) if texts else _NOTHING
