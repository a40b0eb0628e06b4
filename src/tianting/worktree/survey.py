"""What the model should know of a work tree before its first step, gathered while the agent still starts up.

    survey = begin_survey(root)     git starts, nobody waits
    …                               the caller goes on with its own start
    facts = survey.finish(2.0)      the tree is looked over here, while git runs
    survey.abandon()                instead, when the start failed

This stands on the way to the first request, so it costs milliseconds: two git processes beside each other, none at
all outside a repository, and no event loop. What git says is read as in git-status(1), porcelain format 2.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from msgspec import Struct

from tianting.worktree.check_commands import check_commands
from tianting.worktree.outline import outline, safe_name
from tianting.worktree.repository_filters import may_run_filters

MAX_STATUS_LINES = 20
MAX_COMMITS = 5
_MAX_SUBJECT = 120

# Reading must not run what the repository brings along (fsmonitor, signature checks, a repository hidden among the
# files), nor take its lock. What has filters is not looked at, see `repository_filters`.
_GIT = (
    *("git", "--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit"),
    *("-c", "core.quotePath=false"),
)
_OFFLINE = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
"""A partial clone would fetch what it lacks, by a command that its configuration names."""
_STATUS = (*_GIT, "status", "--porcelain=v2", "--branch", "--ignore-submodules=dirty")
_LOG = (*_GIT, "log", f"-{MAX_COMMITS}", "--no-show-signature", "--no-color", "--format=%h %s")


class GitFacts(Struct, frozen=True, kw_only=True):
    """The state of a repository. All names are safe to show."""

    branch: str = ""
    """Empty on a detached head."""
    ahead: int = 0
    """Commits that the upstream branch does not have."""
    behind: int = 0
    status: tuple[str, ...] = ()
    """`XY path` as in `git status --short`, at most twenty."""
    status_total: int = 0
    commits: tuple[str, ...] = ()
    """Newest first, hash and subject, at most five."""


class Survey(Struct, frozen=True, kw_only=True):
    """Facts of a work tree. All names are safe to show."""

    root: Path
    is_git: bool
    git: GitFacts | None = None
    """None outside a repository, and inside one when git is missing, failed, was too slow, or would run filters."""
    outline: str = ""
    """At most two levels and two kilobytes."""
    check_commands: tuple[str, ...] = ()


class PendingSurvey:
    """A survey whose git processes are running, until `finish` or `abandon`."""

    def __init__(self, root: Path, *, is_git: bool, status: "_Process | None", log: "_Process | None") -> None:
        self._root = root
        self._is_git = is_git
        self._status = status
        self._log = log

    def finish(self, timeout: float) -> Survey:
        """Look the tree over and wait for git, `timeout` seconds at most. Blocks; never raises for what it finds."""
        deadline = time.monotonic() + timeout
        tree, commands = outline(self._root), check_commands(self._root)
        status, log = _output(self._status, deadline), _output(self._log, deadline)
        self._status = self._log = None
        return Survey(
            root=self._root,
            is_git=self._is_git,
            git=None if status is None else git_facts(status, log or ""),
            outline=tree,
            check_commands=commands,
        )

    def abandon(self) -> None:
        """End the git processes, if they still run. Harmless after `finish`."""
        for process in (self._status, self._log):
            _output(process, deadline=0.0)
        self._status = self._log = None


_Process = subprocess.Popen[bytes]


def begin_survey(root: Path) -> PendingSurvey:
    """Start looking at `root`, an absolute path: inside a repository two git processes. Waits for nothing."""
    git = next((above / ".git" for above in (root, *root.parents) if os.path.lexists(above / ".git")), None)
    if git is None or may_run_filters(git):
        return PendingSurvey(root, is_git=git is not None, status=None, log=None)
    return PendingSurvey(root, is_git=True, status=_start(_STATUS, root), log=_start(_LOG, root))


def git_facts(status: str, log: str) -> GitFacts:
    """Read what `git status --porcelain=v2 --branch` and `git log` wrote."""
    headers = dict(_header(line) for line in status.splitlines() if line.startswith("# "))
    changes = [_short(line) for line in status.splitlines() if line and not line.startswith("#")]
    ahead, _, behind = headers.get("branch.ab", "").partition(" ")
    branch = headers.get("branch.head", "")
    return GitFacts(
        branch="" if branch == "(detached)" else safe_name(branch),
        ahead=_distance(ahead),
        behind=_distance(behind),
        status=tuple(changes[:MAX_STATUS_LINES]),
        status_total=len(changes),
        commits=tuple(safe_name(line, _MAX_SUBJECT) for line in log.splitlines()[:MAX_COMMITS]),
    )


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.removeprefix("# ").partition(" ")
    return name, value


def _distance(count: str) -> int:
    """`+3` and `-3` are 3; git writes `+?` where it did not count."""
    return int(count[1:]) if count[1:].isdecimal() else 0


def _short(line: str) -> str:
    """One entry of porcelain format 2 in the short form that people know."""
    kind, _, rest = line.partition(" ")
    fields_before_path = {"1": 7, "2": 8, "u": 9}.get(kind, 0)
    if not fields_before_path:
        return f"{kind * 2} {safe_name(rest)}"
    parts = rest.split(" ", fields_before_path)
    path, _, origin = parts[-1].partition("\t")
    moved = f"{safe_name(origin)} -> " if origin else ""
    return f"{parts[0].replace('.', ' ')} {moved}{safe_name(path)}"


def _start(command: tuple[str, ...], root: Path) -> _Process | None:
    try:
        return subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, **_OFFLINE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None


def _output(process: _Process | None, deadline: float) -> str | None:
    """What it wrote; None when it failed, or was not done at `deadline` and had to be killed."""
    if process is None:
        return None
    try:
        output, _ = process.communicate(timeout=max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    return None if process.returncode else output.decode("utf-8", "replace")
