"""The programs that only look: they run unasked, as long as no option makes them write a file or start a program.

A table. What is not in it is not called safe; an option that is not understood takes a command out of it.
The files they read are judged apart: the table says which words are files.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from tianting.permissions.script import NUMBER, PIPES, Command, Word
from tianting.permissions.shell.file_uses import starting_points
from tianting.permissions.shell.options import has_option, operands
from tianting.permissions.shell.read_only_git import git_files, is_looking_subcommand
from tianting.permissions.shell.sed_script import read_sed

Operands = Literal["nothing", "files", "pattern, files", "no files"]


class Habit(Struct, frozen=True):
    """What a program does with its words."""

    operands: Operands = "files"
    """`nothing`: an operand takes it out. `no files`: they are text. `pattern, files`: the first is a pattern."""
    letters: str = ""
    """Short options that take it out, also among others: `-xo`."""
    names: tuple[str, ...] = ()
    """Long options that take it out, also abbreviated."""
    valued: frozenset[str] = frozenset()
    """Options followed by a word of their own, which is no file."""
    most: int = 1000
    """More operands than this take it out."""


_TEXT = Habit("no files")
_FILES = Habit()
_LINES = Habit(valued=frozenset({"-n", "-c", "--lines", "--bytes"}))
_GREP = Habit("pattern, files", valued=frozenset({"-A", "-B", "-C", "-m"}))
_TABLE: dict[str, Habit] = {
    **dict.fromkeys(
        ("echo", ":", "true", "false", "sleep", "seq", "basename", "dirname", "expr", "whoami", "tty"), _TEXT
    ),
    **dict.fromkeys(("shift", "return", "exit", "break", "continue", "wait", "tr", "type", "which", "cal"), _TEXT),
    **dict.fromkeys(("set", "groups", "id", "whereis", "getconf"), _TEXT),
    **dict.fromkeys(
        ("pwd", "arch", "nproc", "uptime", "logname", "uname", "free", "lscpu", "locale"), Habit("nothing")
    ),
    **dict.fromkeys(
        ("ls", "cat", "wc", "stat", "du", "diff", "cmp", "comm", "nl", "tac", "rev", "paste", "fold"), _FILES
    ),
    **dict.fromkeys(("fmt", "expand", "unexpand", "od", "hexdump", "strings", "readlink", "realpath", "df"), _FILES),
    **dict.fromkeys(("md5sum", "sha1sum", "sha256sum", "sha512sum", "b2sum", "cksum", "column", "cut"), _FILES),
    **dict.fromkeys(("head", "tail"), _LINES),
    **dict.fromkeys(("grep", "egrep", "fgrep"), _GREP),
    "printf": Habit("no files", letters="v"),
    "hostname": Habit("nothing", letters="bFy", names=("boot", "file", "yp", "nis")),
    "file": Habit(letters="Cm", names=("compile", "magic-file")),
    "sort": Habit(letters="oT", names=("output", "compress-program", "files0-from", "temporary-directory")),
    "uniq": Habit(most=1),  # the second is written
    "ps": Habit("no files"),
    "tree": Habit(letters="oR", names=("output",)),
    "rg": Habit(
        "pattern, files",
        letters="z",
        names=("pre", "hostname-bin", "search-zip"),
        valued=frozenset({"-A", "-B", "-C", "-m", "-g", "-t", "-T", "--type", "--glob", "--iglob"}),
    ),
    "fd": Habit(
        "pattern, files", letters="xX", names=("exec", "exec-batch"), valued=frozenset({"-e", "-t", "-d", "-E"})
    ),
    "jq": Habit("pattern, files", letters="fL", names=("from-file", "rawfile", "slurpfile", "argfile", "library-path")),
}
_ABOUT_ITSELF = frozenset(
    {
        "python", "python3", "node", "npm", "npx", "pnpm", "yarn", "pip", "pip3", "uv", "cargo", "rustc", "rustup",
        "gcc", "g++", "clang", "make", "cmake", "java", "javac", "go", "ruby", "perl", "php", "bash", "git",
        "docker", "tsc", "deno", "bun", "ruff", "mypy", "pytest", "black", "eslint", "gh", "rg", "jq",
    }
)  # fmt: skip
_FIND_RUNS = frozenset(
    {"-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls", "-files0-from"}
)
_PATH = re.compile(r"[/.~].+", re.DOTALL)
_AWK_ACTS = re.compile(r"system|getline|[>|@]|ARGV|ARGC|ENVIRON")


def files_looked_at(command: Command) -> list[Word] | None:
    """The files that a command opens which only looks; None for one that may do more."""
    name = command.program
    words = command.words[1:]
    if len(words) == 1 and words[0].value in {"--version", "-V"} and name in _ABOUT_ITSELF:
        return []
    if special := _SPECIAL.get(name):
        return special(words)
    habit = _TABLE.get(name)
    return _by_habit(habit, words) if habit is not None else None


def is_known(command: Command) -> bool:
    """Whether the program only looks, unless an option makes it do more."""
    words = command.words[1:]
    return command.program in _TABLE or (
        command.program in _SPECIAL and (command.program != "git" or is_looking_subcommand(words))
    )


def _by_habit(habit: Habit, words: Sequence[Word]) -> list[Word] | None:
    guarded = bool(habit.letters or habit.names)
    # A word that only the running shell knows could be the option that counts.
    if guarded and (has_option(words, habit.letters, habit.names) or any(_is_open(word) for word in words)):
        return None
    if habit.operands == "no files":
        return []
    given = operands(words, habit.valued)
    if len(given) > (0 if habit.operands == "nothing" else habit.most):
        return None
    if habit.operands == "pattern, files" and not has_option(words, "ef", ("regexp", "file")):
        given = given[1:]
    return given + _attached(words) if len(given) < len(words) else given


def _is_open(word: Word) -> bool:
    """Whether the word's beginning is unknown, so that it could be an option."""
    first = word.value[:1]
    harmless = word.names[:1] and word.names[0] in {NUMBER, *PIPES}
    return (first == "\0" and not harmless) or (bool(word.pattern) and word.pattern[0] in "*?[{\0")


