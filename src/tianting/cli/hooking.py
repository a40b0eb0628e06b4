"""Opens the hooks of a session: those that count, where they run, and what they are told of it.

Where none are configured nothing of them is loaded.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from tianting.cli.judging import ground
from tianting.cli.model_door import ModelDoor
from tianting.extensions.hooks.port import AgentHooks, NoHooks
from tianting.protocol.ids import random_uuid
from tianting.protocol.requests import Effort
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded
from tianting.settings.statements import Statement, put_together
from tianting.tools.shell.command_sandbox import CommandSandbox
from tianting.tools.shell.session_variables import FILE_NAME
from tianting.tools.workspace import Workspace

if TYPE_CHECKING:
    from tianting.cli.granting import SessionPermissions
    from tianting.extensions.hooks.events import Circumstances
    from tianting.extensions.hooks.points import RuleHolds, Ties
    from tianting.extensions.hooks.reading import ReadHooks
    from tianting.extensions.hooks.runner import HookSetting
    from tianting.permissions.ruleset import Ruleset


class Scene(Struct, frozen=True, kw_only=True):
    """What hooks are told of their session, whatever happens in it."""

    session_id: str
    transcript: Path
    effort: Effort | None = None
    places: Places
    """Where settings lie, which may change."""
    permissions: "Callable[[], SessionPermissions]"
    """Which a hook may have changed."""
    may_join: bool = False
    """Hooks may be added later."""


@asynccontextmanager
async def open_hooks(
    loaded: Loaded,
    scene: Scene,
    workspace: Workspace,
    environment: Mapping[str, str],
    spill: Path,
    door: ModelDoor,
    *,
    sandbox: CommandSandbox | None = None,
) -> AsyncGenerator[AgentHooks, None]:
    """The hooks that `loaded` configures; those that ask a model ask `door`'s.

    `sandbox` is that of commands; hooks run in it where the settings say so.

    Leaving ends what they left running in the background.

    Raises `ConfigError` for one that is malformed: a guard that silently never runs is worse than no start.
    """
    if not heeded(loaded) and not scene.may_join:
        yield NoHooks()
        return
    from tianting.cli.hook_questions import question_model
    from tianting.extensions.hooks.points import HookPoints
    from tianting.extensions.hooks.runner import HookRunner

    read = read_configured(loaded)
    for complaint in read.complaints:
        click.echo(f"tianting: {complaint}", err=True)
    async with HookRunner(
        read.hooks,
        setting(loaded, workspace, environment, spill, sandbox),
        new_id=random_uuid,
        ask_model=question_model(door, loaded.settings),
    ) as runner:
        yield HookPoints(runner, _ties(scene, workspace))


def heeded(loaded: Loaded) -> tuple[Statement, ...]:
    """What settings say of hooks, less what `disableAllHooks` disables; an administrator's only they can disable."""
    configured = loaded.about("hooks")
    if not loaded.settings.disable_all_hooks:
        return configured
    by_administrator = loaded.about("disableAllHooks")[0].source.level == "managed"
    return () if by_administrator else tuple(one for one in configured if one.source.level == "managed")


def read_configured(loaded: Loaded) -> "ReadHooks":
    """The hooks that count, file by file, highest level first. Raises `ConfigError`."""
    from tianting.extensions.hooks.reading import ReadHooks, read_hooks

    counting = heeded(loaded)
    read = [
        read_hooks(put_together(mine)["hooks"], source.name)
        for source in loaded.sources
        if (mine := [statement for statement in counting if statement.source is source])
    ]
    return ReadHooks(
        hooks=tuple(hook for one in read for hook in one.hooks),
        complaints=tuple(complaint for one in read for complaint in one.complaints),
    )


def setting(
    loaded: Loaded,
    workspace: Workspace,
    environment: Mapping[str, str],
    spill: Path,
    sandbox: CommandSandbox | None = None,
) -> "HookSetting":
    """Where hooks run. `environment` is all of ours; what of it a hook sees is decided at each."""
    from tianting.extensions.hooks.launch import CommandSurroundings
    from tianting.extensions.hooks.runner import HookSetting

    surroundings = CommandSurroundings(
        environment=environment,
        project_directory=workspace.root,
        variables_file=spill / FILE_NAME,
        sandbox=sandbox if loaded.settings.sandbox.hooks else None,
    )
    allowed_urls = loaded.settings.allowed_http_hook_urls
    return HookSetting(surroundings=surroundings, spill_directory=spill, allowed_urls=allowed_urls)


def rule_holds(workspace: Workspace) -> "RuleHolds":
    """Judges the `if` of hooks as a deny rule is judged: where a part of the call is meant, the call is."""

    @cache
    def ruleset(rule: str) -> "Ruleset":
        from tianting.permissions.rule_text import Places, RuleLine
        from tianting.permissions.ruleset import Ruleset

        stands_on = ground(workspace)
        places = Places(stands_on.root, stands_on.home, stands_on.folds_case)
        return Ruleset.compile([RuleLine(text=rule, behaviour="deny", source="a hook")], places)

    def holds(rule: str, call: ToolCall, accesses: tuple[Access, ...]) -> bool:
        from tianting.permissions.engine import judge
        from tianting.permissions.questions import Question

        question = Question(
            tool_name=call.tool_name,
            accesses=accesses,
            arguments=call.arguments,
            mode="bypassPermissions",  # so that nothing but the rule can refuse
            cwd=str(workspace.shell_directory),
        )
        return judge(question, ruleset(rule), ground(workspace)).outcome == "deny"

    return holds


def _ties(scene: Scene, workspace: Workspace) -> "Ties":
    from tianting.cli.settings_watch import SettingsWatch
    from tianting.extensions.hooks.points import Ties

    permissions = scene.permissions()
    return Ties(
        circumstances=_circumstances(scene, workspace, permissions),
        rule_holds=rule_holds(workspace),
        suggested_updates=permissions.suggested_updates,
        apply_updates=permissions.apply_updates,
        changed_settings=SettingsWatch(scene.places).changes,
    )


def _circumstances(
    scene: Scene, workspace: Workspace, permissions: "SessionPermissions"
) -> "Callable[[], Circumstances]":
    from tianting.extensions.hooks.events import Circumstances, EffortLevel

    return lambda: Circumstances(
        session_id=scene.session_id,
        transcript_path=str(scene.transcript),
        cwd=str(workspace.shell_directory),
        permission_mode=permissions.mode,
        effort=None if scene.effort is None else EffortLevel(level=scene.effort),
    )
