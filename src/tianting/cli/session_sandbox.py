"""Where the sandbox of a session stands: its work tree, what must stay hidden, what must stay visible.

Imported only where a sandbox is enabled or asked about.
"""

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import click

from tianting.cli.denied_places import DeniedPlaces
from tianting.permissions.ruleset import Ruleset
from tianting.sandbox.commands import CommandSandbox, open_sandbox
from tianting.sandbox.places import Forbidden, Places
from tianting.sandbox.settings import SandboxSettings
from tianting.settings.levels import find_places
from tianting.tools.workspace import Workspace


@asynccontextmanager
async def session_sandbox(
    settings: SandboxSettings,
    places: Places,
    environment: Mapping[str, str],
    rules: Callable[[], Ruleset] | None = None,
) -> AsyncGenerator[CommandSandbox, None]:
    """The sandbox for the commands of a session; says where it is none. Raises `ConfigError`.

    What `rules` deny when a command starts it cannot touch; they are first asked for then.
    """
    forbidden = Forbidden if rules is None else DeniedPlaces(rules, _real(places.roots)).forbidden
    async with open_sandbox(settings, places, environment, forbidden) as sandbox:
        if not sandbox.confines:
            said = f"The sandbox is enabled, but confines nothing. {sandbox.shortcoming} Every command will ask."
            click.echo(f"tianting: {said}", err=True)
        yield sandbox


def sandbox_places(workspace: Workspace, *, home: Path, results: Path | None = None) -> Places:
    """`home` is the agent's own. Commands may read `results`: outputs of others that were too long to show."""
    return Places(
        home=str(Path.home()),
        roots=tuple(map(str, (workspace.root, *workspace.additional))),
        git_directory=_git_directory(workspace.root, home),
        hidden=(str(home),),
        readable=() if results is None else (str(results),),
    )


def _real(roots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(os.path.realpath(root) for root in roots)


def _git_directory(root: Path, home: Path) -> str:
    """Where git keeps the repository of `root`, if that lies outside; empty where it does not."""
    repository = find_places(root, home, {}).main_checkout
    directory = repository / ".git"
    return str(directory) if repository != root and directory.is_dir() else ""
