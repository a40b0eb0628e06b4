"""Bash, with real commands: what the model reads, where the next command starts, and what is left running."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
import pytest

from tianting.plumbing.clock import SystemClock
from tianting.protocol.tool_calls import Access, ToolOutput
from tianting.tools.bash import Bash, BashParameters, BashResult
from tianting.tools.contract import ToolFailed
from tianting.tools.read_ledger import ReadLedger
from tianting.tools.shell.background_jobs import MAX_JOBS, BackgroundJobs
from tianting.tools.task_stop import TaskStop, TaskStopParameters
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio


class StillClock(SystemClock):
    """Every command takes no time."""

    def monotonic(self) -> float:
        return 0.0


class Desk:
    """A session's Bash and what stands around it."""

    def __init__(self, root: Path, jobs: BackgroundJobs) -> None:
        self.root = root
        self.workspace = Workspace(root, (root.parent / "additional",))
        self.ledger = ReadLedger()
        self.jobs = jobs
        self.spill = root.parent / "spill"
        self.environment = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "secret"}

    async def run(self, command: str, *, timeout: int = 5_000, background: bool = False) -> ToolOutput:
        bash = Bash(self.workspace, self.ledger, self.jobs, environment=self.environment, spill_directory=self.spill)
        with anyio.fail_after(10):
            return await bash.run(BashParameters(command=command, timeout=timeout, run_in_background=background))

    async def text(self, command: str, *, timeout: int = 5_000) -> str:
        return str((await self.run(command, timeout=timeout)).content)

    def told(self, text: str) -> str:
        """`text` with the names of this test's places taken out."""
        for path in self.spill.glob("*"):
            text = text.replace(str(path), "FILE")
        return text.replace(str(self.root), "ROOT")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    for name in ("root/src", "root/a b", "additional", "outside"):
        (tmp_path / name).mkdir(parents=True)
    async with BackgroundJobs(StillClock()) as jobs:
        yield Desk((tmp_path / "root").resolve(), jobs)


def is_running(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


def result(stdout: str, meaning: str | None = None) -> BashResult:
    return BashResult(stdout=stdout, stderr="", interrupted=False, is_image=False, return_code_interpretation=meaning)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("echo hi", ToolOutput(content="hi\nexit 0 in 0 s", data=result("hi\n")), id="success"),
        pytest.param("true", ToolOutput(content="exit 0, no output", data=result("")), id="silence"),
        pytest.param(
            "echo bad >&2; exit 3",
            ToolOutput(content="exit 3 in 0 s.\nbad", data=result("bad\n"), failed=True),
            id="failure",
        ),
        pytest.param(
            "false", ToolOutput(content="exit 1, no output", data=result(""), failed=True), id="silent failure"
        ),
        pytest.param(
            "echo x | grep y",
            ToolOutput(content="exit 1, no output: no line matched", data=result("", "no line matched")),
            id="nothing found",
        ),
        pytest.param(
            "nonsuch",
            ToolOutput(
                content="exit 127 in 0 s: not found: nonsuch.\nbash: line 1: nonsuch: command not found",
                data=result("bash: line 1: nonsuch: command not found\n", "not found: nonsuch"),
                failed=True,
            ),
            id="unknown program",
        ),
        pytest.param(
            "kill -SEGV $$",
            ToolOutput(
                content="exit 139, no output: ended by SIGSEGV", data=result("", "ended by SIGSEGV"), failed=True
            ),
            id="signal",
        ),
        pytest.param(
            'echo "unclosed',
            ToolOutput(
                content="exit 2 in 0 s.\nbash: -c: line 1: unexpected EOF while looking for matching `\"'",
                data=result("bash: -c: line 1: unexpected EOF while looking for matching `\"'\n"),
                failed=True,
            ),
            id="unclosed quote",
        ),
        pytest.param(
            "printf 'Proceed? [y/N] '; read answer",
            ToolOutput(
                content="exit 1 in 0 s.\nProceed? [y/N]\n"
                'Waits for input at "Proceed? [y/N]"; run it with its non-interactive flag.',
                data=result("Proceed? [y/N] "),
                failed=True,
            ),
            id="question",
        ),
        pytest.param(
            r"printf '\033[31mred\033[0m 10%%\r20%%\n\377\0'",
            ToolOutput(content="20%\n\ufffd\ufffd\nexit 0 in 0 s", data=result("20%\n\ufffd\ufffd")),
            id="colours, progress, any bytes",
        ),
        pytest.param(
            'echo "$OPENAI_API_KEY$GIT_TERMINAL_PROMPT$PAGER"',
            ToolOutput(content="0cat\nexit 0 in 0 s", data=result("0cat\n")),
            id="environment",
        ),
    ],
)
async def test_command_is_told(command: str, expected: ToolOutput, desk: Desk) -> None:
    assert await desk.run(command) == expected
    assert not desk.spill.exists()


