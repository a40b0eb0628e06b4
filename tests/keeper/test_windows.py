"""Windows are started from nothing, end with everything they have started, and their ends are told. Real processes."""

import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.keeper.conftest import PATIENCE, KeptWindows, is_alive, read, read_all, read_line, until_gone, write
from tests.keeper.image_for_tests import RESERVED
from tianting.keeper.words import Gone, Held, Limits
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio

ESCAPE = """
import os, sys
program = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", program], {})
    os._exit(0)
os.wait()
"""
"""Leaves its parent, its session, its group and its environment behind."""


@pytest.mark.parametrize("native", [pytest.param(True, id="forked"), pytest.param(False, id="executed")])
async def test_window_reads_and_writes_its_pipe(keeper: KeptWindows, native: bool) -> None:
    _, pipe = await keeper.start("echo" if native else "cat", native=native)

    await write(pipe, b"Is anybody there?\n")

    assert await read_line(pipe) == b"Is anybody there?\n"


async def test_native_window_inherits_nothing(keeper: KeptWindows) -> None:
    held, pipe = await keeper.native("tell", environment={"ONLY": "this"})

    told = json.loads(await read_all(pipe))
    _, other = await keeper.native("tell", generation=2)
    drawn = json.loads(await read_all(other))["random"]

    environment = {"ONLY": "this", "TIANTING_WINDOW": "w:1"}
    assert told.pop("random") != drawn
    assert told == {
        "environment": environment,
        "os.environ": environment,
        "warmed before": True,
        "cwd": str(keeper.directory),
        "descriptors": [0, 1, 2],
        "log mode": 0o600,
        "umask": _own_umask(),
        "leads": True,
        "blocked": 0,
        "ignored": _bits(signal.SIGPIPE, signal.SIGXFSZ),
        "python ignores": [signal.SIGPIPE, signal.SIGXFSZ],
    }
    assert held.native


async def test_executed_program_finds_no_signal_ignored_or_blocked(keeper: KeptWindows) -> None:
    _, pipe = await keeper.start("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")

    told = dict(line.split(":\t") for line in (await read_all(pipe)).decode().splitlines())
    assert {name: int(bits, 16) & ~RESERVED for name, bits in told.items()} == {"SigBlk": 0, "SigIgn": 0}


async def test_executed_program_gets_its_environment_and_no_descriptor_of_ours(keeper: KeptWindows) -> None:
    variables = {"PATH": os.environ["PATH"], "ONLY": "this"}

    _, pipe = await keeper.shell("ls /proc/$$/fd; env", environment=variables)

    said = (await read_all(pipe)).decode().splitlines()
    assert said[:3] == ["0", "1", "2"]
    assert {"ONLY=this", "TIANTING_WINDOW=w:1"} <= set(said)
    assert {line.partition("=")[0] for line in said[3:]} <= {
        "ONLY",
        "PATH",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "TIANTING_WINDOW",
    }


@pytest.mark.parametrize(
    ("wish", "code", "why"),
    [
        pytest.param({"argv": ("no-such-command", "-x")}, 127, "no-such-command: command not found", id="missing"),
        pytest.param({"argv": ("/etc/hostname",)}, 126, "/etc/hostname", id="not a program"),
        pytest.param({"argv": ("true",), "cwd": "/no/such/place"}, 126, "/no/such/place", id="no directory"),
        pytest.param({"argv": ("echo", "a\0b")}, 126, "null", id="NUL byte"),
        pytest.param({"argv": ("leave", "3"), "native": True}, 3, "", id="exit code"),
        pytest.param({"argv": ("raise", "exit"), "native": True}, 4, "", id="SystemExit"),
        pytest.param({"argv": ("raise", "words"), "native": True}, 1, "enough", id="SystemExit with words"),
        pytest.param({"argv": ("raise", "bug"), "native": True}, 1, "ZeroDivisionError: a bug", id="exception"),
    ],
)
async def test_end_is_told_and_the_log_says_why(keeper: KeptWindows, wish: dict[str, Any], code: int, why: str) -> None:
    held, pipe = await keeper.start(*wish.pop("argv"), **wish)

    gone = await keeper.end_of(held)

    assert (gone.exit_code, gone.signal, gone.oom) == (code, None, False)
    assert why in keeper.log.read_text()
    assert await read_all(pipe) == b""


