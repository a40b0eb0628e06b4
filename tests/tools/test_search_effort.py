"""Patterns that nobody means cost nothing, and many files no memory."""

import tracemalloc
from pathlib import Path

import pytest

from tianting.tools.contract import ToolFailed
from tianting.tools.glob import Glob, GlobParameters
from tianting.tools.grep import Grep, GrepParameters
from tianting.tools.searching.glob_pattern import GlobPattern
from tianting.tools.workspace import Workspace

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(10)]


@pytest.mark.parametrize("pattern", ["x" * 5_000, "[" * 300_000])
async def test_pattern_without_end_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ToolFailed, match="the limit is 4,000; send several calls"):
        await Grep(Workspace(tmp_path)).run(GrepParameters(pattern=pattern))


@pytest.mark.parametrize("glob", ["{" + "," * 30_000, "**/" * 3_000 + "x", "a " * 30_000])
async def test_glob_without_end_is_refused(tmp_path: Path, glob: str) -> None:
    workspace = Workspace(tmp_path)

    with pytest.raises(ToolFailed, match="the limit is 1,000; send several calls"):
        await Glob(workspace).run(GlobParameters(pattern=glob))
    with pytest.raises(ToolFailed, match="the limit is 1,000; send several calls"):
        await Grep(workspace).run(GrepParameters(pattern="x", glob=glob))


def test_stars_beside_each_other_are_one() -> None:
    pattern = GlobPattern("**/" * 300 + "x")

    for _ in range(200):
        assert not pattern.matches("/".join("a" * 100))
    assert pattern.matches("a/b/x")


async def test_many_files_are_counted_and_not_kept(tmp_path: Path) -> None:
    for number in range(5_000):
        (tmp_path / f"a-rather-long-name-of-a-file-{number:05}.txt").touch()
    tracemalloc.start()
    try:
        output = await Glob(Workspace(tmp_path)).run(GlobParameters(pattern="*.txt"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert str(output.content).endswith("[100 of 5,000; narrow the pattern]")
    assert peak < 500_000
