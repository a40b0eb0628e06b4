"""The settings in force where we are: what every command that needs them begins with."""

import os

from msgspec import structs

from tianting.cli.places import current_directory, home_directory
from tianting.settings.levels import Places, find_places
from tianting.settings.loading import Loaded, load_settings


def settings_places() -> Places:
    """Where settings can lie for somebody who works here. Raises `ConfigError`."""
    return find_places(current_directory(), home_directory(os.environ), os.environ)


def loaded_settings(from_command_line: str | None = None) -> Loaded:
    """All levels, put together. Raises `ConfigError` naming file and line of what is wrong."""
    return load_settings(settings_places(), from_command_line)


def bare(loaded: Loaded) -> Loaded:
    """`loaded` without the hooks that were found: those of `--settings` and of an administrator stay."""
    kept = (each for each in loaded.statements if each.key[0] != "hooks" or each.source.level in _ASKED_FOR)
    return structs.replace(loaded, statements=tuple(kept))


_ASKED_FOR = {"managed", "command line"}
