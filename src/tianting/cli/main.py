"""The command line: finds the command, and turns whatever ends it into one line and an exit code.

0 success · 1 failure · 2 wrong usage · 130 interrupted · 143 terminated
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from tianting.cli.commands import PROMPT, Commands
from tianting.cli.options import prompt_options
from tianting.protocol.errors import ConfigError, TiantingError


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
