"""Owns every command of a session, so that background jobs outlive the turn they began in, and none the session.

async with BackgroundJobs(clock) as jobs:   # entered and left by the session, in one task
    ...                                     # Bash starts in it, BashOutput and TaskStop look into it
"""

from types import TracebackType

import anyio
from anyio.abc import TaskGroup

from tianting.plumbing.clock import Clock
from tianting.plumbing.process_group import ProcessGroup
from tianting.tools.contract import ToolFailed
from tianting.tools.shell.command_sandbox import ConfinedCommand
from tianting.tools.shell.job import ShellJob
from tianting.tools.shell.output import ShellOutput

MAX_JOBS = 16
"""Background jobs that run at once."""
MAX_ENDED = 32
"""Ended background jobs that can still be asked about."""
CLOSING_GRACE = 0.5
"""Seconds that commands have to end when the session does."""


class BackgroundJobs:
    """One per session. Without a name a job is a command somebody waits for; `keep` names it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: TaskGroup
        self._started: list[ShellJob] = []
        self._kept: dict[str, ShellJob] = {}
        self._last_number = 0

    async def __aenter__(self) -> "BackgroundJobs":
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        # No task is left that could fail; told of `error`, the group would wrap it into an exception group.
        await self._tasks.__aexit__(None, None, None)

    async def aclose(self) -> None:
        """End every command, all at the same time. Cannot be cancelled; takes at most 2 s."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                for job in filter(_is_active, self._started):
                    tasks.start_soon(_close, job)

    def follow(
        self, command: str, group: ProcessGroup, output: ShellOutput, confined: ConfinedCommand | None = None
    ) -> ShellJob:
        """Take over `group`, which runs `command`, and the walls it runs in."""
        job = ShellJob(command, group, output, self._clock, confined)
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

    def keep(self, job: ShellJob) -> str:
        """Let `job` go on in the background, and give the name to ask for it by. Raises as `require_room`."""
        self.require_room()
        self._last_number += 1
        name = f"job{self._last_number}"
        self._kept[name] = job
        job.output.mirror()
        for old in [name for name, job in self._kept.items() if not job.is_active][:-MAX_ENDED]:
            del self._kept[old]
        return name

    def find(self, name: str) -> ShellJob:
        """The job kept as `name`. Raises `ToolFailed` with the names there are."""
        if job := self._kept.get(name):
            return job
        if not self._kept:
            raise ToolFailed(f"There is no background job {name[:40]!r}; none was started. Bash starts them.")
        known = ", ".join(self._kept)
        raise ToolFailed(f"There is no background job {name[:40]!r}. There are: {known[-400:]}.")


def _is_active(job: ShellJob) -> bool:
    return job.is_active


async def _close(job: ShellJob) -> None:
    await job.end(grace=CLOSING_GRACE)
