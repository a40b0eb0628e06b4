"""May this file be read or written? Both ends of a link are asked: a denial of either denies, a permission needs both.

Two answers, because a command may be allowed as a whole: `objection` is what holds even then, `permission` is what a
file needs when nothing else allows it.
"""

import re

from msgspec import structs

from tianting.permissions.case import Case
from tianting.permissions.paths import absolute, is_descriptor, is_harmless, is_within, normal
from tianting.permissions.protected import protection
from tianting.permissions.questions import FileEffect, Verdict, strictest
from tianting.permissions.rule_text import PathPattern, Rule
from tianting.permissions.ruleset import Rules, permitted, questioned, refused
from tianting.permissions.tool_classes import EDITING, READING

_INSIDE = Verdict("allow", "inside the work tree")
_PLAN = "Plan mode is on: nothing may be changed. Finish the plan and present it."


class Ends:
    """The two names of a file: as it was written, and where links lead."""

    def __init__(self, path: str, case: Case) -> None:
        written = absolute(path, case.question.cwd)
        place = case.ground.facts.place(written)
        name = normal(written)
        real = name if place.real == name else normal(place.real)
        fold = case.ruleset.places.folded
        self.shown = path
        self.names = (name,) if name == real else (name, real)
        self.folded = (fold(name),) if name == real else (fold(name), fold(real))
        self.has_other_names = place.links > 1
        self.is_harmless = is_harmless(name)
        self.is_descriptor = any([is_descriptor(name) for name in self.names])  # noqa: C419  # half a generator's time

    def may_be_in(self, reach: re.Pattern[str]) -> bool:
        """Whether one of the rules that `reach` was made of may cover an end, or something in it."""
        return any([reach.fullmatch(f"{name}/\ue000") for name in self.folded])  # noqa: C419  # as above


def objection(effect: FileEffect, ends: Ends, case: Case, *, tool: str = "", guessed: bool = False) -> Verdict | None:
    """What forbids or questions it, whatever allows the call.

    `tool` is empty for a file that a command touches; `guessed` where a word of it is only perhaps a file.
    """
    if ends.is_harmless:
        return None
    found: list[Verdict] = []
    if ends.may_be_in(case.ruleset.read_reach if effect == "read" else case.ruleset.edit_reach):
        found += _by_rules(effect, ends.folded, case, tool)
    if ends.has_other_names and not any(verdict.outcome == "deny" for verdict in found):
        found += _by_other_names(effect, ends, case, tool)
    if not tool and not guessed:
        found += [refused(rule) for rule in _whole_tools(case.ruleset.deny, effect)]
        found += [questioned(rule) for rule in _whole_tools(case.ruleset.ask, effect)]
    if effect == "edit" and (protected := _protected(ends, case)):
        found.append(protected)
    return strictest(found) if found else None


def permission(effect: FileEffect, ends: Ends, case: Case, *, tool: str = "") -> Verdict:
    """Whether a rule or the mode allows it by itself."""
    mode = case.question.mode
    if ends.is_harmless:
        return Verdict("allow", f"{ends.shown} is no file")
    if mode == "bypassPermissions":
        return Verdict("allow", "mode bypassPermissions")
    if effect == "edit" and mode == "plan":
        return Verdict("deny", _PLAN)
    whole = _whole_tool(effect, case, tool)
    return permitted(whole) if whole else _permission_by_path(effect, ends, case, tool)


def _permission_by_path(effect: FileEffect, ends: Ends, case: Case, tool: str) -> Verdict:
    by_path = _by_path(effect, ends, case, tool) if not ends.is_descriptor else None
    if by_path is None:
        return Verdict("ask", _why_asked(effect, ends, case))
    if effect == "edit" and ends.has_other_names:
        return Verdict("ask", f"{ends.shown} has other names (hard links), which would change with it")
    return by_path


def _by_rules(effect: FileEffect, names: tuple[str, ...], case: Case, tool: str) -> list[Verdict]:
    """What deny and ask rules say of a file with these names."""
    found = [refused(rule) for rule in _about_files(case.ruleset.deny, effect, tool) if _any_end(rule, names)]
    return found + [questioned(rule) for rule in _about_files(case.ruleset.ask, effect, tool) if _any_end(rule, names)]


def _by_other_names(effect: FileEffect, ends: Ends, case: Case, tool: str) -> list[Verdict]:
    """The same of its hard links: it is one file, by whatever name it is asked for."""
    patterns = _patterns(effect, case, tool)
    if not patterns:
        return []
    names = case.ground.other_names(patterns, ends.names[-1], case.ground.directories)
    if names is None:
        why = "has other names (hard links), and whether a rule is about one of them takes too long to find out"
        return [Verdict("ask", f"{ends.shown} {why}", fixed=True)]
    return [
        structs.replace(verdict, reason=f"{ends.shown} is the same file as {name} (a hard link), and {verdict.reason}")
        for name in names
        if name not in ends.names
        for verdict in _by_rules(effect, (case.ruleset.places.folded(name),), case, tool)
    ]


