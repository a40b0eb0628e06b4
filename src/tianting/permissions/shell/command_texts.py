"""The texts of a command that rules are held against.

A rule that allows sees the command narrowly: quoted where a word holds a blank, with every assignment that could change
what runs. A rule that forbids sees every form it might hide in.
"""

import re

from tianting.permissions.script import HOLE, Assignment, Command, Word
from tianting.permissions.shell.read_only_git import has_globals, without_globals

_SAFE = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TZ|TERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|CLICOLOR|CLICOLOR_FORCE|COLORTERM|CI|DEBUG|VERBOSE"
    r"|NODE_ENV|RAILS_ENV|RACK_ENV|APP_ENV|FLASK_ENV|DJANGO_DEBUG|GOOS|GOARCH|CGO_ENABLED|RUST_BACKTRACE|RUST_LOG"
    r"|PYTHONUNBUFFERED|PYTHONDONTWRITEBYTECODE|PYTHONHASHSEED|PYTHONWARNINGS|PYTHONIOENCODING|PYTHONUTF8"
    r"|PYTEST_DISABLE_PLUGIN_AUTOLOAD|DEBIAN_FRONTEND|GIT_TERMINAL_PROMPT|SOURCE_DATE_EPOCH|TIME_STYLE|BLOCK_SIZE"
)
_STEERS = re.compile(
    r"PATH|HOME|IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|CDPATH|GLOBIGNORE|PROMPT_COMMAND|SHELL|EDITOR|VISUAL|PAGER|BROWSER"
    r"|.*PAGER|.*EDITOR|.*_PATH|.*PATH|LD_.*|DYLD_.*|GIT_.*|SSH_.*|PYTHON.*|PERL.*|RUBY.*|NODE_.*|NPM_.*|npm_.*|JAVA_.*|_JAVA.*"
    r"|GO.*|CARGO.*|RUST.*|CC|CXX|LD|MAKE.*|.*FLAGS|.*_OPTS|.*OPTIONS|LESS.*|MAN.*|.*_proxy|.*_PROXY|TMPDIR|XDG_.*|DOCKER_.*"
    r"|BASH_.*|FUNCNAME|HIST.*|MAIL.*|.*_COMMAND|.*_ADDOPTS|.*_CMD|.*_SHELL"
)
_PLAIN = re.compile(r"[\w./:=,@%+\-~^]+", re.ASCII)


def is_safe(assignment: Assignment) -> bool:
    """Whether a variable before a command changes nothing about which program runs."""
    return _SAFE.fullmatch(assignment.name) is not None and not _evaluable(assignment.value)


def is_harmless(assignment: Assignment) -> bool:
    """Whether a variable of the shell may be set: it reaches programs only where it was exported before."""
    return not _STEERS.fullmatch(assignment.name) and not _evaluable(assignment.value) and "[" not in assignment.name


def allowing_texts(command: Command) -> tuple[str, ...]:
    """What an allow rule must match."""
    assigned = () if all(is_safe(each) for each in command.assignments) else command.assignments
    if not command.words:
        return (_raw(assigned, ()),)
    if not assigned and are_plain(command.words):
        return (" ".join([word.value for word in command.words]),)
    raw, quoted = _raw(assigned, command.words), _raw(assigned, command.words, quote=True)
    return (raw,) if raw == quoted else (raw, quoted)


def forbidding_texts(command: Command) -> tuple[str, ...]:
    """What a deny or ask rule may match."""
    words = command.words
    if are_plain(words) and not command.assignments and command.program != "git":
        return _of_plain_words([word.value for word in words])
    texts = [command.text, _raw((), words), _raw((), words, quote=True)]
    if words:
        values = [word.value for word in words]
        texts.append(" ".join(values))
        name = values[0].rpartition("/")[2]
        texts.append(" ".join([name, *values[1:]]))
        if name == "git":
            texts.append(" ".join([name, *(word.value for word in without_globals(words[1:]))]))
    return tuple(dict.fromkeys(texts))


def _of_plain_words(values: list[str]) -> tuple[str, ...]:
    text = " ".join(values)
    name = values[0].rpartition("/")[2] if values else ""
    return (text, " ".join([name, *values[1:]])) if values and name != values[0] else (text,)


def are_plain(words: tuple[Word, ...]) -> bool:
    """Whether nothing is quoted; both readers give such a word one text."""
    return all([word.raw is word.value for word in words])  # noqa: C419  # half the time of a generator


def literal_texts(command: Command) -> tuple[str, ...]:
    """As written, quoted, unquoted: all that a rule may mean of a command of literal words; nothing for any other.

    One text says all three where nothing is quoted.
    """
    program, words = command.program, command.words
    if not program or "/" in program or command.assignments or command.redirections or command.evaluates:
        return ()
    if (program == "git" and has_globals(words)) or [word for word in words if not word.literal]:
        return ()
    values = " ".join([word.value for word in words])
    return (values,) if are_plain(words) else (_raw((), words), _raw((), words, quote=True), values)


def known_beginning(command: Command) -> str | None:
    """The text up to the first word that only the running shell knows; None where all are known."""
    known: list[str] = []
    for word in command.words:
        if word.names or word.braces:
            return " ".join([*known, word.value.partition(HOLE)[0].partition("{")[0]])
        known.append(word.value)
    return None


def _raw(assignments: tuple[Assignment, ...], words: tuple[Word, ...], *, quote: bool = False) -> str:
    texts = [f"{each.name}={each.value.raw}" for each in assignments]
    texts += [_quoted(word) if quote else word.raw for word in words]
    return " ".join(texts)


def _quoted(word: Word) -> str:
    """The same word in the same spelling, however it was written."""
    if not word.literal or _PLAIN.fullmatch(word.value):
        return word.raw if not word.literal else word.value
    return "'" + word.value.replace("'", "'\\''") + "'"


def _evaluable(value: Word) -> bool:
    """The shell computes with `a[$(x)]`, and runs x."""
    return "$(" in value.value or "`" in value.value
