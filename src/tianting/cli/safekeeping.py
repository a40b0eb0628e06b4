"""Where checkpoints are taken and where not, for the sessions that take them and the commands that give them back."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from tianting.cli.loaded_settings import loaded_settings
from tianting.cli.places import current_directory, home_directory
from tianting.permissions.decision import Allow
from tianting.protocol.errors import CheckpointError
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.session.safekeeping import Safekeeping, by_name
from tianting.session.session import Session
from tianting.settings.schema import CheckpointSettings
from tianting.tools.workspace import Workspace

if TYPE_CHECKING:
    from tianting.permissions.session_judge import SessionJudge
    from tianting.worktree.checkpoints import Checkpoints

LEAST_ROOM = 256 * 1024 * 1024
"""Bytes. On a disk with less, the person needs the room more."""
_DAY = 86_400.0


@contextmanager
def safekeeping(session: Session, home: Path, workspace: Workspace, settings: CheckpointSettings) -> Iterator[None]:
    """Keep what `session` changes in `workspace` during the block; nobody may have begun to listen to it.

    Leaving tidies the store once a day, in a process of its own: nobody waits for it.
    """
    project = workspace.root
    if why_off(project, settings):
        yield
        return
    opened: list[Path] = []

    def open_them() -> "Checkpoints":
        require_room(home)
        opened.append(project)
        return open_checkpoints(home, project, settings)

    session.listen(Safekeeping(open_them, complain=_complain, may_change=may_change(workspace)))
    try:
        yield
    finally:
        if opened and is_due(_store(home, project) / "tidied", time.time()):
            _tidy_in_background(project)


def why_off(project: Path, settings: CheckpointSettings) -> str:
    """Why no checkpoints of `project` are taken, in a sentence; empty where they are."""
    if not settings.enabled:
        return "Checkpoints are off: the settings say `checkpoints.enabled` false."
    if Path.home().resolve().is_relative_to(project.resolve()):
        return f"Checkpoints are not taken of {project}: all of a home directory is no project."
    return ""


def may_change(workspace: Workspace) -> Callable[[ToolCall], bool]:
    """Says of a call whether it may change files. A command may, unless it would run unasked without a rule."""

    @cache
    def judge() -> "SessionJudge":
        from tianting.cli.judging import ground
        from tianting.permissions.rule_text import Places
        from tianting.permissions.ruleset import Ruleset
        from tianting.permissions.session_judge import SessionJudge

        facts = ground(workspace)
        ruleset = Ruleset.compile((), Places(facts.root, facts.home, facts.folds_case))
        return SessionJudge(mode="default", ruleset=ruleset, ground=facts, cwd=lambda: str(workspace.shell_directory))

    def may(call: ToolCall) -> bool:
        if call.tool_name != "Bash":
            return by_name(call)
        command = Access(effect="execute", target=str(call.arguments.get("command", "")))
        return not isinstance(judge().verdict(call, (command,)), Allow)

    return may


def open_checkpoints(home: Path, project: Path, settings: CheckpointSettings) -> "Checkpoints":
    """The checkpoints of `project`."""
    from tianting.worktree.checkpoints import Checkpoints
    from tianting.worktree.shadow.limits import Coverage, Retention

    coverage = _given(file_bytes=settings.file_bytes, total_bytes=settings.total_bytes)
    retention = _given(prompts=settings.prompts, days=settings.days, store_bytes=settings.store_bytes)
    return Checkpoints(
        project,
        _store(home, project),
        coverage=structs.replace(Coverage(), **coverage),
        retention=structs.replace(Retention(), **retention),
    )


def checkpoints_here() -> "Checkpoints":
    """The checkpoints of the project around the current directory, for a command.

    Raises `CheckpointError` where none are taken, `ConfigError` for wrong settings.
    """
    home, directory = home_directory(os.environ), current_directory()
    settings = loaded_settings(None).settings.checkpoints
    project = next((place for place in (directory, *directory.parents) if _store(home, place).is_dir()), directory)
    if reason := why_off(project, settings):
        raise CheckpointError(reason)
    return open_checkpoints(home, project, settings)


def _store(home: Path, project: Path) -> Path:
    from tianting.worktree.checkpoints import store_directory

    return store_directory(home, project)


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def require_room(home: Path) -> None:
    """Raises `CheckpointError` where the disk of `home` is nearly full."""
    nearest = next(place for place in (home, *home.absolute().parents) if place.is_dir())
    facts = os.statvfs(nearest)
    if facts.f_bavail * facts.f_frsize < LEAST_ROOM:
        raise CheckpointError(f"There is less than {LEAST_ROOM >> 20} MB of room at {nearest}.")


def _complain(words: str) -> None:
    with suppress(OSError):  # nobody reads any more
        click.echo(f"tianting: {words}", err=True)


def is_due(marker: Path, now: float) -> bool:
    """Whether the day is over that began when `marker` was touched last; then a new one begins."""
    try:
        due = marker.stat().st_mtime < now - _DAY
        if due:
            os.utime(marker, (now, now))
    except OSError:
        due = False
        with suppress(OSError):
            marker.touch()
    return due


def _tidy_in_background(project: Path) -> None:
    """`-P` keeps the project's own modules from being taken for ours."""
    with suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-P", "-m", "tianting", "checkpoints", "tidy"],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
