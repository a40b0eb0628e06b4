"""May this text run? Each command is judged by itself; the strictest answer counts.

deny rules -> dangers -> files that are forbidden, protected or asked about -> ask rules -> what allows it: the mode, a
rule, or that it only looks.
"""

from collections.abc import Sequence

from tianting.permissions.case import Case
from tianting.permissions.paths import normal
from tianting.permissions.questions import Part, Verdict, strictest
from tianting.permissions.rule_text import Rule
from tianting.permissions.ruleset import Rules, permitted, questioned, refused
from tianting.permissions.script import HOLE, Assignment, Command, Word
from tianting.permissions.shell.command_texts import (
    allowing_texts,
    forbidding_texts,
    is_harmless,
    is_safe,
    known_beginning,
)
from tianting.permissions.shell.computing import computes_with_read_text
from tianting.permissions.shell.dangers import danger, is_suspect
from tianting.permissions.shell.file_uses import changed_files, program_name, redirected_files
from tianting.permissions.shell.files import Files, shown
from tianting.permissions.shell.parts import Program, Running, program_of
from tianting.permissions.shell.pipelines import joined_danger
from tianting.permissions.shell.read_only import files_looked_at
from tianting.permissions.shell.sed_script import read_sed
from tianting.permissions.shell.whereabouts import MOVES, moves, surroundings, targets

_PLAN = "Plan mode is on: only commands that look run. Use Read, Grep and Glob, then present the plan."
_FILE_COMMANDS = frozenset({"mkdir", "touch", "rm", "rmdir", "mv", "cp", "sed"})
"""What acceptEdits lets run inside the allowed directories."""
_DECLARING = frozenset({"export", "declare", "local", "typeset", "readonly"})


def judge_command(text: str, case: Case, *, confined: bool = False) -> tuple[Part, ...]:
    """What is said of everything `text` would run. Never raises.

    `confined`: the operating system keeps it inside the work tree, so that no rule needs to allow it.
    """
    return _Judge(text, case, confined=confined).parts()