def _patterns(effect: FileEffect, case: Case, tool: str) -> tuple[PathPattern, ...]:
    rules = [rule for some in (case.ruleset.deny, case.ruleset.ask) for rule in _about_files(some, effect, tool)]
    return tuple([rule.path for rule in rules if rule.path is not None])


def _about_files(rules: Rules, effect: FileEffect, tool: str) -> list[Rule]:
    """Who may not read a file may not write it either."""
    paths = rules.reads if effect == "read" else rules.edits + rules.reads
    return [rule for rule in paths if _applies(rule, effect, tool)]


def _whole_tools(rules: Rules, effect: FileEffect) -> list[Rule]:
    """Who may not use Edit may not write with a command either."""
    name = "Read" if effect == "read" else "Edit"
    return [rule for rule in rules.tools if rule.whole_tool and rule.names(name)]


def _applies(rule: Rule, effect: FileEffect, tool: str) -> bool:
    """`Write(x)` speaks of Write alone, `Edit(x)` of everything that edits."""
    if rule.tool == "Read" or (rule.tool == "Edit" and effect == "edit"):
        return True
    return rule.names(tool) if tool else rule.tool in (READING if effect == "read" else EDITING)


def _any_end(rule: Rule, names: tuple[str, ...]) -> bool:
    return rule.path is not None and any(_covers_or_holds(rule, name) for name in names)


def _covers_or_holds(rule: Rule, name: str) -> bool:
    """A rule about all that is in a directory speaks of the directory: `grep -r x secrets` opens it all."""
    assert rule.path is not None
    return rule.path.covers(name) or rule.path.covers(f"{name}/\ue000")


def _protected(ends: Ends, case: Case) -> Verdict | None:
    for name, folded in zip(ends.names, ends.folded, strict=True):
        found = protection(name, home=case.ground.home, directories=case.ground.directories)
        if found is None or _names_it(found[1], folded, case):
            continue
        kind, place = found
        if kind == "system":
            return Verdict("ask", f"{name} belongs to the system or to somebody else", fixed=True)
        if case.question.mode != "bypassPermissions":
            return Verdict("ask", f"{place} is protected: what stands there runs or steers programs later")
    return None


def _names_it(place: str, folded: str, case: Case) -> bool:
    """Whether an allow rule covers the file and says the protected name itself."""
    return any(
        rule.path is not None and place in rule.path.text and rule.path.covers(folded)
        for rule in case.ruleset.allow.edits
    )


def _whole_tool(effect: FileEffect, case: Case, tool: str) -> Rule | None:
    name = tool or ("Read" if effect == "read" else "Edit")
    for rule in case.ruleset.allow.tools:
        if rule.whole_tool and (rule.names(name) or (effect == "read" and rule.tool == "Edit" and name in READING)):
            return rule
    return None


def _by_path(effect: FileEffect, ends: Ends, case: Case, tool: str) -> Verdict | None:
    """Every end needs a rule, or the mode."""
    verdicts: list[Verdict] = []
    for name, folded in zip(ends.names, ends.folded, strict=True):
        verdict = _by_mode(effect, name, case) or _by_rule(effect, folded, case, tool)
        if verdict is None:
            return None
        verdicts.append(verdict)
    return next((verdict for verdict in verdicts if verdict.rule), verdicts[0])


def _by_mode(effect: FileEffect, name: str, case: Case) -> Verdict | None:
    ground = case.ground
    if not is_within(name, ground.root) and not any(is_within(name, each) for each in ground.additional):
        return None
    if effect == "read":
        return _INSIDE
    return Verdict("allow", "mode acceptEdits") if case.question.mode == "acceptEdits" else None


def _by_rule(effect: FileEffect, folded: str, case: Case, tool: str) -> Verdict | None:
    """An allow rule for editing allows reading, too."""
    rules = case.ruleset.allow.edits + (case.ruleset.allow.reads if effect == "read" else ())
    for rule in rules:
        if rule.path is not None and _applies_as_allow(rule, effect, tool) and rule.path.covers(folded):
            return permitted(rule)
    return None


def _applies_as_allow(rule: Rule, effect: FileEffect, tool: str) -> bool:
    if rule.tool == "Edit" or (rule.tool == "Read" and effect == "read"):
        return True
    return bool(tool) and rule.names(tool)


def _why_asked(effect: FileEffect, ends: Ends, case: Case) -> str:
    verb = "reads" if effect == "read" else "changes"
    inside = all(any(is_within(name, each) for each in case.ground.directories) for name in ends.names)
    return f"it {verb} {ends.shown}" + ("" if inside else ", which is outside the work tree")
