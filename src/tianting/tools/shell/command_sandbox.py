"""What Bash asks of a sandbox: without this port every session would load the walls that few have switched on.

`sandbox.commands.CommandSandbox` is one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any, Protocol

from tianting.sandbox.settings import SandboxSettings


class ConfinedCommand(Protocol):
    """One command in its walls. Whoever got it must call `after`, even if it never started."""

    @property
    def argv(self) -> Sequence[str]:
        """What to start instead."""
        ...

    @property
    def keep_open(self) -> tuple[int, ...]:
        """Descriptors it needs, besides those of the command."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """To be added to the command's own."""
        ...

    @property
    def ends_together(self) -> bool:
        """Whether the system ends all that it started when it ends itself: then nobody needs to look for survivors, and
        its first process must be spared until the others had their time."""
        ...

    def spawn(self, *arguments: Any, **options: Any) -> Popen[bytes]:
        """To be called instead of `subprocess.Popen`, with the same arguments."""
        ...

    def explain(self, exit_code: int, output: str) -> str | None:
        """What the walls had to do with its end, in at most 600 bytes. Asked once it has ended, before `after`."""
        ...

    def after(self) -> None:
        """Clean up, and end what is left of it. May be called again."""
        ...


class CommandSandbox(Protocol):
    """The walls of one session."""

    @property
    def settings(self) -> SandboxSettings:
        """What the person wants."""
        ...

    @property
    def confines(self) -> bool:
        """Whether anything on this machine can confine. If not, a command is only limited in what it takes."""
        ...

    @property
    def description(self) -> str:
        """What the model must know of it."""
        ...

    def wrap(self, argv: Sequence[str], *, cwd: Path, seconds: float) -> ConfinedCommand:
        """`argv` inside, for a call that may take `seconds`. Raises `OSError` where descriptors run out."""
        ...
