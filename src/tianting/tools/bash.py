"""Bash: runs a command and tells how it ended.

where -> start -> wait -> ended    the verdict, what it shows, where the shell is now
                       -> overdue  goes on in the background
                       -> stopped  with everything it started
"""

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct

from tianting.protocol.tool_calls import Access, ToolOutput, ToolSpec
from tianting.tools.contract import ToolFailed
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import BackgroundJobs
from tianting.tools.shell.command import only_waits, showing
from tianting.tools.shell.command_report import command_report
from tianting.tools.shell.command_sandbox import CommandSandbox
from tianting.tools.shell.command_timeouts import CommandTimeouts
from tianting.tools.shell.environment import command_environment
from tianting.tools.shell.exit_codes import ending, question
from tianting.tools.shell.job import ShellJob
from tianting.tools.shell.launch import DirectoryReport, find_shell, start_shell
from tianting.tools.shell.output import TAIL, ShellOutput
from tianting.tools.shell.session_variables import FILE_NAME, SessionVariables
from tianting.tools.shell.walls import Walls
from tianting.tools.workspace import Workspace

CANCEL_GRACE = 0.04
"""Seconds a command has to end when the person stops the turn: stopping must feel immediate."""
OVERDUE_GRACE = 1.0
"""Seconds a command has to end when its time is over."""

_SPEC = ToolSpec(
    name="Bash",
    description=(
        "Run a bash command: builds, tests, git, programs. For files use the other tools: Read, not cat or head; "
        "Grep, not grep; Glob, not find; do not change them by sed or echo >. "
        "Returns output and errors in order, then the exit code; over 30,000 characters (10,000 if it failed) "
        "the middle is left out and all of it is in a file that the result names. "
        "A directory reached by cd inside the workspace is kept for the next call; variables and functions are not. "
        "Input is closed and there is no terminal: pass --yes or the like, and give editors and pagers their text "
        "by option. At its timeout a command is not stopped: it goes on as a background job. "
        "Chain dependent commands with &&; quote paths with spaces."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "timeout": {"type": "integer", "description": "Milliseconds to wait"},
            "description": {"type": "string", "description": "What it does, in 5-10 words, for the user"},
            "run_in_background": {
                "type": "boolean",
                "description": "Return at once; for servers and watchers. The result says how to read on and to end it",
            },
        },
        "required": ["command"],
        "additionalProperties": False,
    },
)


class BashParameters(Struct, frozen=True, kw_only=True):
    """What to run."""

    command: str
    timeout: int = 0
    """Milliseconds; 0 is as long as usual. See `CommandTimeouts`."""
    description: str = ""
    run_in_background: bool = False
    dangerously_disable_sandbox: bool = msgspec.field(default=False, name="dangerouslyDisableSandbox")
    """Run outside the sandbox, if the settings allow to ask for it. Listed only where there is one."""


