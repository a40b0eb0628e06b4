"""Which programs a command line would start: without this a rule against `rm` would not see `ls; rm x`.

    line -> words and operators -> simple commands -> what wrappers (`sudo`, `xargs`, `bash -c`) start in turn

Made for rules that forbid, so it reads too much rather than too little: text that only might be run counts, and a
program whose name cannot be read is told as `UNREADABLE`. It sees the usual spellings and is no sandbox: a script, or
an interpreter, can start anything.
"""

import re
from collections.abc import Iterator

UNREADABLE = "?"
"""Stands for a program named by an expansion (`$x`), or read from a pipe (`curl … | sh`)."""

Command = tuple[str, ...]
"""Name, without its directory, and arguments."""

_TOKEN = re.compile(
    r"(?P<blank>[ \t\r]+|\\\n)"
    r"|(?P<comment>(?<![^\s;&|()])#[^\n]*)"
    r"|(?P<redirect>\d*(?:&>>?|>>|>&|<&|<<<|<<-?|<>|>\||[<>])(?!\())"
    r"|(?P<operator>[;&|()\n`]|[<>$](?=\())"
    r"|(?P<word>(?:\$?'(?:(?<=\$')(?:[^'\\]|\\.)*|[^']*)'?|\$?\"(?:[^\"\\]|\\.)*\"?|\\.?|\$(?!\()|[^\s'\"\\;&|()<>`$])+)",
    re.DOTALL,
)
_PIECE = re.compile(r"\$'((?:[^'\\]|\\.)*)'?|'([^']*)'?|\$?\"((?:[^\"\\]|\\.)*)\"?|\\(.?)", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(|`")
_ASSIGNMENT = re.compile(r"\w+(\[[^]]*\])?\+?=")
_KEYWORDS = frozenset({"!", "{", "}", "if", "then", "elif", "else", "do", "while", "until", "time", "coproc"})
_TESTS = frozenset({"[", "[["})
_SHELLS = frozenset({"bash", "sh", "dash", "zsh", "ksh", "fish"})
_WRAPPERS = _SHELLS | {
    *("builtin", "busybox", "chroot", "command", "doas", "env", "eval", "exec", "find", "flock", "ionice", "nice"),
    *("nohup", "parallel", "runuser", "script", "setsid", "ssh", "stdbuf", "strace", "su", "sudo", "timeout", "toybox"),
    *("trap", "unshare", "watch", "xargs"),
}
_DEPTH = 5
"""Levels of shells in shells; what lies deeper is unreadable."""
_MOST_WORDS = 200
"""Of a command behind a wrapper."""


def programs(line: str) -> Iterator[Command]:
    """Every command that `line` might start."""
    yield from _commands(line, _DEPTH)
    if "<<" in line or "${" in line:  # quotes in there are no quotes of the shell's
        yield from _commands(re.sub(r"['\"\\#]", "", line), _DEPTH)


def _commands(line: str, depth: int) -> Iterator[Command]:
    if not depth:
        yield (UNREADABLE,)
        return
    words: list[str] = []
    skips_target = False
    for token in _TOKEN.finditer(line):
        match token.lastgroup:
            case "redirect":
                skips_target = True
            case "operator":
                yield from _started(words, depth)
                words, skips_target = [], False
            case "word":
                yield from _substituted(token[0], depth)
                if not skips_target:
                    words.append(token[0])
                skips_target = False
    yield from _started(words, depth)


def _substituted(word: str, depth: int) -> Iterator[Command]:
    """What stands in `$(…)` inside of double quotes."""
    if '"' in word:
        for text in _SUBSTITUTION.split(word)[1:]:
            yield from _commands(text.replace('"', " "), depth - 1)


def _started(raw: list[str], depth: int) -> Iterator[Command]:
    """The simple command of these words, and what it starts in turn."""
    while raw and (raw[0] in _KEYWORDS or _ASSIGNMENT.match(raw[0])):
        raw = raw[1:]
    if not raw:
        return
    words = [_unquoted(word) for word in raw]
    name = _name(raw[0], words[0])
    yield (name, *words[1:])
    if name in _WRAPPERS:
        yield from _wrapped(name, raw[1:], words[1:], depth)


def _wrapped(name: str, raw: list[str], words: list[str], depth: int) -> Iterator[Command]:
    """What a wrapper starts: which of its words is the program differs, so each is taken for one."""
    if _reads_a_script(name, words):
        yield (UNREADABLE,)
    for at, word in enumerate(words):
        behind = words[at + 1 : at + _MOST_WORDS]
        if not word.startswith("-") and not _ASSIGNMENT.match(word):
            yield (_basename(word).casefold(), *behind)
        if _reads_a_script(_basename(word), behind) or ("$" in raw[at] and name in _SHELLS | {"eval"}):
            yield (UNREADABLE,)
        if re.search(r"[\s;&|]", word):
            yield from _commands(word, depth - 1)


def _reads_a_script(name: str, words: list[str]) -> bool:
    """Whether it is a shell without a file or `-c`: what it runs comes from a pipe."""
    return name in _SHELLS and all(word.startswith("-") for word in words)


def _name(raw: str, word: str) -> str:
    if word in _TESTS:
        return word
    is_expanded = re.search(r"[*?\[{]|\$(?!['\"])", _basename(re.sub(r"'[^']*'", "", raw)))
    return UNREADABLE if is_expanded or "$'" in raw else _basename(word).casefold()


def _basename(word: str) -> str:
    return word.rpartition("/")[2]


def _unquoted(word: str) -> str:
    return _PIECE.sub(lambda piece: next((part for part in piece.groups() if part is not None), ""), word)
