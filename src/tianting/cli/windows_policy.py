"""From the settings' `fleet` to what a fleet is to be. Each kind is a template, so that nobody must write one."""

from pathlib import Path
from typing import Literal

from msgspec import structs

from tianting.fleet.ground.isolation import Isolation
from tianting.fleet.ground.limits import WindowLimits
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.store.records import Retention
from tianting.fleet.templates import Care, FleetPolicy, Template, check_policy
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.verdicts.ladder import LadderPatience
from tianting.fleet.verdicts.parking import ParkPolicy
from tianting.fleet.verdicts.recovery import RestartPolicy
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.protocol.errors import ConfigError, FleetError
from tianting.settings.schema import (
    FleetPatienceSettings,
    FleetPoolSettings,
    FleetRetentionSettings,
    FleetSettings,
    FleetTemplateSettings,
)

Kind = Literal["tianting", "claude", "codex", "acp", "tmux", "echo"]
KINDS: tuple[Kind, ...] = ("tianting", "claude", "codex", "acp", "tmux", "echo")
_WITH_STANDBY: tuple[Kind, ...] = ("tianting", "claude", "echo")
"""What a second process may resume a conversation of beside the first: `Abilities.standby`."""
_DAY = 86_400.0


def fleet_policy(settings: FleetSettings) -> FleetPolicy:
    """The templates of the settings, and one for each kind beside them. Raises `ConfigError` naming what is wrong."""
    built_in: dict[str, FleetTemplateSettings] = {kind: FleetTemplateSettings(kind=kind) for kind in KINDS}
    templates = tuple(_template(name, told) for name, told in {**built_in, **settings.templates}.items())
    try:
        return check_policy(FleetPolicy(templates=templates, most_windows=settings.max_windows))
    except FleetError as error:
        raise ConfigError(f"Settings in fleet: {error}") from None


def retention(told: FleetRetentionSettings) -> Retention:
    """How much of the past the store keeps."""
    return Retention(
        events=told.events,
        event_age=told.event_days * _DAY,
        heartbeat_age=told.heartbeat_days * _DAY,
        prompt_age=told.prompt_days * _DAY,
        audit_age=told.audit_days * _DAY,
    )


def _template(name: str, told: FleetTemplateSettings) -> Template:
    _check(name, told)
    return Template(
        name=name,
        kind=told.kind,
        program=told.program,
        arguments=told.arguments,
        model=told.model,
        fallback_model=told.fallback_model,
        permission_mode=told.permission_mode,
        system_prompt=told.system_prompt,
        cwd=told.cwd,
        surroundings=Wanted(passed=told.pass_environment, variables=told.environment, shared=told.share),
        limits=WindowLimits(**structs.asdict(told.limits)),
        isolation=Isolation(**structs.asdict(told.isolation)),
        care=_care(told),
        pool=_pool(told.pool),
        standby=told.standby,
    )


def _check(name: str, told: FleetTemplateSettings) -> None:
    """What the schema cannot say."""
    place = f"fleet.templates.{name}"
    if not name or "." in name:
        raise ConfigError(f"Settings in {place}: a template's name has no dot, and is not empty.")
    if told.cwd is not None and not Path(told.cwd).is_absolute():
        raise ConfigError(f"Settings in {place}.cwd: {told.cwd!r} does not begin with /.")
    if told.standby and told.kind not in _WITH_STANDBY:
        able = ", ".join(_WITH_STANDBY)
        raise ConfigError(f"Settings in {place}.standby: agents of the kind {told.kind} can have none; {able} can.")
    if told.kind == "acp" and told.program is None and name != "acp":
        raise ConfigError(f"Settings in {place}.program: name the program; agents of the kind acp have no usual one.")


def _care(told: FleetTemplateSettings) -> Care:
    successors = (*RestartPolicy().successors, *(("model",) if told.fallback_model else ()))
    return Care(
        patience=_patience(told.patience),
        ladder=LadderPatience(kill_unsaved=told.kill_unsaved),
        restarts=RestartPolicy(
            most=told.max_restarts, successors=successors, parking=ParkPolicy(wakes=told.continue_after_limit)
        ),
        heartbeat=told.heartbeat,
        grace=told.grace,
    )


def _patience(told: FleetPatienceSettings) -> Patience:
    said = {name: value for name, value in structs.asdict(told).items() if value is not None}
    return structs.replace(Patience(), **{name: value or None for name, value in said.items()})


def _pool(told: FleetPoolSettings | None) -> PoolPolicy | None:
    return None if told is None else PoolPolicy(**structs.asdict(told))
