"""`tianting models`: what can be named with --model."""

import os

import click
import msgspec

from tianting.cli.loaded_settings import loaded_settings
from tianting.protocol.model_catalogue import ModelInfo
from tianting.settings.providers import known_providers, model_catalogue


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--settings", metavar="JSON|FILE", help="Further settings.")
def models(as_json: bool, settings: str | None) -> None:
    """List known models with windows and prices, and the providers that can be named."""
    read = loaded_settings(settings).settings
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
