"""What windows are made after: without templates every caller would have to know limits, patience and environments."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from tianting.fleet.health import Patience
from tianting.fleet.interrupted import PromptPolicy
from tianting.fleet.ladder import LadderPatience
from tianting.fleet.recovery import RestartPolicy
from tianting.fleet.sizing import PoolPolicy
from tianting.keeper.words import Limits
from tianting.protocol.errors import FleetError


class Care(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a window is looked after."""

    patience: Patience = Patience()
    ladder: LadderPatience = LadderPatience()
    restarts: RestartPolicy = RestartPolicy()
    prompts: PromptPolicy = PromptPolicy()
    heartbeat: float = 60.0
    """Seconds between two probes of a window that has nothing to do."""
    grace: float = 5.0
    """Seconds in which an agent may end in order."""


class Ceiling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one window may take, with all that it starts; None is no limit."""

    memory: int | None = None
    """Bytes."""
    processes: int | None = None
    cpu_seconds: int | None = None
    """Of each process."""

    def limits(self) -> Limits:
        """In the keeper's words."""
        return Limits(memory=self.memory, processes=self.processes, cpu_seconds=self.cpu_seconds)


class Template(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    environment: Mapping[str, str] = {}
    """Beside what the fleet gives each window. No secrets where there is a gateway."""
    ceiling: Ceiling = Ceiling()
    care: Care = Care()
    pool: PoolPolicy | None = None
    """None keeps no spares."""


class FleetPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


def check_policy(policy: FleetPolicy) -> FleetPolicy:
    """`policy`, or a `FleetError` that says what is wrong with it."""
    names = [one.name for one in policy.templates]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FleetError(f"Two templates are called {twice[0]!r}.")
    if policy.most_windows < 1:
        raise FleetError("`most_windows` must be at least 1.")
    for one in policy.templates:
        _check_template(one)
    return policy


def _check_template(one: Template) -> None:
    if not one.name:
        raise FleetError("A template needs a name.")
    if one.care.heartbeat <= 0 or one.care.grace < 0:
        raise FleetError(f"Template {one.name!r}: `heartbeat` must be above 0 and `grace` at least 0 seconds.")
    if one.pool is not None and one.cwd is None:
        raise FleetError(f"Template {one.name!r} has a pool: it needs a `cwd` for them to start in.")
