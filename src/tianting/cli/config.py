"""`tianting config`: reads and changes settings, and says where each comes from."""

from typing import Any, Literal

import click
import msgspec

from tianting.cli.loaded_settings import loaded_settings, settings_places
from tianting.plumbing.printable import printable
from tianting.protocol.errors import ConfigError
from tianting.settings.dotted_keys import join_key, split_key
from tianting.settings.editing import parse_value, set_value, unset_value
from tianting.settings.listing import entries, value_of
from tianting.settings.loading import Loaded
from tianting.settings.unknown_keys import KNOWN, nearest

OwnLevel = Literal["user", "project", "local"]

_LEVEL = click.option(
    "--level",
    type=click.Choice(["user", "project", "local"]),
    default="user",
    show_default=True,
    help="Whose file: yours, the project's, or yours for this project.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")


@click.group()
def config() -> None:
    """Read and change settings.

    A KEY is written like permissions.allow, or models."gpt-6.2".images where a name holds a dot.
    """


@config.command()
@click.argument("key")
def get(key: str) -> None:
    """Print what is in force at KEY: a text as it is, anything else as JSON."""
    value = value_of(_loaded(), split_key(key))
    if value is None:
        raise ConfigError(f"{key} is not set{_hint(split_key(key))}")
    click.echo(value if isinstance(value, str) else msgspec.json.encode(value))


@config.command("set")
@click.argument("key")
@click.argument("value")
@_LEVEL
def set_(key: str, value: str, level: OwnLevel) -> None:
    """Let our file of the level say VALUE at KEY: JSON where that fits, else the text itself."""
    names = split_key(key)
    path = set_value(settings_places(), level, names, parse_value(value, names))
    click.echo(f"Set {key} in {path}.")
    _say_fate(names, str(path))


@config.command()
@click.argument("key")
@_LEVEL
def unset(key: str, level: OwnLevel) -> None:
    """Let our file of the level say nothing at KEY."""
    click.echo(f"Took {key} out of {unset_value(settings_places(), level, split_key(key))}.")


@config.command("list")
@_JSON
def list_(as_json: bool) -> None:
    """List everything the settings files say, with its place and whether it counts."""
    _list(_loaded(), (), as_json=as_json)


@config.command()
@click.argument("key")
@_JSON
def where(key: str, as_json: bool) -> None:
    """List who says something at KEY, the one in force first."""
    if not _list(_loaded(), split_key(key), as_json=as_json):
        raise ConfigError(f"{key} is not set{_hint(split_key(key))}")


def _loaded() -> Loaded:
    loaded = loaded_settings()
    for warning in loaded.warnings:
        click.echo(f"tianting: {warning}", err=True)
    return loaded


def _list(loaded: Loaded, key: tuple[str, ...], *, as_json: bool) -> bool:
    """Print all about `key`. Gives back whether there was anything."""
    found = entries(loaded, key)
    for entry in found:
        statement = entry.statement
        name = join_key(statement.key)
        if as_json:
            facts = {"key": name, "value": statement.value, "place": statement.place, "state": entry.state}
            click.echo(msgspec.json.encode(facts))
        else:
            state = "" if entry.state == "in force" else f"    [{entry.state}]"
            click.echo(f"{name} = {_shown(statement.value)}    {printable(statement.place)}{state}")
    return bool(found)


def _shown(value: Any) -> str:
    return printable(msgspec.json.encode(value).decode(), 10_000)


def _say_fate(key: tuple[str, ...], path: str) -> None:
    """A person who sets what does not come into force must hear it now, not find it later."""
    mine = [entry for entry in entries(loaded_settings(), key) if entry.statement.source.name == path]
    for state in dict.fromkeys(entry.state for entry in mine if entry.state != "in force"):
        click.echo(f"tianting: {join_key(key)}: {state}; see `tianting config where {join_key(key)}`.", err=True)


def _hint(key: tuple[str, ...]) -> str:
    known = KNOWN.get(key[:-1], frozenset())
    meant = nearest(key[-1], known) if known and key[-1] not in known else None
    return f"; did you mean {join_key((*key[:-1], meant))}?" if meant else "."