@pytest.mark.parametrize(
    ("commands", "output"),
    [
        pytest.param(["cd src", "pwd"], "ROOT/src\nexit 0 in 0 s", id="kept"),
        pytest.param(["cd 'a b'; false", "pwd"], "ROOT/a b\nexit 0 in 0 s", id="kept after a failure"),
        pytest.param(["cd src; exit 3", "pwd"], "ROOT/src\nexit 0 in 0 s", id="kept after exit"),
        pytest.param(["cd src", "cd ..", "pwd"], "ROOT\nexit 0 in 0 s", id="there and back"),
        pytest.param(["cd src", "(cd ..)", "pwd"], "ROOT/src\nexit 0 in 0 s", id="subshell"),
        pytest.param(["cd src", "cd .. ; exec true", "pwd"], "ROOT/src\nexit 0 in 0 s", id="exec"),
        pytest.param(["cd src", "cd .. & wait", "pwd"], "ROOT/src\nexit 0 in 0 s", id="child"),
        pytest.param(["cd ../additional", "cd ../additional; basename $PWD"], None, id="additional directory"),
        pytest.param(["cd src", "cd ../../outside", "pwd"], "ROOT\nexit 0 in 0 s", id="outside"),
        pytest.param(["X=1; f() { :; }; export X", "echo $X; f"], None, id="variables are not kept"),
        pytest.param(["mkdir d; cd d", "rmdir ../d", "exec true", "pwd"], "ROOT\nexit 0 in 0 s", id="told once"),
        pytest.param(
            ["mkdir d; cd d", "rmdir ../d", "pwd"],
            "ROOT\nexit 0 in 0 s\n[ROOT/d does not exist any more; this ran in ROOT]",
            id="removed",
        ),
    ],
)
async def test_directory_is_kept_inside_the_workspace(commands: list[str], output: str | None, desk: Desk) -> None:
    *before, last = commands
    for command in before:
        await desk.run(command)

    expected = (
        output
        or {
            "cd ../additional; basename $PWD": "additional\nexit 0 in 0 s",
            "echo $X; f": "exit 127 in 0 s: not found: f.\n\nbash: line 1: f: command not found",
        }[last]
    )
    assert desk.told(await desk.text(last)) == expected


async def test_leaving_the_workspace_is_told(desk: Desk) -> None:
    outside = desk.root.parent / "outside"

    assert desk.told(await desk.text("cd ../outside")) == (
        f"exit 0, no output\n[{outside} is outside the workspace; the next command starts in ROOT]"
    )
    assert desk.told(await desk.text("pwd")) == "ROOT\nexit 0 in 0 s"


async def test_link_out_of_the_workspace_is_outside(desk: Desk) -> None:
    (desk.root / "link").symlink_to("/usr")

    await desk.run("cd link")

    assert desk.workspace.shell_directory == desk.root


async def test_lost_workspace_is_told(desk: Desk) -> None:
    await desk.run("rm -r ../root")

    with pytest.raises(ToolFailed, match=r"does not exist any more\. Ask the user"):
        await desk.run("true")


@pytest.mark.parametrize(
    ("command", "freshness", "whole"),
    [
        pytest.param("cat f.txt", "fresh", True, id="cat"),
        pytest.param("nl -ba ../root/f.txt", "fresh", True, id="nl, by another way"),
        pytest.param("head -n 1 f.txt", "fresh", False, id="head"),
        pytest.param("sed -n 1,2p f.txt", "fresh", False, id="sed"),
        pytest.param("grep -n one f.txt", "fresh", False, id="grep"),
        pytest.param("grep two f.txt", "unread", False, id="grep without a match"),
        pytest.param("grep one f.txt g.txt", "unread", False, id="two files"),
        pytest.param("cat f.txt | wc", "unread", False, id="pipeline"),
        pytest.param("cat f.txt missing", "unread", False, id="failed"),
        pytest.param(f"grep {'x' * 300} f.txt", "unread", False, id="pattern longer than a name"),
        pytest.param("wc f.txt", "unread", False, id="other program"),
    ],
)
async def test_plain_reading_counts_for_the_ledger(command: str, freshness: str, whole: bool, desk: Desk) -> None:
    path = desk.root / "f.txt"
    path.write_text("one\n")
    (desk.root / "g.txt").write_text("one\n")

    await desk.run(command)

    assert (desk.ledger.freshness(path), desk.ledger.saw_whole(path)) == (freshness, whole)


