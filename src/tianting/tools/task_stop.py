"""TaskStop: ends a background job and everything it started."""

from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.shell.command_report import duration

_SPEC = ToolSpec(
    name="TaskStop",
    description="End a background job and everything it started. Its output file stays.",
    input_schema={
        "type": "object",
        "properties": {"task_id": {"type": "string", "description": "The job, as Bash named it"}},
        "required": ["task_id"],
        "additionalProperties": False,
    },
)


class TaskStopParameters(Struct, frozen=True, kw_only=True):
    """Which job."""

    task_id: str = ""
    shell_id: str = ""
    """What KillShell, its former name, called it; not listed."""


class TaskStopResult(Struct, frozen=True, kw_only=True):
    """The result for programs."""

    message: str
    task_id: str
    task_type: str = "local_bash"
    command: str


class TaskStop:
    """The tool."""

    spec = _SPEC
    parameters = TaskStopParameters

    def __init__(self, jobs: BackgroundJobs) -> None:
        self._jobs = jobs

    def accesses(self, parameters: TaskStopParameters) -> tuple[Access, ...]:
        """Only what this session started itself."""
        return (Access(effect="note"),)

    async def run(self, parameters: TaskStopParameters) -> ToolOutput:
        """End the job; one that has ended is no failure."""
        name = parameters.task_id or parameters.shell_id
        was_active = self._jobs.find(name).is_active
        job = await self._jobs.stop(name, by_model=True)
        if was_active:
            message = f"Stopped {name} after {duration(job.seconds)}; its output stays in {job.output.path}."
        else:
            message = f"{name} had already ended, with exit {job.exit_code} after {duration(job.seconds)}."
        return ToolOutput(content=message, data=TaskStopResult(message=message, task_id=name, command=job.command))
