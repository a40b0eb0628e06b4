"""Runs git on a person's repository for the fleet: no hooks, no questions, and another's lock is waited for.

Somebody else may work in the same repository at any moment. git never waits for a lock, so the command is tried again.
"""

import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tianting.protocol.errors import WorktreeError

TIMEOUT = 120.0
"""Seconds for one command: checking out a large tree takes the longest."""
_PATIENCE = 15.0
"""Seconds that others may hold a lock."""
_PAUSE = 0.05

_QUIET = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false"),
    *("-c", "core.quotePath=false", "-c", "merge.autoStash=false"),
)
_LOCKED = re.compile(r"\.lock'?: File exists|could not lock|cannot lock ref|Unable to create .*\.lock")
_PERSON = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "Tianting"), ("EMAIL", "tianting@localhost"))
}


class Said(Struct, frozen=True, kw_only=True):
    """What git answered."""

    code: int
    output: str
    complaint: str


def git(directory: Path, *arguments: str) -> str:
    """What git says to `arguments` in `directory`, without the last line feed. Raises `WorktreeError`."""
    said = asked(directory, *arguments)
    if said.code:
        raise WorktreeError(f"git {arguments[0]} failed in {directory}: {_last_line(said)}")
    return said.output.removesuffix("\n")


def asked(directory: Path, *arguments: str, more: Mapping[str, str] | None = None) -> Said:
    """The same, whatever the exit code is. Raises `WorktreeError` where git does not run, or is kept out for long."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        said = _run(directory, arguments, {**_surroundings(), **(more or {})})
        if said.code == 0 or not _LOCKED.search(said.complaint) or time.monotonic() > deadline:
            return said
        time.sleep(_PAUSE)


def somebody(directory: Path) -> dict[str, str]:
    """Variables that name an author where the person's configuration does not."""
    known = asked(directory, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT").code == 0
    return {} if known else _PERSON


def _run(directory: Path, arguments: tuple[str, ...], environment: Mapping[str, str]) -> Said:
    try:
        done = subprocess.run(
            ("git", *_QUIET, *arguments),
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorktreeError(f"git does not run in {directory}: {error}.") from error
    return Said(code=done.returncode, output=os.fsdecode(done.stdout), complaint=done.stderr.decode("utf-8", "replace"))


def _surroundings() -> dict[str, str]:
    """Our environment, less what would lead git to another repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or "CONFIG" in name}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}


def _last_line(said: Said) -> str:
    lines = said.complaint.strip().splitlines()
    return lines[-1] if lines else f"exit code {said.code}"
