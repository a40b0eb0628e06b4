"""What the disk says of paths: links followed, names counted, patterns opened as the shell opens them."""

import subprocess
from pathlib import Path

import pytest

from tianting.permissions.path_facts import MAX_MATCHES, LocalPaths, folds_case
from tianting.permissions.questions import Place


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path.resolve()
    (root / "sub").mkdir()
    for name in ("a.py", "b.py", ".env", ".envrc", "sub/c.py", "sub/.hidden"):
        (root / name).touch()
    (root / "link").symlink_to(root / "sub")
    (root / "dangling").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root / "loop")
    (root / "twin").hardlink_to(root / "a.py")
    return root


@pytest.mark.parametrize(
    ("path", "real", "links"),
    [
        pytest.param("b.py", "b.py", 1, id="file"),
        pytest.param("a.py", "a.py", 2, id="file with two names"),
        pytest.param("sub", "sub", 1, id="directory"),
        pytest.param("sub/", "sub", 1, id="directory with a slash"),
        pytest.param("link/c.py", "sub/c.py", 1, id="through a link"),
        pytest.param("link", "sub", 1, id="link"),
        pytest.param("link/../b.py", "b.py", 1, id="up from where a link leads"),
        pytest.param("dangling", "nowhere", 0, id="link to nothing"),
        pytest.param("link/new", "sub/new", 0, id="new file"),
        pytest.param("no/such/file", "no/such/file", 0, id="nothing"),
        pytest.param("b.py/x", "b.py/x", 0, id="below a file"),
    ],
)
def test_place(tree: Path, path: str, real: str, links: int) -> None:
    assert LocalPaths().place(f"{tree}/{path}") == Place(f"{tree}/{real}", links)


@pytest.mark.parametrize("path", ["/tmp/\0", "/tmp/\ud800/x", "/" + "x" * 300, "/" + "x/" * 3000])
def test_a_path_that_cannot_be_followed_is_itself(path: str) -> None:
    assert LocalPaths().place(path).links == 0


def test_a_loop_leads_to_itself(tree: Path) -> None:
    assert LocalPaths().place(f"{tree}/loop").real == f"{tree}/loop"


@pytest.mark.parametrize(
    "pattern",
    [
        "*.py",
        ".en?",
        ".env*",
        "*",
        ".*",
        "sub/*",
        "*/c.py",
        "l*/*.py",
        "[ab].py",
        "[!a].py",
        "nothing*",
        "sub/[ch].py",
        "*/",
        "s*/../a*",
        "a.p[x-z]",
        "[z-a].py",
        "?.py",
        "*/*/*",
        "sub//*.py",
        "sub/*/",
        "b.py/*",
    ],
)
def test_a_pattern_opens_what_bash_opens(tree: Path, pattern: str) -> None:
    listing = subprocess.run(
        ["bash", "-O", "nullglob", "-c", f"printf '%s\\0' {pattern}"],
        cwd=tree,
        capture_output=True,
        timeout=10,
        check=True,
    ).stdout.decode()
    bash = sorted(
        f"{tree}/{name}".rstrip("/")
        for name in listing.replace("//", "/").split("\0")
        if name.rstrip("/") not in {"", ".", ".."}
    )

    ours = LocalPaths().matches(f"{tree}/{pattern}", prefix=f"{tree}/")

    assert ours is not None
    # Whether `.*` opens `.` and `..` depends on the version of bash; to look at them is the careful side.
    assert sorted(path.rstrip("/") for path in ours if not path.endswith(("/.", "/.."))) == bash


def test_too_many_matches_are_not_looked_at(tree: Path) -> None:
    for number in range(MAX_MATCHES + 1):
        (tree / f"{number}.txt").touch()

    assert LocalPaths().matches(f"{tree}/*.txt", prefix=f"{tree}/") is None


def test_a_directory_that_is_not_there_holds_nothing(tree: Path) -> None:
    assert LocalPaths().matches(f"{tree}/nothing/*", prefix=f"{tree}/nothing/") == ()


def test_looking_has_an_end(tree: Path) -> None:
    for number in range(70):
        (tree / f"d{number}").mkdir()
        for inner in range(70):
            (tree / f"d{number}" / str(inner)).touch()

    assert LocalPaths().matches(f"{tree}/d*/x*", prefix=f"{tree}/") is None


def test_a_directory_is_looked_up_once_a_call(tree: Path) -> None:
    facts = LocalPaths()
    before = facts.place(f"{tree}/link/c.py")
    (tree / "link").unlink()
    (tree / "link").symlink_to("/")

    assert facts.place(f"{tree}/link/c.py") == before
    assert facts.for_one_call().place(f"{tree}/link/c.py") == Place("/c.py")


def test_this_file_system_tells_case_apart_or_not(tree: Path) -> None:
    (tree / "Upper").mkdir()

    assert folds_case(f"{tree}/Upper") == (tree / "uPPER").exists()
    assert not folds_case(f"{tree}/no/such/Thing")
