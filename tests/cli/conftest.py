"""A command line with a home of its own and nobody's keys."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from tianting.cli.main import run


class Ran(Struct, frozen=True):
    """What a command line came to."""

    code: int
    stdout: str
    stderr: str


CommandLine = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment that names it and little else."""
    for name in list(os.environ):
        if name.endswith(("_KEY", "_TOKEN", "_BASE_URL")) or name.startswith("TIANTING_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TIANTING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def tianting(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Runs a command line in this process, in an empty project."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def run_it(*arguments: str) -> Ran:
        code = run(arguments)
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return run_it
