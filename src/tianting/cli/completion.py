"""`tianting completion`: what a shell needs to complete our commands and options."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what SHELL needs to complete commands: eval "$(tianting completion bash)"."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(click.Command("tianting"), {}, "tianting", "_TIANTING_COMPLETE").source())
