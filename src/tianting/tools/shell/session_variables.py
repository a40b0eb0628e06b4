"""Variables that a hook leaves for the commands of a session: `export NAME=value` lines in a file that may come late.

file changed -> does a shell understand it? -> every command reads it first
                                            -> no command does, and the model hears of it once
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG

import anyio
from msgspec import Struct

FILE_NAME = "variables.sh"
"""In the directory of the session's results, where a sandbox lets commands read."""
_PATIENCE = 5.0
"""Seconds for the shell to look through it."""
_LONGEST_COMPLAINT = 300


class _Version(Struct, frozen=True):
    """What changes with every writing of a file."""

    inode: int
    size: int
    modified: int


class SessionVariables:
    """The file, looked at before each command."""

    def __init__(self, file: Path, shell: str, environment: Mapping[str, str]) -> None:
        """`shell` is the one that commands run in, found by the `PATH` of `environment`."""
        self._file = file
        self._shell = shell
        self._environment = {"PATH": environment["PATH"]} if "PATH" in environment else {}
        self._known: _Version | None = None
        self._is_sound = False
        self._untold = ""

    async def file(self) -> Path | None:
        """What the next command is to read before it begins; None where there is nothing, or nothing to be read."""
        version = _version(self._file)
        if version is None:
            return None
        if version != self._known:
            complaint = await self._complaint()
            self._known, self._is_sound = version, not complaint
            self._untold = f"[{self._file} is not read before commands: {complaint}]" if complaint else ""
        return self._file if self._is_sound else None

    def take_notes(self) -> list[str]:
        """What the model is to be told with the next result, and then no more."""
        notes, self._untold = [self._untold] if self._untold else [], ""
        return notes

    async def _complaint(self) -> str:
        """What a shell that does not run it says against it; empty where it says nothing."""
        with anyio.move_on_after(_PATIENCE):
            try:
                looked = await anyio.run_process(
                    [self._shell, "-n", str(self._file)],
                    stdin=subprocess.DEVNULL,
                    check=False,
                    env=self._environment,
                )
            except OSError as error:
                return f"{self._shell} could not look at it: {error.strerror}"
            return self._first_line(looked.stderr) if looked.returncode else ""
        return f"{self._shell} took longer than {_PATIENCE:g} s to look at it"

    def _first_line(self, errors: bytes) -> str:
        line = errors.decode(errors="replace").strip().partition("\n")[0]
        return line.removeprefix(f"{self._file}: ")[:_LONGEST_COMPLAINT] or "a shell does not understand it"


def _version(file: Path) -> _Version | None:
    try:
        facts = file.stat()
    except OSError:
        return None
    return _Version(facts.st_ino, facts.st_size, facts.st_mtime_ns) if S_ISREG(facts.st_mode) else None
