"""`tianting windows create`: a new window, from a template and what is asked for beside it."""

from pathlib import Path
from typing import get_args

import click
import msgspec

from tianting.cli.places import current_directory
from tianting.cli.program import complain
from tianting.cli.windows_calling import call
from tianting.cli.windows_listing import JSON
from tianting.cli.windows_policy import KINDS
from tianting.cli.windows_tables import SHORT_ID, facts
from tianting.fleet.door.client import FleetClient
from tianting.fleet.door.words import AwaitReady, Choice, Create, Shown
from tianting.fleet.ground.workspaces import Share
from tianting.protocol.errors import FleetError


@click.command()
@click.option("--kind", type=click.Choice(KINDS), help="Which agent; tianting unless a template says otherwise.")
@click.option("--template", metavar="NAME", help="A template of fleet.templates in the settings.")
@click.option("--cwd", type=click.Path(path_type=Path), help="Where it works; the template's directory, else here.")
@click.option("--worktree", is_flag=False, flag_value="", metavar="[BRANCH]", help="In a git worktree of its own.")
@click.option("--program", metavar="PATH", help="The agent's binary. What runs in the terminal, for tmux.")
@click.option("--model", help="Instead of the template's.")
@click.option("--name", default="", help="What to call it, beside its id.")
@click.option("--isolation", type=click.Choice(get_args(Choice)), help="The walls around it.")
@click.option("--permission-mode", metavar="MODE", help="In the agent's own words.")
@click.option("--pass", "passed", multiple=True, metavar="VARIABLE", help="Of the fleet's environment; repeatable.")
@click.option("--share", multiple=True, type=click.Choice(get_args(Share)), help="Of your own directories; repeatable.")
@click.option("--prompt", default="", metavar="TEXT", help="Its first prompt.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it takes prompts.")
@JSON
def create(
    *,
    kind: str | None,
    template: str | None,
    cwd: Path | None,
    worktree: str | None,
    program: str | None,
    model: str | None,
    name: str,
    isolation: Choice | None,
    permission_mode: str | None,
    passed: tuple[str, ...],
    share: tuple[Share, ...],
    prompt: str,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Make a window, and print its id once it takes prompts.

    \b
    tianting windows create --kind claude --cwd ~/shop --worktree mend-login
    tianting windows create --template reviewer --prompt "Review the last commit."
    """
    if kind and template:
        raise click.UsageError("Say --kind or --template: a template has a kind already.")
    ask = Create(
        template=template or kind or "tianting",
        cwd=str(cwd.expanduser().absolute()) if cwd else "",
        here=str(current_directory()),
        label=name,
        program=program,
        model=model,
        permission_mode=permission_mode,
        isolation=isolation,
        worktree=worktree,
        passed=passed,
        shared=share,
        prompt=prompt,
    )
    shown = call(lambda fleet: _created(fleet, ask, wait=not no_wait))
    row = shown.row
    click.echo(msgspec.json.encode(facts(row)) if as_json else row.window.window_id[:SHORT_ID])
    if row.branch:
        complain(f"its worktree is {row.window.cwd}, branch {row.branch}.")


async def _created(fleet: FleetClient, ask: Create, *, wait: bool) -> Shown:
    shown = await fleet.ask(ask, Shown)
    if not wait:
        return shown
    window = shown.row.window.window_id
    try:
        return await fleet.ask(AwaitReady(window=window), Shown)
    except FleetError as error:
        raise FleetError(f"{error} Look at it with `tianting windows show {window[:SHORT_ID]}`.") from None