def _attached(words: Sequence[Word]) -> list[Word]:
    """What stands behind an option in the same word may be a file: `-f.env`, `--file=.env`."""
    found: list[str] = []
    for word in words:
        text = word.value
        if text[:1] != "-":
            continue
        if text.startswith("--"):
            found.append(text.partition("=")[2])
        elif path := _PATH.search(text):
            found.append(path.group())
    return [Word(text, text) for text in found if text]


def _find(words: Sequence[Word]) -> list[Word] | None:
    if any(word.value in _FIND_RUNS or (not word.literal and not word.pattern) for word in words):
        return None
    references = [
        after
        for word, after in itertools.pairwise(words)
        if word.value.startswith("-newer") or word.value == "-samefile"
    ]
    return [*(starting_points(words) or [Word(".", ".")]), *references]


def _sed(words: Sequence[Word]) -> list[Word] | None:
    call = read_sed(words)
    return None if call is None or call.in_place else list(call.files)


def _awk(words: Sequence[Word]) -> list[Word] | None:
    rest = list(words)
    while rest and re.fullmatch(r"-F.*", rest[0].value, re.DOTALL) and rest[0].literal:
        rest = rest[2:] if rest[0].value == "-F" else rest[1:]
    if not rest or rest[0].value.startswith("-") or not rest[0].literal or _AWK_ACTS.search(rest[0].value):
        return None
    return None if any(word.value.startswith("-") or not word.literal for word in rest[1:]) else rest[1:]


def _date(words: Sequence[Word]) -> list[Word] | None:
    """`date 1231` sets the clock."""
    harmless = re.compile(r"\+.*|-u|--utc|-R|-I\w*|--iso-8601(=\w+)?|--rfc-3339=\w+", re.DOTALL)
    return [] if all(word.literal and harmless.fullmatch(word.value) for word in words) else None


def _test(words: Sequence[Word]) -> list[Word] | None:
    """`test -v 'a[$(x)]'` runs x."""
    return None if any("[" in word.value or "`" in word.value for word in words) else []


def _command(words: Sequence[Word]) -> list[Word] | None:
    """`command -v git` asks where a program is; anything else runs one, and `wrappers` has seen through it."""
    return [] if len(words) > 1 and words[0].value in {"-v", "-V"} else None


_SPECIAL: dict[str, Callable[[Sequence[Word]], list[Word] | None]] = {
    "find": _find,
    "sed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "date": _date,
    "command": _command,
    "git": git_files,
    "test": _test,
}
