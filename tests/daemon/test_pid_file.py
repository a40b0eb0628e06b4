"""A PID file names one process for good: one that lies, or is torn, names nobody."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tianting.daemon import pid_file
from tianting.daemon.pid_file import Named, Serving
from tianting.daemon.process_start import started_at


def test_file_says_who_serves_and_goes_away(tmp_path: Path) -> None:
    path = pid_file.place_of(tmp_path / "socket")
    with pid_file.written(path, guard=os.getppid()):
        serving = pid_file.read(path)
        bits = path.stat().st_mode & 0o777

    assert path.name == "socket.pid"
    assert serving is not None
    assert (serving.daemon.pid, serving.daemon.is_alive, bits) == (os.getpid(), True, 0o600)
    assert serving.guard == Named(os.getppid(), started_at(os.getppid()) or 0)
    assert not path.exists()


def test_file_without_a_guard(tmp_path: Path) -> None:
    with pid_file.written(tmp_path / "pid", guard=None):
        assert pid_file.read(tmp_path / "pid") == Serving(Named(os.getpid(), started_at(os.getpid()) or 0), None)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("4711", id="a bare number"),
        pytest.param('{"daemon": [1]', id="torn"),
        pytest.param('{"daemon": [1, 2]}', id="no guard"),
        pytest.param('{"daemon": [1], "guard": null}', id="half a name"),
        pytest.param('{"daemon": "x", "guard": null}', id="no numbers"),
    ],
)
def test_nonsense_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text, encoding="ascii")

    assert pid_file.read(tmp_path / "pid") is None


def test_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept", encoding="ascii")
    (tmp_path / "pid").symlink_to(tmp_path / "precious")

    with pytest.raises(OSError), pid_file.written(tmp_path / "pid", None):
        pass

    assert (tmp_path / "precious").read_text(encoding="ascii") == "kept"


def test_signal_reaches_the_process_that_is_meant() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        named = Named(process.pid, started_at(process.pid) or 0)

        assert pid_file.send(Named(process.pid, named.started - 1), signal.SIGKILL) is False
        assert named.is_alive
        assert pid_file.send(named, signal.SIGTERM) is True
        assert process.wait(timeout=5) == -signal.SIGTERM
    assert pid_file.send(named, signal.SIGTERM) is False


def test_zombie_is_not_alive() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert started_at(pid) is None
    os.waitpid(pid, 0)
