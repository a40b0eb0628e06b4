"""Shows the model the lines around an edit, so that it need not read the file again."""

from collections.abc import Iterable, Sequence

from tianting.tools.editing.changed_lines import changed_lines
from tianting.tools.editing.lined_text import LinedText
from tianting.tools.editing.replacement import Region
from tianting.tools.editing.stray_bytes import presentable

_CONTEXT = 2
_MAX_STRETCHES = 3
_MAX_LINES = 20
"""Of one stretch; a longer one shows its two ends. The model has just written the middle."""
_MAX_LINE_CHARS = 300


def changed_excerpt(before: str, after: str, regions: Iterable[Region]) -> str:
    """`Lines 40-46 now:` and the lines, numbered as Read does it."""
    lined = LinedText(after)
    stretches = _stretches(
        lined, [(one.new_first, one.new_last) for one in changed_lines(LinedText(before), lined, regions)]
    )
    shown = [_stretch(lined, *stretch) for stretch in stretches[:_MAX_STRETCHES]]
    if hidden := stretches[_MAX_STRETCHES:]:
        shown.append(f"[changed too: {_named(hidden)}]")
    return "\n".join(shown)


def _stretches(lined: LinedText, changed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """With context, and as one where they meet."""
    stretches: list[tuple[int, int]] = []
    for first, last in changed:
        start, end = max(0, first - _CONTEXT), min(lined.count, last + _CONTEXT)
        if stretches and start <= stretches[-1][1]:
            start = stretches.pop()[0]
        stretches.append((start, end))
    return stretches


def _stretch(lined: LinedText, first: int, last: int) -> str:
    if first == last:
        return "The file is empty now."
    numbers = list(range(first, last))
    if len(numbers) <= _MAX_LINES:
        return "\n".join((f"Lines {first + 1}-{last} now:", *(_numbered(lined, number) for number in numbers)))
    half = _MAX_LINES // 2
    return "\n".join(
        (
            f"Lines {first + 1}-{last} now:",
            *(_numbered(lined, number) for number in numbers[:half]),
            f"[{len(numbers) - 2 * half} lines more]",
            *(_numbered(lined, number) for number in numbers[-half:]),
        )
    )


def _numbered(lined: LinedText, number: int) -> str:
    line = presentable(lined.lines[number].removesuffix("\r"))
    clipped = line if len(line) <= _MAX_LINE_CHARS else line[: _MAX_LINE_CHARS - 1] + "…"
    return f"{number + 1:>6}\t{clipped}"


def _named(stretches: Sequence[tuple[int, int]]) -> str:
    named = ", ".join(f"{first + 1}-{last}" for first, last in stretches[:10])
    return f"lines {named}" + (f" and {len(stretches) - 10} places more" if len(stretches) > 10 else "")
