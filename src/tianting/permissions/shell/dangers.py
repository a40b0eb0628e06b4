"""The commands that a person must see first, whatever rules and modes say: those that cannot be undone.

Removing a whole disk, home or project, writing to a device, becoming another user. What a command pipes into what is
judged in `pipelines`.
"""

import re

from tianting.permissions.glob_words import unescaped, without_braces
from tianting.permissions.paths import absolute, is_harmless, is_within, normal
from tianting.permissions.questions import Ground
from tianting.permissions.script import HOLE, Command, Word
from tianting.permissions.shell.file_uses import CHANGING, program_name, starting_points, touched_files
from tianting.permissions.shell.options import has_option, operands, option_value
from tianting.permissions.shell.word_paths import Surroundings, paths_of
from tianting.permissions.shell.wrappers import ELEVATING

_REMOVING = frozenset({"rm", "rmdir", "unlink", "shred", "srm", "trash"})
_SUSPECT = _REMOVING | ELEVATING | CHANGING
_FORMATTING = re.compile(
    r"mkfs(\..+)?|mke2fs|mkswap|mkdosfs|mkntfs|wipefs|blkdiscard|fdisk|sfdisk|gdisk|sgdisk|cfdisk|parted|badblocks"
    r"|cryptsetup|hdparm|nvme|pvcreate|pvremove|vgremove|lvremove|zpool|mdadm|diskutil|newfs.*"
)
_DEVICE = re.compile(r"/dev/(?!(?:shm|pts|fd|null|zero|full|tty|stdin|stdout|stderr|random|urandom|ptmx)(?:/|$))[^/].*")
_EVERYTHING = re.compile(r"(.*/)?(\*|\.\*|\{\*,\.\*\}|\.\[[^]]*\]\*|\*\*|\?\*|\*\.\*)", re.DOTALL)
_TOP = frozenset(
    {
        "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin",
        "/srv", "/sys", "/usr", "/var", "/Users", "/System",
    }
)  # fmt: skip
_NARROWING = frozenset(
    {
        "-name",
        "-iname",
        "-path",
        "-ipath",
        "-wholename",
        "-regex",
        "-iregex",
        "-newer",
        "-mtime",
        "-mmin",
        "-size",
        "-empty",
        "-user",
        "-links",
        "-inum",
        "-samefile",
    }
)


def is_suspect(command: Command) -> bool:
    """Whether `danger` may find something: of nearly all programs it cannot."""
    name = program_name(command)
    if not name or command.redirections or name in _SUSPECT:
        return True
    if name == "git":
        return "clean" in [word.value for word in command.words]
    return _FORMATTING.fullmatch(name) is not None


def danger(command: Command, hidden: tuple[Command, ...], where: Surroundings, ground: Ground) -> str:
    """Why a person must see this command; empty where nothing here says so."""
    name = program_name(command)
    if not is_suspect(command):
        return ""
    if name in ELEVATING:
        return f"{name} acts with the rights of another user"
    if _FORMATTING.fullmatch(name) and len(command.words) > 1:
        return f"{name} writes to a disk itself"
    if device := _device(command, where, ground):
        return f"it writes to the device {device}"
    for word in _removed(command, hidden):
        if target := _critical(word, where, ground, whole=_takes_all(command, hidden)):
            return f"it would remove {target}"
    return ""


def _device(command: Command, where: Surroundings, ground: Ground) -> str:
    uses = [use for use in touched_files(command) if use.effect == "edit"]
    for use in uses:
        for path in paths_of(use.word, where, ground) or ():
            for name in (normal(path), normal(ground.facts.place(path).real)):
                if _DEVICE.fullmatch(name) and not is_harmless(name):
                    return name
    return ""


