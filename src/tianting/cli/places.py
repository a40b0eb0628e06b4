"""Where we are, and where the agent keeps its own."""

from collections.abc import Mapping
from pathlib import Path

from tianting.protocol.errors import ConfigError
from tianting.session.places import projects_directory


def home_directory(environment: Mapping[str, str]) -> Path:
    """Where the agent keeps its own: `$TIANTING_HOME`, or `~/.tianting`."""
    return Path(environment.get("TIANTING_HOME") or "~/.tianting").expanduser()


def claude_projects(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where Claude Code keeps its conversations: `$CLAUDE_CONFIG_DIR` or `~/.claude`. Empty where that is our own."""
    home = Path(environment.get("CLAUDE_CONFIG_DIR") or "~/.claude").expanduser()
    return () if home.resolve() == home_directory(environment).resolve() else (projects_directory(home),)


def current_directory() -> Path:
    """The project's root. Raises `ConfigError` when it was removed under us."""
    try:
        return Path.cwd()
    except OSError:
        raise ConfigError("The current directory is gone: change to one that exists.") from None
