"""Glob: what a pattern matches, in which order, and what is said when it matches nothing."""

import os
import re
from fnmatch import fnmatchcase
from pathlib import Path

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.plumbing.descriptor_path import path_of
from tianting.protocol.tool_calls import Access
from tianting.tools import glob as glob_module
from tianting.tools.contract import AnyTool, ToolFailed
from tianting.tools.glob import Glob, GlobOutput, GlobParameters
from tianting.tools.searching.glob_pattern import GlobPattern, expand_braces
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio

FILES = (
    *("a.py", "src/b.py", "src/deep/c.py", "src/deep/c.ts", "src/app/[id]/page.tsx", "src/app/i/page.tsx"),
    *(".github/ci.yml", "node_modules/m/index.js", ".git/config", "two\nlines.md", "Makefile"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for number, name in enumerate(FILES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    (root / "link").symlink_to(root / "src")
    (root / "src/up").symlink_to(root)
    (root / "broken.py").symlink_to("nowhere")
    return root


async def text(root: Path, pattern: str, path: str = "") -> str:
    with anyio.fail_after(5):
        content = (await Glob(Workspace(root)).run(GlobParameters(pattern=pattern, path=path))).content
    assert isinstance(content, str)
    return content


async def failure(root: Path, pattern: str, path: str = "") -> str:
    with pytest.raises(ToolFailed) as caught:
        await text(root, pattern, path)
    assert len(str(caught.value).encode()) <= 600
    return str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        pytest.param("**/*.py", "", "src/deep/c.py src/b.py a.py", id="any depth, newest first"),
        pytest.param("*.py", "", "a.py", id="one level"),
        pytest.param("./*.py", "", "a.py", id="dot"),
        pytest.param("src/*", "", "src/b.py", id="files of a directory, as Read advises"),
        pytest.param(
            "src/**", "", "src/app/i/page.tsx src/app/[id]/page.tsx src/deep/c.ts src/deep/c.py src/b.py", id="all"
        ),
        pytest.param("**/*.py", "src", "src/deep/c.py src/b.py", id="from a directory"),
        pytest.param("**/*.{ts,py}", "src/deep", "src/deep/c.ts src/deep/c.py", id="braces"),
        pytest.param("{src,nowhere}/b.py", "", "src/b.py", id="braces in front"),
        pytest.param("src/app/[id]/page.tsx", "", "src/app/i/page.tsx src/app/[id]/page.tsx", id="brackets both ways"),
        pytest.param("**/{ci.yml,config}", "", ".github/ci.yml", id="hidden directories but .git"),
        pytest.param("node_modules/**", "", "node_modules/m/index.js", id="ignored by others"),
        pytest.param("**/deep/**/c.?s", "", "src/deep/c.ts", id="stars for nothing"),
        pytest.param("*.md", "", "two\\nlines.md", id="name of two lines"),
        pytest.param("link/*.py", "", "link/b.py", id="through a link that is named"),
    ],
)
async def test_pattern_finds_files(tree: Path, pattern: str, path: str, expected: str) -> None:
    assert (await text(tree, pattern, path)).split("\n") == expected.split(" ")


async def test_absolute_pattern_starts_where_it_says(tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "x").mkdir(parents=True)
    (elsewhere / "x/y.py").touch()

    assert await text(tree, f"{elsewhere}/**/*.py", path="src") == f"{elsewhere}/x/y.py"


async def test_programs_get_figures(tree: Path) -> None:
    output = await Glob(Workspace(tree)).run(GlobParameters(pattern="src/deep/*"))

    assert isinstance(output.data, GlobOutput)
    assert 0 <= output.data.duration_ms < 5_000
    assert msgspec.to_builtins(output.data) == {
        "durationMs": output.data.duration_ms,
        "numFiles": 2,
        "filenames": ("src/deep/c.ts", "src/deep/c.py"),
        "truncated": False,
    }


async def test_hundred_of_many(tmp_path: Path) -> None:
    for number in range(231):
        (tmp_path / f"{number:03}.txt").touch()

    lines = (await text(tmp_path, "*.txt")).split("\n")

    assert len(lines) == 101
    assert lines[-1] == "[100 of 231; narrow the pattern]"


async def test_nothing_found_names_what_is_there_and_that_is_found(tmp_path: Path) -> None:
    for number in range(41):
        (tmp_path / f"{number}.tsx").touch()
    for number in range(50):
        (tmp_path / f"{number}.md").touch()

    assert await text(tmp_path, "**/*.jsx") == 'No file matches "**/*.jsx"; the tree has *.tsx (41), *.md (50).'
    assert (await text(tmp_path, "**/*.tsx")).count("\n") == 40


async def test_files_that_are_deeper_are_found_by_the_advice(tree: Path) -> None:
    assert await text(tree, "src/*.ts") == (
        'No file matches "src/*.ts"; deeper in src/ are *.ts (1): try "src/**/*.ts".'
    )
    assert await text(tree, "src/**/*.ts") == "src/deep/c.ts"


async def test_empty_tree_has_no_files(tmp_path: Path) -> None:
    assert await text(tmp_path, "**/*.py") == 'No file matches "**/*.py"; the tree has no files.'
    (tmp_path / "LICENSE").touch()
    assert await text(tmp_path, "**/*.py") == 'No file matches "**/*.py"; the tree has files without suffix (1).'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("sorce/*.py", "No directory sorce (root {root}). Similar: src.", id="missing directory"),
        pytest.param(
            "src/",
            'pattern is empty or a directory. For its files append "*", for all below "**".',
            id="directory",
        ),
        pytest.param("{a,b}" * 7, 'The braces of "{braces}" give too many patterns; send several calls.', id="braces"),
    ],
)
async def test_pattern_without_sense_is_refused(tree: Path, pattern: str, expected: str) -> None:
    said = expected.replace("{root}", str(tree)).replace("{braces}", "{a,b}" * 7)

    assert await failure(tree, pattern) == said


