"""Where the old text of an edit stands in a file, and what exactly takes its place.

    exact -> line ends -> trailing blanks -> typography -> indentation -> literal escapes -> line-number labels

The first rung with a place decides. Two places are never guessed between, and a lower rung keeps the file's
own characters wherever old and new text agree.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

from msgspec import Struct

from tianting.tools.editing.agreement import agreement
from tianting.tools.editing.folded_text import (
    Fold,
    FoldedText,
    plain,
    unindented,
    without_carriage_return,
    without_trailing_blanks,
)
from tianting.tools.editing.indent_shift import reindented
from tianting.tools.editing.lined_text import LinedText, line_end_near, lines_of, with_line_ends
from tianting.tools.editing.readings import unescaped, unlabelled
from tianting.tools.editing.replacement import Replacement

Rung = Literal["exact", "line ends", "blanks", "typography", "indent", "escapes", "labels"]
MAX_PLACES = 1000
"""Places looked for where one is wanted; more are not counted."""
MAX_REPLACED = 100_000
"""Places looked for where all are wanted; each costs memory. One more is found, so that the caller can tell."""
_FOLDS: dict[Rung, Fold] = {
    "line ends": without_carriage_return,
    "blanks": without_trailing_blanks,
    "typography": plain,
}


class Found(Struct, frozen=True, kw_only=True):
    """It can be done: `replacements` are in order."""

    rung: Rung
    replacements: tuple[Replacement, ...]


class Several(Struct, frozen=True, kw_only=True):
    """It stands in more than one place."""

    rung: Rung
    lines: tuple[int, ...]
    """From 1, where the places begin."""


class Missing(Struct, frozen=True, kw_only=True):
    """No rung has a place."""


Finding = Found | Several | Missing


def find(text: str, old: str, new: str, *, replace_all: bool = False) -> Finding:
    """Find `old`, which is not empty, in `text`, and fit `new` to the place."""
    ladder = _Ladder(text, replace_all)
    finding = ladder.climb(old, new)
    if isinstance(finding, Missing) and (escapes := unescaped(old, new)):
        finding = _renamed(ladder.climb(*escapes), "escapes")
    if isinstance(finding, Missing) and (labels := unlabelled(old, new)):
        finding = _renamed(ladder.climb(*labels), "labels")
    return finding


def _renamed(finding: Finding, rung: Rung) -> Finding:
    match finding:
        case Found(replacements=replacements):
            return Found(rung=rung, replacements=replacements)
        case Several(lines=lines):
            return Several(rung=rung, lines=lines)
        case Missing():
            return finding


class _Ladder:
    """One text, read at most once for each rung."""

    def __init__(self, text: str, replace_all: bool) -> None:
        self._text = text
        self._all = replace_all
        self._lined: LinedText | None = None
        self._folded: dict[Fold, FoldedText] = {}

    def climb(self, old: str, new: str) -> Finding:
        places = self._limited(self._exact(old, new))
        if places:
            return self._verdict("exact", places)
        if not old.strip():
            return Missing()
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
        for rung, fold in _FOLDS.items():
            places = self._limited(self._in_folded(fold, old, new))
            if places:
                return self._verdict(rung, places)
        places = self._limited(self._shifted(lines_of(old), lines_of(new)))
        return self._verdict("indent", places) if places else Missing()

    def _exact(self, old: str, new: str) -> Iterator[Replacement]:
        for start in self._offsets(self._text, old):
            # Whoever names a carriage return has seen it, and may want to change it.
            fitted = new if "\r" in old else with_line_ends(new, line_end_near(self._text, start))
            yield Replacement(start=start, end=start + len(old), text=fitted)

    def _in_folded(self, fold: Fold, old: str, new: str) -> Iterator[Replacement]:
        view = self._view(fold)
        theirs = FoldedText(LinedText(old), fold)
        needle = theirs.text if old.endswith("\n") else theirs.text[:-1]
        # A blank that was dropped at the end may have been the end of a word: `x = 1 ` is not in `x = 10`.
        last = old.rpartition("\n")[2]
        to_line_end = len(fold(last)) < len(last)
        for at in self._offsets(view.text, needle):
            if not to_line_end or view.text[at + len(needle)] == "\n":
                yield self._fitted(view, at, theirs, (old, new))

    def _fitted(self, view: FoldedText, at: int, theirs: FoldedText, pair: tuple[str, str]) -> Replacement:
        """Replace only what differs between the two strings, found at `at`."""
        old, new = pair
        if view.is_unended and at + len(theirs.text) == len(view.text) and old.endswith("\n"):
            old, new = old[:-1], new.removesuffix("\n")
        head, tail = agreement(old, new)
        start = view.original(at + theirs.place(head))
        end = view.original(at + theirs.place(len(old) - tail))
        middle = with_line_ends(new[head : len(new) - tail], line_end_near(self._text, start))
        return Replacement(start=start, end=end, text=middle)

    def _shifted(self, old: list[str], new: list[str]) -> Iterator[Replacement]:
        view = self._view(unindented)
        lined = self._lines()
        needle = "\n" + "".join(unindented(line) + "\n" for line in old)
        head, tail = agreement(old, new)
        for at in self._offsets("\n" + view.text, needle):
            first = view.line_at(at)
            lines = reindented(new, old, lined.lines[first : first + len(old)])
            if lines is not None:
                yield lined.splice(first + head, first + len(old) - tail, lines[head : len(lines) - tail])

    def _offsets(self, text: str, needle: str) -> Iterator[int]:
        """Where `needle` stands; overlapping places count as two unless all are replaced."""
        step = len(needle) if self._all else 1
        at = text.find(needle)
        while at >= 0:
            yield at
            at = text.find(needle, at + step)

    def _limited(self, places: Iterator[Replacement]) -> tuple[Replacement, ...]:
        return tuple(islice(places, MAX_REPLACED + 1 if self._all else MAX_PLACES))

    def _verdict(self, rung: Rung, places: tuple[Replacement, ...]) -> Finding:
        if len(places) == 1 or self._all:
            return Found(rung=rung, replacements=places)
        return Several(rung=rung, lines=tuple(self._lines().line_at(place.start) + 1 for place in places))

    def _view(self, fold: Fold) -> FoldedText:
        if fold not in self._folded:
            self._folded[fold] = FoldedText(self._lines(), fold)
        return self._folded[fold]

    def _lines(self) -> LinedText:
        if self._lined is None:
            self._lined = LinedText(self._text)
        return self._lined
