"""The rules behind "yes, and do not ask again": narrow enough to mean this, and tried before they are offered.

A rule that a person accepts and that asks again the next time teaches people to allow everything.
"""

from tianting.permissions.engine import judge
from tianting.permissions.paths import absolute, is_harmless, normal
from tianting.permissions.questions import Ground, Judgement, Part, Question
from tianting.permissions.rule_text import RuleLine
from tianting.permissions.ruleset import Ruleset
from tianting.permissions.script import Command
from tianting.permissions.shell.command_texts import allowing_texts
from tianting.permissions.shell.file_uses import FileUse, redirected_files
from tianting.permissions.shell.parts import program_of
from tianting.permissions.shell.read_only import files_looked_at, is_known
from tianting.permissions.shell.whereabouts import MOVES
from tianting.permissions.tool_classes import EDITING, READING, present_name
from tianting.permissions.web_access import host_of
from tianting.permissions.wildcards import escaped
from tianting.protocol.errors import ConfigError

MAX_RULES = 5

_SUBCOMMANDS = frozenset(
    {
        "git", "npm", "pnpm", "yarn", "npx", "bun", "cargo", "go", "docker", "podman", "kubectl", "uv", "pip",
        "pip3", "poetry", "gh", "make", "just", "rake", "bundle", "dotnet", "gradle", "mvn", "terraform", "helm",
        "aws", "gcloud", "az", "brew", "apt", "apt-get", "dnf", "systemctl",
    }
)  # fmt: skip
"""Programs whose first word says what they do: `git push` is not `git status`."""
_TWO_WORDS = frozenset(
    {("npm", "run"), ("pnpm", "run"), ("yarn", "run"), ("bun", "run"), ("uv", "run"), ("docker", "compose")}
)
_NEVER_OPEN = frozenset(
    {
        "python", "python2", "python3", "node", "deno", "ruby", "perl", "php", "lua", "bash", "sh", "zsh", "fish",
        "ssh", "curl", "wget", "make", "sudo", "env", "eval", "exec", "xargs", "find", "awk", "sed", "tee", "dd",
        "rm", "mv", "cp", "chmod", "chown", "kill",
    }
)  # fmt: skip
"""A rule for all that these can do would be a rule for anything; only the very command is offered."""


def suggestions(question: Question, ruleset: Ruleset, ground: Ground) -> tuple[str, ...]:
    """Allow rules that let this very call run the next time; at most five, and none where no rule could."""
    judgement = judge(question, ruleset, ground)
    if judgement.outcome != "ask" or judgement.fixed:
        return ()
    for candidate in (_by_part(question, judgement, ground), _whole(question)):
        rules = tuple(dict.fromkeys(candidate))
        if 0 < len(rules) <= MAX_RULES and _suffices(rules, question, ruleset, ground):
            return rules
    return ()


def _suffices(rules: tuple[str, ...], question: Question, ruleset: Ruleset, ground: Ground) -> bool:
    try:
        wider = ruleset.with_lines(*[RuleLine(text=text, behaviour="allow") for text in rules])
    except ConfigError:
        return False
    return judge(question, wider, ground).outcome == "allow"


def _by_part(question: Question, judgement: Judgement, ground: Ground) -> list[str]:
    """One rule for each thing that had to be asked about."""
    asked = {part.text for part in judgement.parts if part.outcome == "ask"}
    tool = present_name(question.tool_name)
    if tool == "Bash":
        return [
            rule
            for access in question.accesses
            for rule in _for_commands(access.target, judgement.parts, ground, question.cwd)
        ]
    rules: list[str] = []
    for access in question.accesses:
        if access.target not in asked:
            continue
        match access.effect:
            case "edit" | "read" if tool in EDITING | READING:
                name = "Edit" if access.effect == "edit" else "Read"
                rules.append(f"{name}(/{escaped_path(access.target)})")
            case "fetch" if not tool.startswith("mcp__"):
                rules.append(f"WebFetch(domain:{host_of(access.target)})")
            case _:
                rules.append(tool)
    return rules or [tool]


def _for_commands(text: str, parts: tuple[Part, ...], ground: Ground, cwd: str) -> list[str]:
    running = program_of(text, ground.read_script).running
    rules: list[str] = []
    for each, part in zip(running, parts, strict=False):
        if part.outcome != "ask":
            continue
        command = each.outer[-1] if each.exact_only and each.outer else each.command
        words = [word.value for word in command.words if word.literal]
        exact = escaped(allowing_texts(command)[0])
        by_file = _for_files(command, cwd)
        rules += by_file
        if is_known(command) and by_file:
            continue
        opens = not (each.exact_only or command.evaluates or is_known(command)) and _may_open(words)
        if words and not (by_file and is_moving(command)):
            rules.append(f"Bash({_opened(words)})" if opens else f"Bash({exact})")
    return rules


def _for_files(command: Command, cwd: str) -> list[str]:
    """Rules for the files that a looking command opens, and for those that output goes to."""
    looked_at = command.words[1:2] if is_moving(command) else files_looked_at(command) or []
    uses = [FileUse("read", word) for word in looked_at] + redirected_files(command)
    return [
        f"{'Edit' if use.effect == 'edit' else 'Read'}(/{escaped_path(normal(absolute(use.word.value, cwd)))})"
        for use in uses
        if use.word.literal and not is_harmless(use.word.value)
    ]


def is_moving(command: Command) -> bool:
    """Whether it changes the directory."""
    return command.program in MOVES


def _may_open(words: list[str]) -> bool:
    plain = words[:1] and words[0].replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not plain or words[0] in _NEVER_OPEN:
        return False
    return words[0] not in _SUBCOMMANDS or (
        len(words) > 1 and words[1].replace("-", "").isalnum() and words[1][0] != "-"
    )


def _opened(words: list[str]) -> str:
    count = 1
    if words[0] in _SUBCOMMANDS:
        count = 3 if tuple(words[:2]) in _TWO_WORDS and len(words) > 2 and words[2][0] != "-" else 2
    return " ".join([escaped(word) for word in words[:count]]) + " *"


def _whole(question: Question) -> list[str]:
    """The very command, word for word."""
    if present_name(question.tool_name) != "Bash":
        return []
    return [f"Bash({escaped(access.target.strip())})" for access in question.accesses if access.effect == "execute"]


def escaped_path(path: str) -> str:
    """A path as a pattern that means it alone."""
    special = {character: f"\\{character}" for character in "\\*?["}
    return "".join(special.get(character, character) for character in path)
