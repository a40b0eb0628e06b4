"""A real tmux server on a socket of its own: what goes in must come out, and what is gone must be said."""

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.plumbing.tmux import Held, Opening, TmuxServer
from tianting.plumbing.tmux_control import ControlMode, TmuxError, quoted
from tianting.plumbing.tmux_pane import UNKNOWN, Pane, Screen, own_pane

pytestmark = pytest.mark.anyio

OPTION = "@test-window"


class Wire:
    """A socket as a `Stream`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock

    async def receive(self) -> bytes:
        await anyio.wait_readable(self._socket)
        try:
            return self._socket.recv(1 << 16)
        except ConnectionResetError:
            return b""

    async def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            await anyio.wait_writable(self._socket)
            rest = rest[self._socket.send(rest) :]


def opening(folder: Path, *argv: str, session: str = "w1", **environment: str) -> Opening:
    return Opening(
        session=session,
        mark=f"{session}/1",
        argv=argv,
        cwd=str(folder),
        environment={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
        width=80,
        height=20,
    )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TmuxServer]:
    server = TmuxServer(tmp_path / "tmux", option=OPTION)
    yield server
    for held in await server.windows():
        await server.end(held, grace=0)


@contextlib.asynccontextmanager
async def connected(server: TmuxServer, held: Held) -> AsyncIterator[tuple[ControlMode, Pane]]:
    with contextlib.closing(server.connect(held)) as connection:
        control = ControlMode(Wire(connection.socket))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(control.run)
            with anyio.fail_after(10):
                yield control, await own_pane(control, held.mark, OPTION)
            tasks.cancel_scope.cancel()


async def showing(control: ControlMode, pane: Pane, words: str) -> Screen:
    """The screen once it shows `words`."""
    while True:
        control.calm()
        screen = await pane.look()
        if any(words in line for line in screen.lines):
            return screen
        await control.stirred.wait()


TEXTS = [
    pytest.param("one;", id="semicolon at the end"),
    pytest.param("one\ntwo\n\n\tfour", id="several lines"),
    pytest.param("""'q' "d" $HOME ~ #{pane_id} \\n \\ % `x`""", id="quotes"),
    pytest.param("héllo — 天庭 🎉", id="unicode"),
    pytest.param("%end 1 2 1\n%begin\n~x", id="protocol"),
    pytest.param("x" * 99_999 + "\n" + "-l y", id="100 kB"),
]


@pytest.mark.parametrize("text", TEXTS)
async def test_text_arrives_exactly(server: TmuxServer, tmp_path: Path, text: str) -> None:
    reads = "stty raw -echo; echo ready; head -c $COUNT > got; echo done; sleep 60"
    held = await server.open(opening(tmp_path, "sh", "-c", reads, COUNT=str(len(text.encode()))))
    async with connected(server, held) as (control, pane):
        await showing(control, pane, "ready")
        await pane.paste(text)
        await showing(control, pane, "done")

    assert (tmp_path / "got").read_text() == text


async def test_text_is_bracketed_where_the_program_asks_for_that(server: TmuxServer, tmp_path: Path) -> None:
    reads = "stty raw -echo; printf '\\033[?2004hready'; head -c 14 > got; echo done; sleep 60"
    held = await server.open(opening(tmp_path, "sh", "-c", reads))
    async with connected(server, held) as (control, pane):
        await showing(control, pane, "ready")
        await pane.paste("ab")
        await showing(control, pane, "done")

    assert (tmp_path / "got").read_bytes() == b"\x1b[200~ab\x1b[201~"


