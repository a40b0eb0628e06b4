"""The conversation in a real terminal: a private tmux server, real keys, real signals."""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

ROOT = Path(__file__).parents[2]


class Terminal:
    """One tmux window of 100 by 40 characters on a server of its own."""

    def __init__(self, home: Path) -> None:
        self._tmux = ["tmux", "-S", str(home / "tmux"), "-f", "/dev/null"]
        command = shlex.join([sys.executable, "-m", "tests.surfaces.at_terminal", str(home / "history")])
        self.run("new-session", "-d", "-x", "100", "-y", "40", "-c", str(ROOT), f"{command}; echo left with $?; cat")

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def type(self, words: str) -> None:
        self.run("send-keys", "-l", words)
        self.press("Enter")

    def until(self, *expected: str) -> str:
        """The screen once it ends with the lines `expected`, empty ones left out."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            screen = self.run("capture-pane", "-p")
            lines = [line.rstrip() for line in screen.splitlines() if line.strip()]
            if lines[-len(expected) :] == list(expected):
                return screen
            time.sleep(0.02)
        raise AssertionError(f"expected the screen to end with {expected}, but it shows\n{screen}")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    window = Terminal(tmp_path)
    yield window
    window.run("kill-server")


def test_a_whole_conversation(terminal: Terminal) -> None:
    terminal.until("›")
    terminal.type("hello")
    terminal.until("› hello", "You said 'hello'.", "›")

    terminal.type("remove")
    terminal.until("? Bash", "  rm -rf build", "  runs a command", *MENU)
    terminal.press("y")
    terminal.until("● Bash rm -rf build", "  └ allowed by the user", "You said 'remove'.", "›")

    terminal.type("wait")
    terminal.until("› wait", "Waiting")
    terminal.press("C-c")
    terminal.until("Stopped.", "›")

    terminal.press("C-c")
    terminal.until("›", "Ctrl-C again leaves.", "›")
    terminal.press("C-c")
    terminal.until("left with 0")


def test_what_was_typed_before_a_question_is_no_answer_to_it(terminal: Terminal) -> None:
    terminal.until("›")
    terminal.run("send-keys", "-l", "remove\ryyy")
    terminal.until(*MENU)

    terminal.press("n")
    terminal.until("What should it do instead? (Enter alone stops it)")
    terminal.type("leave it")
    terminal.until("You said 'remove'.", "›")


MENU = (
    "  y  yes",
    "  n  no, and tell the agent what to do instead",
    "  Ctrl-C  no, and stop",
)
