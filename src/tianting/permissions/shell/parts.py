"""From a script to everything it would run, wrappers seen through: the list that rules and checks go over."""

import itertools
from collections.abc import Iterator

from msgspec import Struct, structs

from tianting.permissions.script import HOLE, Command, ReadScript, Script, Unreadable
from tianting.permissions.shell.command_texts import literal_texts
from tianting.permissions.shell.file_uses import program_name
from tianting.permissions.shell.plain import read_plain
from tianting.permissions.shell.wrappers import SHELLS, Unwrapped, is_shell_reading_input, may_wrap, unwrap

_MAX_DEPTH = 6
_MAX_STEPS = 3_000


class Running(Struct, frozen=True, kw_only=True):
    """One command that would run."""

    command: Command
    outer: tuple[Command, ...] = ()
    """The wrappers it was found in, outermost first. A rule that names one of them whole speaks of it."""
    exact_only: bool = False
    """It may run other programs, so that only a rule without `*` can allow it."""
    hidden: tuple[Command, ...] = ()
    """What it may run besides: held against deny rules and checks."""
    doubt: str = ""
    """Why what it runs is not known."""

    texts: tuple[str, ...] = ()
    """What rules may mean of it, for a command of literal words that runs no other; empty for all else."""


class Program(Struct, frozen=True, kw_only=True):
    """A whole text, understood as far as it can be."""

    running: tuple[Running, ...]
    scripts: tuple[Script, ...]
    """The text itself and each text in it that a shell would run."""
    doubt: str = ""


class _TooMuchError(Exception):
    """So many wrappers in wrappers that nobody means it."""


def program_of(text: str, read_script: ReadScript) -> Program:
    """Everything `text` would run. Never raises."""
    script = read_plain(text) or read_script(text)
    if isinstance(script, Unreadable):
        seen = _Unfolding(read_script)
        running = seen.all_of(Script(commands=script.seen))
        return Program(running=tuple(running), scripts=tuple(seen.scripts), doubt=script.reason)
    unfolding = _Unfolding(read_script)
    unfolding.scripts.append(script)
    running = unfolding.all_of(script)
    return Program(running=tuple(running), scripts=tuple(unfolding.scripts), doubt=unfolding.doubt)


class _Unfolding:
    """Counts its steps: each wrapper multiplies what there is to look at."""

    def __init__(self, read_script: ReadScript) -> None:
        self._read_script = read_script
        self._steps = 0
        self.scripts: list[Script] = []
        self.doubt = ""

    def all_of(self, script: Script) -> list[Running]:
        """What the commands of a script run; what is fed to a shell in it is hidden there."""
        commands = script.commands
        try:
            return self._unfolded(commands, fed_texts(script))
        except _TooMuchError:
            self.doubt = "it wraps too many commands in others"
            return [Running(command=command) for command in commands]

    def _unfolded(self, commands: tuple[Command, ...], fed: dict[int, str]) -> list[Running]:
        found: list[Running] = []
        for index, command in enumerate(commands):
            if index in fed or may_wrap(command):
                found += self._fed(self._one(command, (), 0), fed.get(index))
            else:
                self._count(0)
                found.append(Running(command=command, texts=literal_texts(command)))
        return found

    def _fed(self, found: Iterator[Running], text: str | None) -> Iterator[Running]:
        if text is None:
            yield from found
            return
        hidden, doubt = self._hidden(Unwrapped(hidden_scripts=(text,)), 1)
        for running in found:
            yield structs.replace(running, hidden=(*running.hidden, *hidden), doubt=running.doubt or doubt)

    def _one(self, command: Command, outer: tuple[Command, ...], depth: int) -> Iterator[Running]:
        inner = unwrap(command) if command.words else None
        self._count(depth)
        if inner is None:
            yield Running(command=command, outer=outer)
            return
        if inner.instead is not None:
            # Redirections stay with the outermost, which is judged for them once.
            yield from self._one(_joined(command, inner.instead), (*outer, command), depth + 1)
        elif inner.script is not None:
            yield from self._script(command, inner.script, (*outer, command), depth)
        else:
            hidden, doubt = self._hidden(inner, depth)
            yield Running(command=command, outer=outer, exact_only=True, hidden=hidden, doubt=doubt)

    def _count(self, depth: int) -> None:
        self._steps += 1
        if depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            raise _TooMuchError

    def _script(self, command: Command, text: str, outer: tuple[Command, ...], depth: int) -> Iterator[Running]:
        script = self._read(text)
        if isinstance(script, Unreadable):
            yield Running(command=command, outer=outer, exact_only=True, hidden=script.seen, doubt=script.reason)
            return
        self.scripts.append(script)
        if command.redirections or command.assignments:
            yield Running(
                command=Command(words=(), redirections=command.redirections, assignments=command.assignments),
                outer=outer,
            )
        for inner in script.commands:
            yield from self._one(inner, outer, depth + 1)

    def _hidden(self, inner: Unwrapped, depth: int) -> tuple[tuple[Command, ...], str]:
        """All that an opaque wrapper may run, flat, and why that may not be all."""
        commands = list(inner.hidden)
        doubt = ""
        for text in inner.hidden_scripts:
            script = self._read(text)
            if isinstance(script, Unreadable):
                commands += script.seen
                doubt = doubt if inner.guessed else script.reason
            else:
                self.scripts.append(script)
                commands += script.commands
        found: list[Command] = []
        for command in commands:
            found.append(command)
            if depth < _MAX_DEPTH and command.words:
                found += self._flat(command, depth + 1)
        return tuple(found), doubt

    def _flat(self, command: Command, depth: int) -> list[Command]:
        found: list[Command] = []
        for running in self._one(command, (), depth):
            found += [running.command, *running.hidden]
        return found

    def _read(self, text: str) -> Script | Unreadable:
        return read_plain(text) or self._read_script(text)


def _joined(outer: Command, inner: Command) -> Command:
    return Command(
        words=inner.words,
        assignments=(*outer.assignments, *inner.assignments)
        if inner.assignments is not outer.assignments
        else outer.assignments,
        redirections=outer.redirections,
        inside=outer.inside,
    )


def fed_texts(script: Script) -> dict[int, str]:
    """For each shell that reads its commands from its input the text, where it stands in the script."""
    found: dict[int, str] = {}
    if SHELLS.isdisjoint([program_name(command) for command in script.commands]):
        return found
    for index, command in enumerate(script.commands):
        if is_shell_reading_input(command) and (text := _given(command)):
            found[index] = text
    for stages in script.pipelines:
        for before, after in itertools.pairwise(stages):
            for index in range(*after):
                if is_shell_reading_input(script.commands[index]) and before[0] < before[1]:
                    found[index] = found.get(index) or _printed(script.commands[before[0]])
    return {index: text for index, text in found.items() if text}


def _given(command: Command) -> str:
    """The here-document or here-string of a command."""
    return "\n".join(each.target.value.replace(HOLE, "$X") for each in command.redirections if each.effect == "text")


def _printed(command: Command) -> str:
    if command.program == "cat":
        return _given(command)
    if command.program not in {"echo", "printf"}:
        return ""
    text = " ".join(word.value for word in command.words[1:] if not word.value.startswith("-"))
    return text.replace(HOLE, "$X").replace("\\n", "\n")
