"""From a window and its template to what the keeper is to start, and what the driver must know of it."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tianting.fleet.drivers.driver import Brief, Driver, Launch, Standing
from tianting.fleet.ending import log_path
from tianting.fleet.ground.limits import keeper_limits
from tianting.fleet.templates import Template
from tianting.fleet.window import Window
from tianting.fleet.world import World
from tianting.keeper.words import Start


class Plan(Struct, frozen=True, kw_only=True):
    """One process, as it is to be started."""

    brief: Brief
    launch: Launch
    start: Start


def planned(
    window: Window, template: Template, driver: Driver, world: World, *, model: str | None, resume: bool
) -> Plan:
    """The process of `window`, of its generation. Raises `FleetError` where it cannot be started here."""
    environment = world.grounds.environment(window, template)
    brief = brief_of(window, template, environment, model=model, resume=resume)
    launch = world.grounds.enclose(driver.launch(brief), window, template)
    return Plan(brief=brief, launch=launch, start=start_of(window, template, launch, world.logs))


def brief_of(
    window: Window,
    template: Template,
    environment: Mapping[str, str],
    *,
    model: str | None,
    resume: bool,
    standing: Standing | None = None,
) -> Brief:
    """For the driver. `standing` only of a process that is taken over."""
    return Brief(
        window_id=window.window_id,
        generation=window.generation,
        cwd=window.cwd,
        conversation_id=window.conversation_id,
        resume=resume,
        model=model,
        permission_mode=template.permission_mode,
        system_prompt=template.system_prompt,
        environment=environment,
        program=template.program,
        arguments=template.arguments,
        standing=standing or Standing(),
    )


def start_of(window: Window, template: Template, launch: Launch, logs: Path) -> Start:
    """For the keeper. Each process has a log of its own, so that its last words are not another's."""
    return Start(
        window=window.window_id,
        generation=window.generation,
        argv=launch.argv,
        cwd=launch.cwd,
        environment=dict(launch.environment),
        stderr=str(log_path(logs, window.window_id, window.generation)),
        native=launch.native,
        terminal=launch.terminal,
        limits=keeper_limits(template.limits),
    )
