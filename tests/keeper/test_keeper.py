"""Fleets come and go, one keeper stays; and when it goes, nothing of it is left. Real processes."""

import os
import signal
import socket
import sys
from itertools import count
from pathlib import Path

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.keeper.conftest import (
    PATIENCE,
    KeptWindows,
    connected,
    launch,
    read,
    read_all,
    read_line,
    until_gone,
    write,
)
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.keeper.frames import pack
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio

FLEET = """
import sys
from itertools import count
from pathlib import Path

import anyio

from tests.keeper.conftest import connected


async def main(directory, lines):
    async with connected(directory) as windows:
        script = f"i=0; while [ $i -lt {lines} ]; do i=$((i + 1)); echo line $i; done; cat"
        _, pipe = await windows.shell(script)
        await windows.native("echo", generation=2)
        await anyio.wait_readable(pipe)
        print("started", flush=True)
        await anyio.sleep_forever()

anyio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
"""


async def test_killed_fleet_takes_its_windows_back_and_loses_not_one_byte(directory: Path) -> None:
    await launch(directory)
    await _run_fleet_and_kill_it(directory, lines=50_000)

    async with connected(directory) as windows:
        running, ended = await windows.link.roster()
        pipe, echo = await windows.take(1), await windows.take(2)
        expected = b"".join(b"line %d\n" % number for number in range(1, 50_001))
        assert await read(pipe, len(expected)) == expected
        for taken in (pipe, echo):
            await write(taken, b"and on\n")
            assert await read_line(taken) == b"and on\n"

    assert [(held.window, held.generation, held.native) for held in running] == [("w", 1, False), ("w", 2, True)]
    assert ended == []


async def test_end_that_no_fleet_saw_is_in_the_next_roster(keeper: KeptWindows) -> None:
    held, pipe = await keeper.start("cat")
    await keeper.link.close()
    pipe.shutdown(socket.SHUT_WR)
    await until_gone(held.pid)

    async with connected(keeper.directory) as windows:
        with anyio.fail_after(PATIENCE):
            while not (ended := (await windows.link.roster())[1]):
                await anyio.sleep(0.005)

    assert [(gone.pid, gone.exit_code) for gone in ended] == [(held.pid, 0)]


async def test_second_fleet_is_refused_while_the_first_lives(keeper: KeptWindows) -> None:
    with pytest.raises(FleetError, match="another fleet is connected"):
        await KeeperLink.open(keeper.directory / "socket")

    assert await keeper.link.roster() == ([], [])


async def test_second_keeper_is_refused(keeper: KeptWindows) -> None:
    with pytest.raises(FleetError, match=f"another keeper, process {keeper.link.keeper_pid}, holds"):
        await launch(keeper.directory)


async def test_socket_that_a_killed_keeper_left_is_replaced(directory: Path) -> None:
    await launch(directory)
    async with connected(directory) as windows:
        os.kill(windows.link.keeper_pid, signal.SIGKILL)
    assert (directory / "socket").exists()

    await launch(directory)
    async with connected(directory) as windows:
        assert await windows.link.roster() == ([], [])


async def test_socket_and_its_directory_are_ours_alone(keeper: KeptWindows) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in keeper.directory.iterdir()}

    assert modes == {"socket": 0o600, "socket.lock": 0o600, "socket.log": 0o600}


async def test_directory_that_is_open_to_others_is_refused(directory: Path) -> None:
    directory.chmod(0o755)

    with pytest.raises(FleetError, match="is open to others: chmod 700"):
        await launch(directory)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        pytest.param("no_such_module:run", "No module named 'no_such_module'", id="no module"),
        pytest.param("image_for_tests:walk", "image_for_tests has no function 'walk'", id="no function"),
        pytest.param("threaded_image:run", "threaded_image:run left a thread running", id="a thread is left"),
    ],
)
async def test_image_that_cannot_be_forked_is_refused(directory: Path, image: str, why: str) -> None:
    with pytest.raises(FleetError, match=f"The keeper did not start: {why}"):
        await launch(directory, image)


async def test_image_with_a_bug_is_told_from_the_log(directory: Path) -> None:
    (directory / "broken_image.py").write_text("1 / 0")
    environment = {**os.environ, "PYTHONPATH": str(directory)}

    with pytest.raises(FleetError, match=r"see .*socket\.log"):
        await launch_keeper(directory / "socket", image="broken_image:run", environment=environment)

    assert "ZeroDivisionError" in (directory / "socket.log").read_text()


async def test_no_keeper_is_one_clear_line(directory: Path) -> None:
    with pytest.raises(FleetError, match=f"No keeper answers at {directory}/socket .*launch one"):
        await KeeperLink.open(directory / "socket")


async def test_killed_keeper_takes_its_windows_along_and_is_noticed(keeper: KeptWindows) -> None:
    windows = [await keeper.native("echo"), await keeper.start("cat", generation=2)]

    os.kill(keeper.link.keeper_pid, signal.SIGKILL)

    with anyio.fail_after(PATIENCE), pytest.raises(anyio.EndOfStream):
        await keeper.link.exits.receive()
    with pytest.raises(FleetError, match="The connection to the keeper is lost"):
        await keeper.link.roster()
    await until_gone(*(held.pid for held, _ in windows))


async def test_windows_die_with_the_keeper_even_without_its_guard(keeper: KeptWindows) -> None:
    held, _ = await keeper.native("defy")
    guard = _parent(keeper.link.keeper_pid)
    os.kill(guard, signal.SIGKILL)
    await until_gone(guard)

    os.kill(keeper.link.keeper_pid, signal.SIGKILL)

    await until_gone(held.pid)