async def test_gone_tells_what_was_used(keeper: KeptWindows) -> None:
    held, _ = await keeper.shell("i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; kill -USR1 $$")

    gone = await keeper.end_of(held)

    assert gone == Gone("w", 1, held.pid, None, signal.SIGUSR1, *gone[5:])
    assert gone.user_seconds > 0
    assert gone.peak_rss > 1_000_000
    assert gone.at > 1_700_000_000


async def test_last_words_can_be_read_after_the_end(keeper: KeptWindows) -> None:
    held, pipe = await keeper.shell("echo farewell")
    pipe.close()
    await keeper.end_of(held)

    assert await read_all(await keeper.take()) == b"farewell\n"


async def test_end_gives_a_window_time_to_end_in_order(keeper: KeptWindows) -> None:
    held, pipe = await keeper.shell("trap 'echo tidied; exit 5' TERM; echo up; while :; do sleep 0.01; done")
    await read_line(pipe)

    await keeper.link.end("w", 1, grace=PATIENT)

    assert (await keeper.end_of(held)).exit_code == 5
    assert await read_all(pipe) == b"tidied\n"


async def test_window_that_ignores_the_request_is_killed(keeper: KeptWindows) -> None:
    held, pipe = await keeper.native("defy")
    await read_line(pipe)

    await keeper.link.end("w", 1, grace=0.05)

    assert (await keeper.end_of(held)).signal == signal.SIGKILL


async def test_window_that_stopped_itself_hears_the_request(keeper: KeptWindows) -> None:
    held, _ = await keeper.shell("trap 'exit 6' TERM; kill -STOP $$; sleep 600 & wait")
    await _until_stopped(held.pid)

    await keeper.link.end("w", 1, grace=PATIENT)

    assert (await keeper.end_of(held)).exit_code == 6


async def test_window_that_floods_waits_for_its_reader_and_can_be_ended(keeper: KeptWindows) -> None:
    held, pipe = await keeper.start("yes", "0123456789")

    assert set((await read(pipe, 11 * 500_000)).split()) == {b"0123456789"}
    await keeper.link.end("w", 1, grace=PATIENT)

    assert (await keeper.end_of(held)).signal == signal.SIGTERM


@pytest.mark.parametrize("how", ["leader ends", "end", "keeper is killed"])
async def test_whatever_forked_away_ends_with_its_window(keeper: KeptWindows, how: str) -> None:
    held, pipe = await keeper.start("python3", "-c", f"{ESCAPE}\ninput()")
    escaped = int(await read_line(pipe))
    _, other = await keeper.start("cat", generation=2)

    match how:
        case "leader ends":
            await write(pipe, b"\n")
        case "end":
            await keeper.link.end("w", 1, grace=PATIENT)
        case "keeper is killed":
            os.kill(keeper.link.keeper_pid, signal.SIGKILL)

    await until_gone(held.pid, escaped)
    if how != "keeper is killed":
        await write(other, b"unharmed\n")
        assert await read_line(other) == b"unharmed\n"


async def test_many_children_are_ended_at_once(keeper: KeptWindows) -> None:
    held, pipe = await keeper.shell(
        "for i in 1 2 3 4 5 6 7 8; do (trap '' TERM; sleep 600) & echo $!; done; echo; wait"
    )
    children = [int(line) for line in (await _until_blank_line(pipe)).split()]

    await keeper.link.end("w", 1, grace=0.05)

    await until_gone(held.pid, *children)


async def test_signal_reaches_the_group_or_the_process_alone(keeper: KeptWindows) -> None:
    for_ever = "while :; do sleep 0.01; done"
    script = f"trap 'echo parent' USR1; (trap 'echo child' USR1; echo up; {for_ever}) & {for_ever}"
    _, pipe = await keeper.shell(script)
    await read_line(pipe)

    await keeper.link.signal("w", 1, signal.SIGUSR1, group=False)
    assert await read_line(pipe) == b"parent\n"
    await keeper.link.signal("w", 1, signal.SIGUSR1)

    assert {await read_line(pipe), await read_line(pipe)} == {b"parent\n", b"child\n"}


