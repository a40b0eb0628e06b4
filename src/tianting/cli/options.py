"""The options of `tianting [prompt]`, in the order that `--help` shows them.

Those that people seldom need stand in `client_options`: the same flags that programs pass to Claude Code.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tianting.cli.client_options import CLIENT_OPTIONS
from tianting.cli.program import called

F = TypeVar("F", bound=Callable[..., Any])

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


def _say_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(called().version)
        context.exit()


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("prompt", required=False),
    click.option("-p", "--print", is_flag=True, help="Work on the prompt, print the answer, and leave."),
    click.option(
        "--output-format",
        type=click.Choice(["text", "json", "stream-json"]),
        default="text",
        show_default=True,
        help="What -p prints.",
    ),
    click.option(
        "--include-partial-messages", is_flag=True, help="With stream-json: also the answer while it arrives."
    ),
    click.option("--json-schema", metavar="JSON|FILE", help="With -p: end with data of this shape."),
    click.option("-c", "--continue", "continue_", is_flag=True, help="Go on with the newest session of this project."),
    click.option(
        "-r",
        "--resume",
        is_flag=False,
        flag_value="",
        metavar="[ID]",
        help="Go on with a session; without an id, list them.",
    ),
    click.option("--session-id", metavar="UUID", help="Give the new session this id."),
    click.option("--fork-session", is_flag=True, help="With -c or -r: go on in a copy."),
    click.option("-n", "--name", metavar="TITLE", help="Call the session this."),
    click.option("--no-session-persistence", is_flag=True, help="With -p: write no transcript."),
    click.option("--model", metavar="NAME", help="claude-…, gpt-…, PROVIDER/MODEL, or scripted:FILE."),
    click.option("--fallback-model", metavar="NAMES", help='Take over when the model is overloaded: "opus,haiku".'),
    click.option(
        "--effort", type=click.Choice(["low", "medium", "high", "xhigh", "max"]), help="How hard the model thinks."
    ),
    click.option("--max-turns", type=click.IntRange(min=1), metavar="N", help="With -p: at most N answers."),
    click.option(
        "--max-budget-usd",
        type=click.FloatRange(min=0, min_open=True),
        metavar="USD",
        help="With -p: stop before it costs more.",
    ),
    click.option(
        "--permission-mode",
        type=click.Choice(["default", "acceptEdits", "plan", "bypassPermissions", "dontAsk", "manual", "auto"]),
        help="What may run unasked; manual is default.",
    ),
    click.option(
        "--dangerously-skip-permissions", is_flag=True, help="Run everything unasked. Only where nothing can be lost."
    ),
    click.option(
        "--allowedTools",
        "--allowed-tools",
        "allowed_tools",
        multiple=True,
        metavar="RULES",
        help='Run these unasked: "Read,Bash(git log:*)".',
    ),
    click.option(
        "--disallowedTools",
        "--disallowed-tools",
        "disallowed_tools",
        multiple=True,
        metavar="RULES",
        help="Never run these.",
    ),
    click.option("--tools", metavar="NAMES", help='Offer only these tools: "Read,Grep"; "" for none.'),
    click.option("--add-dir", type=_DIRECTORY, multiple=True, help="Also work in this directory."),
    click.option("--system-prompt", metavar="TEXT", help='Replace the system prompt; "" for none.'),
    click.option("--append-system-prompt", metavar="TEXT", help="Add to the system prompt."),
    click.option("--settings", metavar="JSON|FILE", help="Further settings."),
    click.option(
        "--setting-sources", metavar="LEVELS", help='Read settings of these alone: "user,project,local"; "" for none.'
    ),
    click.option("--bare", is_flag=True, help="Run no hooks but those of --settings and of the administrator."),
    click.option("--mcp-config", multiple=True, metavar="JSON|FILE", help="MCP servers (not started yet)."),
    click.option("--verbose", is_flag=True, help="Also say what is being done."),
    click.option(
        "-d",
        "--debug",
        metavar="[PARTS]",
        help='Log to standard error, all or "models,!hooks"; show tracebacks.',
    ),
    *CLIENT_OPTIONS,
    click.option(
        "-v", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="Show it."
    ),
)


def prompt_options(command: F) -> F:
    """Add the options to a click command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