async def test_question_that_is_open_when_the_keeper_dies_is_answered(keeper: KeptWindows) -> None:
    _, pipe = await keeper.native("defy")
    await read_line(pipe)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_kill_once_asked, keeper)
        with pytest.raises(FleetError, match="The connection to the keeper is lost"):
            await keeper.link.end("w", 1, grace=30)


async def test_keeper_that_is_told_to_end_lets_its_windows_end_in_order(keeper: KeptWindows) -> None:
    _, pipe = await keeper.shell("trap 'echo tidied; exit 0' TERM; echo up; while :; do sleep 0.01; done")
    await read_line(pipe)

    os.kill(keeper.link.keeper_pid, signal.SIGTERM)

    assert await read_all(pipe) == b"tidied\n"
    await until_gone(keeper.link.keeper_pid)
    assert not (keeper.directory / "socket").exists()


async def test_keeper_that_is_about_to_end_starts_nothing(keeper: KeptWindows) -> None:
    _, pipe = await keeper.native("defy")
    await read_line(pipe)
    os.kill(keeper.link.keeper_pid, signal.SIGTERM)

    with anyio.fail_after(PATIENCE), pytest.raises(FleetError, match="The keeper is about to end"):
        await _start_for_ever(keeper)


async def test_guard_passes_on_what_it_is_told(keeper: KeptWindows) -> None:
    guard = _parent(keeper.link.keeper_pid)

    os.kill(guard, signal.SIGTERM)

    await until_gone(keeper.link.keeper_pid, guard)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param((3).to_bytes(4, "big") + b"???", id="no JSON"),
        pytest.param((2).to_bytes(4, "big") + b"[]", id="no object"),
        pytest.param((1 << 31).to_bytes(4, "big"), id="endless"),
    ],
)
async def test_whoever_talks_nonsense_is_dropped_and_the_windows_live(directory: Path, words: bytes) -> None:
    await launch(directory)
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(directory / "socket"))
        stranger.setblocking(False)
        greeting = await read(stranger, 4)
        await read(stranger, int.from_bytes(greeting, "big"))
        await write(stranger, words)
        assert await read_all(stranger) == b""

    async with connected(directory) as windows:
        _, pipe = await windows.native("echo")
        await write(pipe, b"well\n")
        assert await read_line(pipe) == b"well\n"


async def test_orders_that_nobody_knows_are_answered(keeper: KeptWindows) -> None:
    with pytest.raises(FleetError, match="does not understand the request: there is no 'dance'"):
        await keeper.link._ask({"do": "dance"})


async def test_fleet_that_does_not_read_holds_nobody_up(directory: Path) -> None:
    await launch(directory)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(directory / "socket"))
        for request in range(20_000):
            deaf.sendall(pack({"id": request, "do": "roster"}))

    async with connected(directory) as windows:
        assert await windows.link.roster() == ([], [])


async def test_long_command_lines_and_odd_bytes_arrive_whole(keeper: KeptWindows) -> None:
    argument, odd = "x" * 100_000, os.fsdecode(b"caf\xe9")

    _, pipe = await keeper.start("printf", "%s", *[argument] * 10, odd)

    assert await read_all(pipe) == argument.encode() * 10 + b"caf\xe9"


async def test_many_questions_at_once_get_their_own_answers(keeper: KeptWindows) -> None:
    said: dict[int, bytes] = {}

    async def ask(generation: int) -> None:
        _, pipe = await keeper.start("printf", "%s", str(generation), generation=generation)
        said[generation] = await read_all(pipe)

    async with anyio.create_task_group() as tasks:
        for generation in range(30):
            tasks.start_soon(ask, generation)

    assert said == {generation: str(generation).encode() for generation in range(30)}


async def test_answer_that_comes_too_late_leaves_no_descriptor(keeper: KeptWindows) -> None:
    await keeper.start("cat")
    before = _open_files()
    os.kill(keeper.link.keeper_pid, signal.SIGSTOP)
    with anyio.move_on_after(0.05):
        await keeper.link.take("w", 1)

    os.kill(keeper.link.keeper_pid, signal.SIGCONT)
    await keeper.link.roster()

    assert _open_files() == before


async def test_answer_that_meets_a_cancellation_leaves_no_descriptor(keeper: KeptWindows) -> None:
    os.kill(keeper.link.keeper_pid, signal.SIGSTOP)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keeper.link.take, "w", 1)
        await anyio.wait_all_tasks_blocked()
        before = _open_files()

        tasks.cancel_scope.cancel()
        keeper.link._take_in({"id": 1, "descriptor": True}, os.dup(0))

    assert _open_files() == before


async def test_keeper_that_does_not_answer_is_told_in_time(keeper: KeptWindows) -> None:
    os.kill(keeper.link.keeper_pid, signal.SIGSTOP)

    with pytest.raises(FleetError, match=r"did not answer 'roster' within 0\.05 s"):
        await keeper.link._ask({"do": "roster"}, patience=0.05)


async def _start_for_ever(keeper: KeptWindows) -> None:
    for generation in count(2):
        await keeper.native("echo", generation=generation)


async def _kill_once_asked(keeper: KeptWindows) -> None:
    await anyio.sleep(0.05)
    os.kill(keeper.link.keeper_pid, signal.SIGKILL)


async def _run_fleet_and_kill_it(directory: Path, *, lines: int) -> None:
    command = [sys.executable, "-c", FLEET, str(directory), str(lines)]
    async with await anyio.open_process(command, stderr=None) as fleet:
        assert fleet.stdout is not None
        with anyio.fail_after(PATIENCE):
            assert await BufferedByteReceiveStream(fleet.stdout).receive_until(b"\n", 100) == b"started"
        fleet.kill()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _parent(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("PPid")]
    return int(line.split()[1])
