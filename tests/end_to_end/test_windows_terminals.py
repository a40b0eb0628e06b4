"""Shells in terminals as a person keeps them: commands in a shell, kills, and not even a tmux server at the end."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import anyio
import pytest

from tests.end_to_end.test_windows_commands import Court, court

__all__ = ["court"]

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


def server_of(court: Court) -> str:
    """The socket of the tmux server."""
    return str(Path((court.state / "address").read_text().strip()) / "keeper" / "tmux")


def sessions(server: str) -> list[str]:
    listed = ["tmux", "-S", server, "list-sessions", "-F", "#{session_name}"]
    return subprocess.run(listed, capture_output=True, text=True, check=False).stdout.split()


async def until_none(server: str) -> None:
    with anyio.fail_after(20):
        while sessions(server):
            await anyio.sleep(0.02)


async def test_a_terminal_from_its_beginning_to_its_end(court: Court) -> None:
    await court.well("create", "--kind", "tmux", "--program", "sh", "--name", "first")
    server = server_of(court)

    assert "42" in (await court.well("send", "first", "--wait", "kept=yes; echo $((6 * 7))")).splitlines()

    court.kill_fleet()
    assert "is yes" in (await court.well("send", "first", "--wait", "echo is $kept")).splitlines()

    before = await court.shown("first")
    os.kill(before["process_id"], signal.SIGKILL)
    with anyio.fail_after(20):
        while (after := await court.shown("first"))["process_id"] in (None, before["process_id"]):
            await anyio.sleep(0.02)
    assert "is" in (await court.well("send", "first", "--wait", "echo is $kept")).splitlines()
    assert sessions(server) == [f"{after['window_id']}-{after['generation']}"]

    await court.well("destroy", "first")
    await until_none(server)


async def test_whoever_attaches_is_told_where_the_screen_is(court: Court) -> None:
    await court.well("create", "--kind", "tmux", "--program", "sh", "--name", "first")

    told = await court.well("attach", "first")

    assert f"tmux -S {server_of(court)} attach -t ={sessions(server_of(court))[0]}" in told


async def test_the_end_of_a_fleet_ends_its_terminals(court: Court) -> None:
    await court.well("create", "--kind", "tmux", "--program", "sh")
    server = server_of(court)

    await court.well("serve", "--stop")

    await until_none(server)


async def test_terminal_without_a_program_says_what_to_name(court: Court) -> None:
    ended = await court.run("create", "--kind", "tmux")

    assert (ended.code, "No program was named for the terminal" in ended.stderr) == (1, True), ended
