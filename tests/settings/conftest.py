"""A machine with nothing configured, and a way to put settings on it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tianting.settings.levels import Places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Every place there can be, all empty."""
    for name in ("home", "other", "project", "etc"):
        (tmp_path / name).mkdir()
    return Places(
        home=tmp_path / "home",
        project=tmp_path / "project",
        main_checkout=tmp_path / "project",
        other_home=tmp_path / "other",
        managed=(tmp_path / "etc" / "managed.json", tmp_path / "etc" / "other.json"),
    )


def put(path: Path, content: dict[str, Any] | str) -> Path:
    """Write a settings file, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path