class BashResult(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The result for programs."""

    stdout: str
    """Output and errors, in the order they were written, clipped as for the model."""
    stderr: str
    """Always empty: see `stdout`."""
    interrupted: bool
    is_image: bool
    background_task_id: str | None = None
    return_code_interpretation: str | None = None
    persisted_output_path: str | None = None


class Bash:
    """The tool. Its commands belong to `jobs`, which must have been entered."""

    parameters = BashParameters

    def __init__(
        self,
        workspace: Workspace,
        ledger: ReadLedger,
        jobs: BackgroundJobs,
        *,
        environment: Mapping[str, str],
        spill_directory: Path,
        sandbox: CommandSandbox | None = None,
        timeouts: CommandTimeouts = CommandTimeouts(),  # noqa: B008 (frozen)
    ) -> None:
        self._walls = Walls(sandbox)
        self.spec = timeouts.told_in(self._walls.told_in(_SPEC))
        self._timeouts = timeouts
        self._workspace = workspace
        self._ledger = ledger
        self._jobs = jobs
        self._environment = environment
        self._spill_directory = spill_directory
        self._shell = find_shell(environment)
        self._variables = SessionVariables(spill_directory / FILE_NAME, self._shell, environment)

    def accesses(self, parameters: BashParameters) -> tuple[Access, ...]:
        """The command, and whether walls keep it from touching more than it should."""
        command, wants_out = parameters.command, parameters.dangerously_disable_sandbox
        return (Access(effect="execute", target=command, sandbox=self._walls.standing(command, wants_out=wants_out)),)

    async def run(self, parameters: BashParameters) -> ToolOutput:
        """Run the command for as long as its timeout says."""
        directory, notes = self._where()
        if parameters.run_in_background:
            self._jobs.require_room()
        job, report = self._start(parameters, directory, await self._variables.file())
        with contextlib.closing(report):
            if parameters.run_in_background:
                return await self._background(job)
            if not await _ends_within(job, self._timeouts.seconds(parameters.timeout)):
                return await self._overdue(job, parameters)
            self._note_reading(job, directory)
            notes += self._follow_shell(report)
            notes += self._walls.refusal(parameters.command, wants_out=parameters.dangerously_disable_sandbox)
            notes += self._variables.take_notes()
            return await self._ended(job, notes)

    def _where(self) -> tuple[Path, list[str]]:
        directory, root = self._workspace.shell_directory, self._workspace.root
        if directory.is_dir():
            return directory, []
        if not root.is_dir():
            raise ToolFailed(f"The workspace {root} does not exist any more. Ask the user to restore it.")
        self._workspace.shell_directory = root
        return root, [f"[{directory} does not exist any more; this ran in {root}]"]

    def _start(
        self, parameters: BashParameters, directory: Path, variables: Path | None
    ) -> tuple[ShellJob, DirectoryReport]:
        command, wants_out = parameters.command, parameters.dangerously_disable_sandbox
        asked_for = self._timeouts.longest if parameters.run_in_background else parameters.timeout
        seconds = self._timeouts.seconds(asked_for)
        confine = self._walls.confine(command, directory, seconds, wants_out=wants_out)
        try:
            started = start_shell(
                self._shell,
                command,
                cwd=directory,
                environment=command_environment(self._environment),
                variables=variables,
                confine=confine,
            )
        except OSError as error:
            raise ToolFailed(_why_not(command, error)) from error
        except ValueError as error:  # a NUL byte, or half a surrogate pair
            raise ToolFailed(f"The command cannot be passed on: {error}. Write such bytes as \\0 or \\x00.") from error
        output = ShellOutput(self._spill_directory / f"command-{os.urandom(4).hex()}.txt")
        job = self._jobs.follow(command, started.group, output, started.confined, parameters.description)
        return job, started.report

    async def _background(self, job: ShellJob) -> ToolOutput:
        name = await self._jobs.keep(job)
        text = f"Started as {name}, output in {job.output.path}. BashOutput shows what is new, TaskStop ends it."
        return ToolOutput(content=text, data=_result(job, "", background_task_id=name))

    async def _overdue(self, job: ShellJob, parameters: BashParameters) -> ToolOutput:
        seconds = f"{self._timeouts.seconds(parameters.timeout):g} s"
        if only_waits(parameters.command):
            return await _stopped(job, f"Stopped after {seconds}, its timeout. Wait in the background instead.")
        try:
            name = await self._jobs.keep(job)
        except ToolFailed as full:
            return await _stopped(job, f"Stopped after {seconds}, its timeout. {full}")
        text = job.output.shown(failed=True)
        job.output.take_new()
        verdict = f"Still running after {seconds}; now background {name}, output in {job.output.path}."
        return ToolOutput(content=f"{verdict}\n{text}".rstrip(), data=_result(job, text, background_task_id=name))

    async def _ended(self, job: ShellJob, notes: list[str]) -> ToolOutput:
        last_words = job.output.recent(TAIL)
        how = ending(job.exit_code, job.command, last_words)
        text = job.output.shown(failed=how.failed)
        name, more = await self._left_behind(job)
        notes = [*notes, *more, *_remarks(job)]
        if how.failed and (asked := question(last_words)):
            notes.append(f'Waits for input at "{asked}"; run it with its non-interactive flag.')
        content = "\n".join((command_report(job.exit_code, job.seconds, how, text), *notes))
        data = _result(
            job,
            text,
            clipped=job.output.is_clipped(failed=how.failed),
            background_task_id=name,
            return_code_interpretation=how.meaning or None,
        )
        return ToolOutput(content=content, data=data, failed=how.failed, waiting=only_waits(job.command))

    async def _left_behind(self, job: ShellJob) -> tuple[str | None, list[str]]:
        """What the command started and did not wait for goes on as a job of its own, so that it can be ended."""
        if not job.is_active:
            return None, []
        try:
            name = await self._jobs.keep(job)
        except ToolFailed as full:
            await job.end(grace=OVERDUE_GRACE)
            return None, [f"[what it left running was stopped: {full}]"]
        job.output.take_new()
        return name, [f"[what it left running is now background {name}, output in {job.output.path}]"]

    def _follow_shell(self, report: DirectoryReport) -> list[str]:
        directory, root = report.read(), self._workspace.root
        if directory is None or directory == self._workspace.shell_directory:
            return []
        if self._workspace.contains(directory):
            self._workspace.shell_directory = directory
            return []
        self._workspace.shell_directory = root
        return [f"[{directory} is outside the workspace; the next command starts in {root}]"]

    def _note_reading(self, job: ShellJob, directory: Path) -> None:
        shown = showing(job.command)
        if shown is None or job.exit_code != 0:
            return
        with contextlib.suppress(OSError):  # gone meanwhile, or a pattern too long to be a name
            files = [word for word in shown.operands if (directory / word).is_file()]
            if files == [*shown.operands[-1:]]:
                path = Path(os.path.normpath(directory / files[0]))
                self._ledger.note(path, whole=shown.whole and not job.output.is_clipped(failed=False))


async def _ends_within(job: ShellJob, seconds: float) -> bool:
    try:
        with anyio.move_on_after(seconds):
            await job.finished.wait()
    except anyio.get_cancelled_exc_class():
        await job.end(grace=CANCEL_GRACE)
        raise
    return job.finished.is_set()


async def _stopped(job: ShellJob, verdict: str) -> ToolOutput:
    await job.end(grace=OVERDUE_GRACE)
    text = job.output.shown(failed=True)
    clipped = job.output.is_clipped(failed=True)
    content = "\n".join(filter(None, (verdict, text.rstrip(), *_remarks(job))))
    return ToolOutput(content=content, data=_result(job, text, clipped=clipped, interrupted=True), failed=True)


def _remarks(job: ShellJob) -> list[str]:
    return [job.remark] if job.remark else []


def _result(
    job: ShellJob,
    text: str,
    *,
    clipped: bool = False,
    interrupted: bool = False,
    background_task_id: str | None = None,
    return_code_interpretation: str | None = None,
) -> BashResult:
    return BashResult(
        stdout=text,
        stderr="",
        interrupted=interrupted,
        is_image=False,
        background_task_id=background_task_id,
        return_code_interpretation=return_code_interpretation,
        persisted_output_path=str(job.output.path) if clipped or background_task_id else None,
    )


def _why_not(command: str, error: OSError) -> str:
    if error.errno == errno.E2BIG:
        size = len(command.encode())
        return f"The command has {size:,} bytes, and the system takes 131,071. Write it to a file, then run that file."
    return f"The shell could not be started: {error.strerror}. Try again, or tell the user."
