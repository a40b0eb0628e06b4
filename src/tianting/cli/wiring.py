"""Joins the parts: the one place that knows all of them.

invocation -> settings -> model, tools, permissions -> loop -> session
"""

import gc
import os
import platform
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from tianting import __version__
from tianting.agent.briefing import PLAN_MODE, Environment, briefing
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.agent.prompt import system_prompt
from tianting.cli.background_work import told_to
from tianting.cli.going_on import Place, place_of
from tianting.cli.hooking import Scene, open_hooks
from tianting.cli.invocation import Invocation
from tianting.cli.judging import Flags, late_judge, permission_mode
from tianting.cli.loaded_settings import bare, settings_places
from tianting.cli.model_door import ModelDoor, open_model
from tianting.cli.places import current_directory, home_directory
from tianting.cli.program import complain
from tianting.cli.safekeeping import safekeeping
from tianting.cli.toolbox import SandboxWish, Toolbox, open_toolbox
from tianting.cli.tuning import Tuning, thinking_wish, tuning
from tianting.extensions.hooks.port import AgentHooks
from tianting.permissions.decision import Grants, Person
from tianting.permissions.gate import Gate
from tianting.plumbing.clock import SystemClock
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode, SessionStarted
from tianting.protocol.ids import random_uuid
from tianting.protocol.messages import UserMessage
from tianting.protocol.model_catalogue import ModelCatalogue, ModelInfo
from tianting.protocol.requests import Effort, ModelRequest
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.places import projects_directory
from tianting.session.session import Opening, Session
from tianting.session.titles import title_from
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded, load_settings
from tianting.settings.providers import default_model, model_catalogue
from tianting.settings.schema import Settings
from tianting.tools.shell.environment import without_secrets
from tianting.tools.workspace import Workspace
from tianting.worktree.survey import PendingSurvey, Survey

if TYPE_CHECKING:
    from tianting.permissions.session_judge import SessionJudge

MOST_OUTPUT = 32_000
"""Tokens asked for in one answer, where the model could write more: enough for any file, kind to rate limits."""
_CALL_OVERHEAD = 60.0
"""Seconds between the longest a command may take and the end of its call, so that the kinder limit comes first."""
SURVEY_PATIENCE = 2.0
"""Seconds that the first request waits for git."""


MakePerson = Callable[[Grants], Person]
"""Makes somebody who can be asked, from what they can be offered."""


class Ground(Struct, frozen=True, kw_only=True):
    """What a session stands on, read once."""

    cwd: Path
    home: Path
    environment: dict[str, str]
    places: Places
    loaded: Loaded
    tuned: Tuning
    catalogue: ModelCatalogue

    @property
    def settings(self) -> Settings:
        """What is in force, whoever said it."""
        return self.loaded.settings


def read_ground(invocation: Invocation) -> Ground:
    """Read environment and settings, and say what is odd about them. Raises `ConfigError`."""
    places = structs.replace(settings_places(), left_out=invocation.left_out)
    loaded = load_settings(places, invocation.settings)
    for warning in loaded.warnings:
        complain(warning)
    environment = {**os.environ, **loaded.settings.env}
    return Ground(
        cwd=current_directory(),
        home=home_directory(os.environ),
        environment=environment,
        tuned=tuning(environment),
        places=places,
        loaded=bare(loaded) if invocation.bare else loaded,
        catalogue=model_catalogue(loaded.settings),
    )


@asynccontextmanager
async def open_session(
    invocation: Invocation,
    survey: PendingSurvey,
    person: MakePerson | None = None,
    *,
    why_over: Callable[[], str] = lambda: "other",
) -> AsyncGenerator[Session, None]:
    """A session that is ready for its first prompt. Raises `ConfigError` or `SessionError`.

    Leaving ends what it started: background commands, connections, the lock on its transcript. `why_over` is asked
    then for what hooks are told: `prompt_input_exit`, `resume`, `other`.
    """
    ground = read_ground(invocation)
    mode = _mode(invocation, ground)
    workspace = Workspace(ground.cwd, _additional(invocation, ground))
    place = place_of(invocation, projects_directory(ground.home), str(ground.cwd))
    door = _open_door(invocation, ground)
    spill = _spill_directory(place)
    judge = _judge(invocation, ground, mode, workspace, spill)
    wish = SandboxWish(settings=ground.settings.sandbox, home=ground.home, rules=lambda: judge().ruleset)
    async with (
        open_toolbox(
            invocation, workspace, door.family, spill, _for_commands(ground), wish, timeouts=ground.tuned.timeouts
        ) as toolbox,
        open_hooks(
            ground.loaded,
            _scene(invocation, ground, place, mode, judge),
            workspace,
            _for_commands(ground),
            spill,
            door,
            sandbox=toolbox.sandbox,
        ) as hooks,
    ):
        workspace.may_read = lambda path: judge().may_read(path)
        gate = _gate(judge, ground, mode, person, hooks)
        loop = _loop(invocation, ground, door, toolbox, gate, hooks)
        surveyed = survey.finish(SURVEY_PATIENCE)
        log = None if invocation.no_session_persistence else _log(invocation, place, ground, surveyed)
        if log is not None:
            hooks.title_to(lambda title: log.rename(title_from(title)))
        opening = Opening(
            facts=_facts(door, toolbox, place, workspace, mode),
            shape=_shape(invocation, ground, door, toolbox, place),
            history=tuple(place.resumed.history) if place.resumed else (),
            briefing=_briefing(workspace, surveyed),
            notices=(PLAN_MODE,) if mode == "plan" else (),
        )
        gc.freeze()
        gc.enable()
        session = Session(loop, opening, log=log, new_id=random_uuid, hooks=hooks, changed_files=toolbox.changed_files)
        toolbox.jobs.report_to(told_to(session))
        try:
            with safekeeping(session, ground.home, workspace, ground.settings.checkpoints):
                yield session
        finally:
            await session.end(why_over())
            if log is not None:
                log.close()
            await door.client.aclose()


