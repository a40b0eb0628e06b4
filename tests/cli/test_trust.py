"""`tianting trust`: what a project would let happen is shown, and counts once a person agrees."""

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine, Ran

PROJECT = """{
  "permissions": {"allow": ["Bash(make *)"], "deny": ["WebFetch"]},
  "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "./notify"}]}]}
}
"""


@pytest.fixture
def file(tianting: CommandLine) -> Path:
    """A project's settings."""
    path = Path.cwd() / ".tianting/settings.json"
    path.parent.mkdir()
    path.write_text(PROJECT)
    return path


def rules(tianting: CommandLine) -> list[str]:
    return [line.split("    ")[0] for line in tianting("permissions").stdout.splitlines()[1:]]


def test_agreed_to_it_counts_and_forgotten_it_does_not(tianting: CommandLine, file: Path) -> None:
    assert rules(tianting) == ["deny  WebFetch"]

    told = tianting("trust", "--yes")

    assert told == Ran(
        0,
        f"allow Bash(make *)    {file}:2:29\nat Stop (*): ./notify    {file}:3:22\nTrusted: 1 allow rule, 1 hook.\n",
        "",
    )
    assert rules(tianting) == ["deny  WebFetch", "allow Bash(make *)"]
    assert tianting("trust") == Ran(0, "Nothing waits for your trust here.\n", "")
    assert tianting("trust", "--forget").stdout == "Nothing here is trusted any more.\n"
    assert tianting("trust", "--forget").stdout == "Nothing here was trusted.\n"
    assert rules(tianting) == ["deny  WebFetch"]


def test_without_a_terminal_nobody_agrees(tianting: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

    told = tianting("trust")

    assert (told.code, "There is nobody to ask" in told.stderr) == (2, True)
    assert rules(tianting) == ["deny  WebFetch"]


@pytest.mark.parametrize(
    ("agrees", "last", "in_force"),
    [
        pytest.param(True, "Trusted: 1 allow rule, 1 hook.", ["deny  WebFetch", "allow Bash(make *)"], id="yes"),
        pytest.param(False, "Nothing has changed.", ["deny  WebFetch"], id="no"),
    ],
)
def test_person_is_asked(
    tianting: CommandLine,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    agrees: bool,
    last: str,
    in_force: list[str],
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda question, default: agrees)

    told = tianting("trust")

    assert told.stdout.splitlines()[-1] == last
    assert rules(tianting) == in_force


def test_another_directory(tianting: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parents[2])

    assert "Trusted: 1 allow rule, 1 hook." in tianting("trust", "--yes", str(file.parents[1])).stdout


def test_what_is_added_later_waits_again(tianting: CommandLine, file: Path) -> None:
    tianting("trust", "--yes")
    file.write_text(PROJECT.replace('"Bash(make *)"', '"Bash(make *)", "Bash"'))

    assert rules(tianting) == ["deny  WebFetch", "allow Bash(make *)"]
    assert "Trusted: 1 allow rule." in tianting("trust", "--yes").stdout