async def test_signals_to_what_is_gone_meet_nobody(keeper: KeptWindows) -> None:
    held, _ = await keeper.native("leave", "0")
    await keeper.end_of(held)

    await keeper.link.signal("w", 1, signal.SIGKILL)
    await keeper.link.end("w", 1, grace=0)

    assert is_alive(keeper.link.keeper_pid)


async def test_roster_tells_of_ends_until_they_are_forgotten(keeper: KeptWindows) -> None:
    lives, _ = await keeper.native("echo")
    ended, _ = await keeper.native("leave", "7", generation=2)
    gone = await keeper.end_of(ended)

    assert await keeper.link.roster() == ([lives], [gone])
    await keeper.link.forget("w", 2)

    assert await keeper.link.roster() == ([lives], [])
    assert lives == Held("w", 1, lives.pid, _start_time(lives.pid), native=True)


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        pytest.param(lambda k: k.link.forget("w", 1), "w runs in generation 1: end it first.", id="forget what runs"),
        pytest.param(
            lambda k: k.start("cat"), "w has been started in generation 1 already: take it.", id="start it again"
        ),
        pytest.param(lambda k: k.link.take("w", 9), "The keeper knows no w of generation 9.", id="take a stranger"),
        pytest.param(lambda k: k.start(generation=2), "w cannot be started: there is no command.", id="start nothing"),
        pytest.param(
            lambda k: k.start("cat", generation=2, stderr="/no/such/place/log"),
            "w cannot be started: [Errno 2] No such file",
            id="log nowhere",
        ),
        pytest.param(
            lambda k: k.start("cat", generation=2, stderr=str(k.directory / "link")),
            "w cannot be started: [Errno 40] Too many levels",
            id="log is a link",
        ),
        pytest.param(
            lambda k: k.link.signal("w", 1, "TERM"), "The keeper does not understand the request", id="no signal"
        ),
    ],
)
async def test_refusals_say_what_is_wrong(
    keeper: KeptWindows, ask: Callable[[KeptWindows], Awaitable[object]], answer: str
) -> None:
    await keeper.start("cat")
    Path(keeper.directory, "link").symlink_to("elsewhere")

    with pytest.raises(FleetError) as refused:
        await ask(keeper)

    assert str(refused.value).startswith(answer)


async def test_a_thousand_starts_leak_no_descriptor(keeper: KeptWindows) -> None:
    await _come_and_go(keeper, 1)
    before = _descriptors(keeper.link.keeper_pid), _descriptors(os.getpid())

    for generation in range(2, 1002, 50):
        await _come_and_go(keeper, *range(generation, generation + 50))

    assert (_descriptors(keeper.link.keeper_pid), _descriptors(os.getpid())) == before
    assert await keeper.link.roster() == ([], [])


async def test_processor_time_is_limited(keeper: KeptWindows) -> None:
    held, _ = await keeper.shell("while :; do :; done", limits=Limits(cpu_seconds=1))

    assert (await keeper.end_of(held)).signal == signal.SIGXCPU


async def test_memory_is_limited_and_its_want_is_told(keeper: KeptWindows) -> None:
    """Of a control group where groups can be made, else of each process."""
    hungry = "data = bytearray(300_000_000); print(len(data))"

    held, pipe = await keeper.start("python3", "-c", hungry, limits=Limits(memory=100_000_000))

    gone = await keeper.end_of(held)
    assert await read_all(pipe) == b""
    assert (gone.signal, gone.oom) == (signal.SIGKILL, True) or "MemoryError" in keeper.log.read_text()


async def _come_and_go(keeper: KeptWindows, *generations: int) -> None:
    for generation in generations:
        _, pipe = await keeper.native("leave", "0", generation=generation)
        pipe.close()
    with anyio.fail_after(PATIENCE):
        assert {(await keeper.link.exits.receive()).generation for _ in generations} == set(generations)
    for generation in generations:
        await keeper.link.forget("w", generation)


async def _until_stopped(pid: int) -> None:
    with anyio.fail_after(PATIENCE):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            await anyio.sleep(0.005)


async def _until_blank_line(pipe: Any) -> bytes:
    lines = b""
    while (line := await read_line(pipe)) != b"\n":
        lines += line
    return lines


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _own_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _bits(*numbers: int) -> int:
    return sum(1 << number - 1 for number in numbers)


def _start_time(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat[stat.rindex(")") + 2 :].split()[19])


PATIENT = 30.0
"""Seconds of grace that no test needs."""
