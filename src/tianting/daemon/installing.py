"""What a machine needs to start the daemon by itself: without it everybody would write their own unit, and get one of
its lines wrong.

The templates lie in `files/`, so that they can be read without being installed.
"""

import html
import shlex
from importlib.resources import files
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.protocol.errors import FleetError

Kind = Literal["systemd", "launchd", "script"]


class Installed(Struct, frozen=True, kw_only=True):
    """A file that is to be put somewhere, and what to do then."""

    path: Path
    text: str
    mode: int
    next: str
    """The command that puts it to use."""


def installed(kind: Kind, *, home: Path, program: str, agent: str, path: str) -> Installed:
    """What `kind` of service manager needs. `path` is the variable, for finding agents.

    Raises `FleetError` for values that the file could not hold.
    """
    if any(not value.isprintable() for value in (program, path)):
        raise FleetError("The program's path or $PATH holds characters that no service file can.")
    match kind:
        case "systemd":
            unit = "codex-daemon.service"
            text = _filled(unit, program=_unit_word(program).replace("$", "$$"), agent=agent, path=_unit_word(path))
            place = home / ".config" / "systemd" / "user" / unit
            then = "systemctl --user daemon-reload && systemctl --user enable --now codex-daemon"
            return Installed(path=place, text=text, mode=0o644, next=then)
        case "launchd":
            text = _filled("codex-daemon.plist", program=html.escape(program), agent=agent, path=html.escape(path))
            place = home / "Library" / "LaunchAgents" / "tianting.codex-daemon.plist"
            return Installed(path=place, text=text, mode=0o644, next=f"launchctl load -w {shlex.quote(str(place))}")
        case "script":
            text = _filled("start.sh", program=shlex.quote(program), agent=agent, path=shlex.quote(path))
            place = home / ".tianting" / "daemon" / "start.sh"
            return Installed(path=place, text=text, mode=0o700, next=shlex.quote(str(place)))


def _filled(name: str, **values: str) -> str:
    text = (files("tianting.daemon") / "files" / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _unit_word(value: str) -> str:
    """Within double quotes, as systemd.syntax(7) and systemd.unit(5) have it."""
    return value.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
