"""Paths as the model writes them, and as the tools take them."""

from pathlib import Path

import pytest

from tianting.tools.contract import ToolFailed
from tianting.tools.workspace import Workspace


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("a.py", "{root}/a.py", id="relative"),
        pytest.param("", "{root}", id="empty"),
        pytest.param("./src/../a.py", "{root}/a.py", id="detour"),
        pytest.param("/etc/hosts", "/etc/hosts", id="absolute"),
        pytest.param("~/x", "{home}/x", id="home"),
        pytest.param("~nobody-of-this-name/x", "{root}/~nobody-of-this-name/x", id="home of nobody"),
        pytest.param("link/x", "{root}/link/x", id="symlink not followed"),
    ],
)
def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, expected: str) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    (tmp_path / "link").symlink_to("/etc")

    assert str(Workspace(tmp_path).resolve(path)) == expected.format(root=tmp_path, home="/home/somebody")


def test_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="A path cannot hold a NUL character"):
        Workspace(tmp_path).resolve("a\0b")
