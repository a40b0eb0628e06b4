"""`tianting undo` and `tianting redo`: the files one call back, or forth again."""

from functools import partial

import anyio
import click

from tianting.cli.restored import carry_out, tell
from tianting.cli.safekeeping import checkpoints_here

_STEPS = click.argument("steps", metavar="[N]", type=click.IntRange(min=1), default=1)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")


@click.command()
@_STEPS
@_DRY_RUN
def undo(steps: int, dry_run: bool) -> None:
    """Give back the files as they were before the agent's last change, or its N last.

    Untracked files count; the git repository itself is never touched.
    """
    kept = checkpoints_here()
    done = anyio.run(carry_out, kept, partial(kept.undo, steps, dry_run=dry_run))
    tell(done, way_back=_command("redo", steps), dry_run=dry_run)


@click.command()
@_STEPS
@_DRY_RUN
def redo(steps: int, dry_run: bool) -> None:
    """Take back an undo, or the N last."""
    kept = checkpoints_here()
    done = anyio.run(carry_out, kept, partial(kept.redo, steps, dry_run=dry_run))
    tell(done, way_back=_command("undo", steps), dry_run=dry_run)


def _command(verb: str, steps: int) -> str:
    return f"tianting {verb}" if steps == 1 else f"tianting {verb} {steps}"
