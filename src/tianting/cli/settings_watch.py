"""Notices settings files that change under a running session: they count from the next start on, and hooks may care."""

from pathlib import Path

from tianting.extensions.hooks.events import ConfigChange
from tianting.settings.levels import Level, Places, settings_files

_SOURCES: dict[Level, str] = {
    "managed": "policy_settings",
    "local": "local_settings",
    "project": "project_settings",
    "user": "user_settings",
}
"""The words of other agents' hooks."""


class SettingsWatch:
    """The settings files as they were when it was made, or when it was last asked."""

    def __init__(self, places: Places) -> None:
        self._files = settings_files(places)
        self._known = {path: _changed_at(path) for path, _ in self._files}

    def changes(self) -> tuple[ConfigChange, ...]:
        """The files that were written, made or deleted since, each change once."""
        changed: list[ConfigChange] = []
        for path, level in self._files:
            now = _changed_at(path)
            if now != self._known[path]:
                self._known[path] = now
                changed.append(ConfigChange(source=_SOURCES[level], file_path=str(path)))
        return tuple(changed)


def _changed_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
