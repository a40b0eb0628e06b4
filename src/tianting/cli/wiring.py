"""Joins the parts: the one place that knows all of them.

invocation -> settings -> model, tools, permissions -> loop -> session
"""

import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from tianting import __version__
from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.cli.background_work import told_to
from tianting.cli.footing import Footing, footing_of
from tianting.cli.ground import Ground
from tianting.cli.hooking import Scene, open_hooks
from tianting.cli.invocation import Invocation
from tianting.cli.opening import opening, wanted_effort
from tianting.cli.running import Running
from tianting.cli.safekeeping import safekeeping
from tianting.cli.toolbox import SandboxWish, Toolbox, open_toolbox
from tianting.extensions.hooks.port import AgentHooks
from tianting.permissions.decision import Person
from tianting.permissions.gate import Gate
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.protocol.ids import random_uuid
from tianting.protocol.model_catalogue import ModelInfo
from tianting.session.entries import Stamp
from tianting.session.log import SessionLog
from tianting.session.session import Session
from tianting.session.titles import title_from
from tianting.worktree.survey import PendingSurvey, Survey

if TYPE_CHECKING:
    from tianting.cli.granting import SessionPermissions

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

    async def tell_mode(changed: PermissionMode) -> None:
        await running.session.change_mode(changed)

    footing = footing_of(invocation, tell_mode, changes=changes)
    async with _toolbox(footing) as toolbox, _hooks(footing, toolbox) as hooks:
        gate = _gate(footing, person and person(footing.permissions()), hooks)
        running = _joined(footing, toolbox, hooks, gate, survey)
        try:
            with safekeeping(running.session, footing.ground.home, footing.workspace, footing.settings.checkpoints):
                yield running
        finally:
            await running.session.end(why_over())
            if running.log is not None:
                running.log.close()
            await footing.model.aclose()


def _toolbox(footing: Footing) -> AbstractAsyncContextManager[Toolbox]:
    home, judge = footing.ground.home, footing.judge
    return open_toolbox(
        footing.invocation,
        footing.workspace,
        footing.door.family,
        footing.spill,
        footing.environment,
        SandboxWish(settings=footing.settings.sandbox, home=home, rules=lambda: judge().ruleset),
        timeouts=footing.ground.tuned.timeouts,
        denied=tuple(str(statement.value) for statement in footing.ground.loaded.about("permissions", "deny")),
    )


def _hooks(footing: Footing, toolbox: Toolbox) -> AbstractAsyncContextManager[AgentHooks]:
    scene = Scene(
        places=footing.ground.places,
        permissions=footing.permissions,
        session_id=footing.place.session_id,
        transcript=footing.place.path,
        effort=wanted_effort(footing.invocation, footing.ground),
        may_join=footing.changes and not footing.settings.disable_all_hooks,
    )
    return open_hooks(
        footing.ground.loaded,
        scene,
        footing.workspace,
        footing.environment,
        footing.spill,
        footing.door,
        sandbox=toolbox.sandbox,
    )


def _gate(footing: Footing, person: Person | None, hooks: AgentHooks) -> Gate:
    asked = person and hooks.announcing(person)
    return Gate(footing.judge, asked, delegate=hooks.person(asked))


def _joined(footing: Footing, toolbox: Toolbox, hooks: AgentHooks, gate: Gate, survey: PendingSurvey) -> Running:
    """The session, and the parts that may be exchanged in it. Raises `ConfigError` or `SessionError`."""
    limits = _limits(footing.invocation, footing.ground, footing.door.info)
    tools = ToolDispatcher(toolbox.tools, gate, limits, hooks)
    loop = AgentLoop(
        footing.model,
        tools,
        limits=limits,
        clock=SystemClock(),
        catalogue=footing.ground.catalogue,
        goal=toolbox.goal,
        hooks=hooks,
    )
    surveyed = survey.finish(SURVEY_PATIENCE)
    log = _log(footing, surveyed)
    session = _session(footing, toolbox, hooks, loop, log, surveyed)
    return Running(
        session=session,
        ground=footing.ground,
        invocation=footing.invocation,
        workspace=footing.workspace,
        place=footing.place,
        door=footing.door,
        model=footing.model,
        loop=loop,
        tools=tools,
        toolbox=toolbox,
        hooks=hooks,
        permissions=footing.permissions,
        log=log,
        environment=footing.environment,
        spill=footing.spill,
    )


def _session(
    footing: Footing,
    toolbox: Toolbox,
    hooks: AgentHooks,
    loop: AgentLoop,
    log: SessionLog | None,
    surveyed: Survey,
) -> Session:
    if log is not None:
        hooks.title_to(lambda title: log.rename(title_from(title)))
    begun = opening(
        footing.invocation,
        footing.ground,
        footing.door,
        toolbox,
        place=footing.place,
        workspace=footing.workspace,
        surveyed=surveyed,
        mode=footing.mode,
    )
    gc.freeze()
    gc.enable()
    session = Session(loop, begun, log=log, new_id=random_uuid, hooks=hooks, changed_files=toolbox.ledger.newly_changed)
    toolbox.jobs.report_to(told_to(session, wakes=footing.changes))
    return session


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


def _log(footing: Footing, survey: Survey) -> SessionLog | None:
    invocation, place = footing.invocation, footing.place
    if invocation.no_session_persistence:
        return None
    stamp = Stamp(
        session_id=place.session_id,
        cwd=str(footing.ground.cwd),
        version=__version__,
        git_branch=survey.git.branch if survey.git else "",
    )
    log = SessionLog(place.path, stamp, SystemClock(), random_uuid, place.resumed)
    if invocation.name:
        log.rename(invocation.name)
    return log
