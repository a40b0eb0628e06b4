"""What a session stands on: without it each part that is opened would have to find out for itself who else there is.

invocation -> settings -> place, model, judge; nothing runs yet, and nothing was written
"""

import os
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tianting.cli.going_on import Place, place_of
from tianting.cli.ground import Ground, read_ground
from tianting.cli.invocation import Invocation
from tianting.cli.judging import Flags, late_judge, permission_mode
from tianting.cli.model_door import ModelDoor, open_model
from tianting.cli.places import claude_projects
from tianting.models.client import ModelClient
from tianting.protocol.events import PermissionMode
from tianting.session.places import projects_directory
from tianting.settings.providers import default_model
from tianting.settings.schema import Settings
from tianting.tools.workspace import Workspace

if TYPE_CHECKING:
    from tianting.cli.granting import SessionPermissions
    from tianting.permissions.session_judge import SessionJudge


class Footing(Struct, frozen=True, kw_only=True):
    """What a session stands on before anything of it is opened."""

    invocation: Invocation
    ground: Ground
    mode: PermissionMode
    workspace: Workspace
    place: Place
    door: ModelDoor
    model: ModelClient
    environment: dict[str, str]
    """That of commands and hooks."""
    judge: "Callable[[], SessionJudge]"
    permissions: "Callable[[], SessionPermissions]"
    changes: bool

    @property
    def settings(self) -> Settings:
        """What is in force, whoever said it."""
        return self.ground.settings

    @property
    def spill(self) -> Path:
        """Where outputs that are too long for the history lie."""
        return _spill(self.place)


def footing_of(
    invocation: Invocation, tell_mode: Callable[[PermissionMode], Awaitable[None]], *, changes: bool
) -> Footing:
    """Read all that must be known. `tell_mode` hears of each change of the mode; `changes`: the model may be exchanged.

    Raises `ConfigError` or `SessionError`.
    """
    ground = read_ground(invocation)
    mode = _mode(invocation, ground)
    workspace = Workspace(ground.cwd, _additional(invocation, ground))
    projects = projects_directory(ground.home)
    place = place_of(invocation, projects, str(ground.cwd), elsewhere=lambda: claude_projects(os.environ))
    door = open_door(invocation, ground)
    flags = Flags(allowed=invocation.allowed_tools, disallowed=invocation.disallowed_tools)
    judge = late_judge(ground.loaded, flags, mode, workspace, _spill(place))
    workspace.may_read = lambda path: judge().may_read(path)
    return Footing(
        invocation=invocation,
        ground=ground,
        mode=mode,
        workspace=workspace,
        place=place,
        door=door,
        model=_switching(door.client) if changes else door.client,
        environment={**ground.shown_to_commands(os.environ), **ground.settings.env},
        judge=judge,
        permissions=_permissions(invocation, ground, mode, workspace, judge, tell_mode),
        changes=changes,
    )


def _permissions(
    invocation: Invocation,
    ground: Ground,
    mode: PermissionMode,
    workspace: Workspace,
    judge: "Callable[[], SessionJudge]",
    tell_mode: Callable[[PermissionMode], Awaitable[None]],
) -> "Callable[[], SessionPermissions]":
    """Built for whoever asks first: most sessions change none."""

    @cache
    def permissions() -> "SessionPermissions":
        from tianting.cli.granting import SessionPermissions

        may_bypass = invocation.allow_dangerously_skip_permissions
        built = SessionPermissions(judge, mode, ground.places, ground.loaded, workspace, may_bypass=may_bypass)
        built.tell_modes_to(tell_mode)
        return built

    return permissions


def open_door(invocation: Invocation, ground: Ground, name: str | None = None) -> ModelDoor:
    """The model called `name`, or the one that was asked for at the start. Raises `ConfigError`."""
    name = name or invocation.model or default_model(ground.settings, ground.environment)
    fallback = invocation.fallback_model or ground.settings.fallback_model
    return open_model(name, fallback, ground.settings, ground.environment, ground.catalogue)


def _mode(invocation: Invocation, ground: Ground) -> PermissionMode:
    return permission_mode(
        skip=invocation.dangerously_skip_permissions, asked_for=invocation.permission_mode, loaded=ground.loaded
    )


def _additional(invocation: Invocation, ground: Ground) -> tuple[Path, ...]:
    configured = (Path(path).expanduser() for path in ground.settings.permissions.additional_directories)
    return (*invocation.add_dir, *configured)


def _switching(client: ModelClient) -> ModelClient:
    from tianting.models.switching import SwitchingModel

    return SwitchingModel(client)


def _spill(place: Place) -> Path:
    return place.path.with_suffix("") / "tool-results"
