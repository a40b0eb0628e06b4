"""`tianting checkpoints`: every state of the files that is kept, what lies between two, and any of them back."""

import time
from functools import partial

import anyio
import click

from tianting.cli.restored import carry_out, change_lines, plain, summary, tell
from tianting.cli.safekeeping import checkpoints_here
from tianting.protocol.errors import CheckpointError
from tianting.worktree.checkpoints import Checkpoints
from tianting.worktree.history import History
from tianting.worktree.shadow.journal import Checkpoint


@click.group()
def checkpoints() -> None:
    """Show what is kept of the project's files, and give it back."""


@checkpoints.command(name="list")
def list_checkpoints() -> None:
    """List the states that are kept, oldest first; > marks the one the files are in."""
    kept, history = anyio.run(_listed, checkpoints_here())
    if not kept:
        click.echo("No state of this project is kept yet.")
    for checkpoint in kept:
        click.echo(_line(checkpoint, history))


@checkpoints.command()
@click.argument("before", required=False)
@click.argument("after", required=False)
@click.option("--patch", is_flag=True, help="The lines, too, as git shows them.")
def diff(before: str | None, after: str | None, patch: bool) -> None:
    """Say what changed from one state to another; without AFTER to the newest, without both in the last step."""
    kept = checkpoints_here()
    first, second = anyio.run(_two, kept, before, after)
    if patch:
        click.echo(anyio.run(kept.patch, first, second), nl=False)
        return
    changes = anyio.run(kept.diff, first, second)
    click.echo(f"{first} → {second}: {summary(changes)}")
    for line in change_lines(changes):
        click.echo(f"  {line}")


@checkpoints.command()
@click.argument("checkpoint_id", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def restore(checkpoint_id: str, dry_run: bool) -> None:
    """Give back the files as they were in the state ID."""
    kept = checkpoints_here()
    done = anyio.run(carry_out, kept, partial(kept.restore, checkpoint_id, dry_run=dry_run))
    tell(done, way_back=f"tianting checkpoints restore {done.restored.saved_as.id}", dry_run=dry_run)


@checkpoints.command()
def tidy() -> None:
    """Let go of what is too old or too much. Happens by itself once a day."""
    size = anyio.run(checkpoints_here().tidy)
    click.echo(f"The checkpoints of this project take {size / 1e6:.1f} MB.")


async def _listed(kept: Checkpoints) -> tuple[tuple[Checkpoint, ...], History]:
    return await kept.list(), await kept.history()


async def _two(kept: Checkpoints, before: str | None, after: str | None) -> tuple[str, str]:
    """The ids that were given, or those of the newest. Raises `CheckpointError`."""
    ids = [checkpoint.id for checkpoint in await kept.list()]
    if before is None:
        if len(ids) < 2:
            raise CheckpointError("There are no two states to compare yet.")
        return ids[-2], ids[-1]
    return before, after or ids[-1] if ids else before


def _line(checkpoint: Checkpoint, history: History) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(checkpoint.at))
    mark = ">" if checkpoint.id == history.present else " "
    return f"{mark} {checkpoint.id}  {when}  {plain(checkpoint.label)}"