def _additional(invocation: Invocation, ground: Ground) -> tuple[Path, ...]:
    configured = (Path(path).expanduser() for path in ground.settings.permissions.additional_directories)
    return (*invocation.add_dir, *configured)


def _spill_directory(place: Place) -> Path:
    """Where outputs that are too long for the history lie: beside the transcript."""
    return place.path.with_suffix("") / "tool-results"


def _for_commands(ground: Ground) -> dict[str, str]:
    """What commands and hooks may see of the environment; what the settings say of it is said on purpose."""
    keys = {provider.key_variable for provider in ground.settings.providers.values() if provider.key_variable}
    return {**without_secrets(os.environ, ground.settings.pass_environment, keys), **ground.settings.env}


def _open_door(invocation: Invocation, ground: Ground) -> ModelDoor:
    name = invocation.model or default_model(ground.settings, ground.environment)
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


def _gate(
    judge: "Callable[[], SessionJudge]",
    ground: Ground,
    mode: PermissionMode,
    person: MakePerson | None,
    hooks: AgentHooks,
) -> Gate:
    if mode == "dontAsk":
        return Gate(judge)
    if person is None:
        return Gate(judge, delegate=hooks.person(None))
    from tianting.cli.granting import LocalGrants

    asked = hooks.announcing(person(LocalGrants(judge, ground.places, ground.loaded)))
    return Gate(judge, asked, delegate=hooks.person(asked))


def _scene(
    invocation: Invocation, ground: Ground, place: Place, mode: PermissionMode, judge: "Callable[[], SessionJudge]"
) -> Scene:
    return Scene(
        places=ground.places,
        judge=judge,
        session_id=place.session_id,
        transcript=place.path,
        mode=mode,
        effort=_effort(invocation, ground),
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


def _loop(
    invocation: Invocation, ground: Ground, door: ModelDoor, toolbox: Toolbox, gate: Gate, hooks: AgentHooks
) -> AgentLoop:
    limits = _limits(invocation, ground, door.info)
    return AgentLoop(
        door.client,
        ToolDispatcher(toolbox.tools, gate, limits, hooks),
        limits=limits,
        clock=SystemClock(),
        catalogue=ground.catalogue,
        goal=toolbox.goal,
        hooks=hooks,
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


def _facts(
    door: ModelDoor, toolbox: Toolbox, place: Place, workspace: Workspace, mode: PermissionMode
) -> SessionStarted:
    return SessionStarted(
        session_id=place.session_id,
        cwd=well_formed(str(workspace.root)),
        model=door.info.id,
        permission_mode=mode,
        tools=tuple(spec.name for spec in toolbox.offered),
        key_source=door.key_source,
    )


def _shape(invocation: Invocation, ground: Ground, door: ModelDoor, toolbox: Toolbox, place: Place) -> ModelRequest:
    return ModelRequest(
        model=door.info.id,
        system=_system(invocation, door, tuple(spec.name for spec in toolbox.offered)),
        tools=toolbox.offered,
        messages=(),
        max_tokens=min(door.info.max_output, ground.tuned.max_output or MOST_OUTPUT),
        effort=_effort(invocation, ground),
        thinking=thinking_wish(invocation, ground.tuned),
        cache_key=place.session_id,
    )


def _system(invocation: Invocation, door: ModelDoor, tools: tuple[str, ...]) -> tuple[str, ...]:
    prompt = system_prompt(door.family, tools) if invocation.system_prompt is None else invocation.system_prompt
    return tuple(part for part in (prompt, invocation.append_system_prompt) if part)


def _effort(invocation: Invocation, ground: Ground) -> Effort | None:
    return invocation.effort or ground.tuned.effort or ground.settings.effort_level


def _briefing(workspace: Workspace, survey: Survey) -> UserMessage:
    root = Path(well_formed(str(survey.root)))  # for eyes only
    return briefing(_machine(workspace), structs.replace(survey, root=root))


def _machine(workspace: Workspace) -> Environment:
    return Environment(
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        shell_name="bash",
        day=time.strftime("%Y-%m-%d"),
        additional=tuple(well_formed(str(path)) for path in workspace.additional),
    )
