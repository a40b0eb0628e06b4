"""The programs that search: ripgrep where it is installed, else git, which is there wherever code is.

Both are told to agree. They skip `.git`, binary files and what `.gitignore` and `.git/info/exclude` name (outside a
repository too), but look at hidden files; a person's own global ignore file, `.ignore` and `.rgignore` do not count.
`$` stands before CRLF, letters are those of Unicode. They differ in rare places: git knows no search across lines, and
inside an ignored directory it forgets the rules of the directories above.

Output formats: rg(1) and git-grep(1) with `--null` and `-z`.
"""

from collections.abc import Iterator
from os import fsdecode
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from tianting.tools.reading.text_page import decode_line

Mode = Literal["content", "files_with_matches", "count"]


class Search(Struct, frozen=True, kw_only=True):
    """What to look for, and where."""

    pattern: str
    path: Path
    """What is searched, as the model calls it."""
    place: str
    """The same without links, as the kernel tells it of what was opened."""
    directory: int
    """The descriptor in which the program runs: of what is searched; of a file, of its directory."""
    document: int | None = None
    """The descriptor of a single file; it is searched even when it is ignored."""
    names: tuple[str, ...] = ()
    """Globs for file names; empty for all."""
    mode: Mode
    before: int = 0
    """Lines of context."""
    after: int = 0
    ignore_case: bool = False
    multiline: bool = False
    in_repository: bool = True
    """Whether some directory above has ignore rules to say."""

    @property
    def is_file(self) -> bool:
        """Whether a single file is searched."""
        return self.document is not None


_RIPGREP = (
    *("rg", "--no-config", "--null", "--hidden", "--no-messages", "--encoding=none", "--crlf", "--engine=auto"),
    *("--no-require-git", "--no-ignore-global", "--no-ignore-dot", "--glob=!.git"),
    *("--color=never", "--no-heading", "--with-filename", "--no-context-separator"),
)
_RIPGREP_MODES: dict[Mode, str] = {"content": "--line-number", "files_with_matches": "-l", "count": "-c"}

# Rules above an ignored directory would hide all of it, so git is not let up there.
_GIT_SCRIPT = """
    export LC_ALL=C.UTF-8 GIT_ALLOW_PROTOCOL=none; unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX
    if git -c core.fsmonitor=false check-ignore -q . 2>/dev/null; then
        GIT_CEILING_DIRECTORIES=$(dirname "$(pwd -P)"); export GIT_CEILING_DIRECTORIES
    fi
    exec git --no-pager -c core.excludesFile= -c grep.fullName=false grep --no-index -I -P -z --no-color "$@"
"""
_GIT_DIALECT = "(*ANYCRLF)(*UCP)"
"""Line ends and letters as ripgrep sees them: https://www.pcre.org/current/doc/html/pcre2pattern.html"""
_GIT_MODES: dict[Mode, tuple[str, ...]] = {
    # Matches have a column, context has none: with -z nothing else tells them apart.
    "content": ("--line-number", "--column"),
    "files_with_matches": ("-l",),
    "count": ("-c",),
}


class FoundLine(Struct, frozen=True, kw_only=True):
    """One line of a file."""

    path: str
    number: int
    text: str
    is_match: bool
    """False for context."""


class SearchBackend(Protocol):
    """A program that searches. Without matches it writes nothing and exits with 1.

    It follows no links it finds. A single file stands open on its standard input too.
    """

    @property
    def crosses_lines(self) -> bool:
        """Whether it can search `multiline`."""
        ...

    def command(self, search: Search) -> list[str]:
        """What to run."""
        ...

    def lines(self, output: bytes) -> Iterator[FoundLine]:
        """Read its output of mode `content`, in its order."""
        ...


class Ripgrep:
    """ripgrep, https://github.com/BurntSushi/ripgrep"""

    crosses_lines = True

    def command(self, search: Search) -> list[str]:
        """What to run. File names go in as a type, because a glob would bring back ignored files."""
        command = [*_RIPGREP, _RIPGREP_MODES[search.mode], *_context(search)]
        command += ["--type-add=wanted:" + name for name in search.names]
        command += ["--type=wanted"] if search.names else []
        command += ["--ignore-case"] if search.ignore_case else []
        command += ["--multiline", "--multiline-dotall"] if search.multiline else []
        command += [] if search.in_repository else ["--no-ignore-parent"]
        return [*command, "-e", search.pattern, "--", "-" if search.is_file else "."]

    def lines(self, output: bytes) -> Iterator[FoundLine]:
        """`path NUL number : text` for a match, `-` in place of the colon for context."""
        for path, rest in _records(output):
            digits = len(rest) - len(rest.lstrip(b"0123456789"))
            yield _found(path, rest[:digits], rest[digits + 1 :], is_match=rest[digits : digits + 1] == b":")


class GitGrep:
    """`git grep --no-index`, which needs no repository."""

    crosses_lines = False

    def command(self, search: Search) -> list[str]:
        """What to run."""
        command = ["sh", "-c", _GIT_SCRIPT, "sh", *_GIT_MODES[search.mode], *_context(search)]
        command += ["--no-exclude-standard" if search.is_file else "--exclude-standard"]
        command += ["--ignore-case"] if search.ignore_case else []
        command += ["-e", _GIT_DIALECT + search.pattern, "--"]
        if search.is_file:
            return [*command, f":(literal){search.place.rpartition('/')[2]}"]
        return [*command, *(f":(glob)**/{name}" for name in search.names or ("*",))]

    def lines(self, output: bytes) -> Iterator[FoundLine]:
        """`path NUL number NUL column NUL text` for a match, no column for context."""
        for path, rest in _records(output):
            number, first, *more = rest.split(b"\0", 2)
            yield _found(path, number, more[0] if more else first, is_match=bool(more))


BACKENDS: tuple[SearchBackend, ...] = (Ripgrep(), GitGrep())
"""In order of preference."""


def found_paths(output: bytes) -> Iterator[str]:
    """Read the output of mode `files_with_matches`."""
    return (_path(path) for path in output.split(b"\0") if path)


def found_counts(output: bytes) -> Iterator[tuple[str, int]]:
    """Read the output of mode `count`: lines that match, by file."""
    return ((_path(path), int(count)) for path, count in _records(output))


def _context(search: Search) -> list[str]:
    if search.mode != "content":
        return []
    return [f"-B{search.before}", f"-A{search.after}"] if search.before or search.after else []


def _records(output: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split into path and rest of line. A path may hold line ends, a rest may not; `--` parts groups."""
    position = 0
    while (end := output.find(b"\0", position)) >= 0:
        path = output[position:end].removeprefix(b"--\n")
        line_end = output.find(b"\n", end)
        if line_end < 0:
            line_end = len(output)
        yield path, output[end + 1 : line_end]
        position = line_end + 1


def _found(path: bytes, number: bytes, text: bytes, *, is_match: bool) -> FoundLine:
    line = decode_line(text.removesuffix(b"\r"))[0]
    return FoundLine(path=_path(path), number=int(number), text=line, is_match=is_match)


def _path(path: bytes) -> str:
    return fsdecode(path.removeprefix(b"./"))
