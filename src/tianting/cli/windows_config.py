"""`tianting windows config`: what the settings say of windows; changed while the fleet runs, whole or not at all."""

import re
from pathlib import Path
from typing import Any

import anyio
import click
import msgspec

from tianting.cli.windows_calling import door, fleet_home
from tianting.cli.windows_policy import fleet_policy
from tianting.cli.windows_reload import fleet_settings_places, read_fleet_settings
from tianting.fleet.door.client import NoFleet, knock
from tianting.fleet.door.words import Done, Reload
from tianting.protocol.errors import ConfigError
from tianting.settings.dotted_keys import split_key
from tianting.settings.editing import set_value
from tianting.settings.levels import Source, read_text
from tianting.settings.loading import load_settings
from tianting.settings.validation import check, decode

_ROOT = "fleet"
_PLACE = re.compile(r"^Settings in (?::\d+:\d+: )?")
"""Of a text that nobody has written to a file yet."""


@click.group()
def config() -> None:
    """Read and change what settings say of windows.

    A KEY is written like maxWindows, or templates.reviewer.model. Changes count at once for the windows that run, as
    far as they can: limits and patience at once, what a process is started with from its next start.
    """


@config.command()
@click.argument("key")
def get(key: str) -> None:
    """Print what is in force at KEY: a text as it is, anything else as JSON."""
    value: Any = msgspec.to_builtins(read_fleet_settings(fleet_home()).fleet)
    for name in split_key(key):
        if not isinstance(value, dict) or name not in value:
            raise ConfigError(f"{key} is not set: `tianting windows config show` prints what is.")
        value = value[name]
    click.echo(value if isinstance(value, str) else msgspec.json.encode(value))


@config.command("set")
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Let your settings say VALUE at KEY: JSON where that fits, else the text itself.

    It is checked first; where anything is wrong with it, nothing is changed.
    """
    names = (_ROOT, *split_key(key))
    home = fleet_home()
    path = set_value(fleet_settings_places(home), "user", names, _value(home, names, value))
    click.echo(f"Set {'.'.join(names)} in {path}. {anyio.run(_reload)}")


@config.command()
def show() -> None:
    """Print all that is in force, as JSON."""
    fleet = read_fleet_settings(fleet_home()).fleet
    click.echo(msgspec.json.format(msgspec.json.encode(fleet), indent=2))


def _value(home: Path, names: tuple[str, ...], told: str) -> Any:
    """What `told` means: JSON where the fleet takes that, else the text itself. Raises `ConfigError` if it takes none.

    Tried in the middle of what your file says already: a value may be wrong only beside the others.
    """
    before = decode(_source(home))
    as_json = _decoded(told)
    try:
        _check(home, _with(before, names, as_json))
    except ConfigError as error:
        if as_json == told:
            raise
        try:
            _check(home, _with(before, names, told))
        except ConfigError:
            raise error from None
        return told
    return as_json


def _check(home: Path, values: dict[str, Any]) -> None:
    text = msgspec.json.encode({_ROOT: values[_ROOT]}).decode()
    try:
        check(Source(level="user", name="", text=text))
        fleet_policy(load_settings(fleet_settings_places(home), text).settings.fleet)
    except ConfigError as error:
        raise ConfigError(f"Nothing was changed: {_PLACE.sub('', str(error))}") from None


def _source(home: Path) -> Source:
    path = fleet_settings_places(home).own_file("user")
    return Source(level="user", name=str(path), text=read_text(path) or "{}")


def _decoded(told: str) -> Any:
    try:
        return msgspec.json.decode(told)
    except msgspec.DecodeError:
        return told


def _with(values: Any, names: tuple[str, ...], value: Any) -> dict[str, Any]:
    members = values if isinstance(values, dict) else {}
    first, *rest = names
    return {**members, first: _with(members.get(first), tuple(rest), value) if rest else value}


async def _reload() -> str:
    try:
        async with knock(door()) as fleet:
            await fleet.ask(Reload(), Done)
    except NoFleet:
        return "It counts from the fleet's next start."
    return "It is in force."
