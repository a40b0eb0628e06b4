"""A daemon that crashes comes back, one that chose to end does not, and one that cannot live is given up."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tianting.daemon.guard import BUG, MOST, crashed, pause

SERVE = """
import os, pathlib, signal, sys, time
from tianting.daemon import guard

guard.FIRST = guard.LONGEST = 0.001
starts = pathlib.Path(sys.argv[1])

def serve():
    done = len(starts.read_bytes()) if starts.exists() else 0
    with starts.open("ab") as file:
        file.write(b".")
    {body}

sys.exit(guard.stand_guard(serve))
"""


def guarded(starts: Path, body: str) -> list[str]:
    return [sys.executable, "-c", SERVE.format(body=body), str(starts)]


@pytest.mark.parametrize(
    ("body", "code", "starts"),
    [
        pytest.param("return 0", 0, 1, id="ends in order"),
        pytest.param("return 1", 1, 1, id="cannot start"),
        pytest.param("return 0 if done == 2 else os.kill(os.getpid(), 9)", 0, 3, id="killed twice"),
        pytest.param("return 0 if done else guard.BUG", 0, 2, id="a bug"),
        pytest.param("raise RuntimeError", BUG, MOST + 1, id="always a bug"),
    ],
)
def test_guard(tmp_path: Path, body: str, code: int, starts: int) -> None:
    ran = subprocess.run(guarded(tmp_path / "starts", body), timeout=20, check=False)

    assert (ran.returncode, len((tmp_path / "starts").read_bytes())) == (code, starts)


def test_signal_ends_child_and_guard(tmp_path: Path) -> None:
    body = "print('up', flush=True); time.sleep(60)"
    with subprocess.Popen(guarded(tmp_path / "starts", body), stdout=subprocess.PIPE, text=True) as guard:
        assert guard.stdout is not None
        assert guard.stdout.readline() == "up\n"

        guard.send_signal(signal.SIGTERM)

        assert guard.wait(timeout=5) == 0
    assert (tmp_path / "starts").read_bytes() == b"."


@pytest.mark.parametrize(
    ("crashes", "delay"),
    [
        pytest.param((100.0,), 0.05, id="first"),
        pytest.param((99.0, 100.0), 0.1, id="second"),
        pytest.param(tuple(100.0 - n for n in reversed(range(MOST))), 2.0, id="no longer than two seconds"),
        pytest.param(tuple(100.0 - n for n in reversed(range(MOST + 1))), None, id="too many"),
        pytest.param((1.0, 2.0, 100.0), 0.05, id="old ones are forgiven"),
    ],
)
def test_pause(crashes: tuple[float, ...], delay: float | None) -> None:
    assert pause(crashes) == delay


@pytest.mark.parametrize(
    ("code", "is_crash"),
    [pytest.param(0, False, id="order"), pytest.param(1, False, id="refusal"), pytest.param(-9, True, id="killed")],
)
def test_crashed(code: int, is_crash: bool) -> None:
    assert crashed(code) is is_crash
