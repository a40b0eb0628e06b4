"""Background jobs are read on and stopped by name, and end with the session whatever they do."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from tianting.plumbing.clock import SystemClock
from tianting.plumbing.process_group import start_group
from tianting.protocol.events import TaskFinished, TaskStarted
from tianting.protocol.tool_calls import Access, ToolOutput
from tianting.tools.bash_output import BashOutput, BashOutputParameters, BashOutputResult
from tianting.tools.contract import ToolFailed
from tianting.tools.shell.background_jobs import MAX_ENDED, BackgroundJobs
from tianting.tools.shell.job import ShellJob
from tianting.tools.shell.output import ShellOutput
from tianting.tools.task_stop import TaskStop, TaskStopParameters, TaskStopResult

pytestmark = pytest.mark.anyio


NOON = 1_795_176_000.0


class StillClock(SystemClock):
    """Every command takes no time."""

    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
async def jobs() -> AsyncIterator[BackgroundJobs]:
    async with BackgroundJobs(StillClock()) as jobs:
        yield jobs


def start(jobs: BackgroundJobs, command: str, directory: Path) -> ShellJob:
    group = start_group(["bash", "-c", command], cwd=directory, environment={"PATH": os.environ["PATH"]})
    return jobs.follow(command, group, ShellOutput(directory / f"output-{group.pid}.txt"))


async def kept(jobs: BackgroundJobs, command: str, directory: Path) -> ShellJob:
    job = start(jobs, command, directory)
    await jobs.keep(job)
    return job


async def said(job: ShellJob, length: int) -> None:
    with anyio.fail_after(5):
        while job.output.length < length:
            await anyio.sleep(0.005)


async def ended(job: ShellJob) -> None:
    with anyio.fail_after(5):
        await job.finished.wait()


def is_running(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


async def look(jobs: BackgroundJobs, name: str = "job1", pattern: str = "") -> ToolOutput:
    return await BashOutput(jobs).run(BashOutputParameters(bash_id=name, filter=pattern))


async def stop(jobs: BackgroundJobs, name: str = "job1") -> ToolOutput:
    with anyio.fail_after(5):
        return await TaskStop(jobs).run(TaskStopParameters(task_id=name))


async def test_output_is_shown_once(jobs: BackgroundJobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    job = await kept(jobs, "echo one; cat pipe; exit 3", tmp_path)
    await said(job, 4)

    first, second = await look(jobs), await look(jobs)
    (tmp_path / "pipe").write_text("two\n")
    await ended(job)

    assert [first, second, await look(jobs)] == [
        ToolOutput(content="one\njob1 runs for 0 s", data=BashOutputResult(output="one\n", status="running")),
        ToolOutput(
            content="job1 runs for 0 s; no new output",
            data=BashOutputResult(output="", status="running"),
            waiting=True,
        ),
        ToolOutput(
            content="two\njob1 ended with exit 3 after 0 s",
            data=BashOutputResult(output="two\n", status="failed", exit_code=3),
        ),
    ]


async def test_filter_hides_lines(jobs: BackgroundJobs, tmp_path: Path) -> None:
    job = await kept(jobs, "seq 1 20", tmp_path)
    await ended(job)

    assert await look(jobs, pattern="^1.$|3") == ToolOutput(
        content="3\n" + "\n".join(map(str, range(10, 20))) + "\njob1 ended with exit 0 after 0 s",
        data=BashOutputResult(output="3\n" + "".join(f"{n}\n" for n in range(10, 20)), status="completed", exit_code=0),
    )


async def test_filter_that_hides_everything_is_told(jobs: BackgroundJobs, tmp_path: Path) -> None:
    job = await kept(jobs, "echo one", tmp_path)
    await ended(job)

    assert (await look(jobs, pattern="two")).content == (
        "job1 ended with exit 0 after 0 s; no new line matches the filter"
    )


@pytest.mark.parametrize(
    "pattern", [pytest.param(r"(a+)+$", id="groups"), pytest.param(r"(a|aa)+$", id="alternatives")]
)
async def test_filter_that_takes_for_ever_is_left_out(
    jobs: BackgroundJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.setattr("tianting.tools.shell.line_filter.TIME_LIMIT", 0.3)
    await ended(await kept(jobs, f"echo {'a' * 60}b", tmp_path))

    with anyio.fail_after(5):
        output = await look(jobs, pattern=pattern)

    assert str(output.content).startswith(f"{'a' * 60}b\n[not filtered: {pattern} takes too long]")


@pytest.mark.parametrize("pattern", ["x" * 1_001, "a\0"])
async def test_filter_that_no_process_takes_is_refused(jobs: BackgroundJobs, tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ToolFailed, match="filter may have 1,000 characters, and no NUL"):
        await look(jobs, pattern=pattern)


@pytest.mark.parametrize("pattern", ["(" * 900 + ")" * 900, "a{99999999999}"])
async def test_filter_that_is_too_much_for_the_compiler_is_told(jobs: BackgroundJobs, pattern: str) -> None:
    with pytest.raises(ToolFailed, match="filter is no regex" if "{" in pattern else "filter"):
        await look(jobs, pattern=pattern)


async def test_broken_filter_is_told_and_its_advice_works(jobs: BackgroundJobs, tmp_path: Path) -> None:
    job = await kept(jobs, "echo 'f(x'", tmp_path)
    await ended(job)

    with pytest.raises(ToolFailed) as failure:
        await look(jobs, pattern="f(x")

    assert str(failure.value) == (
        r"filter is no regex: missing ), unterminated subpattern at position 1 in 'f(x'. As plain text it is 'f\\(x'."
    )
    assert "f(x\n" in str((await look(jobs, pattern="f\\(x")).content)


async def test_unknown_names_are_told_which_there_are(jobs: BackgroundJobs, tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"^There is no background job 'x'; none was started\. Bash starts them\.$"):
        await look(jobs, "x")
    await kept(jobs, "true", tmp_path)
    await kept(jobs, "true", tmp_path)
    with pytest.raises(ToolFailed, match=r"^There is no background job ''\. There are: job1, job2\.$"):
        await stop(jobs, "")


async def test_names_of_other_clients_are_accepted(jobs: BackgroundJobs, tmp_path: Path) -> None:
    await kept(jobs, "sleep 30", tmp_path)

    looked = await BashOutput(jobs).run(BashOutputParameters(task_id="job1"))
    stopped = await TaskStop(jobs).run(TaskStopParameters(shell_id="job1"))

    assert str(looked.content).startswith("job1 runs")
    assert str(stopped.content).startswith("Stopped job1")


async def test_stopped_job_is_gone_with_its_children(jobs: BackgroundJobs, tmp_path: Path) -> None:
    job = await kept(jobs, "sleep 30 & echo $!; wait", tmp_path)
    await said(job, 2)
    child = int(job.output.recent(20))

    output = await stop(jobs)

    message = f"Stopped job1 after 0 s; its output stays in {job.output.path}."
    data = TaskStopResult(message=message, task_id="job1", command="sleep 30 & echo $!; wait")
    assert output == ToolOutput(content=message, data=data)
    assert job.output.path.read_text() == f"{child}\n"
    assert not is_running(child)
    assert (await look(jobs)).content == f"{child}\njob1 ended with exit 143 after 0 s"


async def test_stopping_an_ended_job_is_no_failure(jobs: BackgroundJobs, tmp_path: Path) -> None:
    await ended(await kept(jobs, "exit 3", tmp_path))
    with anyio.fail_after(5):
        while jobs.find("job1").is_active:
            await anyio.sleep(0.005)

    assert (await stop(jobs)).content == "job1 had already ended, with exit 3 after 0 s."


async def test_what_an_ended_command_left_running_can_be_stopped(jobs: BackgroundJobs, tmp_path: Path) -> None:
    job = await kept(jobs, "sleep 30 & echo $!", tmp_path)
    await ended(job)
    child = int(job.output.recent(20))

    looked = await look(jobs)
    await stop(jobs)

    assert looked.content == f"{child}\njob1 ended with exit 0 after 0 s; what it started still runs"
    assert not is_running(child)


async def test_daemon_that_left_the_session_does_not_hold_up_a_stop(jobs: BackgroundJobs, tmp_path: Path) -> None:
    job = await kept(jobs, "setsid sleep 30 & echo $!; sleep 30", tmp_path)
    await said(job, 2)
    daemon = int(job.output.recent(20))
    try:
        await stop(jobs)
        assert not job.is_active
    finally:
        os.kill(daemon, signal.SIGKILL)


class Ear:
    """Hears what happens in the background, and can wait for it."""

    def __init__(self, jobs: BackgroundJobs) -> None:
        self.heard: list[TaskStarted | TaskFinished] = []
        self.end = anyio.Event()
        jobs.report_to(self)

    async def __call__(self, event: TaskStarted | TaskFinished) -> None:
        self.heard.append(event)
        if isinstance(event, TaskFinished):
            self.end.set()

    async def until_end(self) -> list[TaskStarted | TaskFinished]:
        with anyio.fail_after(5):
            await self.end.wait()
        return self.heard


@pytest.mark.parametrize(
    ("command", "status", "summary"),
    [
        pytest.param("true", "completed", "Ended with exit 0 after 0 s: true", id="worked"),
        pytest.param("exit 3", "failed", "Ended with exit 3 after 0 s: exit 3", id="failed"),
    ],
)
async def test_job_is_told_from_its_begin_to_its_end(
    jobs: BackgroundJobs, tmp_path: Path, command: str, status: Any, summary: str
) -> None:
    ear = Ear(jobs)

    job = await kept(jobs, command, tmp_path)

    assert await ear.until_end() == [
        TaskStarted(task_id="job1", description=command),
        TaskFinished(task_id="job1", status=status, output_file=str(job.output.path), summary=summary, at=NOON),
    ]


@pytest.mark.parametrize("by_model", [True, False])
async def test_stopped_job_is_news_unless_the_model_stopped_it(
    jobs: BackgroundJobs, tmp_path: Path, by_model: bool
) -> None:
    ear = Ear(jobs)
    await kept(jobs, "sleep 30", tmp_path)

    await jobs.stop("job1", by_model=by_model)

    end = (await ear.until_end())[-1]
    assert isinstance(end, TaskFinished)
    assert (end.status, end.summary, end.is_news) == ("stopped", "Stopped: sleep 30", not by_model)


async def test_what_a_command_left_running_is_over_when_it_is_gone(
    jobs: BackgroundJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianting.tools.shell.job._DETACHED_PAUSE", 0.005)
    ear = Ear(jobs)
    os.mkfifo(tmp_path / "pipe")
    job = start(jobs, "cat pipe >/dev/null 2>&1 & exit 3", tmp_path)
    await ended(job)
    await jobs.keep(job)
    await anyio.wait_all_tasks_blocked()
    assert len(ear.heard) == 1

    (tmp_path / "pipe").write_text("")

    end = (await ear.until_end())[-1]
    assert isinstance(end, TaskFinished)
    assert (end.status, end.summary.partition(":")[0]) == ("completed", "What this had left running is over")


async def test_description_is_told_in_place_of_the_command(jobs: BackgroundJobs, tmp_path: Path) -> None:
    ear = Ear(jobs)
    group = start_group(["true"], cwd=tmp_path, environment={})
    job = jobs.follow("true", group, ShellOutput(tmp_path / "o"), description="Do\nnothing")

    await jobs.keep(job)

    assert (await ear.until_end())[0] == TaskStarted(task_id="job1", description="Do\\nnothing")


async def test_listener_that_fails_takes_no_command_along(
    jobs: BackgroundJobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(event: TaskStarted | TaskFinished) -> None:
        raise BrokenPipeError

    jobs.report_to(tell)

    await ended(await kept(jobs, "true", tmp_path))

    assert "nobody could be told of job1" in caplog.text


async def test_end_of_the_session_is_no_news(tmp_path: Path) -> None:
    with anyio.fail_after(5):
        async with BackgroundJobs(StillClock()) as jobs:
            ear = Ear(jobs)
            await kept(jobs, "sleep 30", tmp_path)

    assert ear.heard == [TaskStarted(task_id="job1", description="sleep 30")]


async def test_session_ends_every_command_at_once(tmp_path: Path) -> None:
    commands = ["trap '' TERM; echo $$; while :; do sleep 0.01; done", "echo $$; sleep 30", "sleep 30 & echo $!"]
    with anyio.fail_after(5):
        async with BackgroundJobs(StillClock()) as jobs:
            started = [start(jobs, command, tmp_path) for command in commands for _ in range(3)]
            for job in started:
                await said(job, 2)
            pids = [int(job.output.recent(20)) for job in started]

    assert [pid for pid in pids if is_running(pid)] == []


async def test_cancelled_session_ends_every_command(tmp_path: Path) -> None:
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            async with BackgroundJobs(StillClock()) as jobs:
                job = await kept(jobs, "trap '' TERM; echo $$; while :; do sleep 0.01; done", tmp_path)
                await said(job, 2)
                scope.cancel()
                await anyio.sleep_forever()

    assert not is_running(int(job.output.recent(20)))


async def test_error_of_the_session_gets_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with BackgroundJobs(StillClock()):
            raise ZeroDivisionError


async def test_bug_in_gathering_ends_the_command_and_not_the_session(
    jobs: BackgroundJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: ShellOutput, data: bytes) -> None:
        raise ZeroDivisionError(data)

    monkeypatch.setattr(ShellOutput, "write", broken)
    job = start(jobs, "echo x; sleep 30", tmp_path)
    await ended(job)

    assert (job.exit_code in (137, 143), job.is_active) == (True, False)
    assert "cannot be gathered" in caplog.text


async def test_oldest_ended_jobs_are_forgotten(jobs: BackgroundJobs, tmp_path: Path) -> None:
    running = await kept(jobs, "sleep 30", tmp_path)
    for _ in range(MAX_ENDED + 2):
        job = await kept(jobs, "true", tmp_path)
        with anyio.fail_after(5):
            while job.is_active:
                await anyio.sleep(0.001)
    await kept(jobs, "true", tmp_path)

    assert jobs.find("job1") is running
    with pytest.raises(ToolFailed, match="There is no background job 'job2'"):
        jobs.find("job2")
    assert jobs.find("job5").exit_code == 0


@pytest.mark.parametrize(("tool", "limit", "hidden"), [(BashOutput, 450, {"task_id"}), (TaskStop, 300, {"shell_id"})])
def test_description_is_small_and_fits_the_parameters(
    tool: type[BashOutput] | type[TaskStop], limit: int, hidden: set[str]
) -> None:
    listed = set(tool.spec.input_schema["properties"])

    assert len(msgspec.json.encode(tool.spec)) <= limit
    assert set(tool.parameters.__struct_encode_fields__) - listed == hidden


def test_looking_and_stopping_touch_nothing_outside() -> None:
    jobs = BackgroundJobs(StillClock())

    accesses = BashOutput(jobs).accesses(BashOutputParameters()) + TaskStop(jobs).accesses(TaskStopParameters())

    assert accesses == (Access(effect="note"), Access(effect="note"))
