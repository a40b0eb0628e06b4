"""Where we are, and where the agent keeps its own."""

from collections.abc import Mapping
from pathlib import Path

from tianting.protocol.errors import ConfigError


def home_directory(environment: Mapping[str, str]) -> Path:
    """Where the agent keeps its own: `$TIANTING_HOME`, or `~/.tianting`."""
    return Path(environment.get("TIANTING_HOME") or "~/.tianting").expanduser()


def current_directory() -> Path:
    """The project's root. Raises `ConfigError` when it was removed under us."""
    try:
        return Path.cwd()
    except OSError:
        raise ConfigError("The current directory is gone: change to one that exists.") from None