async def test_pattern_longer_than_a_name_is_no_failure(desk: Desk) -> None:
    (desk.root / "f.txt").write_text("x" * 300)

    assert (await desk.run(f"grep -o {'x' * 300} f.txt")).failed is False


async def test_clipped_cat_is_no_whole_reading(desk: Desk) -> None:
    path = desk.root / "f.txt"
    path.write_text("line\n" * 10_000)

    await desk.run("cat f.txt")

    assert (desk.ledger.freshness(path), desk.ledger.saw_whole(path)) == ("fresh", False)


async def test_long_output_is_in_a_file_that_can_be_searched(desk: Desk) -> None:
    output = await desk.run("seq 1 100000")
    [path] = desk.spill.iterdir()

    assert isinstance(output.data, BashResult)
    assert output.data.persisted_output_path == str(path)
    assert str(output.content).endswith(
        f"\n99999\n100000\n[clipped: 588,895 characters; all of it in {path}, Grep it]\nexit 0 in 0 s"
    )
    assert await desk.text(f"grep -x 54321 {path}") == "54321\nexit 0 in 0 s"


async def test_long_failure_shows_its_end(desk: Desk) -> None:
    text = await desk.text("seq 1 5000; exit 2")

    assert text.startswith("exit 2 in 0 s.\n1\n2\n")
    assert 9_000 < len(text) < 11_000
    assert text.splitlines()[-2] == "5000"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(
            "echo " + "x" * 200_000,
            "The command has 200,005 bytes, and the system takes 131,071. Write it to a file, then run that file.",
            id="too long",
        ),
        pytest.param(
            "echo a\0b",
            "The command cannot be passed on: embedded null byte. Write such bytes as \\0 or \\x00.",
            id="NUL byte",
        ),
    ],
)
async def test_command_that_cannot_start_is_told(command: str, message: str, desk: Desk) -> None:
    with pytest.raises(ToolFailed) as failure:
        await desk.run(command)

    assert str(failure.value) == message


async def test_advice_of_failed_starts_works(desk: Desk) -> None:
    (desk.root / "long.sh").write_text("echo " + "x" * 40_000)

    assert "x" * 1_000 in await desk.text("bash long.sh")
    assert await desk.text("printf 'a\\0b' | wc -c") == "3\nexit 0 in 0 s"


async def test_directory_without_rights_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tianting.plumbing.process_group.subprocess.Popen", refuse)

    with pytest.raises(ToolFailed, match=r"^The shell could not be started: Permission denied\. Try again, or tell"):
        await desk.run("true")


async def test_overdue_command_goes_on_in_the_background(desk: Desk) -> None:
    os.mkfifo(desk.root / "pipe")
    output = await desk.run("echo started; cat pipe; echo resumed", timeout=500)
    [path] = desk.spill.iterdir()

    assert output == ToolOutput(
        content=f"Still running after 0.5 s; now background job1, output in {path}.\nstarted",
        data=BashResult(
            stdout="started\n",
            stderr="",
            interrupted=False,
            is_image=False,
            background_task_id="job1",
            persisted_output_path=str(path),
        ),
    )
    await desk.run("echo said > pipe")
    with anyio.fail_after(5):
        await desk.jobs.find("job1").finished.wait()
    assert path.read_text() == "started\nsaid\nresumed\n"
    assert desk.jobs.find("job1").output.take_new() == "said\nresumed\n"


async def test_overdue_sleep_is_stopped(desk: Desk) -> None:
    output = await desk.run("sleep 30; echo never", timeout=100)

    assert output == ToolOutput(
        content="Stopped after 0.1 s, its timeout. Wait in the background instead.",
        data=BashResult(stdout="", stderr="", interrupted=True, is_image=False),
        failed=True,
    )
    assert "Started as job1" in str((await desk.run("sleep 30; echo never", background=True)).content)


async def test_full_background_stops_an_overdue_command(desk: Desk) -> None:
    for _ in range(MAX_JOBS):
        await desk.run("sleep 30", background=True)

    text = await desk.text("echo $$; while :; do sleep 0.01; done", timeout=100)
    verdict, pid = text.splitlines()

    assert verdict.startswith("Stopped after 0.1 s, its timeout. 16 background jobs run already: job1, job2, ")
    assert verdict.endswith("job16. End one with TaskStop first.")
    assert not is_running(int(pid))
    with pytest.raises(ToolFailed, match="End one with TaskStop first"):
        await desk.run("touch ran", background=True)
    await desk.run("sleep 0.05")
    assert not (desk.root / "ran").exists()
    await TaskStop(desk.jobs).run(TaskStopParameters(task_id="job7"))
    assert "Started as job17" in str((await desk.run("true", background=True)).content)


