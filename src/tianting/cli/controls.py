"""What a client may change and see of a running session, carried out: `surfaces.stream_json.controls.Controls`.

Each request changes the one part that knows of it (model, judge, hooks, servers, checkpoints), and what the session
tells of itself.
"""

import os
from typing import Any, get_args

import anyio
from msgspec import structs

from tianting.cli.client_company import ClientCompany
from tianting.cli.control_facts import context_usage, model_choices, permission_rules, shown_settings
from tianting.cli.footing import open_door
from tianting.cli.model_door import ModelDoor
from tianting.cli.opening import output_limit
from tianting.cli.running import Running
from tianting.cli.safekeeping import open_checkpoints, why_off
from tianting.extensions.hooks.callbacks import SOURCE, callback_hooks
from tianting.extensions.hooks.points import HookPoints
from tianting.models.switching import SwitchingModel
from tianting.protocol.compatible_version import COMPATIBLE_VERSION
from tianting.protocol.control import Initialize
from tianting.protocol.control_answers import (
    Account,
    ContextUsage,
    InitializeAnswer,
    McpServer,
    McpServersSet,
    ModelChoice,
    PermissionRules,
    SessionCost,
)
from tianting.protocol.events import Event, McpServerState, PermissionMode, TurnFinished
from tianting.protocol.requests import Effort, ThinkingWish
from tianting.protocol.running_totals import RunningTotals
from tianting.protocol.tool_calls import ToolSpec
from tianting.session.rewinding import FilesRewound, rewind_files
from tianting.session.titles import title_from
from tianting.surfaces.stream_json.controls import ControlRefused
from tianting.tools.contract import ToolFailed

CAPABILITIES = ("interrupt_receipt_v1", "interrupt_cancel_queued_v1")
"""What clients may rely on beyond what every release did."""
GREETING = 2.0
"""Seconds that the answer to `initialize` waits for the client's servers: some answer only when they have it."""


