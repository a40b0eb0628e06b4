"""Where we are, and where the agent keeps its own."""

from pathlib import Path

import pytest

from tianting.cli.places import claude_projects, current_directory, home_directory
from tianting.protocol.errors import ConfigError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"TIANTING_HOME": "/a/b"}, Path("/a/b"), id="told"),
        pytest.param({"TIANTING_HOME": "~/b"}, Path("~/b").expanduser(), id="told from the home"),
        pytest.param({"TIANTING_HOME": ""}, Path("~/.tianting").expanduser(), id="empty"),
        pytest.param({}, Path("~/.tianting").expanduser(), id="usual"),
    ],
)
def test_home(environment: dict[str, str], expected: Path) -> None:
    assert home_directory(environment) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, (Path("~/.claude/projects").expanduser(),), id="usual"),
        pytest.param({"CLAUDE_CONFIG_DIR": "/a"}, (Path("/a/projects"),), id="told"),
        pytest.param({"CLAUDE_CONFIG_DIR": ""}, (Path("~/.claude/projects").expanduser(),), id="empty"),
        pytest.param({"CLAUDE_CONFIG_DIR": "/a/../b/", "TIANTING_HOME": "/b"}, (), id="our own"),
    ],
)
def test_where_claude_code_keeps_its_sessions(environment: dict[str, str], expected: tuple[Path, ...]) -> None:
    assert claude_projects(environment) == expected


def test_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(ConfigError, match="The current directory is gone"):
        current_directory()
