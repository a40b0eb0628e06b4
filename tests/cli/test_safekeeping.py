"""Where checkpoints are taken, how much of them, and when the store is put in order."""

import os
from pathlib import Path

import anyio
import pytest

from tianting.cli import safekeeping
from tianting.cli.safekeeping import is_due, may_change, open_checkpoints, require_room, why_off
from tianting.protocol.errors import CheckpointError
from tianting.protocol.tool_calls import ToolCall
from tianting.settings.schema import CheckpointSettings
from tianting.tools.workspace import Workspace
from tianting.worktree.checkpoints import store_directory

ON = CheckpointSettings()


def test_a_project_is_kept(tmp_path: Path) -> None:
    assert why_off(tmp_path, ON) == ""


def test_settings_turn_it_off(tmp_path: Path) -> None:
    said = why_off(tmp_path, CheckpointSettings(enabled=False))

    assert said == "Checkpoints are off: the settings say `checkpoints.enabled` false."


@pytest.mark.parametrize("project", [Path("/"), Path("home"), Path("home/me")], ids=str)
def test_home_and_all_around_it_are_not_kept(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "me" / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))

    assert why_off(tmp_path / project, ON) != ""
    assert why_off(tmp_path / "home/me/project", ON) == ""


def test_full_disk_is_left_to_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_room(tmp_path / "not" / "there")
    monkeypatch.setattr(safekeeping, "LEAST_ROOM", 2**62)

    with pytest.raises(CheckpointError, match="MB of room at"):
        require_room(tmp_path / "not" / "there")


def test_settings_say_what_is_kept(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir()
    (project / "large.txt").write_text("12345678")
    checkpoints = open_checkpoints(home, project, CheckpointSettings(file_bytes=4))

    taken = anyio.run(checkpoints.take, "now")

    assert list(anyio.run(checkpoints.left_out, taken.id)) == ["large.txt"]
    assert store_directory(home, project).is_dir()


def test_a_store_is_due_a_day_after_it_was_last(tmp_path: Path) -> None:
    marker, now, day = tmp_path / "tidied", 1_800_000_000.0, 86_400
    assert not is_due(marker, now)

    os.utime(marker, (now, now - day + 1))
    assert not is_due(marker, now)
    os.utime(marker, (now, now - day - 1))
    assert is_due(marker, now)
    assert marker.stat().st_mtime > now - day


def test_store_that_is_not_there_is_not_due(tmp_path: Path) -> None:
    assert not is_due(tmp_path / "nowhere" / "tidied", 0.0)


@pytest.mark.parametrize(
    ("tool", "command", "expected"),
    [
        pytest.param("Bash", "ls -la src | head -3", False, id="looks"),
        pytest.param("Bash", "git status && git diff", False, id="git looks"),
        pytest.param("Bash", "grep -r x . 2>/dev/null | wc -l", False, id="throws away"),
        pytest.param("Bash", "echo x > a.txt", True, id="redirects"),
        pytest.param("Bash", "ls; rm a.txt", True, id="one of two changes"),
        pytest.param("Bash", "find . -name a -delete", True, id="option that changes"),
        pytest.param("Bash", "cat $(rm a.txt)", True, id="hidden"),
        pytest.param("Bash", "pytest -q", True, id="nobody knows"),
        pytest.param("Bash", "echo 'not closed", True, id="unreadable"),
        pytest.param("Write", "", True, id="other tool"),
        pytest.param("Read", "", False, id="other tool that reads"),
    ],
)
def test_only_what_may_change_files_is_waited_for(tmp_path: Path, tool: str, command: str, expected: bool) -> None:
    call = ToolCall(call_id="a", tool_name=tool, arguments={"command": command})

    assert may_change(Workspace(tmp_path))(call) == expected
