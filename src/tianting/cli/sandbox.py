"""`tianting sandbox`: proof that the sandbox holds here, for whoever lets an agent work alone."""

import os
from pathlib import Path

import anyio
import click
import msgspec

from tianting.cli.loaded_settings import loaded_settings
from tianting.cli.places import current_directory, home_directory
from tianting.cli.session_sandbox import sandbox_places
from tianting.protocol.errors import ConfigError
from tianting.sandbox.check import CheckResult, check
from tianting.sandbox.commands import open_sandbox
from tianting.settings.schema import Settings
from tianting.tools.workspace import Workspace


@click.group()
def sandbox() -> None:
    """Look at the walls that commands run in."""


@sandbox.command(name="check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--settings", metavar="JSON|FILE", help="Further settings.")
@click.pass_context
def check_sandbox(ctx: click.Context, as_json: bool, settings: str | None) -> None:
    """Try to break out, as commands of this project would be confined. Exits with 1 if anything gets out.

    Takes about two seconds. Works whether the sandbox is enabled or not.
    """
    shortcoming, results = anyio.run(attacked, loaded_settings(settings).settings)
    for result in results:
        click.echo(msgspec.json.encode(result) if as_json else _line(result))
    if shortcoming and not as_json:
        click.echo(f"\n{shortcoming}")
    ctx.exit(0 if all(result.held for result in results) else 1)


async def attacked(settings: Settings) -> tuple[str, list[CheckResult]]:
    """Why the sandbox is no better here, if it could be, and what became of each promise. Raises `ConfigError`."""
    additional = tuple(Path(path).expanduser() for path in settings.permissions.additional_directories)
    places = sandbox_places(Workspace(current_directory(), additional), home=home_directory(os.environ))
    async with open_sandbox(settings.sandbox, places, os.environ) as opened:
        try:
            return opened.shortcoming, await check(opened.confinement, opened.policy)
        except OSError as error:
            raise ConfigError(f"The sandbox cannot be attacked here: {error}.") from error


def _line(result: CheckResult) -> str:
    return f"{'holds' if result.held else 'FAILS':<7}{result.name:<22}{result.sentence}"
