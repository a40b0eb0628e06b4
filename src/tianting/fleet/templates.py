"""What windows are made after: without templates every caller would have to know limits, patience and environments."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from tianting.fleet.drivers.driver import Driver
from tianting.fleet.ground.isolation import Isolation
from tianting.fleet.ground.limits import WindowLimits, keeper_limits
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.verdicts.interrupted import PromptPolicy
from tianting.fleet.verdicts.ladder import LadderPatience
from tianting.fleet.verdicts.recovery import RestartPolicy
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.protocol.errors import ConfigError, FleetError


class Care(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """How a window is looked after."""

    patience: Patience = Patience()
    ladder: LadderPatience = LadderPatience()
    restarts: RestartPolicy = RestartPolicy()
    prompts: PromptPolicy = PromptPolicy()
    heartbeat: float = 60.0
    """Seconds between two probes of a window that has nothing to do."""
    grace: float = 5.0
    """Seconds in which an agent may end in order."""


class Template(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One way to make a window."""

    name: str
    kind: Literal["tianting", "claude", "codex", "acp", "tmux", "echo"]
    """Which driver."""
    program: str | None = None
    """Path of the agent's binary; None looks for its usual name."""
    arguments: tuple[str, ...] = ()
    model: str | None = None
    fallback_model: str | None = None
    """Takes over at a limit, where `care.restarts.successors` has `model`."""
    permission_mode: str | None = None
    system_prompt: str | None = None
    cwd: str | None = None
    """For windows that name none. Only such a template can have warm spares: a process begins in its directory."""
    surroundings: Wanted = Wanted()
    """What its environment has beside the window's own directories."""
    limits: WindowLimits = WindowLimits()
    isolation: Isolation = Isolation()
    care: Care = Care()
    pool: PoolPolicy | None = None
    """None keeps no spares."""
    standby: bool = False
    """Beside each window that has a conversation keep a second process which has already resumed it. It takes as much
    memory again, and each turn costs one more start."""


class FleetPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a fleet is to be. Replaced as a whole while it runs."""

    templates: tuple[Template, ...] = ()
    most_windows: int = 64
    """At a time, spares included; a window that is stopped or has failed takes no place."""

    def template(self, name: str) -> Template:
        """Raises `FleetError` naming those that there are."""
        for one in self.templates:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.templates) or "none"
        raise FleetError(f"There is no template {name!r}. Templates: {known}.")


def driver_for(kind: str, template: Template, drivers: Mapping[str, Driver]) -> Driver:
    """That of the kind; for a program that has one of its own within it (`tmux:claude`), that. Raises `FleetError`."""
    program = template.program or ""
    driver = drivers.get(f"{kind}:{program.rpartition('/')[2]}") or drivers.get(kind)
    if driver is None:
        raise FleetError(f"There is no driver for agents of the kind {kind!r}.")
    return driver


def check_policy(policy: FleetPolicy) -> FleetPolicy:
    """`policy`, or a `FleetError` that says what is wrong with it."""
    names = [one.name for one in policy.templates]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FleetError(f"Two templates are called {twice[0]!r}.")
    if policy.most_windows < 1:
        raise FleetError("`mostWindows` must be at least 1.")
    for one in policy.templates:
        _check_template(one)
    return policy


def _check_template(one: Template) -> None:
    if not one.name:
        raise FleetError("A template needs a name.")
    if one.care.heartbeat <= 0 or one.care.grace < 0:
        raise FleetError(f"Template {one.name!r}: `heartbeat` must be above 0 and `grace` at least 0 seconds.")
    if one.pool is not None and one.cwd is None:
        raise FleetError(f"Template {one.name!r} has a pool: it needs a `cwd` for its spares to start in.")
    try:
        keeper_limits(one.limits)
    except ConfigError as error:
        raise FleetError(f"Template {one.name!r}: {error}") from error
