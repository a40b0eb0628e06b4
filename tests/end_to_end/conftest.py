"""A stage for each test."""

import os
from pathlib import Path

import pytest

from tests.end_to_end.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def library_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The same for tests that load a client into their own process: it passes its environment on."""
    stage.environment["CLAUDE_CONFIG_DIR"] = str(stage.home)
    for name in os.environ.keys() - stage.environment.keys():
        monkeypatch.delenv(name)
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    return stage
