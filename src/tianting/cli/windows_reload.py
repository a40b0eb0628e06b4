"""Notices that settings were changed while a fleet runs, and reads what a fleet may be told: by its person, not by the
project that somebody happens to stand in.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from tianting.cli.settings_watch import SettingsWatch
from tianting.settings.levels import Places, find_places
from tianting.settings.loading import load_settings
from tianting.settings.schema import Settings

EVERY = 2.0
"""Seconds between two looks at the files."""


def fleet_settings_places(home: Path) -> Places:
    """Yours and an administrator's."""
    found = find_places(home, home, os.environ)
    return Places(
        home=home,
        project=home,
        main_checkout=home,
        other_home=found.other_home,
        managed=found.managed,
        left_out=frozenset({"local", "project"}),
    )


def read_fleet_settings(home: Path) -> Settings:
    """What is in force for a fleet. Raises `ConfigError` naming file, line and column."""
    return load_settings(fleet_settings_places(home)).settings


async def watch_settings(home: Path, changed: Callable[[], Awaitable[None]]) -> None:
    """Call `changed` whenever one of the files has changed, until cancelled."""
    watch = SettingsWatch(fleet_settings_places(home))
    while True:
        await anyio.sleep(EVERY)
        if watch.changes():
            await changed()
