"""`tianting windows run|queue`: prompts for whichever window suits, and what has become of them."""

import sys
import time
from pathlib import Path

import click
import msgspec

from tianting.cli.places import current_directory
from tianting.cli.program import complain
from tianting.cli.windows_calling import call
from tianting.cli.windows_listing import JSON
from tianting.cli.windows_tables import SHORT_ID, duration
from tianting.cli.windows_talking import INTERRUPTED
from tianting.fleet.door.client import FleetClient
from tianting.fleet.door.tasks import AwaitTask, CancelTask, Queued, ReadQueue, RunTask, TaskEnded, TaskRow, Ticketed
from tianting.fleet.tasks import TaskDone
from tianting.plumbing.printable import printable


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--template", default="tianting", metavar="NAME", help="A template of the settings, or a kind.")
@click.option("--owner", default="", metavar="NAME", help="Whose it is: owners take turns.")
@click.option("--tree", type=click.Path(path_type=Path), help="Works alone there; the template's directory, else here.")
@click.option("--conversation", metavar="NAME", help="Goes on with this one, or begins it.")
@click.option("--wait", is_flag=True, help="Print the answer. Exits with 0 for one, 1 for none, 130 if cancelled.")
@click.pass_context
def run(
    ctx: click.Context,
    *,
    text: tuple[str, ...],
    template: str,
    owner: str,
    tree: Path | None,
    conversation: str | None,
    wait: bool,
) -> None:
    """Have TEXT done, or - for standard input, by a window that is free, or that is made for it.

    It waits its turn where none is free, and is never lost. Prints its id.
    """
    prompt = sys.stdin.read() if text == ("-",) else " ".join(text)
    if not prompt.strip():
        raise click.UsageError("The task is empty.")
    ask = RunTask(
        text=prompt,
        template=template,
        here=str(current_directory()),
        work_tree=str(tree.expanduser().absolute()) if tree else None,
        owner=owner,
        conversation=conversation,
    )
    if wait:
        ctx.exit(_print_end(call(lambda fleet: _done(fleet, ask))))
    click.echo(call(lambda fleet: fleet.ask(ask, Ticketed)).task)
    complain("accepted; `tianting windows queue --answer ID` prints what comes of it.")


@click.command()
@click.option("--answer", metavar="TASK", help="Wait for this task's end and print its answer.")
@click.option("--cancel", metavar="TASK", help="Withdraw this task, or end its turn.")
@JSON
@click.pass_context
def queue(ctx: click.Context, *, answer: str | None, cancel: str | None, as_json: bool) -> None:
    """List the tasks that windows have, and those that wait for one, with the reason."""
    if answer and cancel:
        raise click.UsageError("Say --answer or --cancel.")
    if answer:
        ctx.exit(_print_end(call(lambda fleet: fleet.ask(AwaitTask(task=answer), TaskEnded)).done))
    if cancel:
        call(lambda fleet: fleet.ask(CancelTask(task=cancel), TaskEnded))
        return
    queued = call(lambda fleet: fleet.ask(ReadQueue(), Queued))
    for row in queued.tasks:
        click.echo(msgspec.json.encode(row) if as_json else _line(row, time.time()))
    if not (queued.tasks or as_json):
        click.echo("No tasks. Leave one: tianting windows run TEXT", err=True)


async def _done(fleet: FleetClient, ask: RunTask) -> TaskDone:
    ticketed = await fleet.ask(ask, Ticketed)
    return (await fleet.ask(AwaitTask(task=ticketed.task), TaskEnded)).done


def _print_end(done: TaskDone) -> int:
    if done.text:
        click.echo(done.text)
    if done.cancelled:
        complain("cancelled.")
        return INTERRUPTED
    if done.fault is not None:
        complain(printable(done.fault.message))
        return 1
    return 0


def _line(row: TaskRow, now: float) -> str:
    where = f"in {row.window[:SHORT_ID]}" if row.window else f"waits: {row.reason}"
    age = duration(now - row.accepted_at)
    owner = f"{printable(row.owner, 16)}  " if row.owner else ""
    return f"{row.task[:SHORT_ID]}  {age:>4}  {owner}{printable(where, 80)}  {printable(row.text, 60)}"
