"""`tianting models`: what can be named with --model."""

import os

import click
import msgspec

from tianting.cli.places import home_directory
from tianting.protocol.model_catalogue import ModelInfo
from tianting.settings.providers import known_providers, model_catalogue
from tianting.settings.reading import read_settings


def list_models(*, as_json: bool, settings: str | None) -> None:
    """Print the catalogue and the providers."""
    read = read_settings(home_directory(os.environ), settings)
    catalogue = model_catalogue(read)
    if as_json:
        for info in catalogue:
            click.echo(msgspec.json.encode(info))
        return
    click.echo(f"{'model':<24}{'window':>10}{'output':>9}{'in $/M':>9}{'out $/M':>9}")
    for info in catalogue:
        click.echo(_line(info))
    names = ", ".join(sorted(known_providers(read, os.environ)))
    click.echo(f"\nAny other model: PROVIDER/MODEL, with one of {names}.")
    click.echo("A model that is not listed takes a window of 128,000 tokens, 32,000 of output, and no price.")


def _line(info: ModelInfo) -> str:
    return f"{info.id:<24}{info.context_window:>10,}{info.max_output:>9,}{info.input_price:>9g}{info.output_price:>9g}"
