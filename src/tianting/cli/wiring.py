"""Joins the parts: the one place that knows all of them.

invocation -> settings -> model, tools, permissions -> loop -> session
"""

import gc
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tianting import __version__
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.cli.background_work import told_to
from tianting.cli.going_on import Place, place_of
from tianting.cli.ground import Ground, read_ground
from tianting.cli.hooking import Scene, open_hooks
from tianting.cli.invocation import Invocation
from tianting.cli.judging import Flags, late_judge, permission_mode
from tianting.cli.model_door import ModelDoor, open_model
from tianting.cli.opening import opening, wanted_effort
from tianting.cli.places import claude_projects
from tianting.cli.running import Running
from tianting.cli.safekeeping import safekeeping
from tianting.cli.toolbox import SandboxWish, open_toolbox
from tianting.extensions.hooks.port import AgentHooks
from tianting.models.client import ModelClient
from tianting.permissions.decision import Person
from tianting.permissions.gate import Gate
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.protocol.ids import random_uuid
from tianting.protocol.model_catalogue import ModelInfo
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.places import projects_directory
from tianting.session.session import Session
from tianting.session.titles import title_from
from tianting.settings.providers import default_model
from tianting.tools.shell.environment import without_secrets
from tianting.tools.workspace import Workspace
from tianting.worktree.survey import PendingSurvey, Survey

if TYPE_CHECKING:
    from tianting.cli.granting import SessionPermissions
    from tianting.permissions.session_judge import SessionJudge

_CALL_OVERHEAD = 60.0
"""Seconds between the longest a command may take and the end of its call, so that the kinder limit comes first."""
SURVEY_PATIENCE = 2.0
"""Seconds that the first request waits for git."""


MakePerson = Callable[["SessionPermissions"], Person]
"""Makes somebody who can be asked, from what they can change."""


@asynccontextmanager
async def open_session(
    invocation: Invocation,
    survey: PendingSurvey,
    person: MakePerson | None = None,
    *,
    why_over: Callable[[], str] = lambda: "other",
) -> AsyncGenerator[Session, None]:
    """A session that is ready for its first prompt, and stays as it was opened: see `open_running`."""
    async with open_running(invocation, survey, person, why_over=why_over) as running:
        yield running.session


@asynccontextmanager
async def open_running(
    invocation: Invocation,
    survey: PendingSurvey,
    person: MakePerson | None = None,
    *,
    why_over: Callable[[], str] = lambda: "other",
    changes: bool = False,
) -> AsyncGenerator[Running, None]:
    """A session and its parts. Raises `ConfigError` or `SessionError`.

    Leaving ends what it started: background commands, connections, the lock on its transcript. `why_over` is asked
    then for what hooks are told: `prompt_input_exit`, `resume`, `other`. `changes`: its model may be exchanged, and
    hooks may join; what that takes is loaded then only.
    """
    ground = read_ground(invocation)
    mode = _mode(invocation, ground)
    workspace = Workspace(ground.cwd, _additional(invocation, ground))
    projects = projects_directory(ground.home)
    place = place_of(invocation, projects, str(ground.cwd), elsewhere=lambda: claude_projects(os.environ))
    door = open_door(invocation, ground)
    model = _switching(door.client) if changes else door.client
    spill, environment = place.path.with_suffix("") / "tool-results", _for_commands(ground)
    judge = _judge(invocation, ground, mode, workspace, spill)
    wish = SandboxWish(settings=ground.settings.sandbox, home=ground.home, rules=lambda: judge().ruleset)

    async def tell_mode(changed: PermissionMode) -> None:
        await session.change_mode(changed)

    permissions = _permissions(judge, mode, ground, workspace, tell_mode)
    async with (
        open_toolbox(
            invocation, workspace, door.family, spill, environment, wish, timeouts=ground.tuned.timeouts
        ) as toolbox,
        open_hooks(
            ground.loaded,
            _scene(invocation, ground, place, permissions, changes=changes),
            workspace,
            environment,
            spill,
            door,
            sandbox=toolbox.sandbox,
        ) as hooks,
    ):
        workspace.may_read = lambda path: judge().may_read(path)
        gate = _gate(judge, person and person(permissions()), hooks)
        limits = _limits(invocation, ground, door.info)
        tools = ToolDispatcher(toolbox.tools, gate, limits, hooks)
        loop = AgentLoop(
            model,
            tools,
            limits=limits,
            clock=SystemClock(),
            catalogue=ground.catalogue,
            goal=toolbox.goal,
            hooks=hooks,
        )
        surveyed = survey.finish(SURVEY_PATIENCE)
        log = None if invocation.no_session_persistence else _log(invocation, place, ground, surveyed)
        if log is not None:
            hooks.title_to(lambda title: log.rename(title_from(title)))
        begun = opening(
            invocation, ground, door, toolbox, place=place, workspace=workspace, surveyed=surveyed, mode=mode
        )
        gc.freeze()
        gc.enable()
        session = Session(
            loop, begun, log=log, new_id=random_uuid, hooks=hooks, changed_files=toolbox.ledger.newly_changed
        )
        toolbox.jobs.report_to(told_to(session, wakes=changes))
        running = Running(
            session=session,
            ground=ground,
            invocation=invocation,
            workspace=workspace,
            place=place,
            door=door,
            model=model,
            loop=loop,
            tools=tools,
            toolbox=toolbox,
            hooks=hooks,
            permissions=permissions,
            log=log,
            environment=environment,
            spill=spill,
        )
        try:
            with safekeeping(session, ground.home, workspace, ground.settings.checkpoints):
                yield running
        finally:
            await session.end(why_over())
            if log is not None:
                log.close()
            await model.aclose()