async def test_program_gets_its_environment_and_nothing_else(
    server: TmuxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", "secret")
    told = "quotes ' \" and $HOME;\nlines"
    held = await server.open(opening(tmp_path, "sh", "-c", "env -0 > got; echo ready; sleep 60", TOLD=told))
    async with connected(server, held) as (control, pane):
        await showing(control, pane, "ready")

    variables = dict(line.split("=", 1) for line in (tmp_path / "got").read_text().split("\0") if line)
    assert variables["TOLD"] == told
    assert "OUR_KEY" not in variables


async def test_screen_is_read_with_what_has_scrolled_away(server: TmuxServer, tmp_path: Path) -> None:
    held = await server.open(opening(tmp_path, "sh", "-c", "seq 100; printf '%090d' 7; sleep 60"))
    async with connected(server, held) as (control, pane):
        screen = await showing(control, pane, "0000007")
        await pane.resize(60, 10)
        narrow = await pane.look()

    assert screen == Screen(lines=(*map(str, range(1, 101)), "0" * 89 + "7"), width=80, cursor=10, row=19)
    assert (narrow.width, narrow.lines[-1]) == (60, "0" * 89 + "7")


@pytest.mark.parametrize(
    ("command", "ended"),
    [
        pytest.param("exit 3", {3, UNKNOWN}, id="status"),
        pytest.param("kill -9 $$", {-9, UNKNOWN}, id="signal"),
    ],
)
async def test_pane_of_an_ended_program_still_shows_its_last_words(
    server: TmuxServer, tmp_path: Path, command: str, ended: set[int]
) -> None:
    held = await server.open(opening(tmp_path, "sh", "-c", f"echo last words; read line; {command}"))
    async with connected(server, held) as (control, pane):
        await showing(control, pane, "last words")
        await pane.press("Enter")
        with anyio.fail_after(5):
            while (screen := await pane.look()).ended is None:
                await anyio.sleep(0.01)

    assert screen.ended in ended
    [left] = await server.windows()
    assert left.is_dead


async def test_window_is_found_again_whatever_it_is_called(server: TmuxServer, tmp_path: Path) -> None:
    first = await server.open(opening(tmp_path, "cat"))
    second = await server.open(opening(tmp_path, "cat", session="w2"))
    async with connected(server, first) as (control, pane):
        await control.ask("rename-window -t w2 renamed", "rename-session -t w2 else")
        assert pane.name == first.pane

    found = await server.find("w2/1")
    assert found == Held(pane=second.pane, session="else", mark="w2/1", pid=second.pid, is_dead=False)


async def test_closed_window_is_said_to_be(server: TmuxServer, tmp_path: Path) -> None:
    await server.open(opening(tmp_path, "cat", session="other"))
    held = await server.open(opening(tmp_path, "cat"))
    async with connected(server, held) as (control, pane):
        await server.end(held, grace=5)
        with pytest.raises(TmuxError, match=r"can't find pane|has been closed|has ended"):
            await pane.look()
        if not control.is_over:
            with pytest.raises(TmuxError, match=r"has been closed|has ended"):
                await own_pane(control, held.mark, OPTION)


async def test_killed_server_is_said_to_have_ended(server: TmuxServer, tmp_path: Path) -> None:
    held = await server.open(opening(tmp_path, "cat"))
    async with connected(server, held) as (control, pane):
        [[pid]] = await control.ask("display-message -p '#{pid}'")
        os.kill(int(pid), signal.SIGKILL)
        while not control.is_over:
            with contextlib.suppress(TmuxError):
                await pane.look()
        with pytest.raises(TmuxError, match="has ended"):
            await pane.press("Enter")

    assert await server.windows() == []


async def test_program_that_ignores_signals_is_killed(server: TmuxServer, tmp_path: Path) -> None:
    stubborn = "trap '' HUP TERM; echo ready; while :; do sleep 0.05; done"
    held = await server.open(opening(tmp_path, "sh", "-c", stubborn))
    async with connected(server, held) as (control, pane):
        await showing(control, pane, "ready")
        with anyio.fail_after(5):
            await server.end(held, grace=0.1)

    assert not Path(f"/proc/{held.pid}").exists() or "State:\tZ" in Path(f"/proc/{held.pid}/status").read_text()
    assert await server.windows() == []


async def test_name_that_is_taken_is_refused(server: TmuxServer, tmp_path: Path) -> None:
    await server.open(opening(tmp_path, "cat"))

    with pytest.raises(TmuxError, match="duplicate session: w1"):
        await server.open(opening(tmp_path, "cat"))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        pytest.param(None, "tmux is not installed", id="missing"),
        pytest.param("echo tmux 2.9", "tmux 2.9 is too old: install tmux 3.2 or newer.", id="too old"),
        pytest.param("exit 7", "tmux refused: exit status 7.", id="broken"),
    ],
)
async def test_tmux_that_cannot_be_used_says_why(tmp_path: Path, program: str | None, message: str) -> None:
    path = tmp_path / "tmux-program"
    if program is not None:
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)

    with pytest.raises(TmuxError, match=message):
        await TmuxServer(tmp_path / "tmux", option=OPTION, program=str(path)).open(opening(tmp_path, "cat"))


async def test_refused_command_does_not_harm_the_next(server: TmuxServer, tmp_path: Path) -> None:
    held = await server.open(opening(tmp_path, "cat"))
    async with connected(server, held) as (control, pane):
        with pytest.raises(TmuxError, match=r"^unknown command: bogus\.$"):
            await control.ask("bogus", "display-message -p behind")
        assert await control.ask("display-message -p well", "display-message -p '%%end 1 2 1'") == [
            ["well"],
            ["%end 1 2 1"],
        ]
        assert (await pane.look()).ended is None


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_quoted_text_is_one_line(text: str) -> None:
    assert not set(quoted(text)) & {"\n", "\r", "\0"}
