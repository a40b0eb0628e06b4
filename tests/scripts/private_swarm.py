"""A tmux server for one test, with agents that need no model: no test comes near the user's own windows."""

import os
import shlex
import subprocess
import uuid
from pathlib import Path

import pytest
from msgspec import Struct

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
FAKE_AGENT = Path(__file__).parent / "fake_agent.sh"
SESSION = "swarm-claude-default"
PATIENCE = 40
"""Seconds for one script, on a machine that is busy with other tests."""


class Ran(Struct, frozen=True):
    """How a script ended."""

    code: int
    said: str = ""
    complained: str = ""


class PrivateSwarm:
    """One session. What its agents are told is kept below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.socket = f"tianting-test-{uuid.uuid4().hex[:12]}"
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TMUX_SOCKET": self.socket,
            "SWARM_POLL_INTERVAL": "0.1",
        }

    def tmux(self, *words: str) -> str:
        """What the command prints."""
        command = ["tmux", "-u", "-L", self.socket, "-f", os.devnull, *words]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout

    def agent(self, window: str, *habits: str, bullet: str = "● ") -> str:
        """A command line that runs the fake agent."""
        inbox = self.folder / window
        inbox.mkdir()
        return shlex.join([str(FAKE_AGENT), str(inbox), bullet, *habits])

    def open(self, window: str, command: str, columns: int = 80) -> None:
        """A window in which `command` runs; returns once its program may have drawn nothing yet."""
        size = ["-x", str(columns), "-y", "30"]
        begin = ["new-window", "-d"] if self._is_up() else ["new-session", "-d", "-s", SESSION, *size]
        where = ["-t", f"={SESSION}:"] if self._is_up() else []
        self.tmux(*begin, *where, "-n", window, command, ";", "set-option", "-w", "remain-on-exit", "on")

    def open_agent(self, window: str, *habits: str, bullet: str = "● ", columns: int = 80) -> None:
        """A window with a fake agent that waits for text."""
        self.open(window, self.agent(window, *habits, bullet=bullet), columns)
        self.tmux("wait-for", f"ready{self.pane(window)}")

    def pane(self, window: str) -> str:
        """Its name."""
        return self.tmux("display-message", "-p", "-t", f"={SESSION}:={window}", "#{pane_id}").strip()

    def screen(self, window: str) -> str:
        """All of it, with what has scrolled away."""
        return self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", self.pane(window))

    def told(self, window: str) -> list[str]:
        """What was submitted to the agent, in order."""
        return [
            path.read_bytes().decode()
            for path in sorted((self.folder / window).iterdir(), key=lambda path: int(path.name))
        ]

    def run(self, script: str, *words: str, text: str | None = None, **environment: str) -> Ran:
        """Run one of the scripts to its end."""
        ended = subprocess.run(
            [SCRIPTS / script, *words],
            env={**self.environment, **environment},
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def send(self, window: str, task: str, description: str) -> None:
        """Give a task."""
        assert self.run("claude_comm.sh", "send", window, task, "-", text=description) == Ran(
            0, f"Sent {task} to {window}.\n"
        )

    def poll(self, window: str, *words: str) -> Ran:
        """Wait for a report."""
        return self.run("claude_poll.sh", window, *words)

    def close(self) -> None:
        """End the server and all that runs in it."""
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, timeout=PATIENCE, check=False)
        (Path("/tmp") / f"tmux-{os.getuid()}" / self.socket).unlink(missing_ok=True)

    def _is_up(self) -> bool:
        asked = ["tmux", "-L", self.socket, "has-session"]
        return subprocess.run(asked, capture_output=True, timeout=PATIENCE, check=False).returncode == 0


def needs(program: str) -> pytest.MarkDecorator:
    """Skips where `program` is not installed."""
    found = any((Path(folder) / program).exists() for folder in os.environ["PATH"].split(os.pathsep))
    return pytest.mark.skipif(not found, reason=f"{program} is not installed")
