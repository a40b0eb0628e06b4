"""Tells what a restore did, or would do: what changed, what stayed, and how to have it back."""

from collections import Counter
from collections.abc import Iterable

import click

from tianting.worktree.checkpoints import Change, Restored
from tianting.worktree.shadow.restoring import Refusal

_MOST_LINES = 20


def tell(restored: Restored, *, way_back: str, dry_run: bool) -> None:
    """Print it. `way_back` is the command that takes it back."""
    for line in told(restored, way_back=way_back, dry_run=dry_run):
        click.echo(line)


def told(restored: Restored, *, way_back: str, dry_run: bool = False) -> list[str]:
    """The same as lines, safe for a terminal."""
    would = "Would go" if dry_run else "Went"
    lines = [
        f"{would} to the state before: {plain(restored.to.label.removeprefix('before '))} ({restored.to.id})",
        summary(restored.changes),
        *_few(change_lines(restored.changes)),
    ]
    if restored.refused:
        lines += [f"{len(restored.refused)} left as they are:", *_few([_line(each) for each in restored.refused])]
    if restored.changes and not dry_run:
        lines.append(f"The state until now is kept. To have it back: {way_back}")
    return lines


def summary(changes: Iterable[Change]) -> str:
    """`2 changed, 1 deleted`."""
    counts = Counter(change.kind for change in changes)
    told = [f"{counts[kind]} {kind}" for kind in ("created", "changed", "deleted") if counts[kind]]
    return ", ".join(told) or "No file differs."


def change_lines(changes: Iterable[Change]) -> list[str]:
    """One for each file."""
    return [f"{change.kind:<8} {plain(change.path)}" for change in changes]


def plain(text: str) -> str:
    """`text` for a terminal: names of files can hold anything."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _few(lines: list[str]) -> list[str]:
    more = [f"… and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return [f"  {line}" for line in (*lines[:_MOST_LINES], *more)]


def _line(refusal: Refusal) -> str:
    return f"{plain(refusal.path)}: {plain(refusal.reason)}"
