"""Owns every command of a session, so that background jobs outlive the turn they began in, and none the session.

async with BackgroundJobs(clock) as jobs:   # entered and left by the session, in one task
    ...                                     # Bash starts in it, BashOutput and TaskStop look into it

Whoever listens hears of each job when it goes to the background and when it is over, also between turns.
"""

import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal

import anyio
from anyio.abc import TaskGroup

from tianting.plumbing.clock import Clock
from tianting.plumbing.printable import printable
from tianting.plumbing.process_group import ProcessGroup
from tianting.protocol.events import TaskFinished, TaskStarted
from tianting.tools.contract import ToolFailed
from tianting.tools.shell.command_report import duration
from tianting.tools.shell.command_sandbox import ConfinedCommand
from tianting.tools.shell.job import ShellJob
from tianting.tools.shell.output import ShellOutput

log = logging.getLogger(__name__)

Tell = Callable[[TaskStarted | TaskFinished], Awaitable[None]]

MAX_JOBS = 16
"""Background jobs that run at once."""
MAX_ENDED = 32
"""Ended background jobs that can still be asked about."""
CLOSING_GRACE = 0.5
"""Seconds that commands have to end when the session does."""
STOPPING_GRACE = 2.0
"""Seconds that a job has to end by itself before it is killed."""
_LONGEST_NAME = 200
"""Characters of what a job is called before people."""


class BackgroundJobs:
    """One per session. Without a name a job is a command somebody waits for; `keep` names it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: TaskGroup
        self._started: list[ShellJob] = []
        self._kept: dict[str, ShellJob] = {}
        self._known_to_model: set[str] = set()
        self._last_number = 0
        self._tell: Tell | None = None

    def report_to(self, tell: Tell) -> None:
        """Tell `tell` from now on what happens in the background. What it raises is logged."""
        self._tell = tell

    async def __aenter__(self) -> "BackgroundJobs":
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        self._tasks.cancel_scope.cancel()  # who still looks at a process that nothing ends
        # No task is left that could fail; told of `error`, the group would wrap it into an exception group.
        await self._tasks.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """End every command, all at the same time, and tell nobody. Cannot be cancelled; takes at most 2 s."""
        self._tell = None
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for job in filter(_is_active, self._started):
                    tasks.start_soon(_close, job)

    def follow(
        self,
        command: str,
        group: ProcessGroup,
        output: ShellOutput,
        confined: ConfinedCommand | None = None,
        description: str = "",
    ) -> ShellJob:
        """Take over `group`, which runs `command`, and the walls it runs in."""
        job = ShellJob(command, group, output, self._clock, confined, description)
        self._started = [*filter(_is_active, self._started), job]
        self._tasks.start_soon(job.follow)
        return job

    def require_room(self) -> None:
        """Raise `ToolFailed` if no further job may be kept."""
        active = [name for name, job in self._kept.items() if job.is_active]
        if len(active) >= MAX_JOBS:
            raise ToolFailed(
                f"{MAX_JOBS} background jobs run already: {', '.join(active)}. End one with TaskStop first."
            )

    async def keep(self, job: ShellJob) -> str:
        """Let `job` go on in the background, and give the name to ask for it by. Raises as `require_room`."""
        self.require_room()
        self._last_number += 1
        name = f"job{self._last_number}"
        self._kept[name] = job
        job.output.mirror()
        for old in [name for name, job in self._kept.items() if not job.is_active][:-MAX_ENDED]:
            del self._kept[old]
        is_remnant = job.finished.is_set()
        try:
            await self._report(TaskStarted(task_id=name, description=_title(job)))
        finally:  # a turn that is stopped at this moment leaves the job running
            self._tasks.start_soon(self._watch, name, job, is_remnant)
        return name

    async def stop(self, name: str, *, by_model: bool = False) -> ShellJob:
        """End the job kept as `name`, with all it started; nothing happens to one that is over. Raises as `find`.

        What the model ends itself is no news to it.
        """
        job = self.find(name)
        if job.is_active:
            if by_model:
                self._known_to_model.add(name)
            await job.end(grace=STOPPING_GRACE)
        return job

    def find(self, name: str) -> ShellJob:
        """The job kept as `name`. Raises `ToolFailed` with the names there are."""
        if job := self._kept.get(name):
            return job
        if not self._kept:
            raise ToolFailed(f"There is no background job {name[:40]!r}; none was started. Bash starts them.")
        known = ", ".join(self._kept)
        raise ToolFailed(f"There is no background job {name[:40]!r}. There are: {known[-400:]}.")

    async def _watch(self, name: str, job: ShellJob, is_remnant: bool) -> None:
        await job.until_over()
        await self._report(
            TaskFinished(
                task_id=name,
                status=_status(job, is_remnant=is_remnant),
                output_file=str(job.output.path),
                summary=_summary(job, is_remnant=is_remnant),
                at=self._clock.now(),
                is_news=name not in self._known_to_model,
            )
        )
        self._known_to_model.discard(name)

    async def _report(self, event: TaskStarted | TaskFinished) -> None:
        if self._tell is None:
            return
        try:
            await self._tell(event)
        except Exception:  # a listener that fails must not take all commands along
            log.exception("nobody could be told of %s", event.task_id)


def _title(job: ShellJob) -> str:
    return printable(job.description or job.command, _LONGEST_NAME)


def _status(job: ShellJob, *, is_remnant: bool) -> Literal["completed", "failed", "stopped"]:
    """How it ended. Of what a command left behind nobody knows an exit code."""
    if job.was_stopped:
        return "stopped"
    return "failed" if job.exit_code and not is_remnant else "completed"


def _summary(job: ShellJob, *, is_remnant: bool) -> str:
    if job.was_stopped:
        return f"Stopped: {_title(job)}"
    if is_remnant:
        return f"What this had left running is over: {_title(job)}"
    return f"Ended with exit {job.exit_code} after {duration(job.seconds)}: {_title(job)}"


def _is_active(job: ShellJob) -> bool:
    return job.is_active


async def _close(job: ShellJob) -> None:
    await job.end(grace=CLOSING_GRACE)
