"""`claude-codex`: Claude Code, with a warm Codex beside it.

    find a daemon, or start one that stays as long as it is needed → hold it → become Claude Code

The process becomes Claude Code: arguments, terminal, signals and exit code are its own, and nothing stands between.
The daemon watches the process, so whatever ends it ends what was started for it.
"""

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from tianting.daemon.client import Client, NoDaemon, socket_of
from tianting.daemon.process_start import started_at

MISSING = 127
"""Exit code, as shells have it."""
_OWN = "TIANTING_CODEX_CONVERSATION"


def main() -> None:
    """Run `claude-codex` with the arguments and the environment of the process."""
    sys.exit(become_claude(sys.argv[1:], os.environ))


def become_claude(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Returns only where there is no Claude Code. Without a daemon Claude Code is started all the same."""
    program = shutil.which("claude", path=environment.get("PATH"))
    if program is None:
        return _say("Claude Code is not installed: run `npm install -g @anthropic-ai/claude-code`.", MISSING)
    return _become(program, arguments, {**environment, **_codex_variables(environment)})


def _codex_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """By which `tianting-codex` finds the daemon and this Claude Code's own conversation."""
    pid = os.getpid()
    try:
        socket = _held(environment, pid)
    except Exception as error:  # whatever keeps the daemon away must not keep Claude Code away
        _say(f"there is no Codex beside Claude Code: {error}", 0)
        return {}
    own = environment.get(_OWN) or f"claude-{pid}-{started_at(pid)}"
    return {_OWN: own, "TIANTING_CODEX_SOCKET": str(socket)}


def _become(program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    # Python ignores these, and a program would inherit that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execve(program, [program, *arguments], environment)  # noqa: S606 - to be the program is the point


def _held(environment: Mapping[str, str], pid: int) -> Path:
    """The socket of a daemon that will not leave before this process does."""
    try:
        path = socket_of(environment)
        Client(path, connecting=1.0).ask({"command": "/codex-hold"}, within=2.0)
    except NoDaemon:
        return _started(environment, pid)
    return path


def _started(environment: Mapping[str, str], pid: int) -> Path:
    from tianting.cli.daemon_places import DaemonWish, daemon_places
    from tianting.cli.daemon_serving import serve_behind
    from tianting.cli.places import home_directory

    places = daemon_places(home_directory(environment), environment)
    if (why := serve_behind(places, DaemonWish(held_by=pid))) is not None:
        raise NoDaemon(why)
    return places.socket


def _say(line: str, code: int) -> int:
    sys.stderr.write(f"claude-codex: {line}\n")
    return code
