"""`tianting trust`: shows what a project's settings would let happen, and remembers that a person agrees."""

import os
import sys
import time
from pathlib import Path

import click

from tianting.cli.places import current_directory, home_directory
from tianting.protocol.errors import ConfigError
from tianting.settings.levels import Places, find_places
from tianting.settings.loading import load_settings
from tianting.settings.offer import described, summary
from tianting.settings.statements import Statement
from tianting.settings.trust import forget, trust_root
from tianting.settings.trust import trust as remember


@click.command()
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@click.option("--forget", "forgets", is_flag=True, help="Trust nothing of this project any more.")
def trust(directory: Path | None, yes: bool, forgets: bool) -> None:
    """Show what the settings of DIRECTORY's project would begin to do, ask, and remember the answer.

    Without DIRECTORY it is the project here. What a project forbids counts without trust; what it allows or runs
    counts as far as you saw it here, and what is added later waits again.
    """
    home = home_directory(os.environ)
    places = find_places(directory.resolve() if directory else current_directory(), home, os.environ)
    if forgets:
        click.echo(
            "Nothing here is trusted any more." if forget(home, places.main_checkout) else "Nothing here was trusted."
        )
        return
    waiting = load_settings(places).waiting
    if not waiting:
        click.echo("Nothing waits for your trust here.")
        return
    _show(waiting)
    if not (yes or _agrees(waiting)):
        click.echo("Nothing has changed.")
        return
    _remember(places, waiting)
    click.echo(f"Trusted: {summary(waiting)}.")


def _show(waiting: tuple[Statement, ...]) -> None:
    for statement in waiting:
        for line in described(statement):
            click.echo(f"{line}    {statement.place}")


def _agrees(waiting: tuple[Statement, ...]) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("There is nobody to ask: read the lines above, and run it again with --yes.")
    return click.confirm(f"Let {summary(waiting)} count?", default=False)


def _remember(places: Places, waiting: tuple[Statement, ...]) -> None:
    roots = dict.fromkeys(trust_root(places, statement.source) for statement in waiting)
    for root in roots:
        mine = [statement for statement in waiting if trust_root(places, statement.source) == root]
        remember(places.home, root, mine, time.time())
