"""Turns successive looks at a screen into lines, each once: what is drawn again must not be read again.

    look -> what changed since the last -> align with what was read (longest common subsequence) -> the rest is new

Spinners and clocks are lines that change: they are read as often as they change, and forgotten first.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

_MOST = 1000
"""Lines that are remembered beside those on the screen."""


class ScreenReader:
    """Reads one pane. Blank lines are not read."""

    def __init__(self) -> None:
        self._memory: list[_Line] = []
        """What was read and may be drawn again, in the order of the screen."""
        self._shown: list[_Line] = []
        """The last look, which is a part of the memory."""
        self._looks = 0
        self._width = 0

    def read(self, lines: Sequence[str], width: int) -> list[str]:
        """The lines that were not there yet, from top to bottom. `width` is the pane's.

        After a change of the width, what is only wrapped otherwise is not new.
        """
        self._looks += 1
        texts = [line for line in lines if line.strip()]
        rewrapped = self._width not in {0, width}
        self._width = width
        new = self._rewrap(texts) if rewrapped else self._align(texts)
        for line in self._shown:
            line.seen = self._looks
        self._forget()
        return new

    def _align(self, texts: list[str]) -> list[str]:
        shown = [line.text for line in self._shown]
        above = _common(shown, texts)
        below = _common(reversed(shown[above:]), reversed(texts[above:]))
        start = self._place(above - 1) + 1 if above else 0
        end = self._place(len(shown) - below) if below else len(self._memory)
        merged, middle, new = _merged(self._memory[start:end], texts[above : len(texts) - below])
        self._memory[start:end] = merged
        self._shown = [*self._shown[:above], *middle, *self._shown[len(shown) - below :]]
        return new

    def _rewrap(self, texts: list[str]) -> list[str]:
        """Old is what can be found, word for word and in order, in what was shown before."""
        before = _joined(line.text for line in self._memory)
        new, at = [], 0
        for text in texts:
            found = before.find(_joined([text]), at)
            if found < 0:
                new.append(text)
            else:
                at = found + len(_joined([text]))
        self._shown = [_Line(text) for text in texts]
        self._memory = list(self._shown)
        return new

    def _place(self, number: int) -> int:
        line = self._shown[number]
        return next(place for place, other in enumerate(self._memory) if other is line)

    def _forget(self) -> None:
        """Those that were seen least recently, and of these the oldest."""
        spare = len(self._memory) - len(self._shown) - _MOST
        if spare > 0:
            last = sorted(self._memory, key=lambda line: line.seen)[spare - 1].seen
            dropped = [place for place, line in enumerate(self._memory) if line.seen <= last][:spare]
            for place in reversed(dropped):
                del self._memory[place]


class _Line:
    def __init__(self, text: str) -> None:
        self.text = text
        self.seen = 0


def _merged(kept: list[_Line], texts: list[str]) -> tuple[list[_Line], list[_Line], list[str]]:
    """Both in one order; the lines of `texts` among them; and what of `texts` is new."""
    merged: list[_Line] = []
    middle: list[_Line] = []
    new: list[str] = []
    i = j = 0
    for old, place in [*_matches([line.text for line in kept], texts), (len(kept), len(texts))]:
        fresh = [_Line(text) for text in texts[j:place]]
        same = kept[old : old + 1]
        new += texts[j:place]
        merged += [*kept[i:old], *fresh, *same]
        middle += [*fresh, *same]
        i, j = old + 1, place + 1
    return merged, middle, new


def _matches(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """A longest common subsequence as pairs of places, after Hunt and Szymanski (1977): fast where lines differ."""
    places: dict[str, list[int]] = {}
    for i in reversed(range(len(old))):
        places.setdefault(old[i], []).append(i)
    ends: list[int] = []
    chains: list[tuple[int, int, object]] = []
    for j, text in enumerate(new):
        for i in places.get(text, ()):
            length = bisect_left(ends, i)
            chain = (i, j, chains[length - 1] if length else None)
            ends[length : length + 1] = [i]
            chains[length : length + 1] = [chain]
    pairs = []
    link: object = chains[-1] if chains else None
    while isinstance(link, tuple):
        pairs.append((link[0], link[1]))
        link = link[2]
    return pairs[::-1]


def _common(first: Iterable[str], second: Iterable[str]) -> int:
    """How many lines are the same from the beginning."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _joined(texts: Iterable[str]) -> str:
    return "".join("".join(text.split()) for text in texts)
