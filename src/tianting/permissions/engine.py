"""May this call run? Rules in the order deny, ask, allow; built-in checks that nothing lifts; then the mode.

Deciding is pure: what the disk knows comes in with the ground. A call asks for several things; each is judged by
itself, and the strictest answer is the call's.

mode               look inside  outside  edit inside  outside  other commands  fetch
default            allow        ask      ask          ask      ask             ask
acceptEdits        allow        ask      allow        ask      ask             ask      and mkdir, cp, rm … inside
plan               allow        ask      deny         deny     deny            ask
bypassPermissions  allow everywhere; deny and ask rules and the built-in checks hold
dontAsk            as default, and what would be asked is denied
"""

from msgspec import structs

from tianting.permissions.case import Case
from tianting.permissions.file_access import Ends, objection, permission
from tianting.permissions.questions import FileEffect, Ground, Judgement, Part, Question, Verdict, strictest, strictness
from tianting.permissions.rule_text import Rule
from tianting.permissions.ruleset import Rules, Ruleset, permitted, questioned, refused
from tianting.permissions.shell.judging import judge_command
from tianting.permissions.tool_classes import EDITING, NAMED, READING, present_name
from tianting.permissions.web_access import judge_fetch
from tianting.protocol.tool_calls import Access

_PLAN = "Plan mode is on: nothing may be changed. Finish the plan and present it."


def judge(question: Question, ruleset: Ruleset, ground: Ground) -> Judgement:
    """What rules and mode say of a call. Never raises."""
    case = Case(question, ruleset, structs.replace(ground, facts=ground.facts.for_one_call()))
    tool = present_name(question.tool_name)
    parts = [verdict.about(tool) for verdict in _by_tool(tool, case)]
    for access in question.accesses:
        parts += _judge_access(access, tool, case)
    if not question.accesses and tool.startswith("mcp__"):
        parts.append(_other(tool, f"it calls {tool}", case).about(tool))
    return _judgement(tuple(parts), question)


def _by_tool(tool: str, case: Case) -> list[Verdict]:
    """Rules that speak of the tool, of one of its parameters or of a name."""
    found = [refused(rule) for rule in _speaking(case.ruleset.deny, tool, case)]
    return found + [questioned(rule) for rule in _speaking(case.ruleset.ask, tool, case)]


def _speaking(rules: Rules, tool: str, case: Case) -> list[Rule]:
    return [rule for rule in rules.tools if rule.names(tool) and _means(rule, tool, case.question)]


def _means(rule: Rule, tool: str, question: Question) -> bool:
    if rule.name is not None:
        return any(rule.name.matches(text) for text in _names(tool, question))
    if rule.value is not None:
        value = question.arguments.get(rule.parameter)
        return value is not None and rule.value.matches(_text(value))
    return True


def _names(tool: str, question: Question) -> list[str]:
    """What an agent or a skill is called, alone and with its arguments."""
    for key in NAMED.get(tool, ()):
        if name := question.arguments.get(key):
            plain = str(name).removeprefix("/")
            arguments = question.arguments.get("args", "")
            return [plain, f"{plain} {arguments}".strip()]
    return []


def _judge_access(access: Access, tool: str, case: Case) -> list[Part]:
    match access.effect:
        case "note":
            return [Verdict("allow", "touches only the agent's own memory").about(tool)]
        case "read" | "edit":
            return [_judge_file(access.effect, access.target, tool, case).about(access.target)]
        case "execute" if tool == "Bash":
            return _commands(access, case)
        case "execute":
            return [_other(tool, f"it runs {access.target or tool}", case).about(access.target or tool)]
        case "fetch" if tool.startswith("mcp__"):  # its server says that it only looks, which nobody can check
            return [_other(tool, f"it calls {tool}", case, changes=False).about(tool)]
        case "fetch":
            return [_fetch(access.target, tool, case).about(access.target)]


def _judge_file(effect: FileEffect, path: str, tool: str, case: Case) -> Verdict:
    ends = Ends(path, case)
    named = tool if tool in EDITING | READING else ""
    against = objection(effect, ends, case, tool=named)
    usual = permission(effect, ends, case, tool=named)
    if against is not None:
        return strictest([against, usual])
    rule = _allowing(tool, case) if usual.outcome == "ask" and not named else None
    return permitted(rule) if rule else usual


def _commands(access: Access, case: Case) -> list[Part]:
    parts = list(judge_command(access.target, case, confined=access.sandbox == "inside"))
    if access.sandbox == "outside":
        # Without a person the walls would hold only until the model asks to leave.
        parts.append(Verdict("ask", "it would run outside the sandbox", fixed=True).about(access.target))
    return parts


def _fetch(url: str, tool: str, case: Case) -> Verdict:
    verdict = judge_fetch(url, case)
    rule = _allowing(tool, case)
    return permitted(rule) if verdict.outcome == "ask" and not verdict.rule and rule else verdict


def _other(tool: str, why: str, case: Case, *, changes: bool = True) -> Verdict:
    """A tool that we know nothing of."""
    if case.question.mode == "bypassPermissions":
        return Verdict("allow", "mode bypassPermissions")
    if case.question.mode == "plan" and changes:
        return Verdict("deny", _PLAN)
    rule = _allowing(tool, case)
    return permitted(rule) if rule else Verdict("ask", why)


def _allowing(tool: str, case: Case) -> Rule | None:
    return next(iter(_speaking(case.ruleset.allow, tool, case)), None)


def _judgement(parts: tuple[Part, ...], question: Question) -> Judgement:
    deciding = max(parts, key=strictness, default=Part(text="", outcome="allow"))
    outcome = "deny" if deciding.outcome == "ask" and question.mode == "dontAsk" else deciding.outcome
    return Judgement(
        outcome=outcome,
        reason=deciding.reason,
        rule=deciding.rule,
        source=deciding.source,
        fixed=deciding.fixed,
        parts=parts,
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
