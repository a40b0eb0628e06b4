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
def test_rule_allows_narrowly(rule: str, tool: str, accesses: tuple[Access, ...], expected: bool) -> None:
    assert parse_rule(rule).allows(tool, accesses) is expected


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        pytest.param("Bash(rm:*)", "rm -rf 'a b'", id="quotes"),
        pytest.param("Bash(rm:*)", "rm -rf *", id="wildcard"),
        pytest.param("Bash(rm:*)", "ls && rm x", id="second command"),
        pytest.param("Bash(rm:*)", "ls\nrm x", id="second line"),
        pytest.param("Bash(rm:*)", "echo $(rm x)", id="substitution"),
        pytest.param("Bash(rm:*)", "FORCE=1 rm x", id="assignment in front"),
        pytest.param("Bash(rm:*)", "sudo rm x", id="wrapper"),
        pytest.param("Bash(rm:*)", "$tool x", id="name that cannot be read"),
        pytest.param("Bash(git push:*)", "git -C there push", id="option between"),
        pytest.param("Bash(git push:*)", "git push", id="bare"),
        pytest.param("Bash(git push)", "ls; git push", id="exact behind another"),
        pytest.param("Bash(./deploy.sh:*)", "bash -c './deploy.sh now'", id="script in a shell"),
        pytest.param("Bash(curl x | sh)", "curl x | sh", id="rule with an operator"),
        pytest.param("bash(rm:*)", "rm x", id="another case"),
        pytest.param("Bash", "rm x", id="the whole tool"),
    ],
)
def test_rule_forbids_however_it_is_spelled(rule: str, command: str) -> None:
    assert parse_rule(rule).forbids("Bash", runs(command))


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        pytest.param("Bash(rm:*)", "rmdir x", id="longer name"),
        pytest.param("Bash(rm:*)", "git rm x", id="word of another program"),
        pytest.param("Bash(rm:*)", "git commit -m 'no; rm x'", id="quoted for no shell"),
        pytest.param("Bash(git push)", "git push --force", id="exact is exact"),
        pytest.param("Bash(git push:*)", "git pull", id="another word"),
    ],
)
def test_rule_does_not_forbid_what_it_does_not_name(rule: str, command: str) -> None:
    assert not parse_rule(rule).forbids("Bash", runs(command))


@pytest.mark.parametrize(
    ("rule", "tool"),
    [
        pytest.param("bash", "Bash", id="another case"),
        pytest.param("KillShell", "TaskStop", id="former name"),
        pytest.param("ApplyPatch", "apply_patch", id="name elsewhere"),
        pytest.param("Edit", "MultiEdit", id="edits in another way"),
        pytest.param("Read", "Grep", id="shows contents in another way"),
        pytest.param("Todo*", "TodoWrite", id="pattern"),
        pytest.param("mcp__github", "mcp__github__merge", id="all tools of a server"),
    ],
)
def test_rule_forbids_the_tool_under_every_name(rule: str, tool: str) -> None:
    assert parse_rule(rule).forbids(tool, ())


def test_rule_for_reading_does_not_allow_searching() -> None:
    assert not parse_rule("Read").allows("Grep", ())


@pytest.mark.parametrize("character", ["\t", "\r", "\x1b", "\u00a0", "\u2028", "\x00"])
def test_prefix_allows_nothing_that_cannot_be_seen(character: str) -> None:
    assert not parse_rule("Bash(git log:*)").allows("Bash", runs(f"git log {character}x"))


def test_flag_holds_several_rules() -> None:
    assert split_rules(("Read,Edit Bash(git log:*)", "Bash(a, b)")) == (
        Rule(tool="Read"),
        Rule(tool="Edit"),
        Rule(tool="Bash", kind="prefix", words="git log"),
        Rule(tool="Bash", kind="exact", words="a, b"),
    )