async def test_background_command_returns_at_once(desk: Desk) -> None:
    output = await desk.run("echo up; sleep 30", background=True)
    [path] = desk.spill.iterdir()

    assert output == ToolOutput(
        content=f"Started as job1, output in {path}. BashOutput shows what is new, TaskStop ends it.",
        data=BashResult(
            stdout="",
            stderr="",
            interrupted=False,
            is_image=False,
            background_task_id="job1",
            persisted_output_path=str(path),
        ),
    )


async def test_server_left_running_becomes_a_job(desk: Desk) -> None:
    text = await desk.text("(while :; do echo tick; sleep 0.01; done) & echo $!")
    pid = int(text.split()[0])

    assert desk.told(text).endswith("[what it left running is now background job1, output in FILE]")
    assert is_running(pid)
    await TaskStop(desk.jobs).run(TaskStopParameters(task_id="job1"))
    assert not is_running(pid)


async def test_silent_child_left_running_becomes_a_job(desk: Desk) -> None:
    text = await desk.text("sleep 30 >/dev/null 2>&1 & echo $!")

    assert "[what it left running is now background job1" in text
    assert desk.jobs.find("job1").is_active


async def test_child_left_running_is_stopped_when_the_background_is_full(desk: Desk) -> None:
    for _ in range(MAX_JOBS):
        await desk.run("sleep 30", background=True)

    text = await desk.text("sleep 30 & echo $!")

    assert "[what it left running was stopped: 16 background jobs run already" in text
    assert not is_running(int(text.split()[0]))


async def test_daemon_that_holds_the_pipe_does_not_hold_the_result(desk: Desk) -> None:
    text = await desk.text("setsid sleep 30 & echo $!")
    daemon = int(text.split()[0])
    try:
        assert "[what it left running is now background job1" in text
        assert is_running(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize("child", ["sleep 0.01; cat", "cat; exec >&- 2>&-; sleep 0.02"], ids=["late words", "late end"])
async def test_child_that_soon_ends_is_waited_for(child: str, desk: Desk) -> None:
    assert await desk.text(f"echo word > >({child})") == "word\nexit 0 in 0 s"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo $$ > pid; sleep 30", id="plain"),
        pytest.param("trap '' TERM; echo $$ > pid; while :; do sleep 0.01; done", id="ignores TERM"),
        pytest.param("(trap '' TERM; echo $BASHPID > pid; while :; do sleep 0.01; done) & wait", id="child"),
    ],
)
async def test_cancelled_command_is_gone_at_once(command: str, desk: Desk) -> None:
    pid_file = desk.root / "pid"
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.run, command)
            while not (pid_file.exists() and pid_file.read_text()):
                await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()
    assert not is_running(int(pid_file.read_text()))


async def test_flood_is_clipped_and_stopped_at_its_timeout(desk: Desk) -> None:
    text = await desk.text("sleep 0; yes", timeout=200)

    assert text.startswith("Stopped after 0.2 s, its timeout.")
    assert len(text) < 11_000
    assert text.splitlines()[-1].startswith("[clipped: ")


async def test_ten_commands_run_side_by_side(desk: Desk) -> None:
    texts: dict[int, str] = {}

    async def run(number: int) -> None:
        texts[number] = await desk.text(f"sleep 0.0{number}; echo {number}")

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(run, number)

    assert texts == {number: f"{number}\nexit 0 in 0 s" for number in range(10)}


async def test_shell_without_bash_is_enough(desk: Desk) -> None:
    binaries = desk.root.parent / "bin"
    binaries.mkdir()
    (binaries / "sh").symlink_to("/bin/sh")
    desk.environment["PATH"] = str(binaries)

    await desk.run("cd src")

    assert desk.told(await desk.text("pwd")) == "ROOT/src\nexit 0 in 0 s"


async def test_call_leaks_no_descriptor(desk: Desk) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    for command in ("true", "seq 1 100000", "exit 1"):
        await desk.run(command)
    await desk.jobs.aclose()

    with anyio.fail_after(5):
        while len(list(Path("/proc/self/fd").iterdir())) > before:
            await anyio.sleep(0.005)


def test_call_executes_its_command() -> None:
    workspace = Workspace(Path("/"))
    bash = Bash(workspace, ReadLedger(), BackgroundJobs(StillClock()), environment={}, spill_directory=Path("/nowhere"))

    assert bash.accesses(BashParameters(command="make")) == (Access(effect="execute", target="make"),)


def test_switch_of_other_agents_is_read() -> None:
    assert msgspec.convert({"command": "x", "dangerouslyDisableSandbox": True}, BashParameters) == BashParameters(
        command="x", dangerously_disable_sandbox=True
    )