class _Judge:
    """One text before the judge."""

    def __init__(self, text: str, case: Case, *, confined: bool) -> None:
        self._text = text.strip()
        self._confined = confined
        self._case = case
        self._rules = case.ruleset
        self._heads = self._rules.deny.heads + self._rules.ask.heads
        self._mode = case.question.mode
        self._ground = case.ground
        self._program: Program = program_of(text, case.ground.read_script)
        self._where = surroundings(self._program.running, case.question.cwd, case.ground)
        self._moves = moves(self._program.running, case.question.cwd, case.ground)
        self._files = Files(case, self._where)
        self._functions = frozenset(each.name for script in self._program.scripts for each in script.functions)
        self._whole = self._rule_for_all()

    def parts(self) -> tuple[Part, ...]:
        parts = [self._judge(running).about(_shown(running)) for running in self._program.running]
        parts += [verdict.about(self._text) for verdict in self._of_the_whole()]
        return tuple(parts) or (Verdict("allow", "it runs nothing").about(self._text),)

    # --- the text as a whole

    def _of_the_whole(self) -> list[Verdict]:
        found = [refused(rule) for rule in _speaking(self._rules.deny, [self._text])]
        found += [questioned(rule) for rule in _speaking(self._rules.ask, [self._text])]
        if self._program.doubt:
            found.append(Verdict("ask", f"what it runs cannot be told: {self._program.doubt}", fixed=True))
        for script in self._program.scripts:
            if reason := joined_danger(script):
                found.append(Verdict("ask", reason, fixed=True))
        if not (self._whole or self._confined) and self._mode != "bypassPermissions":
            found += self._of_the_mixture()
        return found

    def _of_the_mixture(self) -> list[Verdict]:
        """What commands do together that none of them does alone."""
        commands = [each.command for each in self._program.running]
        found: list[Verdict] = []
        if self._moves and any(program_name(command) == "git" for command in commands):
            found.append(Verdict("ask", "git runs what the configuration of another directory says"))
        if computes_with_read_text(commands):
            found.append(Verdict("ask", "it computes with text that the shell may take for a command"))
        return found

    def _rule_for_all(self) -> Rule | None:
        """An allow rule for the whole tool, or for exactly this text."""
        for rule in self._rules.allow.tools:
            if rule.whole_tool and rule.names("Bash"):
                return rule
        return next((rule for rule in self._rules.allow.commands if _is_exactly(rule, (self._text,))), None)

    # --- one command

    def _judge(self, running: Running) -> Verdict:
        if self._is_free(running):
            return self._allowed(running)
        return strictest([*self._against(running), self._allowed(running)])

    def _is_free(self, running: Running) -> bool:
        """Whether one look tells that `_against` would find nothing: so it is with nearly all of a long text."""
        command = running.command
        texts = running.texts
        if not texts or is_suspect(command) or _may_speak(self._heads, texts):
            return False
        return not self._files.objections(command)

    def _against(self, running: Running) -> list[Verdict]:
        command = running.command
        texts = self._forbidding_texts(running)
        found = [refused(rule) for rule in _speaking(self._rules.deny, texts)]
        if reason := danger(command, running.hidden, self._where, self._ground) or self._hidden_danger(running):
            found.append(Verdict("ask", reason, fixed=True))
        if running.doubt:
            found.append(Verdict("ask", f"what it runs cannot be told: {running.doubt}", fixed=True))
        for each in (command, *running.hidden):
            found += self._files.objections(each)
        found += [questioned(rule) for rule in _speaking(self._rules.ask, texts)]
        return found + self._possible_matches(running)

    def _forbidding_texts(self, running: Running) -> Sequence[str]:
        if not (self._rules.deny.commands or self._rules.ask.commands):
            return []
        if not (running.outer or running.hidden):
            return forbidding_texts(running.command)
        return [text for each in (running.command, *running.outer, *running.hidden) for text in forbidding_texts(each)]

    def _hidden_danger(self, running: Running) -> str:
        return next((why for each in running.hidden if (why := danger(each, (), self._where, self._ground))), "")

    def _possible_matches(self, running: Running) -> list[Verdict]:
        """A deny rule could speak of what only the running shell knows."""
        if not self._rules.deny.commands:
            return []
        beginnings = [known_beginning(each) for each in (running.command, *running.hidden)]
        known = [each for each in beginnings if each is not None]
        return [
            Verdict("ask", f"the rule {rule.text} may forbid it, once its variables are known", fixed=True)
            for rule in self._rules.deny.commands
            if rule.command is not None and any(map(rule.command.might_begin, known))
        ]

    # --- what allows it

    def _allowed(self, running: Running) -> Verdict:
        if self._mode == "bypassPermissions":
            return Verdict("allow", "mode bypassPermissions")
        if self._mode == "plan":
            looking = self._looks(running) or Verdict("deny", _PLAN)
            return strictest([looking, self._redirections_allowed(running.command)])
        if self._whole is not None:
            return permitted(self._whole)
        if self._confined:
            return Verdict("allow", "the sandbox confines it")
        allowed = self._command_allowed(running)
        if not running.command.redirections:
            return allowed
        return strictest([allowed, self._redirections_allowed(running.command)])

    def _command_allowed(self, running: Running) -> Verdict:
        command = running.command
        rule = self._allow_rule(running)
        if rule is not None:
            return permitted(rule)
        looking = self._looks(running)
        if looking is not None and looking.outcome == "allow":
            return looking
        if self._mode == "acceptEdits" and (accepted := self._accepted(command)) is not None:
            return accepted
        return looking or Verdict("ask", _why_asked(command))

    def _allow_rule(self, running: Running) -> Rule | None:
        if not self._rules.allow.commands or self._is_elsewhere(running.command.program):
            return None
        texts = running.texts[:2] or allowing_texts(running.command)
        if not running.outer and not _may_speak(self._rules.allow.heads, texts):
            return None
        outer = [text for each in running.outer for text in allowing_texts(each)]
        opens = not running.exact_only and bool(running.command.program)
        for rule in self._rules.allow.commands:
            if _is_exactly(rule, (*texts, *outer)) or (opens and _speaks(rule, texts)):
                return rule
        return None

    def _is_elsewhere(self, program: str) -> bool:
        """Whether `./run` means another file than it did where the rule was written."""
        relative = "/" in program and not program.startswith("/")
        return relative and (self._moves or normal(self._case.question.cwd) != self._ground.root)

    def _looks(self, running: Running) -> Verdict | None:
        """The verdict on a command that changes nothing; None for any other."""
        command = running.command
        if not command.words:
            bad = next((each for each in command.assignments if not is_harmless(each)), None)
            return Verdict("ask", f"it sets {bad.name}") if bad else Verdict("allow", "runs nothing itself")
        if running.exact_only or (command.assignments and not all(is_safe(each) for each in command.assignments)):
            return None
        if command.program in self._functions:
            return Verdict("allow", "a function of the same text")
        if command.evaluates:
            return _evaluation(command)
        if command.program in MOVES:
            return self._moving(running)
        files = files_looked_at(command)
        return None if files is None else self._files.usual("read", files)

    def _moving(self, running: Running) -> Verdict:
        paths = targets(running, self._where, self._ground)
        if paths is None:
            return Verdict("ask", "where it goes, only the shell knows")
        return self._files.usual("read", [Word(path, path) for path in paths])

    def _accepted(self, command: Command) -> Verdict | None:
        """acceptEdits covers the commands that do what the editing tools do."""
        if command.program not in _FILE_COMMANDS or not all(is_safe(each) for each in command.assignments):
            return None
        uses = changed_files(command)
        if not uses or (command.program == "sed" and read_sed(command.words[1:]) is None):
            return None
        if self._moves and not all(use.word.value.startswith(("/", "~")) for use in uses):
            return Verdict("ask", "it changes files after changing the directory")
        edits = self._files.usual("edit", [use.word for use in uses if use.effect == "edit"], "mode acceptEdits")
        return strictest([edits, self._files.usual("read", [use.word for use in uses if use.effect == "read"])])

    def _redirections_allowed(self, command: Command) -> Verdict:
        verdicts = [Verdict("allow")]
        for use in redirected_files(command):
            verdict = self._files.usual(use.effect, [use.word])
            if use.effect == "edit" and self._moves and not use.word.value.startswith("/"):
                verdict = strictest([verdict, Verdict("ask", "it writes a file after changing the directory")])
            verdicts.append(verdict)
        return strictest(verdicts)


