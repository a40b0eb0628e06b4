"""BashOutput: what a background job said since the model last looked, and whether it still runs."""

import re
from typing import Literal

from msgspec import Struct

from tianting.plumbing.printable import printable
from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.shell.command_report import duration
from tianting.tools.shell.job import ShellJob
from tianting.tools.shell.line_filter import MAX_PATTERN, matching_lines

_SPEC = ToolSpec(
    name="BashOutput",
    description="Show what a background job wrote since you last looked, at most 15,000 characters, and its state.",
    input_schema={
        "type": "object",
        "properties": {
            "bash_id": {"type": "string", "description": "The job, as Bash named it"},
            "filter": {"type": "string", "description": "Regex; only lines with a match are shown"},
        },
        "required": ["bash_id"],
        "additionalProperties": False,
    },
)


class BashOutputParameters(Struct, frozen=True, kw_only=True):
    """Which job."""

    bash_id: str = ""
    task_id: str = ""
    """What newer clients call it; not listed."""
    filter: str = ""


class BashOutputResult(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The result for programs."""

    output: str
    status: Literal["running", "completed", "failed"]
    exit_code: int | None = None


class BashOutput:
    """The tool."""

    spec = _SPEC
    parameters = BashOutputParameters

    def __init__(self, jobs: BackgroundJobs) -> None:
        self._jobs = jobs

    def accesses(self, parameters: BashOutputParameters) -> tuple[Access, ...]:
        """Only our own memory of what was shown."""
        return (Access(effect="note"),)

    async def run(self, parameters: BashOutputParameters) -> ToolOutput:
        """Show what is new; what the filter hides counts as shown."""
        name = parameters.bash_id or parameters.task_id
        _check(parameters.filter)
        job = self._jobs.find(name)
        new = job.output.take_new()
        shown = await _filtered(parameters.filter, new)
        return ToolOutput(
            content=_text(name, job, new, shown),
            data=_result(job, shown),
            waiting=not shown and not job.finished.is_set(),
        )


async def _filtered(pattern: str, new: str) -> str:
    if not pattern or not new:
        return new
    found = await matching_lines(pattern, new)
    return f"{new.rstrip()}\n[not filtered: {printable(pattern, 120)} takes too long]" if found is None else found


def _check(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN or "\0" in pattern:
        raise ToolFailed(f"filter may have {MAX_PATTERN:,} characters, and no NUL; send a shorter one.")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        escaped = re.escape(pattern)
        raise ToolFailed(f"filter is no regex: {error} in {pattern!r}. As plain text it is {escaped!r}.") from error


def _text(name: str, job: ShellJob, new: str, shown: str) -> str:
    state = f"{name} {_state(job)}"
    if shown:
        return f"{shown.rstrip()}\n{state}"
    return f"{state}; {'no new line matches the filter' if new else 'no new output'}"


def _state(job: ShellJob) -> str:
    if not job.finished.is_set():
        return f"runs for {duration(job.seconds)}"
    ended = f"ended with exit {job.exit_code} after {duration(job.seconds)}"
    active = "; what it started still runs" if job.is_active else ""
    return f"{ended}{active} {job.remark}".rstrip()


def _result(job: ShellJob, shown: str) -> BashOutputResult:
    if not job.finished.is_set():
        return BashOutputResult(output=shown, status="running")
    return BashOutputResult(output=shown, status="failed" if job.exit_code else "completed", exit_code=job.exit_code)
