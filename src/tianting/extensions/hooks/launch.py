"""From a configured command to what is started: which shell, which variables, which directory."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tianting.extensions.hooks.command import Command
from tianting.extensions.hooks.events import Circumstances, HookInput
from tianting.extensions.hooks.schema import CommandHook
from tianting.plumbing.json_lines import make_private_directory
from tianting.tools.shell.command_sandbox import CommandSandbox
from tianting.tools.shell.environment import command_environment
from tianting.tools.shell.launch import find_shell

_MAY_SET_VARIABLES = frozenset({"SessionStart", "FileChanged"})


class CommandSurroundings(Struct, frozen=True, kw_only=True):
    """What every command of a session finds."""

    environment: Mapping[str, str]
    """Ours, with its secrets; `command_for` decides what of it a hook sees."""
    project_directory: Path
    variables_file: Path
    """Where a hook of `SessionStart` may leave `export NAME=value` lines for the commands of the session."""
    sandbox: CommandSandbox | None = None
    """The walls that hooks run in, if they do."""


def command_for(action: CommandHook, hook_input: HookInput, surroundings: CommandSurroundings) -> Command:
    """What to start for `action`. A present directory that is gone is replaced by the project's."""
    present = Path(hook_input.circumstances.cwd)
    environment = _environment(action, hook_input, surroundings)
    return Command(
        argv=_argv(action, environment, str(surroundings.project_directory)),
        cwd=present if present.is_dir() else surroundings.project_directory,
        environment=environment,
        sandbox=surroundings.sandbox,
    )


def _argv(action: CommandHook, environment: Mapping[str, str], project: str) -> tuple[str, ...]:
    if action.args is None:
        return (action.shell or find_shell(environment), "-c", action.command)
    # No shell reads these, so nobody else would put the directory in.
    return tuple(
        word.replace("${CLAUDE_PROJECT_DIR}", project).replace("${TIANTING_PROJECT_DIR}", project)
        for word in (action.command, *action.args)
    )


def _environment(action: CommandHook, hook_input: HookInput, surroundings: CommandSurroundings) -> dict[str, str]:
    named = {
        name: surroundings.environment[name] for name in action.allowed_env_vars if name in surroundings.environment
    }
    return {
        **command_environment(surroundings.environment),
        **named,
        **_effort(hook_input.circumstances),
        **_variables_file(hook_input, surroundings),
        "CLAUDE_PROJECT_DIR": str(surroundings.project_directory),
        "TIANTING_PROJECT_DIR": str(surroundings.project_directory),
    }


def _effort(circumstances: Circumstances) -> dict[str, str]:
    return {"CLAUDE_EFFORT": circumstances.effort.level} if circumstances.effort else {}


def _variables_file(hook_input: HookInput, surroundings: CommandSurroundings) -> dict[str, str]:
    if hook_input.event_name not in _MAY_SET_VARIABLES:
        return {}
    with contextlib.suppress(OSError):  # then the hook cannot write, and says so
        make_private_directory(surroundings.variables_file.parent)
    return {"CLAUDE_ENV_FILE": str(surroundings.variables_file)}