def _speaking(rules: Rules, texts: Sequence[str]) -> list[Rule]:
    return [rule for rule in rules.commands if _speaks(rule, texts)] if _may_speak(rules.heads, texts) else []


def _may_speak(heads: tuple[str, ...], texts: Sequence[str]) -> bool:
    """Whether a text begins like one that a rule means. Nearly none does, and that takes one look."""
    return any([text.startswith(heads) for text in texts])  # noqa: C419  # half the time of a generator


def _speaks(rule: Rule, texts: Sequence[str]) -> bool:
    return rule.command is not None and any(rule.command.matches(text) for text in texts)


def _is_exactly(rule: Rule, texts: Sequence[str]) -> bool:
    return rule.command is not None and len(rule.command.pieces) == 1 and rule.command.head in texts


def _evaluation(command: Command) -> Verdict:
    """`[[`, `((` and `unset` change nothing outside the shell; `export` reaches every later program."""
    if command.program not in _DECLARING:
        return Verdict("allow", "runs nothing itself")
    for word in command.words[1:]:
        name, equals, value = word.value.partition("=")
        assignment = Assignment(name, Word(value, value))
        if HOLE in name:
            return Verdict("ask", "which variable it sets, only the shell knows")
        if equals and not (is_safe(assignment) or (name.islower() and is_harmless(assignment))):
            return Verdict("ask", f"it sets {name} for every later command")
        if word.value.startswith("-") and "f" in word.value:
            return Verdict("ask", "it hands a function to every later command")
    return Verdict("allow", "sets a variable")


def _why_asked(command: Command) -> str:
    if command.words and not command.words[0].literal:
        return f"which program {shown(command.words[0])} is, only the shell knows"
    return f"no rule allows {program_name(command)}" if command.program else "no rule allows it"


def _shown(running: Running) -> str:
    if running.texts:
        return running.texts[0]
    command = running.command
    redirections = " ".join(f"{each.operator} {each.target.raw}".rstrip() for each in command.redirections)
    return f"{command.text} {redirections}".strip()
