"""The text form of a patch over several files, as models of the GPT family write it.

*** Begin Patch
*** Update File: a.py          (also Add File, Delete File; Update may go on with *** Move to: b.py)
@@ class Job                   (goes to that line first; several narrow it down)
 a line that stays
-a line that goes
+a line that comes
*** End of File                (the hunk ends where the file does)
*** End Patch
"""

import re
from typing import Literal

from msgspec import Struct

from tianting.tools.contract import ToolFailed

GRAMMAR = r"""
start: "*** Begin Patch" NL section+ "*** End Patch" NL?
section: add | delete | update
add: "*** Add File: " TEXT NL ("+" TEXT? NL)+
delete: "*** Delete File: " TEXT NL
update: "*** Update File: " TEXT NL ("*** Move to: " TEXT NL)? hunk*
hunk: ("@@" TEXT? NL)* line+ ("*** End of File" NL)?
line: (" " | "+" | "-") TEXT? NL
TEXT: /[^\n]+/
NL: /\n/
"""
"""The same for Lark, as the Responses API takes it."""

Mark = Literal[" ", "-", "+"]
_BEGIN, _END, _END_OF_FILE = "*** Begin Patch", "*** End Patch", "*** End of File"
_HEADER = re.compile(r"\*\*\* (Add|Delete|Update) File: *(\S.*?)\s*")
_MOVE = re.compile(r"\*\*\* Move to: *(\S.*?)\s*")
_RANGES = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_NO_LINE_END = "\\ No newline at end of file"


class PatchHunk(Struct, frozen=True, kw_only=True):
    """One place of a file."""

    anchors: tuple[str, ...]
    """Lines to go to first, in this order."""
    lines: tuple[tuple[Mark, str], ...]
    at_end: bool = False


class AddFile(Struct, frozen=True, kw_only=True):
    """A file comes."""

    path: str
    text: str


class DeleteFile(Struct, frozen=True, kw_only=True):
    """A file goes."""

    path: str


class UpdateFile(Struct, frozen=True, kw_only=True):
    """A file changes, and may move."""

    path: str
    move_to: str | None
    hunks: tuple[PatchHunk, ...]


Section = AddFile | DeleteFile | UpdateFile


def parse_patch(text: str) -> tuple[Section, ...]:
    """Read a patch. Raises `ToolFailed` naming the line.

    What wraps the patch (a shell command, a fence) is dropped, and so are hunks that change nothing.
    """
    return _Parser(text).sections()


class _Parser:
    """Goes through the lines once."""

    def __init__(self, text: str) -> None:
        self._lines = [line.removesuffix("\r") for line in text.split("\n")]
        self._at = next((at for at, line in enumerate(self._lines) if line.strip() == _BEGIN), -1) + 1
        if self._at == 0:
            raise ToolFailed(f"The patch has no line {_BEGIN!r}. Form: {_BEGIN}, *** Update File: path, hunks, {_END}.")

    def sections(self) -> tuple[Section, ...]:
        sections = []
        while self._line() != _END:
            if self._line():
                sections.append(self._section())
            else:
                self._at += 1
        if any(_HEADER.fullmatch(line) for line in self._lines[self._at :]):
            raise ToolFailed(f"There are files behind {_END}; put them all into one patch.")
        if not sections:
            raise ToolFailed("The patch names no file. Use *** Add File:, *** Update File: or *** Delete File:.")
        return tuple(sections)

    def _section(self) -> Section:
        header = _HEADER.fullmatch(self._line())
        if header is None:
            raise self._unexpected("Here must stand *** Add File:, *** Update File: or *** Delete File:")
        self._at += 1
        match header[1]:
            case "Add":
                return AddFile(path=header[2], text=self._added())
            case "Delete":
                return DeleteFile(path=header[2])
            case _:
                return self._update(header[2])

    def _added(self) -> str:
        lines = []
        while not self._line().startswith("*** "):
            lines.append(self._line())
            if lines[-1] and not lines[-1].startswith("+"):
                raise self._unexpected("Every line of an added file begins with +")
            self._at += 1
        while lines and not lines[-1]:  # between two sections
            lines.pop()
        return "".join(line[1:] + "\n" for line in lines)

    def _update(self, path: str) -> UpdateFile:
        move = _MOVE.fullmatch(self._line())
        self._at += move is not None
        hunks = []
        while not self._line().startswith("*** "):
            hunks.append(self._hunk())
        telling = tuple(hunk for hunk in hunks if any(mark != " " for mark, _ in hunk.lines))
        return UpdateFile(path=path, move_to=move[1] if move else None, hunks=telling)

    def _hunk(self) -> PatchHunk:
        anchors = self._anchors()
        lines: list[tuple[Mark, str]] = []
        while not self._line().startswith(("*** ", "@@")):
            lines += self._marked()
            self._at += 1
        at_end = self._line() == _END_OF_FILE
        self._at += at_end
        if not lines and not at_end:
            raise self._unexpected("A hunk needs lines that begin with a space, + or -")
        return PatchHunk(anchors=anchors, lines=tuple(lines), at_end=at_end)

    def _anchors(self) -> tuple[str, ...]:
        anchors = []
        while self._line().startswith("@@"):
            anchors.append(_RANGES.sub("", self._line()).removeprefix("@@").removesuffix("@@").strip())
            self._at += 1
        return tuple(anchor for anchor in anchors if anchor)

    def _marked(self) -> list[tuple[Mark, str]]:
        match self._line()[:1]:
            case " " | "-" | "+" as mark:
                return [(mark, self._line()[1:])]
            case "":
                return [(" ", "")]
            case "\\" if self._line() == _NO_LINE_END:
                return []
            case _:
                raise self._unexpected("Lines of a hunk begin with a space, + or -")

    def _line(self) -> str:
        """The line at hand. A patch that was cut off is not applied in part."""
        if self._at >= len(self._lines):
            raise ToolFailed(f"The patch ends without {_END}, so it may have been cut off. Send it whole.")
        line = self._lines[self._at]
        return line.rstrip() if line.startswith("***") else line

    def _unexpected(self, rule: str) -> ToolFailed:
        return ToolFailed(f"{rule}; line {self._at + 1} of the patch is {self._line()[:200]!r}. Nothing was applied.")
