"""Process groups, with real processes: whatever a command starts, nothing of it outlives `end`."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest

from tianting.plumbing.process_group import ProcessGroup, start_group

pytestmark = pytest.mark.anyio

ENVIRONMENT = {"PATH": os.environ["PATH"]}
IGNORES_TERM = "trap '' TERM; echo up; while :; do sleep 0.05; done"


def bash(command: str, cwd: Path = Path("/")) -> ProcessGroup:
    return start_group(["bash", "-c", command], cwd=cwd, environment=ENVIRONMENT)


async def output_of(group: ProcessGroup) -> bytes:
    parts = []
    while data := await group.read():
        parts.append(data)
    return b"".join(parts)


async def finished(group: ProcessGroup) -> tuple[bytes, int]:
    with anyio.fail_after(5):
        output, code = await output_of(group), await group.wait()
    group.close()
    return output, code


async def number_said(group: ProcessGroup) -> int:
    with anyio.fail_after(5):
        return int(await group.read())


def is_running(pid: int) -> bool:
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return False


async def eventually(true: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not true():
            await anyio.sleep(0.005)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("true", (b"", 0), id="nothing said"),
        pytest.param("echo out; echo err >&2; echo out", (b"out\nerr\nout\n", 0), id="errors and output in order"),
        pytest.param("exit 7", (b"", 7), id="exit code"),
        pytest.param("kill -KILL $$", (b"", -9), id="killed by a signal"),
        pytest.param("cat; echo read", (b"read\n", 0), id="input is empty"),
        pytest.param("pwd; echo $PATH$HOME", (b"/\n" + ENVIRONMENT["PATH"].encode() + b"\n", 0), id="its own world"),
        pytest.param("printf '\\377\\000'", (b"\xff\x00", 0), id="any bytes"),
        pytest.param("exec 3>/dev/tty", (b"bash: line 1: /dev/tty: No such device or address\n", 1), id="no terminal"),
    ],
)
async def test_command_runs_to_its_end(command: str, expected: tuple[bytes, int]) -> None:
    assert await finished(bash(command)) == expected


@pytest.mark.parametrize(
    ("argv", "cwd", "error"),
    [
        pytest.param(["no-such-program"], "/", FileNotFoundError, id="no program"),
        pytest.param(["true"], "/no/such/place", FileNotFoundError, id="no directory"),
        pytest.param(["echo", "a\0b"], "/", ValueError, id="NUL byte"),
        pytest.param(["echo", "x" * 200_000], "/", OSError, id="too long"),
    ],
)
async def test_command_that_cannot_start_raises_and_leaks_nothing(
    argv: list[str], cwd: str, error: type[Exception]
) -> None:
    before = list(Path("/proc/self/fd").iterdir())

    with pytest.raises(error):
        start_group(argv, cwd=Path(cwd), environment=ENVIRONMENT)

    assert list(Path("/proc/self/fd").iterdir()) == before


async def test_flood_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    group = bash("yes")
    monkeypatch.setattr("tianting.plumbing.process_group.os.read", lambda descriptor, size: b"y")
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_turns)
            for _ in range(50):
                await group.read()
            tasks.cancel_scope.cancel()
    await group.end(grace=0)
    group.close()

    assert turns >= 45


async def test_command_has_ended_although_a_daemon_holds_its_pipe() -> None:
    group = bash("setsid sleep 30 & echo $!")
    daemon = await number_said(group)
    try:
        with anyio.fail_after(5):
            assert await group.wait() == 0
        await eventually(lambda: not group.is_alive())  # it left the session
        assert is_running(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)
        group.close()


async def test_child_left_behind_is_seen_and_ended() -> None:
    group = bash("sleep 30 & echo $!")
    child = await number_said(group)
    with anyio.fail_after(5):
        assert await group.wait() == 0

        assert group.is_alive()
        await group.end(grace=1)

    assert not is_running(child)
    assert not group.is_alive()
    group.close()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo $$; sleep 30", id="plain"),
        pytest.param("trap '' TERM; echo $$; while :; do sleep 0.05; done", id="ignores TERM"),
        pytest.param("(trap '' TERM; sleep 30 & sleep 30) & echo $!; wait", id="child ignores TERM"),
        pytest.param("timeout 30 sleep 30 & echo $!; wait", id="child in a group of its own"),
        pytest.param("echo $$; kill -STOP $$", id="stopped"),
        pytest.param("echo $$; f() { (trap '' TERM; sleep 0.1; f) & sleep 0.05; }; f; wait", id="keeps forking"),
    ],
)
async def test_end_leaves_nothing_of_the_session(command: str) -> None:
    group = bash(command)
    await number_said(group)

    with anyio.fail_after(5):
        await group.end(grace=0.05)
        code = await group.wait()
        await output_of(group)  # ends only when nobody holds the pipe
    group.close()

    assert code in (-signal.SIGTERM, -signal.SIGKILL, 128 + signal.SIGTERM)


@pytest.mark.parametrize("rest", ["while :; do :; done", "kill -STOP $$; while :; do :; done"], ids=["runs", "stopped"])
async def test_end_lets_a_command_clean_up(rest: str) -> None:
    group = bash(f"trap 'echo cleaned; exit 3' TERM; echo up; {rest}")
    with anyio.fail_after(5):
        assert await group.read() == b"up\n"

        await group.end(grace=3)

    assert await finished(group) == (b"cleaned\n", 3)


async def test_cancelled_end_still_ends() -> None:
    group = bash(IGNORES_TERM)
    with anyio.fail_after(5):
        await group.read()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await group.end(grace=0.05)

    assert not group.is_alive()
    group.close()


async def test_survivor_of_a_kill_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    group = bash("sleep 30")
    monkeypatch.setattr("tianting.plumbing.process_group.KILL_PATIENCE", 0.05)
    monkeypatch.setattr("tianting.plumbing.process_group.os.killpg", lambda group, number: None)

    with anyio.fail_after(5):
        await group.end(grace=0.01)
    monkeypatch.undo()
    with anyio.fail_after(5):
        await group.end(grace=1)

    assert [record.getMessage() for record in caplog.records] == [f"session {group.pid} outlived SIGKILL"]
    group.close()


async def test_system_without_pidfd_and_proc_waits_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.plumbing.process_group.sys", SimpleNamespace(platform="darwin"))
    group = bash("sleep 30 & echo $!; sleep 0.05; exit 3")
    child = await number_said(group)

    with anyio.fail_after(5):
        assert await group.wait() == 3
        assert group.is_alive()
        await group.end(grace=0.05)
    group.close()

    assert not is_running(child)


async def test_child_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(group: int, number: int) -> None:
        raise PermissionError(group, number)

    group = bash("sleep 30 & echo $!")
    child = await number_said(group)
    with anyio.fail_after(5):
        await group.wait()
    with monkeypatch.context() as patch:
        patch.setattr("tianting.plumbing.process_group.os.killpg", refuse)
        assert group.is_alive()
    os.kill(child, signal.SIGKILL)
    group.close()


async def test_closing_twice_is_fine() -> None:
    group = bash("true")
    await finished(group)

    group.close()


async def test_zombie_is_not_alive() -> None:
    group = bash("sleep 0 & exec sleep 30")
    await eventually(lambda: b") Z " in b"".join(_stats_of_children(group.pid)))
    os.kill(group.pid, signal.SIGKILL)

    with anyio.fail_after(5):
        await group.wait()

    await eventually(lambda: not group.is_alive())
    group.close()


async def test_ten_commands_run_side_by_side() -> None:
    results: dict[int, tuple[bytes, int]] = {}

    async def run(number: int) -> None:
        results[number] = await finished(bash(f"sleep 0.0{number}; echo {number}; exit {number}"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(run, number)

    assert results == {number: (f"{number}\n".encode(), number) for number in range(10)}


def _stats_of_children(parent: int) -> list[bytes]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [Path(f"/proc/{child}/stat").read_bytes() for child in children]


async def test_guard_is_spared_until_what_it_guards_had_its_time() -> None:
    inner = "trap 'echo cleaned; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    guard = f"trap 'echo disturbed' TERM; bash -c \"{inner}\"; exit $?"
    group = start_group(["bash", "-c", guard], cwd=Path("/"), environment=ENVIRONMENT, guarded=True)
    with anyio.fail_after(10):
        assert await group.read() == b"up\n"
        await group.end(grace=5)
        said = await output_of(group)
    group.close()

    assert (said.replace(b"Terminated\n", b""), group.exit_code) == (b"cleaned\n", 5)


async def test_deaf_guard_is_killed_with_the_rest() -> None:
    group = start_group(["bash", "-c", IGNORES_TERM], cwd=Path("/"), environment=ENVIRONMENT, guarded=True)
    with anyio.fail_after(5):
        assert await group.read() == b"up\n"
        await group.end(grace=0.01)
    group.close()

    assert group.exit_code == -signal.SIGKILL
