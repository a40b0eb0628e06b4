"""Whoever follows the swarm hears of every change once."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scripts.private_swarm import SCRIPTS, SESSION, PrivateSwarm, Ran, needs

pytestmark = [needs("tmux"), pytest.mark.timeout(120)]


@pytest.fixture
def follower(swarm: PrivateSwarm) -> Iterator["subprocess.Popen[str]"]:
    """A watcher, with a window to watch."""
    swarm.open_agent("worker-0")
    swarm.send("worker-0", "old", "DONE")
    assert swarm.poll("worker-0", "20").code == 0
    command = ["timeout", "60", str(SCRIPTS / "claude_status.sh"), "--json", "--interval", "0.1"]
    with subprocess.Popen(
        command, env=swarm.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.terminate()


def told(process: "subprocess.Popen[str]", count: int) -> list[dict[str, Any]]:
    """The next lines, without their time. Ends after a minute at the latest, as the watcher does."""
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline()) for _ in range(count)]
    for line in lines:
        assert line.pop("time")[-1] == "Z"
        assert line.pop("session") == SESSION
    return lines


def event(window: str, word: str, task: str = "", text: str = "") -> dict[str, Any]:
    return {"window": window, "event": word, "task": task, "text": text}


def test_every_change_is_told_once(swarm: PrivateSwarm, follower: "subprocess.Popen[str]") -> None:
    assert told(follower, 1) == [event("worker-0", "DONE", "old")]

    swarm.send("worker-0", "a", 'ERROR "no" space\\')
    assert told(follower, 2) == [event("worker-0", "START", "a"), event("worker-0", "ERROR", "a", '"no" space\\')]
    for task, word in (("b", "WAIT"), ("c", "HELP"), ("d", "DONE")):
        swarm.send("worker-0", task, word)
        assert told(follower, 2) == [event("worker-0", "START", task), event("worker-0", word, task)]


def test_windows_that_cannot_be_read_any_more_are_skipped(
    swarm: PrivateSwarm, follower: "subprocess.Popen[str]"
) -> None:
    swarm.open_agent("worker-1")
    assert told(follower, 1) == [event("worker-0", "DONE", "old")]
    swarm.run("claude_comm.sh", "send", "worker-0", "t", "END", SWARM_PATIENCE="1")
    assert told(follower, 1) == [event("worker-0", "SKIP", text="its program has ended")]
    swarm.send("worker-1", "t", "DONE")
    assert told(follower, 2) == [event("worker-1", "START", "t"), event("worker-1", "DONE", "t")]
    swarm.tmux("kill-window", "-t", f"={SESSION}:=worker-1")
    assert told(follower, 1) == [event("worker-1", "SKIP", text="its window was closed")]

    swarm.close()
    assert follower.wait(timeout=30) == 4
    assert follower.stderr is not None
    assert follower.stderr.read() == f"claude_status.sh: The tmux session '{SESSION}' has ended.\n"


def test_one_look_is_for_people_or_for_programs(swarm: PrivateSwarm) -> None:
    swarm.open_agent("worker-0")
    swarm.send("worker-0", "t", "HELP me")
    assert swarm.poll("worker-0", "20").code == 7

    text = swarm.run("claude_status.sh", "--once")
    line = json.loads(swarm.run("claude_status.sh", "--once", "--json").said)

    assert text.said.split(maxsplit=1)[1] == "worker-0     HELP  t me\n"
    assert {key: line[key] for key in ("window", "event", "task", "text")} == event("worker-0", "HELP", "t", "me")


@pytest.mark.parametrize("words", [("--interval",), ("--interval", "often"), ("--interval", "1.2.3"), ("--loud",)])
def test_wrong_arguments_are_said(words: tuple[str, ...], swarm: PrivateSwarm) -> None:
    ran = swarm.run("claude_status.sh", *words)

    assert (ran.code, ran.said, len(ran.complained.splitlines())) == (2, "", 1)


def test_missing_session_is_said(swarm: PrivateSwarm) -> None:
    assert swarm.run("claude_status.sh", "--once") == Ran(
        4, complained=f"claude_status.sh: There is no tmux session '{SESSION}': start it with run_claude_swarm.sh.\n"
    )
