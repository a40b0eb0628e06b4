"""Settings without a project."""

from pathlib import Path

from tests.settings.conftest import put
from tianting.settings.reading import read_settings
from tianting.settings.schema import Settings


def test_nothing_is_needed(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "none", None) == Settings()


def test_command_line_stands_above_the_user(tmp_path: Path) -> None:
    put(tmp_path / "settings.json", {"model": "opus", "effortLevel": "high"})

    assert read_settings(tmp_path, '{"model": "haiku"}') == Settings(model="haiku", effort_level="high")
