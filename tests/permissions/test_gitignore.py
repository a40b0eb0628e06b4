"""Patterns about files mean what git means by them: git itself is asked."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tianting.permissions.gitignore import ignore_pattern

NAMES = st.sampled_from(["a", "b", "ab", "a.b", ".a", "a-b", "A", "[", "a]", "*", "a*", "a b", "^", "!"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        ".",
        "*",
        "**",
        "?",
        "/",
        "**/",
        "/**",
        "[ab]",
        "[!a]",
        "[^a]",
        "[a-c]",
        "[]a]",
        "[a",
        "\\*",
        "\\",
        "[[:alpha:]]",
        "[[:nope:]]",
        "[b-a]",
        "[a/b]",
        "[a-]",
        "[\\]]",
        "[\\a-\\c]",
        "-",
        "[!]a]",
        "[^]",
        "[[:digit:]a]",
        "***",
    ]
)
PATTERNS = st.lists(PIECES, min_size=1, max_size=5).map("".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(directory)], check=True, timeout=20)
    return directory


def git_says(repository: Path, pattern: str, paths: list[str]) -> list[bool]:
    """Which paths git ignores with this pattern alone."""
    (repository / "patterns").write_text(f"{pattern}\n")
    command = ["git", "-c", f"core.excludesFile={repository}/patterns", "-c", "core.ignoreCase=false", "check-ignore"]
    listed = subprocess.run(
        [*command, "-z", "--stdin", "--no-index"],
        input="\0".join(paths).encode(),
        cwd=repository,
        capture_output=True,
        timeout=20,
        check=False,
    )
    ignored = set(listed.stdout.decode().split("\0"))
    return [path in ignored for path in paths]


@given(pattern=PATTERNS, paths=st.lists(PATHS, min_size=1, max_size=12, unique=True))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_pattern_covers_what_git_ignores(repository: Path, pattern: str, paths: list[str]) -> None:
    compiled = ignore_pattern(pattern)

    assert [compiled.covers(path) for path in paths] == git_says(repository, pattern, paths)


@pytest.mark.parametrize(
    ("pattern", "covered", "left"),
    [
        pytest.param("a", "a x/a a/b x/a/b", "ab x/ab", id="name"),
        pytest.param("/a", "a a/b", "x/a", id="anchored name"),
        pytest.param("a/b", "a/b a/b/c", "x/a/b", id="a slash inside anchors"),
        pytest.param("a/", "a/b x/a/b", "a x/a", id="directories only"),
        pytest.param("a/**", "a/b a/b/c", "a", id="all below"),
        pytest.param("**/a", "a x/a x/y/a", "xa", id="any depth"),
        pytest.param("a/**/b", "a/b a/x/b a/x/y/b", "ab x/a/b", id="any depth between"),
        pytest.param("*.py", "a.py x/a.py", "a.pyc a.py2", id="star"),
        pytest.param("a?", "ab x/ac", "a a/b", id="one character"),
        pytest.param("[a-c]x", "ax cx", "dx", id="class"),
        pytest.param("[!a]x", "bx", "ax", id="class of others"),
        pytest.param("\\*", "*", "a", id="escaped star"),
        pytest.param("a[", "", "a[", id="class without an end"),
        pytest.param("a\\", "", "a", id="backslash at the end"),
        pytest.param("[a-\\", "", "a", id="range without an end"),
        pytest.param("[[:x]", "[ : x", "a", id="a class that is none"),
        pytest.param("/", "", "a", id="nothing"),
        pytest.param("**", "a a/b", "", id="everything"),
    ],
)
def test_a_pattern_covers(pattern: str, covered: str, left: str) -> None:
    compiled = ignore_pattern(pattern)

    assert [path for path in f"{covered} {left}".split() if compiled.covers(path)] == covered.split()


def test_a_directory_is_covered_as_one() -> None:
    assert ignore_pattern("a/").covers("a", is_directory=True)


def test_a_name_can_be_tied_to_the_top() -> None:
    tied = ignore_pattern("a", anchored=True)

    assert [tied.covers(path) for path in ("a", "a/b", "x/a")] == [True, True, False]


def test_a_letter_is_one_character_however_many_bytes_it_has() -> None:
    """git counts bytes here; who writes a rule counts letters."""
    assert ignore_pattern("?").covers("é")
