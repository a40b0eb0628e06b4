"""From a control request to its answer: what is known is answered at once, all else goes its own way.

at once     what needs no waiting: `mcp_status` is how supervisors see that we live
changes     one by one, in order; the next turn waits for them
meanwhile   each by itself
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
from msgspec import UNSET, structs

from tianting.protocol import control
from tianting.protocol.client_lines import EnvironmentUpdate
from tianting.protocol.control import ControlRequest, Interrupt, MalformedRequest, UnknownRequest
from tianting.protocol.control_answers import (
    BinaryVersion,
    CancelledMessage,
    InitializeAnswer,
    InterruptAnswer,
    McpServers,
    ModeAnswer,
    ModelAnswer,
    ModelList,
    PermissionRulesState,
    Settings,
    answer_line,
    error_line,
)
from tianting.session.session import Session
from tianting.surfaces.stream_json.activity import Activity
from tianting.surfaces.stream_json.controls import Controls
from tianting.surfaces.stream_json.errands import MOST, Errands, failure_line
from tianting.surfaces.stream_json.link import ControlLink
from tianting.surfaces.stream_json.outlet import Outlet
from tianting.surfaces.stream_json.prompts import Prompts

log = logging.getLogger(__name__)

_QUIET_AT_MOST = 0.05
"""Seconds that the answer to an interrupt waits until the questions of the turn are taken back."""

AtOnce = Callable[[Any], Any]
InTime = Callable[[Any], Awaitable[Any]]


class Answers:
    """Answers every control request of one client exactly once."""

    def __init__(
        self,
        session: Session,
        controls: Controls,
        prompts: Prompts,
        activity: Activity,
        *,
        link: ControlLink,
        outlet: Outlet,
        errands: Errands,
    ) -> None:
        self._session = session
        self._controls = controls
        self._prompts = prompts
        self._activity = activity
        self._link = link
        self._outlet = outlet
        self._errands = errands
        self._at_once = _at_once(controls, prompts)
        self._meanwhile = _meanwhile(controls)
        self._changes: dict[type[Any], InTime] = {
            control.Initialize: self._initialize,
            control.SetPermissionMode: self._set_permission_mode,
            control.SetModel: self._set_model,
            **_plain_changes(controls),
        }

    def take(self, asked: ControlRequest) -> None:
        """Answer `asked`, now or when it is done. Never waits and never fails."""
        request_id, request = asked.request_id, asked.request
        match request:
            case UnknownRequest():
                words = f"Unsupported control request subtype: {request.subtype}"
                self._outlet.post(error_line(request_id, words, "unsupported_request"))
            case MalformedRequest():
                self._outlet.post(error_line(request_id, f"{request.subtype}: {request.complaint}"))
            case Interrupt():
                self._interrupt(request_id, request)
            case _ if handler := self._at_once.get(type(request)):
                self._answer_at_once(request_id, partial(handler, request))
            case _:
                self._answer_in_time(request_id, request)

    def update_environment(self, update: EnvironmentUpdate) -> None:
        """Pass it on; such a line has no answer."""
        try:
            self._controls.update_environment(update.variables)
        except Exception:  # nobody waits for an answer that could say it
            log.exception("the environment could not be updated")

    def withdraw(self, request_id: str) -> None:
        """The client waits for this answer no longer."""
        self._errands.withdraw(request_id)

    def _answer_at_once(self, request_id: str, work: Callable[[], Any]) -> None:
        try:
            line = answer_line(request_id, work())
        except Exception as error:  # a request that breaks must not end the session
            line = failure_line(request_id, error)
        self._outlet.post(line)

    def _answer_in_time(self, request_id: str, request: Any) -> None:
        if self._errands.are_too_many:
            self._outlet.post(error_line(request_id, f"{MOST} requests are being worked on; ask again later."))
        elif change := self._changes.get(type(request)):
            self._errands.change(request_id, partial(change, request))
        else:
            self._errands.carry_out(request_id, partial(self._meanwhile[type(request)], request))

    def _interrupt(self, request_id: str, request: Interrupt) -> None:
        """Stop at once; the answer comes behind the questions that it made moot."""
        cancelled = self._prompts.withdraw_all() if request.cancel_queued else UNSET
        answer = InterruptAnswer(still_queued=self._session.inbox.waiting(), cancelled=cancelled)
        self._session.interrupt()
        if self._link.open_questions:
            self._errands.carry_out(request_id, partial(self._when_quiet, answer))
        else:
            self._outlet.post(answer_line(request_id, answer))

    async def _when_quiet(self, answer: InterruptAnswer) -> InterruptAnswer:
        with anyio.move_on_after(_QUIET_AT_MOST):
            await self._link.until_quiet()
        return answer

    async def _initialize(self, request: control.Initialize) -> InitializeAnswer:
        answer = await self._controls.initialize(request)
        return structs.replace(answer, session_state=self._activity.state)

    async def _set_permission_mode(self, request: control.SetPermissionMode) -> ModeAnswer:
        return ModeAnswer(mode=await self._controls.set_permission_mode(request.mode))

    async def _set_model(self, request: control.SetModel) -> ModelAnswer:
        return ModelAnswer(model=await self._controls.set_model(request.model))


def _at_once(controls: Controls, prompts: Prompts) -> dict[type[Any], AtOnce]:
    return {
        control.McpStatus: lambda _: McpServers(mcp_servers=controls.mcp_status()),
        control.GetSessionCost: lambda _: controls.session_cost(),
        control.GetSettings: lambda _: Settings(effective=controls.settings()),
        control.ListModels: lambda _: ModelList(models=controls.models()),
        control.ListPermissionRules: lambda _: PermissionRulesState(state=controls.permission_rules()),
        control.GetBinaryVersion: lambda _: BinaryVersion(version=controls.version()),
        control.CancelAsyncMessage: lambda request: CancelledMessage(
            cancelled=prompts.withdraw(request.message_uuid), message_uuid=request.message_uuid
        ),
    }


def _plain_changes(controls: Controls) -> dict[type[Any], InTime]:
    return {
        control.SetMaxThinkingTokens: lambda request: controls.set_max_thinking_tokens(request.max_thinking_tokens),
        control.ApplyFlagSettings: lambda request: controls.apply_flag_settings(request.settings),
        control.SeedReadState: lambda request: controls.seed_read_state(request.path, request.mtime),
        control.McpSetServers: lambda request: controls.mcp_set_servers(request.servers),
        control.RewindFiles: lambda request: controls.rewind_files(
            request.user_message_id, dry_run=bool(request.dry_run)
        ),
    }


def _meanwhile(controls: Controls) -> dict[type[Any], InTime]:
    return {
        control.RenameSession: lambda request: controls.rename_session(request.title),
        control.GetContextUsage: lambda _: controls.context_usage(),
        control.McpReconnect: lambda request: controls.mcp_reconnect(request.server_name),
        control.McpToggle: lambda request: controls.mcp_toggle(request.server_name, enabled=request.enabled),
        control.StopTask: lambda request: controls.stop_task(request.task_id),
    }