class SessionControls:
    """The `Controls` of one session."""

    def __init__(self, running: Running, company: ClientCompany) -> None:
        self._running = running
        self._session = running.session
        self._company = company
        self._totals = RunningTotals()
        self._began_with = running.session.shape
        self._doors: dict[str | None, ModelDoor] = {None: running.door}
        """Models that were asked for, by name: who changes to and fro all day opens each once."""
        self._required: tuple[ToolSpec, ...] = ()
        """The tool that takes the data which turns must end with, where the client asked for some."""
        running.session.listen(self._count)

    async def _count(self, event: Event) -> None:
        if isinstance(event, TurnFinished):
            self._totals.add(event.report)

    def mcp_status(self) -> tuple[McpServer, ...]:
        """See `Controls`."""
        return self._company.servers.status()

    def session_cost(self) -> SessionCost:
        """See `Controls`."""
        tokens = sum(use.usage.context_tokens for use in self._totals.models.values())
        cost = self._totals.cost_usd
        return SessionCost(text=f"Total cost: ${cost:.4f} ({tokens:,} tokens)", total_cost_usd=cost)

    def settings(self) -> dict[str, Any]:
        """See `Controls`."""
        return shown_settings(self._running.ground.settings)

    def models(self) -> tuple[ModelChoice, ...]:
        """See `Controls`."""
        return model_choices(self._running.ground.catalogue, self._running.door.info)

    def permission_rules(self) -> PermissionRules:
        """See `Controls`."""
        return permission_rules(self._running)

    def version(self) -> str:
        """See `Controls`."""
        return COMPATIBLE_VERSION

    def update_environment(self, variables: dict[str, str]) -> None:
        """See `Controls`."""
        self._running.environment.update(self._running.ground.shown_to_commands(variables))

    async def initialize(self, request: Initialize) -> InitializeAnswer:
        """See `Controls`. Hooks of a second request replace those of the first."""
        applied = self._join_hooks(request)
        self._company.servers.add(request.sdk_mcp_servers or ())
        with anyio.move_on_after(GREETING):  # who is late is asked again before the first turn
            await self.before_turn()
        if request.json_schema is not None:
            self._require(request.json_schema)
        self._take_system_prompt(request)
        if request.title:
            await self.rename_session(request.title)
        return InitializeAnswer(
            models=self.models(),
            account=Account(token_source=self._running.door.key_source, api_key_source=self._running.door.key_source),
            claude_code_version=COMPATIBLE_VERSION,
            pid=os.getpid(),
            current_permission_mode=self._session.facts.permission_mode,
            capabilities=CAPABILITIES,
            hooks_applied=applied,
            hook_on_failure_supported=True,
        )

    async def before_turn(self) -> None:
        """See `Controls`."""
        await self._company.servers.connect_all()
        self._offer_tools()

    async def set_permission_mode(self, mode: str) -> PermissionMode:
        """See `Controls`."""
        chosen = _known_mode(mode)
        await self._running.permissions().change_mode(chosen)
        return chosen

    async def set_model(self, model: str | None) -> str:
        """See `Controls`."""
        name = None if model in {None, "default"} else model
        if (door := self._doors.get(name)) is None:
            door = self._doors[name] = open_door(self._running.invocation, self._running.ground, name)
        assert isinstance(self._running.model, SwitchingModel)
        self._running.model.use(door.client)
        limit = output_limit(door.info, self._running.ground)
        self._session.reshape(structs.replace(self._session.shape, model=door.info.id, max_tokens=limit))
        self._session.restate(structs.replace(self._session.facts, model=door.info.id, key_source=door.key_source))
        return door.info.id

    async def set_max_thinking_tokens(self, tokens: int | None) -> None:
        """See `Controls`."""
        if tokens is not None and tokens < 0:
            raise ControlRefused(f"{tokens} is no number of tokens: 0 is no thinking, nothing is the default.")
        wish = self._began_with.thinking if tokens is None else ThinkingWish(wanted=tokens > 0, budget=tokens or None)
        self._session.reshape(structs.replace(self._session.shape, thinking=wish))

    async def apply_flag_settings(self, settings: dict[str, Any]) -> None:
        """See `Controls`. Refused whole where one of them cannot change any more."""
        if late := [name for name in settings if name not in {"model", "effortLevel"}]:
            raise ControlRefused(f"{', '.join(late)} cannot change while a session runs; model and effortLevel can.")
        if (effort := settings.get("effortLevel")) is not None and effort not in get_args(Effort):
            raise ControlRefused(f"effortLevel: {effort!r} is none of {', '.join(get_args(Effort))}.")
        if "model" in settings:
            await self.set_model(settings["model"])
        if "effortLevel" in settings:
            self._session.reshape(structs.replace(self._session.shape, effort=effort))

    async def seed_read_state(self, path: str, mtime: float) -> None:
        """See `Controls`. A file that changed since counts as unread."""
        try:
            place = self._running.workspace.resolve(path)
            facts = place.stat()
        except (ToolFailed, OSError) as error:
            raise ControlRefused(f"{path}: {error}") from None
        if facts.st_mtime * 1000 <= mtime + 1:
            self._running.toolbox.ledger.note(place, whole=True, facts=facts)

    async def rewind_files(self, user_message_id: str, *, dry_run: bool) -> FilesRewound:
        """See `Controls`."""
        ground, project = self._running.ground, self._running.workspace.root
        if why := why_off(project, ground.settings.checkpoints):
            return FilesRewound(can_rewind=False, error=why)
        kept = open_checkpoints(ground.home, project, ground.settings.checkpoints)
        return await rewind_files(kept, user_message_id, dry_run=dry_run)

    async def rename_session(self, title: str) -> None:
        """See `Controls`."""
        if self._running.log is None:
            raise ControlRefused(
                "This session is kept nowhere, so it has no title; leave out --no-session-persistence."
            )
        self._running.log.rename(title_from(title))

    async def context_usage(self) -> ContextUsage:
        """See `Controls`."""
        return context_usage(self._session, self._running.ground.catalogue)

    async def mcp_set_servers(self, servers: dict[str, dict[str, Any]]) -> McpServersSet:
        """See `Controls`."""
        became = await self._company.servers.set(servers)
        self._offer_tools()
        return became

    async def mcp_reconnect(self, server: str) -> None:
        """See `Controls`."""
        await self._company.servers.reconnect(server)
        self._offer_tools()

    async def mcp_toggle(self, server: str, *, enabled: bool) -> None:
        """See `Controls`."""
        await self._company.servers.toggle(server, enabled=enabled)
        self._offer_tools()

    async def stop_task(self, task_id: str) -> None:
        """See `Controls`."""
        try:
            await self._running.toolbox.jobs.stop(task_id)
        except ToolFailed as error:
            raise ControlRefused(str(error)) from None

    def _join_hooks(self, request: Initialize) -> bool:
        """Let the client's hooks count. Whether they do."""
        hooks = self._running.hooks
        if not isinstance(hooks, HookPoints):
            return False
        if request.hooks is not None:
            hooks.replace(SOURCE, callback_hooks(request.hooks, self._company.ask_hook))
        return True

    def _take_system_prompt(self, request: Initialize) -> None:
        own, more = request.system_prompt, request.append_system_prompt
        if own is None and not more:
            return
        parts = self._began_with.system if own is None else (own,) if isinstance(own, str) else own
        system = tuple(part for part in (*parts, more) if part)
        self._session.reshape(structs.replace(self._session.shape, system=system))

    def _require(self, schema: dict[str, Any]) -> None:
        from tianting.agent.required_output import RequiredOutput

        goal = RequiredOutput(schema)
        self._running.loop.goal = goal
        self._running.tools.offer((goal,))
        self._required = (goal.spec,)
        self._offer_tools()

    def _offer_tools(self) -> None:
        """Tell the model of our tools and, behind them, of those that servers bring."""
        brought = self._company.servers.tools()
        tools = tuple(tool for tool in brought if not self._running.permissions().forbids(tool.spec.name))
        self._running.tools.offer(tools)
        ours = tuple(spec for spec in self._began_with.tools if spec.name not in {late.name for late in self._required})
        offered = (*ours, *self._required, *(tool.spec for tool in tools))
        servers = tuple(McpServerState(name=one.name, status=one.status) for one in self.mcp_status())
        self._session.reshape(structs.replace(self._session.shape, tools=offered))
        facts = structs.replace(self._session.facts, tools=tuple(spec.name for spec in offered), mcp_servers=servers)
        self._session.restate(facts)


_MODES: dict[str, PermissionMode] = {
    **{name: name for name in get_args(PermissionMode)},
    "manual": "default",
    "auto": "default",
}


def _known_mode(mode: str) -> PermissionMode:
    if mode not in _MODES:
        raise ControlRefused(f"There is no permission mode {mode!r}. Modes: {', '.join(get_args(PermissionMode))}.")
    return _MODES[mode]