def _removed(command: Command, hidden: tuple[Command, ...]) -> list[Word]:
    """The words that name what is removed."""
    name, words = program_name(command), command.words[1:]
    if command.words and not command.words[0].literal:
        return [word for word in words if not word.value.startswith("-")]  # it may be `rm`
    match name:
        case "mv":
            into = option_value(words, "t", "target-directory")
            found = operands(words, frozenset({"-t"})) if into else operands(words)[:-1]
        case "find":
            found = _removed_by_find(words, hidden)
        case "git" if "clean" in [word.value for word in words]:
            found = [Word(value, value) for value in option_value(words, "C") + option_value(words, "", "work-tree")]
        case "rsync" if has_option(words, "", ("delete", "delete-before", "delete-after", "remove-source-files")):
            found = operands(words)[-1:]
        case _:
            found = operands(words) if name in _REMOVING else []
    return found


def _removed_by_find(words: tuple[Word, ...], hidden: tuple[Command, ...]) -> list[Word]:
    removes = any(word.value == "-delete" for word in words) or any(program_name(each) in _REMOVING for each in hidden)
    return (starting_points(words) or [Word(".", ".")]) if removes else []


def _takes_all(command: Command, hidden: tuple[Command, ...]) -> bool:
    """Whether a directory goes with all that is in it. `find` may pick single files out of it."""
    name = program_name(command)
    if name == "find":
        return not any(word.value in _NARROWING for word in command.words)
    return name not in {"rm", "unlink", "shred"} or has_option(command.words[1:], "rR", ("recursive",))


def _critical(word: Word, where: Surroundings, ground: Ground, *, whole: bool) -> str:
    """The place that goes with `word`, if it is one that must not."""
    text = word.pattern or word.value
    for each in _spellings(text, word, where, ground):
        name = _critical_path(each, where, ground, whole=whole)
        if name:
            return name
    emptied = _emptied(text, word)
    if emptied and (emptied == "/" or emptied.rstrip("/") in _TOP or re.fullmatch(r"/+(\*|\.\*|\.|\.\.)?/?", emptied)):
        return f"{emptied}, if a variable is empty"
    return ""


def _spellings(text: str, word: Word, where: Surroundings, ground: Ground) -> list[str]:
    """The word with its variables as far as they are known, one for each alternative of its braces."""
    for name in word.names:
        plain = name.removesuffix(":?")
        if plain in where.assigned or plain not in {"HOME", "PWD"} or (plain == "PWD" and not where.directories):
            return []
        text = text.replace(HOLE, ground.home if plain == "HOME" else where.directories[0], 1)
    if word.tilde:
        text = re.sub(r"^~[^/]*", lambda found: ground.home if found.group() == "~" else "/home", text)
    return list(without_braces(text) or ()) if word.braces else [text]


def _emptied(text: str, word: Word) -> str:
    """What stays of the word if every unknown variable is empty."""
    if not word.names or any(name.endswith(":?") for name in word.names):
        return ""
    return unescaped(text.replace(HOLE, "")) if word.pattern else text.replace(HOLE, "")


def _critical_path(text: str, where: Surroundings, ground: Ground, *, whole: bool) -> str:
    """`text` with a last component like `*` means its directory."""
    everything = _EVERYTHING.fullmatch(text)
    if everything:
        text = everything[1] or "."
    relative = not text.startswith("/")
    if relative and not where.directories:
        # After `cd "$X"` with an empty X it would be the home.
        return "all there is where it goes" if whole and text in {".", "./", "..", "../"} else ""
    for directory in where.directories if relative else ("/",):
        written = absolute(unescaped(text), directory)
        for name in (normal(written), normal(ground.facts.place(written).real)):
            if _is_critical(name, ground, whole=whole):
                return name
    return ""


def _is_critical(name: str, ground: Ground, *, whole: bool) -> bool:
    if name in ground.directories and not whole:
        return False  # `rm *` leaves directories: the project keeps what is in them
    return name.count("/") == 1 or any(is_within(each, name) for each in (ground.home, *ground.directories))