async def test_unreadable_directory_is_passed_over(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpatched = os.scandir

    def scandir(directory: int) -> object:
        if path_of(directory).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return unpatched(directory)

    monkeypatch.setattr(os, "scandir", scandir)

    assert await text(tree, "src/**/*.py") == "src/b.py"


async def test_walk_without_end_is_stopped(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glob_module, "TIME_LIMIT", 0)

    assert await failure(tree, "**") == "Walked 0 s without an end. Start deeper, with path."


def test_access_is_the_directory_that_is_walked(tree: Path) -> None:
    tool: AnyTool = Glob(Workspace(tree))

    assert tool.accesses(GlobParameters(pattern="link/**/*.py")) == (
        Access(effect="read", target=str(tree / "link")),
        Access(effect="read", target=str(tree / "src")),
    )
    assert tool.accesses(GlobParameters(pattern="/etc/*.conf")) == (Access(effect="read", target="/etc"),)
    assert tool.accesses(GlobParameters(pattern="../x/*", path="src")) == (
        Access(effect="read", target=str(tree / "x")),
    )


def test_braces_expand_from_the_inside() -> None:
    assert expand_braces("a{b,c{d,e}}{x}") == ["ab{x}", "acd{x}", "ace{x}"]


@settings(max_examples=100)
@given(
    pattern=st.text(st.sampled_from("ab*?/"), min_size=1, max_size=8),
    path=st.lists(st.text(st.sampled_from("ab"), min_size=1, max_size=3), min_size=1, max_size=4).map("/".join),
)
def test_pattern_agrees_with_a_regular_expression(pattern: str, path: str) -> None:
    names = [name for name in pattern.split("/") if name]
    if names[-1:] == ["**"]:
        names.append("*")
    regex = "/".join("<any>" if name == "**" else re.sub(r"\*+", "[^/]*", name).replace("?", "[^/]") for name in names)
    regex = regex.replace("<any>/", "(?:[^/]+/)*")

    assert GlobPattern(pattern).matches(path) == bool(re.fullmatch(regex, path))


@given(
    st.text(st.sampled_from("a[]!-*?"), min_size=1, max_size=6),
    st.text(st.sampled_from("a-]!"), min_size=1, max_size=3),
)
def test_single_names_match_as_in_the_shell(pattern: str, name: str) -> None:
    if pattern != "**":
        assert GlobPattern(pattern).matches(name) == (fnmatchcase(name, pattern) or name == pattern)
