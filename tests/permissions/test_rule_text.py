"""What a rule may say, and that anything else is refused with its text."""

import pytest

from tianting.permissions.rule_text import Behaviour, Places, RuleLine, read_rule
from tianting.protocol.errors import ConfigError

PLACES = Places("/repo", "/home/me")


@pytest.mark.parametrize(
    ("text", "behaviour", "complaint"),
    [
        pytest.param("", "allow", "Write Tool", id="nothing"),
        pytest.param("(x)", "allow", "Write Tool", id="no tool"),
        pytest.param("Bash(x", "allow", "Write Tool", id="open parenthesis"),
        pytest.param("Bash x", "allow", "Write Tool", id="two words"),
        pytest.param("Bash()", "allow", "parentheses are empty", id="empty parentheses"),
        pytest.param("*", "allow", "only behind mcp__server__", id="every tool allowed"),
        pytest.param("Web*", "allow", "only behind mcp__server__", id="tools by a star allowed"),
        pytest.param("mcp__*", "allow", "only behind mcp__server__", id="every server allowed"),
        pytest.param("mcp__s*", "allow", "only behind mcp__server__", id="servers by a star allowed"),
        pytest.param("mcp__s*__x", "allow", "only behind mcp__server__", id="a star in the server"),
        pytest.param("Web*(x)", "deny", "takes no specification", id="star with a specification"),
        pytest.param("TodoWrite(x)", "deny", "takes no such specification", id="a tool without any"),
        pytest.param("WebFetch(https://x.org)", "allow", "in deny and ask rules only", id="an address for a domain"),
        pytest.param("WebFetch(domain:https://x.org/y)", "allow", "host's name", id="a scheme in the domain"),
        pytest.param("WebFetch(url:*x*)", "allow", "in deny and ask rules only", id="a parameter allowed"),
        pytest.param("Agent(model:opus)", "allow", "in deny and ask rules only", id="a parameter of an agent allowed"),
        pytest.param("Read(!x)", "deny", "cannot begin with !", id="an exception"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused(text: str, behaviour: Behaviour, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refusal:
        read_rule(RuleLine(text=text, behaviour=behaviour), PLACES)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    ("rule", "tool", "expected"),
    [
        pytest.param("Read", "Read", True, id="itself"),
        pytest.param("Read", "Grep", True, id="Read speaks for Grep"),
        pytest.param("Read", "Write", False, id="not for Write"),
        pytest.param("Edit", "apply_patch", True, id="Edit speaks for patches"),
        pytest.param("Write", "Edit", False, id="Write does not speak for Edit"),
        pytest.param("Task", "Agent", True, id="former name"),
        pytest.param("KillShell", "TaskStop", True, id="former name of another"),
        pytest.param("mcp__github", "mcp__github__issue", True, id="a server"),
        pytest.param("mcp__github", "mcp__github2__issue", False, id="another server"),
        pytest.param("mcp__github__*", "mcp__github__issue", True, id="a server's tools"),
        pytest.param("mcp__github__get_*", "mcp__github__get_issue", True, id="some of them"),
        pytest.param("mcp__github__get_*", "mcp__github__set_issue", False, id="and not the others"),
        pytest.param("mcp__github__issue", "mcp__github__issue2", False, id="one tool"),
    ],
)
def test_a_rule_speaks_of_tools(rule: str, tool: str, expected: bool) -> None:
    assert read_rule(RuleLine(text=rule, behaviour="allow"), PLACES).names(tool) is expected


@pytest.mark.parametrize(("behaviour", "expected"), [("deny", True), ("ask", True), ("allow", False)])
def test_what_may_be_a_server_is_one_to_rules_that_forbid(behaviour: Behaviour, expected: bool) -> None:
    rule = read_rule(RuleLine(text="mcp__my__server", behaviour=behaviour), PLACES)

    assert (rule.names("mcp__my__server__tool"), rule.names("mcp__my__servers")) == (expected, False)


@pytest.mark.parametrize("pattern", ["*", "mcp__*", "Web*"])
def test_a_deny_rule_may_have_a_star_anywhere(pattern: str) -> None:
    rule = read_rule(RuleLine(text=pattern, behaviour="deny"), PLACES)

    assert rule.names(pattern.replace("*", "Fetch__x"))


@pytest.mark.parametrize(
    ("rule", "behaviour", "inside", "outside"),
    [
        pytest.param("//etc/hosts", "allow", "/etc/hosts", "/repo/etc/hosts", id="from the root of the disk"),
        pytest.param("~/x", "allow", "/home/me/x", "/repo/x", id="from the home"),
        pytest.param("~", "deny", "/home/me/x", "/home/you", id="all of the home"),
        pytest.param("/x", "allow", "/conf/x", "/repo/x", id="from the directory of the settings"),
        pytest.param("/x/**", "allow", "/conf/x/y/z", "/conf/x", id="all below a directory"),
        pytest.param("./x", "allow", "/repo/x", "/repo/y/x", id="from the project"),
        pytest.param(".", "allow", "/repo/x/y", "/x", id="all of the project"),
        pytest.param("../x", "allow", "/x", "/repo/x", id="beside the project"),
        pytest.param("x", "allow", "/repo/a/b/x", "/other/x", id="a name, in the project"),
        pytest.param("x", "deny", "/other/x", "/other/y", id="a name, wherever it is denied"),
        pytest.param("*.py", "allow", "/repo/a/b.py", "/repo/a.pyc", id="a pattern at any depth"),
        pytest.param("a/b", "allow", "/repo/a/b", "/repo/x/a/b", id="a path, in the project"),
        pytest.param("a/b", "deny", "/repo/a/b/c", "/repo/x/a/b", id="a directory and what is in it"),
        pytest.param("a/**", "allow", "/repo/a/x", "/repo/y/a/x", id="a directory, allowed in one place"),
        pytest.param("a/**", "deny", "/repo/y/a/x", "/repo/y/b/x", id="a directory, denied at any depth"),
        pytest.param("a/", "deny", "/srv/a/x", "/srv/a", id="a directory's content"),
        pytest.param("**/x", "allow", "/repo/a/x", "/srv/a/x", id="any depth"),
    ],
)
def test_a_path_pattern_covers(rule: str, behaviour: Behaviour, inside: str, outside: str) -> None:
    line = RuleLine(text=f"Edit({rule})", behaviour=behaviour, directory="/conf")
    path = read_rule(line, PLACES).path

    assert path is not None
    assert [path.covers(inside), path.covers(outside)] == [True, False]


def test_patterns_know_spellings_that_the_disk_takes_for_one() -> None:
    decomposed, composed = "cafe\u0301", "caf\u00e9"
    folding = Places("/repo", "/home/me", folds_case=True)

    kept = read_rule(RuleLine(text=f"Read({decomposed})", behaviour="deny"), PLACES).path
    folded = read_rule(RuleLine(text="Read(.ENV)", behaviour="deny"), folding).path

    assert kept is not None
    assert folded is not None
    assert kept.covers(PLACES.folded(f"/repo/{composed}"))
    assert folded.covers(folding.folded("/Repo/.Env"))
    assert not kept.covers("/repo/.ENV")
