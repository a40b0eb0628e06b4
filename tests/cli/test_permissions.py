"""`tianting permissions`: the rules with their places, and what they say of a call."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import CommandLine, Ran
from tianting.permissions.gate import tells_of_refusal

RULES = """{"permissions": {
  "deny": ["Bash(git push *)", "Read(.env)"],
  "ask": ["Bash(make deploy)"],
  "allow": ["Bash(make *)"]
}}
"""


@pytest.fixture
def settings(home: Path) -> Path:
    """The person's own rules."""
    home.mkdir()
    path = home / "settings.json"
    path.write_text(RULES)
    return path


def explained(told: Ran) -> dict[str, Any]:
    assert (told.code, told.stderr) == (0, "")
    return msgspec.json.decode(told.stdout, type=dict[str, Any])


def test_rules_are_listed_with_their_lines(tianting: CommandLine, settings: Path) -> None:
    told = tianting("permissions")

    assert told == Ran(
        0,
        "mode  default\n"
        f"deny  Bash(git push *)    {settings}:2:12\n"
        f"deny  Read(.env)    {settings}:2:32\n"
        f"ask   Bash(make deploy)    {settings}:3:11\n"
        f"allow Bash(make *)    {settings}:4:13\n",
        "",
    )


def test_rules_as_json(tianting: CommandLine, settings: Path) -> None:
    told = tianting("permissions", "--json")

    first, *_ = told.stdout.splitlines()
    assert msgspec.json.decode(first) == {
        "behaviour": "deny",
        "rule": "Bash(git push *)",
        "source": f"{settings}:2:12",
    }


def test_what_waits_is_said(tianting: CommandLine) -> None:
    project("settings.json", '{"permissions": {"allow": ["Bash"]}}')

    told = tianting("permissions")

    assert told.stdout == "mode  default\n"
    assert "1 allow rule will not count until you trust this project" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "decision", "rule"),
    [
        pytest.param(("make check",), "allow", "Bash(make *)", id="allow rule"),
        pytest.param(("make deploy",), "ask", "Bash(make deploy)", id="ask rule"),
        pytest.param(("ls; git push origin",), "deny", "Bash(git push *)", id="deny rule"),
        pytest.param(("git status",), "allow", "", id="only looks"),
        pytest.param(("touch x", "--mode", "acceptEdits"), "allow", "", id="mode"),
        pytest.param(("touch x", "--mode", "dontAsk"), "deny", "", id="mode that asks nobody"),
        pytest.param(("rm -rf /", "--mode", "bypassPermissions"), "ask", "", id="what nothing lifts"),
        pytest.param(("--tool", "Read", "--path", ".env"), "deny", "Read(.env)", id="file"),
        pytest.param(("--tool", "Grep", "--path", "/etc"), "ask", "", id="search elsewhere"),
        pytest.param(("--tool", "Edit", "--path", ".git/config", "--mode", "acceptEdits"), "ask", "", id="protected"),
        pytest.param(("--tool", "WebFetch", "--input", '{"url": "https://example.org"}'), "ask", "", id="page"),
        pytest.param(("--tool", "mcp__github__list_issues"), "ask", "", id="tool of a server"),
    ],
)
def test_explain(tianting: CommandLine, settings: Path, arguments: tuple[str, ...], decision: str, rule: str) -> None:
    told = explained(tianting("permissions", "explain", "--json", *arguments))

    assert (told["decision"], told["rule"]) == (decision, rule)
    assert bool(told["source"]) == bool(rule)


def test_explained_part_by_part(tianting: CommandLine, settings: Path) -> None:
    told = explained(tianting("permissions", "explain", "--json", "git log && git push"))

    assert told == {
        "tool": "Bash",
        "decision": "deny",
        "rule": "Bash(git push *)",
        "source": f"{settings}:2:12",
        "reason": "the rule Bash(git push *) forbids it",
        "fixed": False,
        "mode": "default",
        "parts": [
            {"text": "git log", "decision": "allow", "rule": "", "source": "", "reason": "only looks"},
            {
                "text": "git push",
                "decision": "deny",
                "rule": "Bash(git push *)",
                "source": f"{settings}:2:12",
                "reason": "the rule Bash(git push *) forbids it",
            },
        ],
    }


