"""LS, which is still called by models that know it."""

import os
from pathlib import Path

import pytest

from tianting.protocol.tool_calls import Access
from tianting.tools.contract import AnyTool, ToolFailed
from tianting.tools.ls import LS, LSParameters
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio


async def text(root: Path, path: str = "", *ignore: str) -> str:
    content = (await LS(Workspace(root)).run(LSParameters(path=path, ignore=ignore))).content
    assert isinstance(content, str)
    return content


async def failure(root: Path, path: str) -> str:
    with pytest.raises(ToolFailed) as caught:
        await text(root, path)
    assert len(str(caught.value).encode()) <= 600
    return str(caught.value)


async def test_directories_come_first_then_files_with_sizes(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.txt").write_text("12345")
    (tmp_path / "a.pyc").touch()
    (tmp_path / "two\nlines").touch()
    (tmp_path / "link").symlink_to("z")

    assert await text(tmp_path, "", "*.pyc") == (".hidden/\nlink -> z/\nz/\na.txt (5 bytes)\ntwo\\nlines (0 bytes)")
    assert await text(tmp_path, "z") == "[empty directory]"


async def test_long_listing_is_cut(tmp_path: Path) -> None:
    for number in range(502):
        (tmp_path / str(number)).touch()

    lines = (await text(tmp_path)).split("\n")

    assert lines[500:] == ["[500 of 502; use Glob with a pattern for the others]"]


async def test_entry_that_goes_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to("x")
    unpatched = os.readlink

    def gone(path: str, *, dir_fd: int | None = None) -> str:
        if dir_fd is None:
            return unpatched(path)
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "readlink", gone)

    assert await text(tmp_path) == "link (just gone)"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("sorce", "No directory sorce (root {root}). Similar: source.", id="missing"),
        pytest.param("source/a.py", "source/a.py is a file; use Read.", id="file"),
        pytest.param(
            "loop", "Cannot list loop: too many levels of symbolic links. Choose another directory.", id="loop"
        ),
    ],
)
async def test_what_cannot_be_listed_is_explained(tmp_path: Path, path: str, expected: str) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a.py").touch()
    (tmp_path / "loop").symlink_to("loop")

    assert await failure(tmp_path, path) == expected.replace("{root}", str(tmp_path))


def test_access_is_the_directory_and_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("z")
    tool: AnyTool = LS(Workspace(tmp_path))

    assert tool.accesses(LSParameters(path="link")) == (
        Access(effect="read", target=str(tmp_path / "link")),
        Access(effect="read", target=str(tmp_path / "z")),
    )
