"""`tianting [prompt]`: checks what was asked, and hands it to the surface that was asked for."""

import os
import select
import stat
import sys
from typing import Any

import anyio
import click
import msgspec

from tianting.cli.invocation import Invocation
from tianting.cli.places import current_directory
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.errors import ConfigError
from tianting.protocol.ids import is_uuid
from tianting.worktree.survey import PendingSurvey, begin_survey

LONGEST_INPUT = 10 * 1024 * 1024
"""Bytes of standard input that are taken as a prompt."""
PATIENCE = 3.0
"""Seconds before a silent standard input is mentioned."""
_WORDS = ("prompt", "system_prompt", "append_system_prompt")
"""Arguments that the model reads. Paths keep bytes that are no UTF-8, words must not."""


def run_prompt(options: dict[str, Any]) -> int:
    """Run one prompt, or a conversation; returns the exit code. Raises `TiantingError`."""
    if options.pop("mcp_config"):
        raise ConfigError("--mcp-config: MCP servers are not supported yet; leave it out.")
    words = {name: well_formed(options[name]) for name in _WORDS if options[name] is not None}
    invocation = msgspec.convert({**options, **words}, Invocation)
    check(invocation)
    if invocation.resume == "":
        from tianting.cli.sessions import list_sessions

        list_sessions(everywhere=False, as_json=False)
        return 0
    survey = begin_survey(current_directory())  # git works while the rest is imported
    try:
        return _print(invocation, survey) if invocation.print else _converse(invocation, survey)
    finally:
        survey.abandon()


def _print(invocation: Invocation, survey: PendingSurvey) -> int:
    from tianting.cli.headless import run_headless

    return anyio.run(run_headless, invocation, whole_prompt(invocation), survey)


def _converse(invocation: Invocation, survey: PendingSurvey) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError('There is no terminal to converse in: use -p, as in tianting -p "fix the failing test".')
    from tianting.cli.interactive import run_interactive

    return anyio.run(run_interactive, invocation, survey)


def check(invocation: Invocation) -> None:
    """Refuse what contradicts itself. Raises `ConfigError`."""
    contradictions = (
        (invocation.continue_ and invocation.resume is not None, "-c and -r exclude each other: -c is the newest one."),
        (
            invocation.fork_session and not (invocation.continue_ or invocation.resume),
            "--fork-session needs -c or -r: say what to copy.",
        ),
        (
            invocation.session_id is not None and not is_uuid(invocation.session_id),
            f"--session-id: {invocation.session_id!r} is no UUID, like 0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e.",
        ),
        (
            bool(invocation.session_id and (invocation.continue_ or invocation.resume) and not invocation.fork_session),
            "--session-id names a new session: with -c or -r it needs --fork-session.",
        ),
        (
            invocation.dangerously_skip_permissions and invocation.permission_mode not in {None, "bypassPermissions"},
            "--dangerously-skip-permissions contradicts --permission-mode.",
        ),
        *_print_only(invocation),
    )
    for wrong, complaint in contradictions:
        if wrong:
            raise ConfigError(complaint)


def _print_only(invocation: Invocation) -> tuple[tuple[bool, str], ...]:
    given = {
        "--output-format": invocation.output_format != "text",
        "--include-partial-messages": invocation.include_partial_messages,
        "--json-schema": invocation.json_schema is not None,
        "--max-turns": invocation.max_turns is not None,
        "--max-budget-usd": invocation.max_budget_usd is not None,
        "--no-session-persistence": invocation.no_session_persistence,
    }
    alone = tuple((is_given and not invocation.print, f"{name} needs -p.") for name, is_given in given.items())
    partial = invocation.include_partial_messages and invocation.output_format != "stream-json"
    return (*alone, (partial, "--include-partial-messages needs --output-format stream-json."))


def whole_prompt(invocation: Invocation) -> str:
    """The argument, standard input, or both with a blank line between. Raises `ConfigError` for neither."""
    parts = [invocation.prompt or "", _standard_input()]
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise ConfigError('There is no prompt: write tianting -p "what to do", or pipe it in.')
    return text


def _standard_input() -> str:
    """What was piped in. A terminal, or an input nobody gave, is not waited for."""
    if sys.stdin is None or sys.stdin.isatty() or not _carries_data():
        return ""
    if not select.select([sys.stdin], [], [], PATIENCE)[0]:
        click.echo("tianting: waiting for standard input; give < /dev/null if there is none.", err=True)
    data = sys.stdin.buffer.read(LONGEST_INPUT + 1)
    if len(data) > LONGEST_INPUT:
        raise ConfigError("Standard input is longer than 10 MiB: save it to a file and name the file in the prompt.")
    return data.decode("utf-8", errors="replace").strip("\n")


def _carries_data() -> bool:
    """A pipe, a socket or a file. `/dev/null` carries nothing."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
