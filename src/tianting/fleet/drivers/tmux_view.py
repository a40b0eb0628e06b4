"""What a screen means: pure, so that each picture of a real program is a row of a table.

lines -> a question below? -> the box that one types in? -> signs of work? -> what is left was said
"""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tianting.fleet.drivers.tmux_kinds import Dialog, ScreenKind
from tianting.plumbing.tmux_pane import Screen

_FOOT = 12
"""Lines at the bottom among which signs of work are looked for."""
_OPTION = re.compile(r"^\s*(?P<mark>[❯›>])?\s*(?:(?P<number>\d+)\.\s+)?(?P<label>\S.*?)\s*$")


class Option(Struct, frozen=True, kw_only=True):
    """One way to answer."""

    label: str
    number: str = ""
    selected: bool = False


class Question(Struct, frozen=True, kw_only=True):
    """What the person at the screen is asked."""

    dialog: Dialog
    text: str
    """As it stands there, without the mark that moves."""
    tool: str = ""
    options: tuple[Option, ...] = ()


class View(Struct, frozen=True, kw_only=True):
    """One look at a program."""

    said: tuple[str, ...]
    """The conversation, above all that belongs to the moment."""
    question: Question | None = None
    working: bool = False
    box: str | None = None
    """What stands in the box; None where there is none."""
    finished: bool = False
    """The line above the box says that a turn is over."""
    empty: bool = False
    """Nothing has been typed: what stands in the box is only a hint."""


def view(screen: Screen, kind: ScreenKind) -> View:
    """Read `screen` as one of `kind`."""
    lines = screen.lines
    for dialog in kind.dialogs:
        start = _last(lines, dialog.starts)
        if start is not None and any(re.search(dialog.ends, line) for line in lines[start:]):
            question = _question(dialog, lines[start:])
            return View(said=_without_noise(lines[:start], kind), question=question)
    working = bool(kind.working) and any(re.search(kind.working, line) for line in lines[-_FOOT:])
    found = _box(screen, kind)
    if found is None:
        return View(said=_without_noise(lines, kind), working=working)
    top, bottom, column = found
    above = top - 1 if kind.box_above else top
    box = "\n".join(lines[top:bottom]).rstrip()
    empty = bottom - top == 1 and screen.cursor == column
    last = next((line for line in reversed(lines[:above]) if line), "")
    finished = bool(kind.done) and re.search(kind.done, last) is not None
    said = _without_noise(lines[:above], kind)
    return View(said=said, working=working, finished=finished, box=box, empty=empty)


def _box(screen: Screen, kind: ScreenKind) -> tuple[int, int, int] | None:
    """The lines from which to which, and the column of the first character in it."""
    lines = screen.lines
    top = _last(lines, kind.box) if kind.box else None
    if top is None or (kind.box_above and not (top and re.search(kind.box_above, lines[top - 1]))):
        return None
    sign = re.match(kind.box, lines[top])
    column = len(sign[0].rstrip()) + 1 if sign else 0
    bottom = _bottom(lines, top + 1, kind)
    # The cursor of a program that works, or that shows a menu, stands elsewhere.
    return None if bottom is None or screen.cursor < column else (top, bottom, column)


def _bottom(lines: Sequence[str], start: int, kind: ScreenKind) -> int | None:
    if not kind.box_below:
        return len(lines) if all(line.startswith(" ") or not line for line in lines[start:]) else None
    return next((place for place in range(start, len(lines)) if re.search(kind.box_below, lines[place])), len(lines))


def _question(dialog: Dialog, lines: Sequence[str]) -> Question:
    tools = (re.search(dialog.tool, line) for line in lines if dialog.tool)
    return Question(
        dialog=dialog,
        text="\n".join(re.sub(r"^(\s*)[❯›>](?=\s)", r"\1 ", line) for line in lines).strip("\n"),
        tool=next((found["tool"] for found in tools if found), ""),
        options=tuple(_options(lines)),
    )


def _options(lines: Sequence[str]) -> Iterable[Option]:
    """Those with numbers, or else the block of lines around the one that is marked."""
    read = [_OPTION.match(line) for line in lines]
    marked = next((place for place, found in enumerate(read) if found and found["mark"]), None)
    if marked is None:
        return
    chosen = read[marked]
    if chosen is not None and chosen["number"]:
        rows = [found for found in read if found and found["number"]]
    else:
        start = next((place + 1 for place in range(marked, -1, -1) if read[place] is None), 0)
        end = next((place for place in range(marked, len(read)) if read[place] is None), len(read))
        rows = [found for found in read[start:end] if found]
    for row in rows:
        yield Option(label=row["label"], number=row["number"] or "", selected=bool(row["mark"]))


def _without_noise(lines: Sequence[str], kind: ScreenKind) -> tuple[str, ...]:
    kept = [line for line in lines if line and not (kind.noise and re.search(kind.noise, line))]
    return tuple(kept)


def _last(lines: Sequence[str], pattern: str) -> int | None:
    return next((place for place in reversed(range(len(lines))) if re.search(pattern, lines[place])), None)
