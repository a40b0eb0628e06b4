"""A fleet whose windows are shells in real terminals: kept, taken over and ended like all others."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from tests.fleet.court import PATIENCE, ask, connect, echo_template, end_keeper, fleet_in, gone, is_alive, pid_of, state
from tianting.fleet.drivers.driver import Driver
from tianting.fleet.drivers.echo import echo_driver
from tianting.fleet.drivers.tmux import OPTION, terminal_drivers
from tianting.fleet.templates import Care, Template
from tianting.fleet.terminals import TerminalLink, Terminals
from tianting.fleet.windows import WindowManager
from tianting.plumbing.tmux import TmuxServer

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]

DRIVERS: Mapping[str, Driver] = {"echo": echo_driver(), **terminal_drivers()}


@pytest.fixture
async def directory() -> AsyncGenerator[Path, None]:
    """Short: the path of a Unix socket may have a hundred bytes."""
    made = Path(tempfile.mkdtemp(prefix="fleet-"))
    yield made
    await end_keeper(made)
    server = TmuxServer(made / "tmux", option=OPTION)
    for pane in await server.windows():
        await server.end(pane, grace=0)
    shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def fleet(directory: Path) -> AsyncGenerator[WindowManager, None]:
    terminals = Terminals(TmuxServer(directory / "tmux", option=OPTION))
    echo = echo_template(directory)
    shell = Template(name="shell", kind="tmux", program="sh", cwd=echo.cwd, care=Care(grace=2.0))

    async def open_both() -> TerminalLink:
        return TerminalLink(await connect(directory), terminals)

    try:
        async with fleet_in(directory, echo, shell, drivers=DRIVERS, open_keeper=open_both) as manager:
            yield manager
    finally:
        terminals.close()


async def shell_in(manager: WindowManager) -> str:
    name = (await manager.create_window("shell")).window_id
    with anyio.fail_after(PATIENCE):
        await manager.ready(name)
    return name


def has_server(directory: Path) -> bool:
    listed = ["tmux", "-S", str(directory / "tmux"), "list-sessions"]
    return subprocess.run(listed, capture_output=True, check=False).returncode == 0


async def test_shell_answers_and_nothing_is_left_of_it(directory: Path) -> None:
    async with fleet(directory) as manager:
        name = await shell_in(manager)

        done = await ask(manager, name, "echo $((6 * 7))")

        pid = pid_of(manager, name)
        assert "42" in done.text.splitlines()
        with anyio.fail_after(PATIENCE):
            await manager.destroy_window(name)
            await gone(pid)
            while has_server(directory):
                await anyio.sleep(0.01)
        assert manager.list_windows() == ()


async def test_killed_program_is_followed_by_another(directory: Path) -> None:
    async with fleet(directory) as manager:
        name = await shell_in(manager)
        before = state(manager, name)

        os.kill(pid_of(manager, name), signal.SIGKILL)

        with anyio.fail_after(PATIENCE):
            while state(manager, name).generation == before.generation:
                await anyio.sleep(0.01)
            await manager.ready(name)
        assert "alive" in (await ask(manager, name, "echo alive")).text.splitlines()


async def test_next_fleet_takes_terminals_over(directory: Path) -> None:
    async with fleet(directory) as manager:
        name = await shell_in(manager)
        await ask(manager, name, "kept=yes")
        before = state(manager, name)

    async with fleet(directory) as manager:
        done = await ask(manager, name, "echo is $kept")

        after = state(manager, name)
        assert "is yes" in done.text.splitlines()
        assert (after.generation, after.process_id) == (before.generation, before.process_id)


async def test_program_that_ended_while_no_fleet_was_there_is_followed_by_another(directory: Path) -> None:
    async with fleet(directory) as manager:
        name = await shell_in(manager)
        pid = pid_of(manager, name)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)

    async with fleet(directory) as manager:
        done = await ask(manager, name, "echo back")

        assert ("back" in done.text.splitlines(), state(manager, name).generation) == (True, 2)


async def test_terminals_outlive_the_keeper(directory: Path) -> None:
    async with fleet(directory) as manager:
        name = await shell_in(manager)
        echo = (await manager.create_window("echo")).window_id
        await ask(manager, echo, "before")
        before = state(manager, name)

        keeper = int((directory / "keeper" / "socket.lock").read_text(encoding="ascii"))
        os.kill(keeper, signal.SIGKILL)
        await gone(keeper)

        assert (await ask(manager, echo, "!recall")).text == "before"
        assert "same" in (await ask(manager, name, "echo same")).text.splitlines()
        after = state(manager, name)
        assert (after.generation, after.process_id) == (before.generation, before.process_id)
        assert is_alive(pid_of(manager, name))


async def test_stopped_terminal_leaves_no_pane_and_comes_back(directory: Path) -> None:
    async with fleet(directory) as manager:
        name = await shell_in(manager)

        with anyio.fail_after(PATIENCE):
            await manager.stop(name)
            while has_server(directory):
                await anyio.sleep(0.01)
        await manager.restart(name)

        assert "again" in (await ask(manager, name, "echo again")).text.splitlines()
