"""Where the hunks of a patch stand in a text, and what they make of it.

    go to the anchors -> find the old lines behind them, on the first rung that has them -> replace what changes

Context lines are never written: the file keeps its own, however the patch spelled them.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct

from tianting.tools.contract import ToolFailed
from tianting.tools.editing.failures import hunk_ambiguous, hunk_not_found
from tianting.tools.editing.folded_text import (
    Fold,
    FoldedText,
    plain,
    unindented,
    without_carriage_return,
    without_trailing_blanks,
)
from tianting.tools.editing.indent_shift import reindented
from tianting.tools.editing.lined_text import LinedText
from tianting.tools.editing.matching import MAX_PLACES, Rung
from tianting.tools.editing.patch_format import PatchHunk
from tianting.tools.editing.replacement import Replacement

_FOLDS: dict[Rung, Fold] = {
    "exact": without_carriage_return,
    "blanks": without_trailing_blanks,
    "typography": plain,
    "indent": unindented,
}


class FittedHunks(Struct, frozen=True, kw_only=True):
    """All hunks of one file."""

    replacements: tuple[Replacement, ...]
    rungs: tuple[Rung, ...]
    """How each hunk was found."""


class _Place(Struct, frozen=True, kw_only=True):
    """Where a hunk stands: its first line, from 0, and the lines it adds, indented for the place."""

    line: int
    rung: Rung
    added: tuple[str, ...]


def fit_hunks(text: str, hunks: Sequence[PatchHunk], shown: str) -> FittedHunks:
    """Find all `hunks` in `text`, the file called `shown`. Raises `ToolFailed` if one has no place, or several."""
    fitter = _Fitter(text, shown)
    for number, hunk in enumerate(hunks, start=1):
        fitter.fit(hunk, number)
    return fitter.fitted()


class _Fitter:
    """One text, with a cursor behind the last hunk: hunks stand in the order of the file."""

    def __init__(self, text: str, shown: str) -> None:
        self._lined = LinedText(text)
        self._shown = shown
        self._folded: dict[Rung, FoldedText] = {}
        self._cursor = 0
        self._replacements: list[Replacement] = []
        self._rungs: list[Rung] = []

    def fit(self, hunk: PatchHunk, number: int) -> None:
        start = self._behind_anchors(hunk, number)
        place = self._insertion(hunk, start) if not _old(hunk) else self._place(hunk, number, start)
        self._replacements += self._replaced(hunk, place)
        self._rungs.append(place.rung)
        self._cursor = place.line + len(_old(hunk))

    def fitted(self) -> FittedHunks:
        return FittedHunks(replacements=tuple(self._replacements), rungs=tuple(self._rungs))

    def _behind_anchors(self, hunk: PatchHunk, number: int) -> int:
        at = self._cursor
        for anchor in hunk.anchors:
            found = self._anchor(anchor, at)
            if found is None:  # hunks of one class often repeat its line
                found = self._anchor(anchor, 0)
            if found is None:
                raise ToolFailed(hunk_not_found(self._lined.text, anchor, self._shown, f"The anchor of hunk {number}"))
            at = max(at, found + 1)
        return at

    def _anchor(self, anchor: str, start: int) -> int | None:
        """The first line that is `anchor` but for its indentation, else the only one that begins so."""
        anchor, view = unindented(anchor), self._view("indent")
        whole = next(view.blocks(f"{anchor}\n", start), None)
        if whole is not None:
            return whole
        begun = list(islice(view.blocks(anchor, start), 2))
        return begun[0] if len(begun) == 1 else None

    def _insertion(self, hunk: PatchHunk, start: int) -> _Place:
        """A hunk that only adds goes behind its anchor, or else to the end."""
        line = start if hunk.anchors and not hunk.at_end else self._lined.count
        return _Place(line=line, rung="exact", added=tuple(_added(hunk)))

    def _place(self, hunk: PatchHunk, number: int, start: int) -> _Place:
        places = self._places(hunk, start)
        if not places and hunk.anchors:  # the anchor may be repeated as the first line
            places = self._places(hunk, max(self._cursor, start - 1))
        if not places and (shorter := _without_last_blank(hunk)):
            return self._place(shorter, number, start)
        if not places:
            old = "\n".join(_old(hunk))
            raise ToolFailed(hunk_not_found(self._lined.text, old, self._shown, f"Hunk {number}"))
        if len(places) > 1 and not hunk.anchors:
            raise ToolFailed(hunk_ambiguous([place.line + 1 for place in places], self._shown, number))
        return places[0]

    def _places(self, hunk: PatchHunk, start: int) -> list[_Place]:
        """The places of the first rung that has any, from line `start` on: all that matter, in order."""
        most = 1 if hunk.anchors else MAX_PLACES
        for rung in _FOLDS:
            if hunk.at_end and (last := list(self._places_on(rung, hunk, max(start, self._last_start(hunk))))):
                return last
            if places := list(islice(self._places_on(rung, hunk, start), most)):
                return places
        return []

    def _last_start(self, hunk: PatchHunk) -> int:
        """Where `hunk` begins if it ends with the file."""
        return self._lined.count - len(_old(hunk))

    def _places_on(self, rung: Rung, hunk: PatchHunk, start: int) -> Iterator[_Place]:
        old, fold = _old(hunk), _FOLDS[rung]
        body = "".join(fold(line) + "\n" for line in old)
        if rung == "indent" and not body.strip():
            return
        for line in self._view(rung).blocks(body, start):
            added = _fitted_lines(hunk, self._lined.lines[line : line + len(old)], rung)
            if added is not None:
                yield _Place(line=line, rung=rung, added=tuple(added))

    def _view(self, rung: Rung) -> FoldedText:
        if rung not in self._folded:
            self._folded[rung] = FoldedText(self._lined, _FOLDS[rung])
        return self._folded[rung]

    def _replaced(self, hunk: PatchHunk, place: _Place) -> list[Replacement]:
        """One replacement for each run of changed lines."""
        replacements = []
        added = iter(place.added)
        first = last = place.line
        new: list[str] = []
        for mark, _ in (*hunk.lines, (" ", "")):
            match mark:
                case "-":
                    last += 1
                case "+":
                    new.append(next(added))
                case _:
                    if last > first or new:
                        replacements.append(self._lined.splice(first, last, new))
                    first = last = last + 1
                    new = []
        return replacements


def _fitted_lines(hunk: PatchHunk, present: Sequence[str], rung: Rung) -> list[str] | None:
    added, old = _added(hunk), _old(hunk)
    if rung != "indent":
        return added
    lines = reindented(added, old, present)
    if lines is not None:
        return lines
    if not added:
        return []
    # Context is not written, so it may be off in its own way; the lines that go tell where those that come belong.
    marks = [mark for mark, _ in hunk.lines if mark != "+"]
    going = [pair for mark, *pair in zip(marks, old, present, strict=True) if mark == "-" and pair[0].strip()]
    return reindented(added, [ours for ours, _ in going], [theirs for _, theirs in going]) if going else None


def _old(hunk: PatchHunk) -> list[str]:
    return [line for mark, line in hunk.lines if mark != "+"]


def _added(hunk: PatchHunk) -> list[str]:
    return [line for mark, line in hunk.lines if mark == "+"]


def _without_last_blank(hunk: PatchHunk) -> PatchHunk | None:
    """An empty line at the end is often only the one between two sections."""
    if hunk.lines[-1] != (" ", "") or len(_old(hunk)) == 1:
        return None
    return PatchHunk(anchors=hunk.anchors, lines=hunk.lines[:-1], at_end=hunk.at_end)
