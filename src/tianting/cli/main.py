"""The command line: finds the command, and turns whatever ends it into one line and an exit code.

0 success · 1 failure · 2 wrong usage · 130 interrupted · 143 terminated
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from tianting.cli.options import prompt_options
from tianting.protocol.errors import ConfigError, TiantingError


class Commands(click.Group):
    """`tianting WORD …` is a command when WORD is the name of one, and a prompt otherwise."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Send everything that names no command to the prompt."""
        completing_first_word = ctx.resilient_parsing and not args
        if not completing_first_word and (not args or args[0] not in {*self.commands, "--help", "-h"}):
            args = [PROMPT, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the prompt's options, and the commands behind them."""
        prompt = self.commands[PROMPT]
        context = click.Context(prompt, info_name=ctx.info_name, help_option_names=ctx.help_option_names)
        prompt.format_usage(context, formatter)
        prompt.format_help_text(context, formatter)
        prompt.format_options(context, formatter)
        self.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer commands and the prompt's options."""
        prompt = self.commands[PROMPT]
        offered = prompt.shell_complete(click.Context(prompt), incomplete)
        return [*super().shell_complete(ctx, incomplete), *offered]


PROMPT = "prompt"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def tianting() -> None:
    """Tianting, a coding agent."""


@tianting.command(PROMPT, hidden=True, context_settings={"help_option_names": ["-h", "--help"]})
@prompt_options
@click.version_option(None, "-v", "--version", package_name="tianting", message="%(version)s (Tianting)")
@click.pass_context
def prompt(ctx: click.Context, /, **options: Any) -> None:
    """Work on PROMPT in the current directory, or begin a conversation.

    With -p the prompt may also come from standard input, alone or behind PROMPT.

    \b
    tianting                                        a conversation
    tianting -p "why does test_login fail?"         an answer, and no conversation
    tianting -p "mend it" --allowedTools "Edit,Bash(make test)"
    git diff | tianting -p "review this"
    tianting -c                                     go on where you left off
    """
    from tianting.cli.prompt import run_prompt

    ctx.exit(run_prompt(options))


@tianting.command(short_help="Watch a bug being found and mended. Needs no key.")
@click.option("--keep", is_flag=True, help="Leave the demo's project in place afterwards.")
@click.pass_context
def demo(ctx: click.Context, keep: bool) -> None:
    """Watch a bug being found and mended; the model's words are scripted, all else is real."""
    from tianting.cli.demo import run_demo

    ctx.exit(run_demo(keep=keep))


@tianting.command()
@click.option("--all", "everywhere", is_flag=True, help="Of every project, not only this one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def sessions(everywhere: bool, as_json: bool) -> None:
    """List sessions, newest first."""
    from tianting.cli.sessions import list_sessions

    list_sessions(everywhere=everywhere, as_json=as_json)


@tianting.command(short_help="List models, with windows and prices, and providers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--settings", metavar="JSON|FILE", help="Further settings.")
def models(as_json: bool, settings: str | None) -> None:
    """List known models with windows and prices, and the providers that can be named."""
    from tianting.cli.models import list_models

    list_models(as_json=as_json, settings=settings)


@tianting.command(short_help="Print what bash, zsh or fish needs to complete commands.")
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what SHELL needs to complete commands: eval "$(tianting completion bash)"."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(tianting, {}, "tianting", "_TIANTING_COMPLETE").source())


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return the exit code. Prints one line for a failure; a traceback only for --debug."""
    debug = any(argument in {"-d", "--debug"} for argument in arguments)
    if debug:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    try:
        return tianting.main(list(arguments), prog_name="tianting", standalone_mode=False) or 0
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        return _closed_output()
    except Exception as error:  # the last boundary: nobody above it would say anything but a traceback
        if debug:
            traceback.print_exc()
        return _said(_first_cause(error))


def _first_cause(error: Exception) -> Exception:
    """What went wrong, without the task groups that it came through."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _said(error: Exception) -> int:
    """Say `error` in one line. Returns the exit code."""
    match error:
        case click.ClickException():
            return _failed(error.format_message(), error.exit_code)
        case ConfigError():
            return _failed(str(error), 2)
        case TiantingError():
            return _failed(str(error), 1)
        case OSError(strerror=str(reason), filename=name):
            return _failed(f"The system says: {reason}{f' ({name})' if name else ''}.", 1)
        case _:
            return _failed(f"{type(error).__name__}: {error}. This is a bug; run again with --debug to see where.", 1)


def _failed(message: str, code: int) -> int:
    click.echo(f"tianting: {message}", err=True)
    return code


def _closed_output() -> int:
    """Nobody reads any more. What is left in the buffer must not raise again when the interpreter ends."""
    sys.stdout = None
    return 1
