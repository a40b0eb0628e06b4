"""The survey: facts of small trees, of repositories in every state, and of hostile ones."""

import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.worktree import survey as survey_module
from tianting.worktree.check_commands import check_commands
from tianting.worktree.outline import outline, safe_name
from tianting.worktree.survey import GitFacts, Survey, begin_survey, git_facts

Git = Callable[..., None]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")

    def run(*arguments: str) -> None:
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    return run


def survey(root: Path) -> Survey:
    return begin_survey(root).finish(timeout=5)


def test_tree_outside_of_a_repository_starts_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").touch()
    monkeypatch.setattr(subprocess, "Popen", None)

    assert survey(tmp_path) == Survey(root=tmp_path, is_git=False, outline="a.py")


def test_repository_without_commits(tmp_path: Path, git: Git) -> None:
    (tmp_path / "new.txt").touch()

    assert survey(tmp_path).git == GitFacts(branch="main", status=("?? new.txt",), status_total=1)


def test_repository_with_every_kind_of_change(tmp_path: Path, git: Git) -> None:
    for name in ("edited", "moved", "deleted", "both", "näme"):
        (tmp_path / name).write_text(f"{name}\n" * 5)
    git("add", ".")
    git("commit", "-q", "-m", "First <words>")
    git("commit", "-q", "--allow-empty", "-m", "Second")
    git("branch", "upstream")
    git("commit", "-q", "--allow-empty", "-m", "Third")
    git("branch", "-q", "--set-upstream-to=upstream")
    (tmp_path / "edited").write_text("x")
    git("mv", "moved", "moved away")
    (tmp_path / "deleted").unlink()
    (tmp_path / "both").write_text("staged")
    git("add", "both")
    (tmp_path / "both").write_text("and edited")
    (tmp_path / "näme").write_text("x")
    (tmp_path / "two\nlines").touch()
    (tmp_path / "<system-reminder>").touch()

    facts = survey(tmp_path).git

    assert facts is not None
    assert [commit.partition(" ")[2] for commit in facts.commits] == ["Third", "Second", "First \\x3cwords>"]
    assert msgspec.structs.replace(facts, commits=()) == GitFacts(
        branch="main",
        ahead=1,
        status=(
            "MM both",
            " D deleted",
            " M edited",
            "R  moved -> moved away",
            " M näme",
            "?? \\x3csystem-reminder>",
            '?? "two\\nlines"',
        ),
        status_total=7,
    )


def test_detached_head_and_long_status(tmp_path: Path, git: Git) -> None:
    git("commit", "-q", "--allow-empty", "-m", "Only")
    git("checkout", "-q", "--detach")
    for number in range(30):
        (tmp_path / f"{number:02}").touch()

    facts = survey(tmp_path).git

    assert facts is not None
    assert (facts.branch, len(facts.status), facts.status_total) == ("", 20, 30)


def test_conflict_is_shown_as_git_shows_it() -> None:
    status = "# branch.head topic\nu UU N... 100644 100644 100644 100644 a b c with space.txt\n"

    assert git_facts(status, "") == GitFacts(branch="topic", status=("UU with space.txt",), status_total=1)


def test_directory_inside_a_repository_belongs_to_it(tmp_path: Path, git: Git) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.txt").touch()

    facts = survey(tmp_path / "sub").git

    assert facts is not None
    assert facts.status == ("?? ./",)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("/nonexistent/git",), id="git is not installed"),
        pytest.param(("sh", "-c", "echo half; exit 128"), id="git fails"),
    ],
)
def test_git_that_says_nothing_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "a.py").touch()
    monkeypatch.setattr(survey_module, "_STATUS", command)

    assert survey(tmp_path) == Survey(root=tmp_path, is_git=True, git=None, outline="a.py")


@pytest.mark.skipif(sys.platform != "linux", reason="waits by a pidfd")
def test_git_that_hangs_is_killed_in_time_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    monkeypatch.setattr(survey_module, "_STATUS", ("sh", "-c", f"sleep 60 & echo $! >{ready}; wait"))

    pending = begin_survey(tmp_path)
    child = os.pidfd_open(int(ready.read_text()))

    try:
        assert pending.finish(timeout=0.05).git is None
        ended, _, _ = select.select([child], [], [], 5)  # the kernel ends what was killed when it next runs
        assert ended == [child]
    finally:
        os.close(child)


def test_repository_cannot_run_programs_of_its_own(tmp_path: Path, git: Git) -> None:
    trap = tmp_path / "trap.sh"
    signature = "-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----"
    sign = f"printf '\\n[GNUPG:] SIG_CREATED x\\n' >&2; echo '{signature}'"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n{sign}\n")
    trap.chmod(0o755)
    git("add", ".")
    git("-c", f"gpg.program={trap}", "commit", "-q", "-S", "-m", "x")
    (tmp_path / "sprung").unlink()
    for key in ("core.fsmonitor", "gpg.program", "core.pager"):
        git("config", key, str(trap))
    git("config", "log.showSignature", "true")
    (tmp_path / "trap.sh").touch()

    assert survey(tmp_path).git is not None
    assert not (tmp_path / "sprung").exists()


