"""Settings for a caller that knows no project: the user's file and what the command line gives, and nothing else."""

from pathlib import Path

from tianting.settings.levels import Places
from tianting.settings.loading import load_settings
from tianting.settings.schema import Settings


def read_settings(home: Path, from_command_line: str | None) -> Settings:
    """The settings in force. `from_command_line` is JSON or the path of a file.

    Raises `ConfigError` naming the source and the place of what is wrong.
    """
    places = Places(home=home, project=home, main_checkout=home, managed=())
    return load_settings(places, from_command_line).settings
