"""A window's own directories and environment: without them two agents would share logins, histories and settings.

    <place>/<window>/home claude codex tianting config cache data state runtime tmp      mode 0700

The environment is built from nothing: what makes a terminal program run, the window's own directories, and what its
template names. Where a gateway has the keys, no secret of the fleet's own environment gets in.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tianting.protocol.errors import FleetError
from tianting.telemetry.masking import is_secret_name

Share = Literal["home", "claude", "codex", "tianting"]
"""A directory of the person's own that a window may be told to use."""

_ALWAYS = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ")
_DEFAULTS = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
_VARIABLES = {
    "HOME": "home",
    "CLAUDE_CONFIG_DIR": "claude",
    "CODEX_HOME": "codex",
    "TIANTING_HOME": "tianting",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
    "XDG_RUNTIME_DIR": "runtime",
    "TMPDIR": "tmp",
}
_SHARED: dict[Share, tuple[str, str]] = {
    "claude": ("CLAUDE_CONFIG_DIR", ".claude"),
    "codex": ("CODEX_HOME", ".codex"),
    "tianting": ("TIANTING_HOME", ".tianting"),
}
_OF_HOME = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Wanted(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a template says about the environment of its windows."""

    passed: tuple[str, ...] = ()
    """Names of variables of the fleet's own environment."""
    variables: Mapping[str, str] = {}
    """Names and values."""
    shared: tuple[Share, ...] = ()
    """What windows have in common with the person who runs the fleet: nothing, unless told."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """A window's environment."""

    variables: dict[str, str]
    left_out: tuple[str, ...] = ()
    """Secrets that were asked for and not given, because the gateway has them."""


def make_directories(place: Path, window_id: str) -> Path:
    """Make the directories of a window below `place`, for their owner alone, and give back their root.

    What is there already stays. Raises `FleetError` for an id that is no name, or where they cannot be made.
    """
    if not _NAME.fullmatch(window_id):
        raise FleetError(f"A window cannot be called {window_id!r}: use letters, digits, `.`, `-` and `_`.")
    root = place / window_id
    try:
        for directory in (root, *(root / name for name in _VARIABLES.values())):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
    except OSError as error:
        raise FleetError(f"The directories of window {window_id} cannot be made: {error}.") from error
    return root


def window_environment(
    own: Mapping[str, str], root: Path, wanted: Wanted, gateway: Mapping[str, str] | None = None
) -> Surroundings:
    """The environment of a window whose directories are at `root`; `own` is the fleet's.

    `gateway` holds the variables by which agents reach it, and is given last: nothing leads around it.
    """
    asked = {name: own[name] for name in wanted.passed if name in own} | dict(wanted.variables)
    secret = tuple(sorted(name for name in asked if is_secret_name(name))) if gateway is not None else ()
    return Surroundings(
        variables={
            **_DEFAULTS,
            **{name: own[name] for name in _ALWAYS if name in own},
            **_directories(own, root, wanted),
            **{name: value for name, value in asked.items() if name not in secret},
            **(gateway or {}),
        },
        left_out=secret,
    )


def _directories(own: Mapping[str, str], root: Path, wanted: Wanted) -> dict[str, str]:
    found = {variable: str(root / name) for variable, name in _VARIABLES.items()}
    home = own.get("HOME", "/")
    if "home" in wanted.shared:
        found["HOME"] = home
        for variable in _OF_HOME:
            found.pop(variable)
            if variable in own:
                found[variable] = own[variable]
    for share, (variable, name) in _SHARED.items():
        if share in wanted.shared:
            found[variable] = own.get(variable) or str(Path(home, name))
    return found
