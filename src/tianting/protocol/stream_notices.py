"""What happens beside the conversation, as lines: retries, refusals, hooks, limits, modes, background work.

Each writer takes one event and gives the structs of its lines. `StreamJsonEncoder` encodes them among its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType

from tianting.protocol.deltas import ModelSwitched, RateLimitSeen, RequestRetried, RetryCause
from tianting.protocol.events import (
    HookRecord,
    HooksAsked,
    HookStarted,
    PermissionModeChanged,
    TaskFinished,
    TaskStarted,
    ToolFinished,
    ToolStarted,
)
from tianting.protocol.ids import NewId
from tianting.protocol.stream_lines import RateLimitEvent, RateLimitInfo
from tianting.protocol.system_lines import (
    ApiRetry,
    BackgroundTasksChanged,
    HookResponse,
    HookStart,
    Informational,
    LiveTask,
    ModelFallback,
    PermissionDenied,
    Status,
    TaskNotification,
    TaskPatch,
    TaskStart,
    TaskUpdate,
)

Writer = Callable[[Any], Sequence[Struct]]
_Fact = TypeVar("_Fact")


class Notices:
    """Remembers what goes on in the background and what was last said of limits, so that only news becomes a line."""

    def __init__(self, session_id: str, new_id: NewId, *, hook_events: bool) -> None:
        self._session_id = session_id
        self._new_id = new_id
        self._limits: RateLimitSeen | None = None
        self._tasks: dict[str, LiveTask] = {}
        self._callers: dict[str, str] = {}
        self._running = ""
        self.writers: dict[type[Any], Writer] = {
            RequestRetried: self._retried,
            ModelSwitched: self._switched,
            RateLimitSeen: self._limit_seen,
            PermissionModeChanged: self._mode_changed,
            HooksAsked: self._hooks_asked,
            ToolStarted: self._tool_started,
            TaskStarted: self._task_started,
            TaskFinished: self._task_finished,
        }
        """One for each event that is told here."""
        self._tells_hooks = hook_events
        if hook_events:
            self.writers[HookStarted] = self._hook_started

    def denied(self, event: ToolFinished) -> Struct:
        """The line before the result of a call that was refused."""
        content = event.result.content
        return PermissionDenied(
            tool_name=event.call.tool_name,
            tool_use_id=event.call.call_id,
            message=content if isinstance(content, str) else "",
            session_id=self._session_id,
            uuid=self._new_id(),
        )

    def _retried(self, event: RequestRetried) -> Sequence[Struct]:
        retry = ApiRetry(
            attempt=event.attempt,
            max_retries=event.max_retries,
            retry_delay_ms=round(event.delay * 1000),
            error_status=event.status,
            error=_RETRY_ERRORS.get(event.cause, "unknown"),
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [retry]

    def _switched(self, event: ModelSwitched) -> Sequence[Struct]:
        fallback = ModelFallback(
            trigger=event.trigger,
            original_model=event.original,
            fallback_model=event.fallback,
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [fallback]

    def _limit_seen(self, event: RateLimitSeen) -> Sequence[Struct]:
        if event == self._limits:
            return []
        self._limits = event
        info = RateLimitInfo(
            status=event.status,
            resets_at=_if_given(event.resets_at),
            rate_limit_type=_if_given(event.window),
            utilization=_if_given(event.utilization),
        )
        return [RateLimitEvent(rate_limit_info=info, uuid=self._new_id(), session_id=self._session_id)]

    def _mode_changed(self, event: PermissionModeChanged) -> Sequence[Struct]:
        return [Status(status=None, permission_mode=event.mode, session_id=self._session_id, uuid=self._new_id())]

    def _hook_started(self, event: HookStarted) -> Sequence[Struct]:
        start = HookStart(
            hook_id=event.hook_id,
            hook_name=event.name,
            hook_event=event.event,
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [start]

    def _hooks_asked(self, event: HooksAsked) -> Sequence[Struct]:
        records = [one for one in event.records if self._tells_hooks and one.kind == "command"]
        return [*map(self._hook_response, records), *map(self._informational, event.messages)]

    def _hook_response(self, record: HookRecord) -> Struct:
        return HookResponse(
            hook_id=record.hook_id,
            hook_name=record.name,
            hook_event=record.event,
            output=record.stdout + record.stderr,
            stdout=record.stdout,
            stderr=record.stderr,
            exit_code=record.exit_code,
            outcome=record.outcome,
            session_id=self._session_id,
            uuid=self._new_id(),
        )

    def _informational(self, words: str) -> Struct:
        return Informational(content=words, session_id=self._session_id, uuid=self._new_id())

    def _tool_started(self, event: ToolStarted) -> Sequence[Struct]:
        self._running = event.call.call_id
        return []

    def _task_started(self, event: TaskStarted) -> Sequence[Struct]:
        """Work goes to the background while its call runs, and such a call runs alone: it is the last that began."""
        self._tasks[event.task_id] = LiveTask(
            task_id=event.task_id, task_type=event.kind, description=event.description
        )
        self._callers[event.task_id] = self._running
        start = TaskStart(
            task_id=event.task_id,
            tool_use_id=self._running or UNSET,
            description=event.description,
            task_type=event.kind,
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [self._tasks_changed(), start]

    def _task_finished(self, event: TaskFinished) -> Sequence[Struct]:
        self._tasks.pop(event.task_id, None)
        patch = TaskPatch(
            status="killed" if event.status == "stopped" else event.status, end_time=round(event.at * 1000)
        )
        update = TaskUpdate(task_id=event.task_id, patch=patch, session_id=self._session_id, uuid=self._new_id())
        notification = TaskNotification(
            task_id=event.task_id,
            tool_use_id=self._callers.pop(event.task_id, "") or UNSET,
            status=event.status,
            output_file=event.output_file,
            summary=event.summary,
            session_id=self._session_id,
            uuid=self._new_id(),
        )
        return [update, notification, self._tasks_changed()]

    def _tasks_changed(self) -> Struct:
        tasks = tuple(self._tasks.values())
        return BackgroundTasksChanged(tasks=tasks, session_id=self._session_id, uuid=self._new_id())


_RETRY_ERRORS: dict[RetryCause, str] = {
    "overloaded": "overloaded",
    "rate_limit": "rate_limit",
    "server_error": "server_error",
}


def _if_given(value: _Fact | None) -> _Fact | UnsetType:
    return UNSET if value is None else value
