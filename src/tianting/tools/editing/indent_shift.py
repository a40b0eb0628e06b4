"""Moves new lines as far as the model's lines were off from those of the file, if all were off alike."""

from collections.abc import Sequence

_TAB_WIDTHS = (4, 2, 8)


def reindented(new: Sequence[str], old: Sequence[str], present: Sequence[str]) -> list[str] | None:
    """Indent `new` as `present` is, where the model wrote `old`; None if no one shift explains the difference.

    `old` and `present` are the same lines but for their indentation.
    """
    pairs = [(_indent(theirs), _indent(ours)) for theirs, ours in zip(old, present, strict=True) if ours.strip()]
    for shift in (_deeper, _shallower, _retabbed):
        lines = shift(new, pairs)
        if lines is not None:
            return lines
    return None


_Pairs = Sequence[tuple[str, str]]
"""The indentation as the model wrote it, and as the file has it, line by line."""


def _deeper(new: Sequence[str], pairs: _Pairs) -> list[str] | None:
    theirs, ours = pairs[0]
    prefix = ours.removesuffix(theirs)
    if any(prefix + theirs != ours for theirs, ours in pairs):
        return None
    return [prefix + line if line.strip() else line for line in new]


def _shallower(new: Sequence[str], pairs: _Pairs) -> list[str] | None:
    theirs, ours = pairs[0]
    prefix = theirs.removesuffix(ours)
    if any(prefix + ours != theirs for theirs, ours in pairs):
        return None
    if any(line.strip() and not line.startswith(prefix) for line in new):
        return None
    return [line.removeprefix(prefix) for line in new]


def _retabbed(new: Sequence[str], pairs: _Pairs) -> list[str] | None:
    """Spaces against tabs. Nothing tells how wide a tab is but that all lines must agree; no move is likeliest."""
    candidates = [(_columns(pairs, width), width) for width in _TAB_WIDTHS]
    for columns, width in sorted(
        ((columns, width) for columns, width in candidates if columns is not None),
        key=lambda candidate: candidate[0] != 0,
    ):
        lines = [_moved(line, columns, width, tabs=any("\t" in ours for _, ours in pairs)) for line in new]
        whole = [line for line in lines if line is not None]
        if len(whole) == len(lines):
            return whole
    return None


def _columns(pairs: _Pairs, width: int) -> int | None:
    distances = {_width(ours, width) - _width(theirs, width) for theirs, ours in pairs}
    return distances.pop() if len(distances) == 1 else None


def _moved(line: str, columns: int, width: int, *, tabs: bool) -> str | None:
    if not line.strip():
        return line
    depth = _width(_indent(line), width) + columns
    if depth < 0 or (tabs and depth % width):
        return None
    return ("\t" * (depth // width) if tabs else " " * depth) + line.lstrip()


def _width(indent: str, width: int) -> int:
    return len(indent.expandtabs(width))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
