"""Rules are read strictly and match narrowly."""

import pytest

from tianting.permissions.rules import Rule, parse_rule, split_rules
from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import Access


def runs(command: str) -> tuple[Access, ...]:
    return (Access(effect="execute", target=command),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Read", Rule(tool="Read"), id="a tool"),
        pytest.param("Bash(*)", Rule(tool="Bash"), id="star is all"),
        pytest.param("Bash(git status)", Rule(tool="Bash", kind="exact", words="git status"), id="one command"),
        pytest.param("Bash(git log:*)", Rule(tool="Bash", kind="prefix", words="git log"), id="colon star"),
        pytest.param("Bash(git log *)", Rule(tool="Bash", kind="prefix", words="git log"), id="blank star"),
        pytest.param("mcp__github", Rule(tool="mcp__github"), id="a server's tools"),
    ],
)
def test_rule_is_read(text: str, expected: Rule) -> None:
    assert parse_rule(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("Edit(src/**)", "only Bash takes a command", id="path rules are not known"),
        pytest.param("Bash(git * push)", "only at the end", id="star inside"),
        pytest.param("Bash(* :*)", "only at the end", id="nothing but stars"),
        pytest.param("(x)", "not understood", id="no tool"),
        pytest.param("Bash(x", "not understood", id="open parenthesis"),
    ],
)
def test_rule_that_is_not_understood_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_rule(text)


@pytest.mark.parametrize(
    ("rule", "tool", "accesses", "expected"),
    [
        pytest.param("Bash", "Bash", runs("rm -rf x"), True, id="whole tool"),
        pytest.param("Bash(git status)", "Bash", runs("git status"), True, id="exact"),
        pytest.param("Bash(git status)", "Bash", runs("git status -s"), False, id="exact is exact"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log --oneline"), True, id="prefix"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log"), True, id="bare prefix"),
        pytest.param("Bash(git log:*)", "Bash", runs("git logx"), False, id="word boundary"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log; rm -rf /"), False, id="second command"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log && curl x"), False, id="and"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log $(rm x)"), False, id="substitution"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log > /etc/passwd"), False, id="redirection"),
        pytest.param("Bash(git log:*)", "Bash", runs("git log\nrm x"), False, id="new line"),
        pytest.param("Edit", "Write", (), True, id="edit covers write"),
        pytest.param("Edit", "apply_patch", (), True, id="edit covers patches"),
        pytest.param("Read", "Write", (), False, id="another tool"),
        pytest.param("Bash(ls)", "Bash", (), False, id="no command to match"),
    ],
)
def test_rule_matches_narrowly(rule: str, tool: str, accesses: tuple[Access, ...], expected: bool) -> None:
    assert parse_rule(rule).matches(tool, accesses) is expected


def test_flag_holds_several_rules() -> None:
    assert split_rules(("Read,Edit Bash(git log:*)", "Bash(a, b)")) == (
        Rule(tool="Read"),
        Rule(tool="Edit"),
        Rule(tool="Bash", kind="prefix", words="git log"),
        Rule(tool="Bash", kind="exact", words="a, b"),
    )
