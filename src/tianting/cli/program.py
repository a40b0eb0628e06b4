"""What this program was called: it answers to two names, and each complaint says which of them was used."""

from typing import Any

import click
from msgspec import Struct

from tianting import __version__


class Program(Struct, frozen=True, kw_only=True):
    """One name, and what goes with it."""

    name: str
    version: str
    """What `--version` says."""
    defaults: dict[str, Any] = {}
    """Options of the prompt that hold unless they are given, by the names of their parameters."""


TIANTING = Program(name="tianting", version=f"{__version__} (Tianting)")


def called() -> Program:
    """The one that runs."""
    context = click.get_current_context(silent=True)
    return (context and context.find_object(Program)) or TIANTING


def complain(line: str) -> None:
    """Say `line` on standard error, behind the program's name."""
    click.echo(f"{called().name}: {line}", err=True)
