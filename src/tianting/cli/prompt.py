"""`tianting [prompt]`: checks what was asked, and hands it to the surface that was asked for."""

import os
import select
import stat
import sys
from typing import Any

import anyio

from tianting.cli.asking import asked
from tianting.cli.contradictions import check
from tianting.cli.invocation import Invocation
from tianting.cli.places import current_directory
from tianting.cli.program import called, complain
from tianting.protocol.errors import ConfigError
from tianting.worktree.survey import PendingSurvey, begin_survey

LONGEST_INPUT = 10 * 1024 * 1024
"""Bytes of standard input that are taken as a prompt."""
PATIENCE = 3.0
"""Seconds before a silent standard input is mentioned."""


def run_prompt(options: dict[str, Any]) -> int:
    """Run one prompt, or a conversation; returns the exit code. Raises `TiantingError`."""
    invocation = asked(options)
    check(invocation)
    if invocation.mcp_config:
        _name_servers(invocation.mcp_config)
    if invocation.resume == "":
        from tianting.cli.sessions import list_sessions

        list_sessions(everywhere=False, as_json=False)
        return 0
    survey = begin_survey(current_directory())  # git works while the rest is imported
    try:
        return _print(invocation, survey) if invocation.print else _converse(invocation, survey)
    finally:
        survey.abandon()


def _name_servers(configs: tuple[str, ...]) -> None:
    from tianting.cli.mcp_servers import named_servers

    if others := named_servers(configs).others:
        complain(f"--mcp-config: MCP servers cannot be started yet, so {', '.join(others)} will be missing.")


def _print(invocation: Invocation, survey: PendingSurvey) -> int:
    if invocation.input_format == "stream-json":
        from tianting.cli.serving import run_serving

        return anyio.run(run_serving, invocation, survey)
    from tianting.cli.headless import run_headless

    return anyio.run(run_headless, invocation, whole_prompt(invocation), survey)


def _converse(invocation: Invocation, survey: PendingSurvey) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError(
            f'There is no terminal to converse in: use -p, as in {called().name} -p "fix the failing test".'
        )
    from tianting.cli.interactive import run_interactive

    return anyio.run(run_interactive, invocation, survey)


def whole_prompt(invocation: Invocation) -> str:
    """The argument, standard input, or both with a blank line between. Raises `ConfigError` for neither."""
    parts = [invocation.prompt or "", _standard_input()]
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise ConfigError(f'There is no prompt: write {called().name} -p "what to do", or pipe it in.')
    return text


def _standard_input() -> str:
    """What was piped in. A terminal, or an input nobody gave, is not waited for."""
    if sys.stdin is None or sys.stdin.isatty() or not _carries_data():
        return ""
    if not select.select([sys.stdin], [], [], PATIENCE)[0]:
        complain("waiting for standard input; give < /dev/null if there is none.")
    data = sys.stdin.buffer.read(LONGEST_INPUT + 1)
    if len(data) > LONGEST_INPUT:
        raise ConfigError("Standard input is longer than 10 MiB: save it to a file and name the file in the prompt.")
    return data.decode("utf-8", errors="replace").strip("\n")


def _carries_data() -> bool:
    """A pipe, a socket or a file. `/dev/null` carries nothing."""
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
