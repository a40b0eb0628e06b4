"""`tianting windows list|show|health|metrics`: what there is, and how it is."""

import os
import time

import click
import msgspec

from tianting.cli.windows_calling import call
from tianting.cli.windows_tables import COLOURS, SHORT_ID, duration, facts, size, table, why
from tianting.fleet.door.words import Checked, CheckHealth, Figures, Listing, ListWindows, ReadMetrics, Row, Show, Shown
from tianting.plumbing.printable import printable

_EXIT = {"well": 0, "suspect": 1, "stuck": 2, "dead": 2}
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.command("list")
@click.option("--all", "all_", is_flag=True, help="Also those that are stopped.")
@JSON
def list_(all_: bool, as_json: bool) -> None:
    """List windows, the oldest first."""
    listing = call(lambda fleet: fleet.ask(ListWindows(), Listing))
    rows = tuple(row for row in listing.rows if all_ or row.window.status != "stopped")
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(facts(row)))
        return
    for line in table_lines(rows):
        click.echo(line)
    if hidden := len(listing.rows) - len(rows):
        click.echo(f"{hidden} stopped: `tianting windows list --all` shows them.", err=True)
    elif not rows:
        click.echo("No windows. Make one: tianting windows create", err=True)


@click.command()
@click.argument("window")
@JSON
def show(window: str, as_json: bool) -> None:
    """Show all about a window."""
    shown = call(lambda fleet: fleet.ask(Show(window=window), Shown))
    if as_json:
        click.echo(msgspec.json.encode(facts(shown.row)))
        return
    for name, value in _details(shown.row, time.time()):
        if value:
            click.echo(f"{name:<14}{value}")


@click.command()
@click.argument("window", required=False)
@JSON
@click.pass_context
def health(ctx: click.Context, window: str | None, as_json: bool) -> None:
    """Ask windows how they are. Exits with 0 if all are well, 1 if one is suspect, 2 if one is stuck or dead.

    Without WINDOW all that are not stopped.
    """
    checked = call(lambda fleet: fleet.ask(CheckHealth(window=window), Checked))
    for one in checked.windows:
        name = one.label or one.window[:SHORT_ID]
        told = f": {printable(one.reason)}" if one.reason else ""
        click.echo(msgspec.json.encode(one) if as_json else f"{name:<{SHORT_ID}}  {one.state}{told}")
    if checked.settings:
        click.echo(f"The settings are not in force as they are: {checked.settings}", err=True)
    if not (checked.windows or as_json):
        click.echo("No windows are alive.", err=True)
    ctx.exit(max((_EXIT[one.state] for one in checked.windows), default=0) or int(bool(checked.settings)))


@click.command()
def metrics() -> None:
    """Print the fleet's figures as Prometheus reads them; docs/operations.md says what each means."""
    click.echo(call(lambda fleet: fleet.ask(ReadMetrics(), Figures)).text, nl=False)


def table_lines(rows: tuple[Row, ...]) -> list[str]:
    """The table, the status in colour, and behind a window in trouble what a person should know."""
    if not rows:
        return []
    heads, *lines = table(rows, time.time(), home=os.environ.get("HOME", ""))
    return [
        "  ".join(heads).rstrip(),
        *(_line(cells, heads, row) for cells, row in zip(lines, rows, strict=True)),
    ]


def _line(cells: list[str], heads: list[str], row: Row) -> str:
    colour = COLOURS.get(row.window.status)
    shown = [
        click.style(cell, fg=colour) if head.strip() == "STATUS" and colour else cell
        for cell, head in zip(cells, heads, strict=True)
    ]
    told = why(row)
    return f"{'  '.join(shown)}{f'  ({told})' if told else ''}".rstrip()


def _details(row: Row, now: float) -> list[tuple[str, str]]:
    window = row.window
    use = f"{size(row.memory)}, {row.cpu or 0:.0%} of a core, {row.processes} processes" if row.memory else ""
    beat = f"{duration(now - window.last_heartbeat)} ago" if window.last_heartbeat else ""
    return [
        ("id", window.window_id),
        ("name", printable(row.label)),
        ("template", printable(row.template)),
        ("made", "a spare, nobody's yet" if window.is_spare else "warm, from the spares" if row.is_warm else ""),
        ("kind", window.kind),
        ("model", row.model or ""),
        ("status", f"{window.status} for {duration(now - window.since)}"),
        ("because", printable(window.reason)),
        ("asks", printable(window.question or "")),
        ("owes answers", str(row.open_prompts or "")),
        ("directory", printable(window.cwd)),
        ("branch", printable(row.branch)),
        ("process", f"{window.process_id}, the {window.generation}. of this window" if window.process_id else ""),
        ("standby", f"process {window.standby_id}" if window.standby_id else ""),
        ("uses", use),
        ("answered", beat),
        ("created", f"{duration(now - window.created_at)} ago"),
        ("conversation", window.conversation_id),
        ("errors", row.log),
    ]
