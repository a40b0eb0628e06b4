"""The command line: finds the command, and turns whatever ends it into one line and an exit code.

0 success · 1 failure · 2 wrong usage · 130 interrupted · 143 terminated
"""

import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from tianting.cli.commands import PROMPT, Commands
from tianting.cli.debugging import begin_log, debug_wish, with_filters
from tianting.cli.options import prompt_options
from tianting.cli.program import TIANTING, Program
from tianting.plumbing.near_names import nearest
from tianting.protocol.errors import ConfigError, TiantingError


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def tianting() -> None:
    """Tianting, a coding agent."""


@tianting.command(PROMPT, hidden=True, context_settings={"help_option_names": ["-h", "--help"]})
@prompt_options
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


def run(arguments: Sequence[str], program: Program = TIANTING) -> int:
    """Run one command line and return the exit code. Prints one line for a failure; a traceback only for --debug."""
    arguments = with_filters(arguments)
    debug = debug_wish(arguments)
    if debug is not None:
        begin_log(debug)
    try:
        return tianting.main(arguments, **_called_as(program)) or 0
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        return _closed_output()
    except Exception as error:  # the last boundary: nobody above it would say anything but a traceback
        if debug is not None:
            traceback.print_exc()
        message, code = _told(_first_cause(error))
        click.echo(f"{program.name}: {message}", err=True)
        return code


def _called_as(program: Program) -> dict[str, Any]:
    """What click is told of the program."""
    return {
        "prog_name": program.name,
        "standalone_mode": False,
        "obj": program,
        "default_map": {PROMPT: program.defaults},
    }


def _first_cause(error: Exception) -> Exception:
    """What went wrong, without the task groups that it came through."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(error: Exception) -> tuple[str, int]:
    """`error` in one line, and the exit code it means."""
    match error:
        case click.NoSuchOption(possibilities=[_, _, *_] as similar):
            closest = nearest(error.option_name, similar, at_least=0, most=1)
            return _told(click.NoSuchOption(error.option_name, possibilities=closest))
        case click.ClickException():
            return error.format_message(), error.exit_code
        case ConfigError():
            return str(error), 2
        case TiantingError():
            return str(error), 1
        case OSError(strerror=str(reason), filename=name):
            return f"The system says: {reason}{f' ({name})' if name else ''}.", 1
        case _:
            return f"{type(error).__name__}: {error}. This is a bug; run again with --debug to see where.", 1


def _closed_output() -> int:
    """Nobody reads any more. What is left in the buffer must not raise again when the interpreter ends."""
    sys.stdout = None
    return 1
