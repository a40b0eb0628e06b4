"""Starts a command in a shell and learns where that shell ended up, without touching the command.

bash reads the file that BASH_ENV names before it begins. There we set an EXIT trap that writes the directory to a
descriptor of its own; the command itself is passed on byte for byte, so its exit code, its output and the line numbers
in bash's complaints are its own. A command that ends with `exec`, or sets its own EXIT trap, tells no directory.
"""

import contextlib
import fcntl
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tianting.plumbing.process_group import ProcessGroup, start_group
from tianting.tools.shell.command_sandbox import ConfinedCommand

_FIRST_DESCRIPTOR = 100
"""Beyond the numbers that scripts open for themselves."""
_LONGEST_PATH = 8192

Confine = Callable[[Sequence[str]], ConfinedCommand]
"""Puts a command line into its walls."""


class Started(Struct, frozen=True):
    """A shell at work."""

    group: ProcessGroup
    report: "DirectoryReport"
    confined: ConfinedCommand | None = None
    """Whoever follows the command must call its `after`."""


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
    shell: str,
    command: str,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    variables: Path | None = None,
    confine: Confine | None = None,
) -> Started:
    """Run `command` in what `find_shell` found, after it has read the script `variables`.

    Raises what `start_group` raises, and what `confine` does.
    """
    listening, telling = os.pipe()
    os.set_blocking(listening, False)
    report = DirectoryReport(listening)
    try:
        with _lifted(telling) as lifted, _prepared(shell, command, lifted, environment, variables) as prepared:
            return _start(prepared, cwd, report, confine)
    except BaseException:
        report.close()
        raise


class _Prepared(Struct, frozen=True):
    argv: list[str]
    environment: dict[str, str]
    keep_open: tuple[int, ...]


@contextlib.contextmanager
def _prepared(
    shell: str, command: str, telling: int, environment: Mapping[str, str], variables: Path | None
) -> Iterator[_Prepared]:
    beginning = f"{_read_in(variables)}{_trap(telling)}"
    if shell != "bash":
        script = f"{beginning}; eval {shlex.quote(command)}"
        yield _Prepared([shell, "-c", script], dict(environment), (telling,))
        return
    reading, writing = os.pipe()
    with _lifted(reading) as startup, os.fdopen(writing, "w") as pipe:
        pipe.write(f"exec {startup}<&-; {_theirs(environment)}; {beginning}")
        pipe.close()
        with_startup = {**environment, "BASH_ENV": f"/dev/fd/{startup}"}
        yield _Prepared([shell, "-c", command], with_startup, (telling, startup))


def _start(prepared: _Prepared, cwd: Path, report: DirectoryReport, confine: Confine | None) -> Started:
    if confine is None:
        group = start_group(prepared.argv, cwd=cwd, environment=prepared.environment, keep_open=prepared.keep_open)
        return Started(group, report)
    confined = confine(prepared.argv)
    try:
        group = start_group(
            confined.argv,
            cwd=cwd,
            environment={**prepared.environment, **confined.environment},
            keep_open=(*prepared.keep_open, *confined.keep_open),
            spawn=confined.spawn,
            guarded=confined.ends_together,
        )
    except BaseException:
        confined.after()
        raise
    return Started(group, report, confined)


def _trap(telling: int) -> str:
    # Nobody may listen any more when the shell ends, and `set -x` must not show this.
    return f"""trap '{{ trap "" PIPE; command pwd -P >/dev/fd/{telling}; }} 2>/dev/null' EXIT"""


def _read_in(variables: Path | None) -> str:
    """Whatever stands in the file, the command's output stays its own."""
    if variables is None:
        return ""
    path = shlex.quote(str(variables))
    return f"if [ -r {path} ]; then . {path} </dev/null >/dev/null 2>&1; fi; "


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
