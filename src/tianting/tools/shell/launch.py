"""Starts a command in a shell and learns where that shell ended up, without touching the command.

bash reads the file that BASH_ENV names before it begins. There we set an EXIT trap that writes the directory to a
descriptor of its own; the command itself is passed on byte for byte, so its exit code, its output and the line numbers
in bash's complaints are its own. A command that ends with `exec`, or sets its own EXIT trap, tells no directory.
"""

import contextlib
import fcntl
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from tianting.plumbing.process_group import ProcessGroup, start_group

_FIRST_DESCRIPTOR = 100
"""Beyond the numbers that scripts open for themselves."""
_LONGEST_PATH = 8192


class DirectoryReport:
    """The reading end of what the shell says when it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self) -> Path | None:
        """Where the shell was when it ended; `None` while it runs, or when it did not say."""
        with contextlib.suppress(BlockingIOError):
            said = os.fsdecode(os.read(self._descriptor, _LONGEST_PATH))
            return Path(said.removesuffix("\n")) if said.startswith("/") and "\0" not in said else None
        return None

    def close(self) -> None:
        """Stop listening. A shell that still runs is not disturbed."""
        os.close(self._descriptor)


def find_shell(environment: Mapping[str, str]) -> str:
    """`bash`, or `sh` where PATH has none."""
    for name in ("bash", "sh"):
        if any(os.access(Path(directory, name), os.X_OK) for directory in os.get_exec_path(environment)):
            return name
    return "/bin/sh"


def start_shell(
    shell: str, command: str, *, cwd: Path, environment: Mapping[str, str]
) -> tuple[ProcessGroup, DirectoryReport]:
    """Run `command` in what `find_shell` found. Raises what `start_group` raises."""
    start = _start_bash if shell == "bash" else _start_sh
    listening, telling = os.pipe()
    os.set_blocking(listening, False)
    report = DirectoryReport(listening)
    try:
        with _lifted(telling) as lifted:
            return start(shell, command, lifted, cwd, environment), report
    except BaseException:
        report.close()
        raise


def _start_bash(shell: str, command: str, telling: int, cwd: Path, environment: Mapping[str, str]) -> ProcessGroup:
    reading, writing = os.pipe()
    with _lifted(reading) as startup, os.fdopen(writing, "w") as script:
        script.write(f"exec {startup}<&-; {_theirs(environment)}; {_trap(telling)}")
        script.close()
        return start_group(
            [shell, "-c", command],
            cwd=cwd,
            environment={**environment, "BASH_ENV": f"/dev/fd/{startup}"},
            keep_open=[telling, startup],
        )


def _start_sh(shell: str, command: str, telling: int, cwd: Path, environment: Mapping[str, str]) -> ProcessGroup:
    argv = [shell, "-c", f"{_trap(telling)}; eval {shlex.quote(command)}"]
    return start_group(argv, cwd=cwd, environment=environment, keep_open=[telling])


def _trap(telling: int) -> str:
    # Nobody may listen any more when the shell ends, and `set -x` must not show this.
    return f"""trap '{{ trap "" PIPE; command pwd -P >/dev/fd/{telling}; }} 2>/dev/null' EXIT"""


def _theirs(environment: Mapping[str, str]) -> str:
    """Give the person's own BASH_ENV its due."""
    if not (path := environment.get("BASH_ENV")):
        return "unset BASH_ENV"
    return f'BASH_ENV={shlex.quote(path)}; if [ -r "$BASH_ENV" ]; then . "$BASH_ENV"; fi'


@contextlib.contextmanager
def _lifted(descriptor: int) -> Iterator[int]:
    """Move `descriptor` out of the way of scripts, and close it in the end."""
    lifted = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
    os.close(descriptor)
    try:
        yield lifted
    finally:
        os.close(lifted)