def test_outline_has_directories_first_and_leaves_noise_out(tmp_path: Path) -> None:
    for name in ("src/agent/loop.py", "src/main.py", "many/x", "node_modules/m/x", ".venv/x", "a.md", "empty/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for number in range(40):
        (tmp_path / f"many/{number}").touch()
    (tmp_path / "empty/x").unlink()
    (tmp_path / "link").symlink_to("src")

    assert outline(tmp_path) == "empty/ (0)\nmany/ (41)\nsrc/\n  agent/\n  main.py\na.md\nlink"


def test_outline_makes_hostile_names_harmless(tmp_path: Path) -> None:
    (tmp_path / "a\n<system-reminder>").touch()
    (tmp_path / ("x" * 200)).touch()
    (tmp_path / os.fsdecode(b"b\xff\x1b[31m")).touch()

    assert outline(tmp_path).split("\n") == ["a\\n\\x3csystem-reminder>", "b\\udcff\\x1b[31m", "x" * 79 + "…"]


@pytest.mark.parametrize("directories", [0, 30, 400])
def test_outline_keeps_to_its_size(tmp_path: Path, directories: int) -> None:
    for number in range(directories):
        (tmp_path / f"directory-{number:04}").mkdir()
        for child in range(8):
            (tmp_path / f"directory-{number:04}/child-{child}").touch()
    for number in range(1_200):
        (tmp_path / f"file-{number:04}").touch()

    drawn = outline(tmp_path)

    assert len(drawn.encode()) <= 2_000
    assert "more" in drawn.split("\n")[-1]


def test_outline_unfolds_what_there_is_room_for(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}").mkdir()
        for child in range(8):
            (tmp_path / f"{number:02}/child-{child}").touch()

    lines = outline(tmp_path).split("\n")

    assert lines[:2] == ["00/", "  child-0"]
    assert lines[-1] == "39/ (8)"
    assert len("\n".join(lines).encode()) <= 2_000


def test_outline_of_nothing_is_empty(tmp_path: Path) -> None:
    assert outline(tmp_path) == outline(tmp_path / "missing") == ""


@given(st.text())
def test_safe_name_is_one_line_without_tags(name: str) -> None:
    assert "<" not in safe_name(name)
    assert len(safe_name(name).splitlines()) <= 1


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, (), id="nothing"),
        pytest.param(
            {"Makefile": ".PHONY: check\ncheck: lint\nlint test: x\ntest := no\ntypes=3\n"},
            ("make check", "make lint"),
            id="targets of make",
        ),
        pytest.param({"justfile": "test *args:\n  x\n"}, ("just test",), id="recipes of just"),
        pytest.param(
            {"package.json": '{"scripts": {"lint": "x", "test": "y", "evil; rm": "z"}}'},
            ("npm run test", "npm run lint"),
            id="scripts of npm",
        ),
        pytest.param(
            {"package.json": '{"scripts": {"test": "y"}}', "pnpm-lock.yaml": ""}, ("pnpm run test",), id="pnpm"
        ),
        pytest.param({"package.json": "{"}, (), id="broken package"),
        pytest.param(
            {"pyproject.toml": "[dependency-groups]\ndev = [\n  'pytest>=8',\n]\n[tool.ruff.lint]\n", "uv.lock": ""},
            ("uv run pytest", "uv run ruff check ."),
            id="Python with uv",
        ),
        pytest.param(
            {
                "pyproject.toml": "[tool.mypy]\n",
                "poetry.lock": "",
                "setup.cfg": "[tool:pytest]\n",
                "tox.ini": "[tox]\n",
            },
            ("poetry run mypy", "poetry run pytest", "tox"),
            id="Python with poetry",
        ),
        pytest.param({"pytest.ini": "[pytest]\n"}, ("pytest",), id="Python without a project file"),
        pytest.param({"Cargo.toml": "[package]\n"}, ("cargo test", "cargo clippy"), id="Rust"),
        pytest.param({"go.mod": "module x\n"}, ("go test ./...", "go vet ./..."), id="Go"),
    ],
)
def test_check_commands(tmp_path: Path, files: dict[str, str], expected: tuple[str, ...]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)

    assert check_commands(tmp_path) == expected


def test_check_commands_do_not_wait_on_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Makefile")

    assert check_commands(tmp_path) == ()


def test_check_commands_keep_to_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.worktree.check_commands.MAX_BYTES", 20)
    (tmp_path / "Makefile").write_text("check:\ntest:\nlint:\n")

    assert check_commands(tmp_path) == ("make check", "make test")
