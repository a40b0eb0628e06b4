"""In plan mode nothing is changed: not by a tool, not by a command, not by what a shell does with its output."""

import pytest

from tests.permissions.drawn import bash, judged, rules


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("echo x > a.txt", id="output into a file"),
        pytest.param("> a.txt", id="nothing into a file"),
        pytest.param("cat a >> b", id="appended"),
        pytest.param("git log > x", id="a command that looks"),
        pytest.param("{ ls; pwd; } > x", id="a compound's output"),
        pytest.param("ls | tee x", id="a pipe into a file"),
        pytest.param("sed -i s/a/b/ x", id="an option that writes"),
        pytest.param("make", id="anything else"),
    ],
)
def test_nothing_is_written(command: str) -> None:
    assert judged(bash(command, "plan")) == "deny"
    assert judged(bash(command, "plan"), rules(allow="Bash")) == "deny"


@pytest.mark.parametrize("command", ["ls 2>/dev/null", "cat < a", "git status", "grep x a | head"])
def test_looking_is_allowed(command: str) -> None:
    assert judged(bash(command, "plan")) == "allow"
