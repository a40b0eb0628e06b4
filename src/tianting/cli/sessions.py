"""`tianting sessions`: what there is to go on with."""

import os
import time

import click
import msgspec

from tianting.cli.places import claude_projects, current_directory, home_directory
from tianting.plumbing.printable import printable
from tianting.session import listing
from tianting.session.places import projects_directory
from tianting.session.summary import SessionSummary

_LONGEST_TAG = 40


@click.command()
@click.option("--all", "everywhere", is_flag=True, help="Of every project, not only this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def sessions(everywhere: bool, as_json: bool) -> None:
    """List sessions, newest first, and those of Claude Code among them."""
    list_sessions(everywhere=everywhere, as_json=as_json)


def list_sessions(*, everywhere: bool, as_json: bool) -> None:
    """Print the sessions of this project, or of all, newest first."""
    projects = projects_directory(home_directory(os.environ))
    cwd = None if everywhere else str(current_directory())
    found = listing.sessions(projects, cwd, also=claude_projects(os.environ))
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
    tag = f"  #{printable(summary.tag, _LONGEST_TAG)}" if summary.tag else ""
    source = "" if summary.is_ours else "  (Claude Code)"
    title = "".join(character if character.isprintable() else " " for character in summary.title)
    return f"{summary.session_id}  {when}  {title}{tag}{source}{place}"
