"""`tianting sessions`: what there is to go on with."""

import os
import time

import click
import msgspec

from tianting.cli.places import current_directory, home_directory
from tianting.session import listing
from tianting.session.places import projects_directory
from tianting.session.summary import SessionSummary


@click.command()
@click.option("--all", "everywhere", is_flag=True, help="Of every project, not only this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def sessions(everywhere: bool, as_json: bool) -> None:
    """List sessions, newest first."""
    list_sessions(everywhere=everywhere, as_json=as_json)


def list_sessions(*, everywhere: bool, as_json: bool) -> None:
    """Print the sessions of this project, or of all, newest first."""
    projects = projects_directory(home_directory(os.environ))
    found = listing.sessions(projects, None if everywhere else str(current_directory()))
    if as_json:
        for summary in found:
            click.echo(msgspec.json.encode(summary, enc_hook=str))
    elif not found:
        where = "" if everywhere else " here; `tianting sessions --all` shows those of other projects"
        click.echo(f"There are no sessions{where}.")
    else:
        for summary in found:
            click.echo(_line(summary, everywhere=everywhere))
        click.echo("\nGo on with one: tianting -r ID")


def _line(summary: SessionSummary, *, everywhere: bool) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(summary.modified))
    place = f"  {summary.cwd}" if everywhere else ""
    title = "".join(character if character.isprintable() else " " for character in summary.title)
    return f"{summary.session_id}  {when}  {title}{place}"