def test_explained_to_a_person(tianting: CommandLine, settings: Path) -> None:
    assert tianting("permissions", "explain", "npm run build && make deploy").stdout.splitlines() == [
        "ask: no rule allows npm",
        "  ask   npm run build    no rule allows npm",
        "  ask   make deploy    the rule Bash(make deploy) wants it asked",
    ]
    assert tianting("permissions", "explain", "npm run build").stdout.splitlines() == [
        "ask: no rule allows npm",
        "Rules that would allow it: Bash(npm run build *)",
    ]


def test_many_questions(tianting: CommandLine, settings: Path, pipe: Callable[[bytes], None]) -> None:
    pipe(
        b'{"tool": "Bash", "input": {"command": "ls"}}\n\nno json\n'
        b'{"tool": "Edit", "input": {"file_path": "a.py"}, "mode": "plan"}\n{"tool": "Bash"}\n'
    )

    told = tianting("permissions", "explain", "-")

    answers = [msgspec.json.decode(line) for line in told.stdout.splitlines()]
    assert [answer.get("decision", "error") for answer in answers] == ["allow", "error", "deny", "error"]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Lets standard input hold some bytes."""

    def hold(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return hold


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        pytest.param((), 2, "Say one thing to explain", id="nothing"),
        pytest.param(("ls", "--tool", "Bash"), 2, "Say one thing to explain", id="two things"),
        pytest.param(("ls", "--path", "x"), 2, "Say one thing to explain", id="path of no tool"),
        pytest.param(("--tool", "Bash", "--input", "x"), 2, "--input is no JSON object", id="no JSON"),
        pytest.param(("--tool", "Bash"), 2, "missing required field `command`", id="no command"),
        pytest.param(("--replay", "last"), 1, "There is no session 'last'", id="no session"),
    ],
)
def test_what_cannot_be_explained(tianting: CommandLine, arguments: tuple[str, ...], code: int, complaint: str) -> None:
    told = tianting("permissions", "explain", *arguments)

    [line] = told.stderr.splitlines()
    assert (told.code, told.stdout, complaint in line) == (code, "", True), line


def test_rule_that_is_not_understood_is_told_with_its_place(tianting: CommandLine, home: Path) -> None:
    home.mkdir()
    (home / "settings.json").write_text('{"permissions": {"deny": ["Bash()"]}}')

    told = tianting("permissions")

    assert (told.code, told.stdout) == (2, "")
    assert f"{home}/settings.json:1:27: The rule 'Bash()' is not understood." in told.stderr


def test_another_agent_s_allow_rule_that_is_not_understood_is_left_out(tianting: CommandLine, home: Path) -> None:
    other = home.parent / ".claude"
    other.mkdir()
    (other / "settings.json").write_text('{"permissions": {"allow": ["Bash()", "Bash(ls -l)"], "deny": ["Read(x)"]}}')
    assert tianting("trust", "--yes").code == 0

    told = tianting("permissions")

    assert [line.split("    ")[0] for line in told.stdout.splitlines()] == [
        "mode  default",
        "deny  Read(x)",
        "allow Bash(ls -l)",
    ]


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        pytest.param("Bash was not run: the rule Bash(x) forbids it. Choose another way.", True, id="rule"),
        pytest.param("Exit code 1", False, id="failure"),
    ],
)
def test_refusals_are_known_by_their_words(words: str, refused: bool) -> None:
    assert tells_of_refusal(words) == refused


def project(name: str, text: str) -> Path:
    path = Path(".tianting") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path
