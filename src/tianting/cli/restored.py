"""Tells what a restore did, or would do: what changed, what stayed, and how to have it back."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import click
from msgspec import Struct

from tianting.worktree.checkpoints import Change, Checkpoints, Restored
from tianting.worktree.shadow.restoring import Refusal

_MOST_LINES = 20


class Done(Struct, frozen=True, kw_only=True):
    """A restore, and what it met."""

    restored: Restored
    by_others: tuple[str, ...] = ()
    """Files that somebody changed after the restore before this one, when the agent had not worked since."""


async def carry_out(kept: Checkpoints, restore: Callable[[], Awaitable[Restored]]) -> Done:
    """Do `restore`, one of `kept`. Raises `CheckpointError`."""
    former, history = await kept.list(), await kept.history()
    restored = await restore()
    agent_worked = not former or history.states.get(former[-1].id) == history.present
    if agent_worked or history.unfinished or history.present is None:
        return Done(restored=restored)
    changes = await kept.diff(history.present, restored.saved_as.id)
    return Done(restored=restored, by_others=tuple(change.path for change in changes))


def tell(done: Done, *, way_back: str, dry_run: bool) -> None:
    """Print it. `way_back` is the command that takes it back."""
    for line in told(done, way_back=way_back, dry_run=dry_run):
        click.echo(line)


def told(done: Done, *, way_back: str, dry_run: bool = False) -> list[str]:
    """The same as lines, safe for a terminal."""
    restored = done.restored
    would = "Would go" if dry_run else "Went"
    lines = [
        f"{would} to the state before: {plain(restored.to.label.removeprefix('before '))} ({restored.to.id})",
        summary(restored.changes),
        *_few(change_lines(restored.changes)),
    ]
    if restored.refused:
        lines += [f"{len(restored.refused)} left as they are:", *_few([_line(each) for each in restored.refused])]
    if done.by_others:
        lines += ["Changed by somebody else since the files were given back:", *_few(list(map(plain, done.by_others)))]
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
