"""Which files a command reads and changes, as its words tell: redirections, and the programs whose habits are known.

Other programs may change any file they are named, and many that they are not; only a sandbox can tell. For them every
word counts as a file that may be read.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from tianting.permissions.questions import FileEffect
from tianting.permissions.script import Command, Word
from tianting.permissions.shell.options import operands, option_value
from tianting.permissions.shell.sed_script import read_sed


class FileUse(Struct, frozen=True):
    """A word that names a file, or several."""

    effect: FileEffect
    word: Word


ALL_CHANGED = frozenset(
    {
        "rm", "rmdir", "unlink", "shred", "srm", "trash", "touch", "mkdir", "mkfifo", "mknod", "truncate", "mv",
        "tee", "chmod", "chown", "chgrp", "chattr", "setfacl",
    }
)  # fmt: skip
"""Programs that change whatever they are given."""
LAST_CHANGED = frozenset({"cp", "install", "ln", "link", "rsync", "scp", "ditto"})
"""Programs that read what they are given and change the last."""
_OUTPUT_OPTIONS = {
    "sort": (("o", "output"),),
    "curl": (("o", "output"), ("c", "cookie-jar"), ("D", "dump-header")),
    "wget": (("O", "output-document"), ("o", "output-file"), ("P", "directory-prefix")),
    "tar": (("C", "directory"),),
    "unzip": (("d", ""),),
    "gcc": (("o", ""),),
    "cc": (("o", ""),),
}
_SAYS_ITS_WORDS = frozenset({"echo", "printf", "true", "false", ":", "sleep", "exit", "set", "[[", "[", "((", "test"})


def program_name(command: Command) -> str:
    """The program without its directory."""
    program = command.program
    return program.rpartition("/")[2] if "/" in program else program


def touched_files(command: Command) -> list[FileUse]:
    """What it is known to read and change by its redirections and its habits."""
    return redirected_files(command) + changed_files(command) if command.redirections else changed_files(command)


def redirected_files(command: Command) -> list[FileUse]:
    """Where output goes and input comes from."""
    found: list[FileUse] = []
    for redirection in command.redirections:
        effect = redirection.effect
        if effect != "text":
            found.append(FileUse(effect, redirection.target))
    return found


def changed_files(command: Command) -> list[FileUse]:
    """What a program whose habits are known changes, its redirections aside."""
    name = program_name(command)
    if name not in CHANGING:
        return []
    words = command.words[1:]
    if name in ALL_CHANGED:
        return _edits(operands(words))
    if name in LAST_CHANGED:
        return _last_changed(words)
    if name in _OUTPUT_OPTIONS:
        return _edits(_output_options(name, words))
    return _edits(_SPECIAL[name](words))


def words_read(command: Command) -> tuple[Word, ...]:
    """Every word that may name a file the program opens."""
    if program_name(command) in _SAYS_ITS_WORDS or command.evaluates:
        return ()
    return command.words[1:]


def readings(word: Word) -> list[Word]:
    """What such a word may name: itself, and what stands behind `=`, `@`, `:` or an option's letter."""
    if not word.literal:
        return [word]
    text = word.value
    found = [] if text.startswith("-") else [text]
    if text.startswith("-") and not text.startswith("--"):
        found.append(text[2:])
    for mark in "=@:":
        if mark in text:
            found.append(text.partition(mark)[2])
    return [Word(each, each) for each in found if each]


def _last_changed(words: Sequence[Word]) -> list[FileUse]:
    given = operands(words, frozenset({"-t", "--target-directory"}))
    targets = [_plain(value) for value in option_value(words, "t", "target-directory")]
    sources = given if targets else given[:-1]
    targets = targets or given[-1:]
    inside = [
        _plain(f"{target.value.rstrip('/')}/{source.value.rstrip('/').rpartition('/')[2]}")
        for target in targets
        for source in sources
        if target.literal and source.literal
    ]
    return [FileUse("read", source) for source in sources] + _edits([*targets, *inside])


def _output_options(name: str, words: Sequence[Word]) -> list[Word]:
    return [
        _plain(value)
        for letter, long in _OUTPUT_OPTIONS[name]
        for value in option_value(words, letter, long)
        if value != "-"
    ]


def _dd(words: Sequence[Word]) -> list[Word]:
    return [_plain(word.value[3:]) for word in words if word.value.startswith("of=")]


def _sed(words: Sequence[Word]) -> list[Word]:
    call = read_sed(words)
    if call is not None:
        return list(call.files) if call.in_place else []
    in_place = any(word.value.startswith(("-i", "--in")) for word in words)
    return operands(words)[1:] if in_place else []


def _find(words: Sequence[Word]) -> list[Word]:
    if not any(word.value == "-delete" for word in words):
        return []
    return starting_points(words) or [_plain(".")]


def starting_points(words: Sequence[Word]) -> list[Word]:
    """Where `find` begins."""
    found: list[Word] = []
    for word in words:
        if word.value.startswith("-") and word.value[1:2] in {"H", "L", "P", "O", "D"} and len(word.value) <= 3:
            continue
        if word.value.startswith(("-", "(", "!")) or word.value == ")":
            break
        found.append(word)
    return found


_SPECIAL: dict[str, Callable[[Sequence[Word]], list[Word]]] = {"dd": _dd, "sed": _sed, "find": _find}
CHANGING = ALL_CHANGED | LAST_CHANGED | _OUTPUT_OPTIONS.keys() | _SPECIAL.keys()


def _edits(words: Sequence[Word]) -> list[FileUse]:
    return [FileUse("edit", word) for word in words]


def _plain(text: str) -> Word:
    return Word(text, text)
