"""`codex-daemon`: the daemon under the name and with the options that scripts know."""

import sys
from collections.abc import Sequence

from tianting.cli.main import run
from tianting.cli.program import Program

USAGE = """\
usage: codex-daemon [--daemon] [--socket PATH]      serve, in the foreground or in the background
       codex-daemon --health [--socket PATH]        0 well · 1 not, and why
       codex-daemon --check [--socket PATH]         0 free · 1 in use, by whom, and what to do
"""
_COMMANDS = {"--daemon": ("start",), "--health": ("health",), "--check": ("check",)}


def main() -> None:
    """Run `codex-daemon` with the arguments of the process."""
    arguments = translated(sys.argv[1:])
    if arguments is None:
        sys.stderr.write(USAGE)
        sys.exit(2)
    if not arguments:
        sys.stdout.write(USAGE)
        sys.exit(0)
    sys.exit(run(arguments, Program(name="codex-daemon", version="", defaults={})))


def translated(arguments: Sequence[str]) -> list[str] | None:
    """The same for `tianting`; empty for help, None for what means nothing."""
    rest, command, socket = list(arguments), None, list[str]()
    while rest:
        match rest:
            case ["-h" | "--help", *_]:
                return []
            case ["--socket", path, *rest]:
                socket = ["--socket", path]
            case [option, *rest] if option in _COMMANDS and command is None:
                command = _COMMANDS[option]
            case [option, *rest] if option.startswith("--socket="):
                socket = [option]
            case _:
                return None
    return ["daemon", *(command or ("start", "--foreground")), *socket]
