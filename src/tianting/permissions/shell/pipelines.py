"""What a text does by joining commands: feeding the network to a shell, multiplying for ever."""

import re
from collections.abc import Iterable

from tianting.permissions.script import Command, Function, Script, Span
from tianting.permissions.shell.file_uses import program_name
from tianting.permissions.shell.wrappers import SHELLS, is_shell_reading_input, may_wrap, unwrap

_FETCHING = frozenset(
    {
        "curl", "wget", "fetch", "aria2c", "http", "https", "xh", "nc", "ncat", "netcat", "socat", "telnet", "lynx",
        "links", "w3m", "elinks", "ftp", "tftp", "sftp", "axel", "lwp-request", "lwp-download", "openssl",
    }
)  # fmt: skip
_DECODING = frozenset(["base64", "base32", "basenc", "xxd", "uudecode", "openssl", "gpg"])
_INTERPRETER = re.compile(
    r"python[\d.]*|pypy[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|deno|bun|php[\d.]*|lua[\d.]*|luajit|tclsh|wish|Rscript"
    r"|osascript|pwsh|powershell|guile|racket|julia|ghci|irb|awk|gawk|make|gmake|ed|at|batch|parallel|crontab|psql|gdb"
)
_INLINE = frozenset({"-c", "-e", "-m", "-E", "--eval", "-p", "--print", "-n", "-r"})
_SOURCING = frozenset({"source", ".", "eval"})
_FORKS = re.compile(r"fork\b[^;\n]*\bwhile\b|while\b[^;\n]*\bfork\b")


def joined_danger(script: Script) -> str:
    """Why a person must see this text; empty where nothing here says so."""
    for function in script.functions:
        if _multiplies(function, script):
            return f"the function {function.name} starts itself again and again"
    for stages in script.pipelines:
        if reason := _pipes_into_interpreter(stages, script):
            return reason
    may_fork = "fork" in " ".join([word.value for command in script.commands for word in command.words])
    for command in script.commands:
        if command.inside[0] < command.inside[1] and (reason := _takes_in(command, script)):
            return reason
        if may_fork and any(_FORKS.search(word.value) for word in command.words):
            return "it starts itself again and again"
    return ""


def _multiplies(function: Function, script: Script) -> bool:
    calls = [index for index in range(*function.body) if program_name(script.commands[index]) == function.name]
    backgrounds = [span for span in script.background if any(span[0] <= call < span[1] for call in calls)]
    return len(calls) > 1 or bool(backgrounds and calls)


def _pipes_into_interpreter(stages: tuple[Span, ...], script: Script) -> str:
    source = ""
    for stage in stages:
        commands = script.commands[stage[0] : stage[1]]
        reader = next((each for each in commands if source and _reads_program(each)), None)
        if reader is not None:
            return f"it runs what {source} brings, unseen, in {program_name(reader)}"
        source = source or _source(commands)
    return ""


def _takes_in(command: Command, script: Script) -> str:
    """`sh -c "$(curl …)"`, `bash <(curl …)`, `$(curl …)` as a command."""
    source = _source(script.commands[command.inside[0] : command.inside[1]])
    if not source:
        return ""
    for each in _all_forms(command):
        name = program_name(each)
        is_code = name in SHELLS or name in _SOURCING or _INTERPRETER.fullmatch(name)
        if is_code or (each.words and not each.words[0].literal and each.words[0].value.startswith("\0")):
            return f"it runs what {source} brings, unseen"
    return ""


def _source(commands: Iterable[Command]) -> str:
    """The program that brings text which nobody has read."""
    for command in commands:
        for each in _all_forms(command):
            name = program_name(each)
            if name in _FETCHING or name in _DECODING:
                return name
    return ""


def _reads_program(command: Command) -> bool:
    """Whether its input is a program to it."""
    forms = _all_forms(command)
    by_xargs = program_name(command) in {"xargs", "parallel"} and any(program_name(each) in SHELLS for each in forms)
    return by_xargs or any(is_shell_reading_input(each) or _interprets_input(each) for each in forms)


def _interprets_input(command: Command) -> bool:
    name, words = program_name(command), [word.value for word in command.words[1:]]
    if name in _SOURCING:
        return words[:1] == ["/dev/stdin"]
    if not _INTERPRETER.fullmatch(name):
        return False
    if name in {"make", "gmake", "awk", "gawk"}:
        return any(word in {"-f-", "/dev/stdin"} for word in words) or ("-f" in words and "-" in words)
    if any(word in _INLINE or (word[:2] in _INLINE and not word.startswith("--")) for word in words):
        return False
    given = [word for word in words if not word.startswith("-") or word == "-"]
    return not given or given[0] in {"-", "/dev/stdin"}


def _all_forms(command: Command) -> list[Command]:
    """The command and what its wrappers run, as far as words tell."""
    forms = [command]
    if not may_wrap(command):
        return forms
    for each in forms:
        if len(forms) > 40:
            break
        inner = unwrap(each) if each.words else None
        if inner is not None:
            forms += [inner.instead] if inner.instead is not None else inner.hidden
    return forms