def _additional(invocation: Invocation, ground: Ground) -> tuple[Path, ...]:
    configured = (Path(path).expanduser() for path in ground.settings.permissions.additional_directories)
    return (*invocation.add_dir, *configured)


def _for_commands(ground: Ground) -> dict[str, str]:
    """What commands and hooks may see of the environment; what the settings say of it is said on purpose."""
    keys = {provider.key_variable for provider in ground.settings.providers.values() if provider.key_variable}
    return {**without_secrets(os.environ, ground.settings.pass_environment, keys), **ground.settings.env}


def open_door(invocation: Invocation, ground: Ground, name: str | None = None) -> ModelDoor:
    """The model called `name`, or the one that was asked for at the start. Raises `ConfigError`."""
    name = name or invocation.model or default_model(ground.settings, ground.environment)
    fallback = invocation.fallback_model or ground.settings.fallback_model
    return open_model(name, fallback, ground.settings, ground.environment, ground.catalogue)


def _mode(invocation: Invocation, ground: Ground) -> PermissionMode:
    return permission_mode(
        skip=invocation.dangerously_skip_permissions, asked_for=invocation.permission_mode, loaded=ground.loaded
    )


def _judge(
    invocation: Invocation, ground: Ground, mode: PermissionMode, workspace: Workspace, spill: Path
) -> "Callable[[], SessionJudge]":
    flags = Flags(allowed=invocation.allowed_tools, disallowed=invocation.disallowed_tools)
    return late_judge(ground.loaded, flags, mode, workspace, spill)


def _permissions(
    judge: "Callable[[], SessionJudge]",
    mode: PermissionMode,
    ground: Ground,
    workspace: Workspace,
    tell_mode: Callable[[PermissionMode], Awaitable[None]],
) -> "Callable[[], SessionPermissions]":
    """Built for whoever asks first: most sessions change none."""

    @cache
    def permissions() -> "SessionPermissions":
        from tianting.cli.granting import SessionPermissions

        built = SessionPermissions(judge, mode, ground.places, ground.loaded, workspace)
        built.tell_modes_to(tell_mode)
        return built

    return permissions


def _switching(client: ModelClient) -> ModelClient:
    from tianting.models.switching import SwitchingModel

    return SwitchingModel(client)


def _gate(judge: "Callable[[], SessionJudge]", person: Person | None, hooks: AgentHooks) -> Gate:
    asked = person and hooks.announcing(person)
    return Gate(judge, asked, delegate=hooks.person(asked))


def _scene(
    invocation: Invocation,
    ground: Ground,
    place: Place,
    permissions: "Callable[[], SessionPermissions]",
    *,
    changes: bool,
) -> Scene:
    return Scene(
        places=ground.places,
        permissions=permissions,
        session_id=place.session_id,
        transcript=place.path,
        effort=wanted_effort(invocation, ground),
        may_join=changes and not ground.settings.disable_all_hooks,
    )


def _limits(invocation: Invocation, ground: Ground, model: ModelInfo) -> Limits:
    """How far a turn may go. Raises `ConfigError` for a budget that nothing could use up."""
    if invocation.max_budget_usd is not None and not (model.input_price or model.output_price):
        raise ConfigError(
            f"--max-budget-usd: no price is known for {model.id}. Leave it out, or add models.{model.id}.inputPrice "
            "and outputPrice to the settings."
        )
    longest = ground.tuned.timeouts.longest / 1000 + _CALL_OVERHEAD
    return Limits(
        max_turns=invocation.max_turns,
        max_budget_usd=invocation.max_budget_usd,
        tool_timeout=max(longest, Limits().tool_timeout),
        max_concurrent=ground.tuned.max_concurrent or Limits().max_concurrent,
    )


def _log(invocation: Invocation, place: Place, ground: Ground, survey: Survey) -> SessionLog:
    stamp = Stamp(
        session_id=place.session_id,
        cwd=str(ground.cwd),
        version=__version__,
        git_branch=survey.git.branch if survey.git else "",
    )
    log = SessionLog(place.path, stamp, SystemClock(), random_uuid, place.resumed)
    if invocation.name:
        log.rename(invocation.name)
    return log
