"""What a session begins with: its facts, the shape of its requests, and what the model is told before anything else."""

import platform
import time
from pathlib import Path

from msgspec import structs

from tianting.agent.briefing import PLAN_MODE, Environment, briefing
from tianting.agent.prompt import system_prompt
from tianting.cli.going_on import Place
from tianting.cli.ground import Ground
from tianting.cli.invocation import Invocation
from tianting.cli.model_door import ModelDoor
from tianting.cli.toolbox import Toolbox
from tianting.cli.tuning import thinking_wish
from tianting.plumbing.well_formed import well_formed
from tianting.protocol.events import PermissionMode, SessionStarted
from tianting.protocol.messages import UserMessage
from tianting.protocol.model_catalogue import ModelInfo
from tianting.protocol.requests import Effort, ModelRequest
from tianting.session.session import Opening
from tianting.tools.workspace import Workspace
from tianting.worktree.survey import Survey

MOST_OUTPUT = 32_000
"""Tokens asked for in one answer, where the model could write more: enough for any file, kind to rate limits."""


def opening(
    invocation: Invocation,
    ground: Ground,
    door: ModelDoor,
    toolbox: Toolbox,
    *,
    place: Place,
    workspace: Workspace,
    surveyed: Survey,
    mode: PermissionMode,
) -> Opening:
    """How the session at `place` begins, or goes on."""
    return Opening(
        facts=_facts(door, toolbox, place, workspace, mode),
        shape=_shape(invocation, ground, door, toolbox, place),
        history=tuple(place.resumed.history) if place.resumed else (),
        briefing=_briefing(workspace, surveyed),
        notices=_notices(place, _briefing(workspace, surveyed), mode),
    )


def wanted_effort(invocation: Invocation, ground: Ground) -> Effort | None:
    """How hard the model is to think, where anybody said."""
    return invocation.effort or ground.tuned.effort or ground.settings.effort_level


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
        max_tokens=output_limit(door.info, ground),
        effort=wanted_effort(invocation, ground),
        thinking=thinking_wish(invocation, ground.tuned),
        cache_key=place.session_id,
    )


def output_limit(model: ModelInfo, ground: Ground) -> int:
    """Tokens to ask `model` for in one answer."""
    return min(model.max_output, ground.tuned.max_output or MOST_OUTPUT)


def _system(invocation: Invocation, door: ModelDoor, tools: tuple[str, ...]) -> tuple[str, ...]:
    prompt = system_prompt(door.family, tools) if invocation.system_prompt is None else invocation.system_prompt
    return tuple(part for part in (prompt, invocation.append_system_prompt) if part)


def _notices(place: Place, briefed: UserMessage, mode: PermissionMode) -> tuple[UserMessage, ...]:
    """A conversation that another agent began has not had our briefing."""
    first = (briefed,) if place.began_elsewhere else ()
    return (*first, PLAN_MODE) if mode == "plan" else first


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
