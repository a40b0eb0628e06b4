"""Commands run for real: whatever they do, they end, and what they said is kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from tianting.extensions.hooks import command as command_module
from tianting.extensions.hooks.command import Command, run_command
from tianting.extensions.hooks.verdict import Said
from tianting.sandbox.settings import SandboxSettings

pytestmark = pytest.mark.anyio
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


async def run(*argv: str, cwd: Path, stdin: bytes = b"", seconds: float = 5) -> Said:
    with anyio.fail_after(10):
        return await run_command(Command(argv=argv, cwd=cwd, environment=ENVIRONMENT), stdin, seconds=seconds)


async def shell(script: str, *, cwd: Path, stdin: bytes = b"", seconds: float = 5) -> Said:
    return await run("sh", "-c", script, cwd=cwd, stdin=stdin, seconds=seconds)


async def test_input_arrives_and_both_outputs_are_kept_apart(tmp_path: Path) -> None:
    said = await shell("cat; echo bad >&2; pwd; exit 3", cwd=tmp_path, stdin=b'{"a": 1}\n')

    assert said == Said(exit_code=3, stdout=f'{{"a": 1}}\n{tmp_path}\n', stderr="bad\n")


async def test_input_that_fills_the_pipe_many_times_over_arrives_whole(tmp_path: Path) -> None:
    assert (await shell("wc -c", cwd=tmp_path, stdin=b"x" * 3_000_000)).stdout.strip() == "3000000"


async def test_a_command_need_not_read(tmp_path: Path) -> None:
    assert await shell("exec <&-; echo done", cwd=tmp_path, stdin=b"x" * 3_000_000) == Said(
        exit_code=0, stdout="done\n"
    )


async def test_it_gets_its_environment_and_nothing_else(tmp_path: Path) -> None:
    assert (await run("env", cwd=tmp_path)).stdout == "PATH=/usr/bin:/bin\n"


async def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    assert (await shell(r"printf 'a\377b'", cwd=tmp_path)).stdout == "a\N{REPLACEMENT CHARACTER}b"


async def test_a_signal_is_told(tmp_path: Path) -> None:
    assert await shell("kill -9 $$", cwd=tmp_path) == Said(exit_code=-9)


@pytest.mark.parametrize(
    ("argv", "failure"),
    [
        pytest.param(("/no/such/program",), "could not be started: No such file or directory", id="missing"),
        pytest.param(("/etc/passwd",), "could not be started: Permission denied", id="no program"),
        pytest.param(("a\0b",), "could not be started: embedded null byte", id="no name"),
    ],
)
async def test_what_cannot_start_is_a_failure_and_leaves_no_pipe(
    argv: tuple[str, ...], failure: str, tmp_path: Path
) -> None:
    before = open_descriptors()

    assert await run(*argv, cwd=tmp_path) == Said(failure=failure)
    assert open_descriptors() == before


async def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    await shell("echo", cwd=tmp_path)
    before = open_descriptors()

    await shell("echo; sleep 0.05 &", cwd=tmp_path)

    assert open_descriptors() == before


async def test_one_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo $! > child; (setsid sleep 0; sleep 60) & echo $$ > self; echo begun; wait"

    said = await shell(script, cwd=tmp_path, seconds=0.5)

    assert said == Said(stdout="begun\n", failure="took longer than 0.5 s", timed_out=True)
    for name in ("self", "child"):
        assert not is_alive(int((tmp_path / name).read_text()))


async def test_a_stopped_turn_ends_it_with_all_it_started(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shell_forever, tmp_path)
            await anyio.to_thread.run_sync((tmp_path / "fifo").read_text)
            tasks.cancel_scope.cancel()

    assert not is_alive(int((tmp_path / "child").read_text()))
    assert not (tmp_path / "late").exists()  # a person waits: it has no time to clean up at leisure


async def shell_forever(directory: Path) -> None:
    script = "trap 'sleep 0.3; touch late' TERM; sleep 60 & echo $! > child; echo ready > fifo; while :; do wait; done"
    await shell(script, cwd=directory, seconds=60)


async def test_what_it_left_in_the_background_is_neither_awaited_nor_ended(tmp_path: Path) -> None:
    said = await shell("sleep 60 & echo $!", cwd=tmp_path)
    child = int(said.stdout)

    assert said.exit_code == 0
    assert is_alive(child)
    os.kill(child, signal.SIGKILL)


async def test_a_flood_ends_with_its_time_and_fills_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "MOST_OUTPUT", 200_000)

    said = await run("yes", cwd=tmp_path, seconds=0.3)

    assert (said.failure, len(said.stdout)) == ("took longer than 0.3 s", 200_000)


async def test_output_longer_than_a_pipe_is_whole(tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('o' * 1_000_000); sys.stderr.write('e' * 1_000_000)"

    said = await run(sys.executable, "-c", script, cwd=tmp_path)

    assert (said.exit_code, len(said.stdout), len(said.stderr)) == (0, 1_000_000, 1_000_000)


async def test_what_is_in_the_pipe_when_it_ends_is_heard(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "end")
    script = """if True:
        import fcntl, os
        fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)
        end = open("end", "w")
        os.write(1, b"o" * 1_000_000)
    """
    lengths = []

    async def talk() -> None:
        lengths.append(len((await run(sys.executable, "-c", script, cwd=tmp_path)).stdout))

    async def look_away() -> None:
        (tmp_path / "end").read_text()  # holds up the event loop, on purpose, until the command is gone

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk)
        tasks.start_soon(look_away)

    assert lengths == [1_000_000]


async def test_what_was_said_in_the_last_moment_is_heard_though_a_child_holds_the_pipe(tmp_path: Path) -> None:
    for _ in range(20):
        said = await shell("sleep 5 & printf '%0999d' 7; kill -9 $!", cwd=tmp_path)
        assert len(said.stdout) == 999


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class WatchedWalls:
    """Walls that let everything through and remember what they were asked."""

    keep_open: tuple[int, ...] = ()
    ends_together = False

    def __init__(self, argv: Sequence[str]) -> None:
        self.argv = ["env", "INSIDE=yes", *argv]
        self.environment = {"TMPDIR": "/inside"}
        self.cleaned = 0

    def spawn(self, *arguments: Any, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(*arguments, **options)

    def explain(self, exit_code: int, output: str) -> str | None:
        return None

    def after(self) -> None:
        self.cleaned += 1


class WatchedSandbox:
    settings = SandboxSettings()
    confines = True
    description = ""

    def __init__(self, failure: OSError | None = None) -> None:
        self.asked: list[tuple[Path, float]] = []
        self.made: list[WatchedWalls] = []
        self._failure = failure

    def wrap(self, argv: Sequence[str], *, cwd: Path, seconds: float) -> WatchedWalls:
        if self._failure:
            raise self._failure
        self.asked.append((cwd, seconds))
        self.made.append(WatchedWalls(argv))
        return self.made[-1]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(
            ("sh", "-c", "cat; echo $INSIDE $TMPDIR"), Said(exit_code=0, stdout="in\nyes /inside\n"), id="runs"
        ),
        pytest.param(("sh", "-c", "exit 2"), Said(exit_code=2), id="fails"),
        pytest.param(("a\0b",), Said(failure="could not be started: embedded null byte"), id="never starts"),
    ],
)
async def test_in_walls_it_is_started_by_them_and_they_are_cleaned_up(
    argv: tuple[str, ...], said: Said, tmp_path: Path
) -> None:
    sandbox = WatchedSandbox()
    command = Command(argv=argv, cwd=tmp_path, environment=ENVIRONMENT, sandbox=sandbox)
    with anyio.fail_after(10):
        heard = await run_command(command, b"in\n", seconds=5)

    assert (heard, sandbox.asked, [walls.cleaned for walls in sandbox.made]) == (said, [(tmp_path, 5)], [1])


async def test_walls_that_cannot_be_built_keep_it_from_starting(tmp_path: Path) -> None:
    sandbox = WatchedSandbox(OSError(24, "Too many open files"))
    command = Command(argv=["touch", "made"], cwd=tmp_path, environment=ENVIRONMENT, sandbox=sandbox)

    assert await run_command(command, b"", seconds=5) == Said(failure="could not be started: Too many open files")
    assert not (tmp_path / "made").exists()
