"""The client waits a little, asks again, and says what to do when nobody answers."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tianting.daemon.client import Client, NoDaemon, socket_of
from tianting.daemon.pid_file import place_of

Serve = Callable[[socket.socket], None]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Has each connection served by the next function."""
    path = tmp_path / "socket"
    listener = socket.socket(socket.AF_UNIX)
    threads: list[threading.Thread] = []

    def begin(*steps: Serve) -> Path:
        listener.bind(str(path))
        listener.listen()

        def run() -> None:
            for step in steps:
                line, _ = listener.accept()
                with line:
                    step(line)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return path

    yield begin
    for thread in threads:
        thread.join(5)
    listener.close()


def saying(*lines: object) -> Serve:
    def serve(line: socket.socket) -> None:
        line.recv(1 << 16)
        for said in lines:
            line.sendall(json.dumps(said).encode() + b"\n")

    return serve


def hanging_up(line: socket.socket) -> None:
    line.recv(1 << 16)


def test_reply_comes_behind_its_pieces(serve: Callable[..., Path]) -> None:
    told: list[Any] = []
    path = serve(saying({"delta": "a"}, {"delta": "b"}, {"success": True, "response": "ab"}))

    reply = Client(path).ask({"command": "/codex-ask x"}, told=told.append)

    assert (reply, told) == ({"success": True, "response": "ab"}, [{"delta": "a"}, {"delta": "b"}])


def test_broken_line_is_asked_again(serve: Callable[..., Path]) -> None:
    heard: list[bytes] = []

    def remember(line: socket.socket) -> None:
        heard.append(line.recv(1 << 16))

    def answer(line: socket.socket) -> None:
        remember(line)
        line.sendall(b'{"success": true}\n')

    path = serve(remember, hanging_up, answer)

    assert Client(path).ask({"command": "/codex-ask x", "id": "7"}) == {"success": True}
    assert heard == [b'{"command": "/codex-ask x", "id": "7"}\n'] * 2


def test_reply_in_small_pieces_is_read(serve: Callable[..., Path]) -> None:
    def drip(line: socket.socket) -> None:
        line.recv(1 << 16)
        for byte in b'{"success": true, "response": "\xc3\xa4"}\n':
            line.sendall(bytes([byte]))

    assert Client(serve(drip)).ask({"command": "/codex-ask x"})["response"] == "ä"


def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="start it with `tianting daemon start`"):
        Client(tmp_path / "socket").ask({"command": "/codex-status"}, within=60)


def test_killed_daemon_is_waited_for_and_then_said(tmp_path: Path) -> None:
    place_of(tmp_path / "socket").write_text('{"daemon": [1, 2], "guard": null}', encoding="ascii")

    with pytest.raises(NoDaemon, match="was killed and has not come back"):
        Client(tmp_path / "socket", connecting=0.1).ask({"command": "/codex-status"})


def test_silent_daemon_is_said(serve: Callable[..., Path]) -> None:
    release = threading.Event()

    def silent(_: socket.socket) -> None:
        release.wait(5)

    path = serve(silent)
    with pytest.raises(NoDaemon, match=r"did not answer within 0\.1 s"):
        Client(path).ask({"command": "/codex-status"}, within=0.1)
    release.set()


@pytest.mark.parametrize(
    ("told", "environment", "path"),
    [
        pytest.param("/a", {"TIANTING_CODEX_SOCKET": "/b"}, "/a", id="told"),
        pytest.param(None, {"TIANTING_CODEX_SOCKET": "/b"}, "/b", id="variable"),
        pytest.param(None, {}, "/noted", id="noted"),
    ],
)
def test_socket_is_found(tmp_path: Path, told: str | None, environment: dict[str, str], path: str) -> None:
    (tmp_path / "daemon").mkdir()
    (tmp_path / "daemon" / "address").write_text("/noted\n", encoding="utf-8")

    assert socket_of({**environment, "TIANTING_HOME": str(tmp_path)}, told) == Path(path)


def test_home_without_a_daemon_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="No daemon has ever run here"):
        socket_of({"TIANTING_HOME": str(tmp_path)})
