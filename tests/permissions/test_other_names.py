"""A hard link of a file that rules speak of gets the file's answer; a table of rules, calls and what is known."""

import pytest
from msgspec import structs

from tests.permissions.drawn import DrawnPaths, bash, call, ground, judged, rules
from tianting.permissions.engine import judge
from tianting.permissions.questions import Ground, Question
from tianting.permissions.rule_text import PathPattern

TWINS = {"/repo/hard": ("/repo/.env",), "/repo/odd": ("/repo/odd", "/repo/a.py")}
READ = call("Read", "read", "/repo/hard")
EDIT = call("Edit", "edit", "/repo/hard", mode="acceptEdits")


def linked(asked: list[tuple[list[str], str]] | None = None, *, found: bool = True) -> Ground:
    """A ground with hard links; notes what was looked for. `found`: the search came to its end."""

    def names(patterns: tuple[PathPattern, ...], path: str, directories: tuple[str, ...]) -> tuple[str, ...] | None:
        assert directories == ("/repo",)
        if asked is not None:
            asked.append(([pattern.text for pattern in patterns], path))
        return TWINS.get(path, ()) if found else None

    facts = DrawnPaths(
        files=("/repo/hard", "/repo/odd", "/repo/single"),
        links={"/repo/soft": "/repo/hard"},
        names={"/repo/hard": 2, "/repo/odd": 2},
    )
    return structs.replace(ground(facts), other_names=names)


@pytest.mark.parametrize(
    ("question", "deny", "ask", "expected"),
    [
        pytest.param(READ, "Read(**/.env)", "", "deny", id="read"),
        pytest.param(READ, "", "Read(.env)", "ask", id="an ask rule"),
        pytest.param(READ, "Read(./.env)", "Read(.env)", "deny", id="deny before ask"),
        pytest.param(READ, "Edit(.env)", "", "allow", id="read what is not to be edited"),
        pytest.param(EDIT, "Edit(.env)", "", "deny", id="edit"),
        pytest.param(EDIT, "Read(.env)", "", "deny", id="edit what is not to be read"),
        pytest.param(call("Grep", "read", "/repo/hard"), "Grep(.env)", "", "deny", id="a rule of the tool"),
        pytest.param(READ, "Grep(.env)", "", "allow", id="a rule of another tool"),
        pytest.param(call("Read", "read", "/repo/soft"), "Read(.env)", "", "deny", id="through a link"),
        pytest.param(call("Read", "read", "/repo/odd"), "Read(a.py)", "", "deny", id="one of several"),
        pytest.param(bash("cat hard"), "Read(.env)", "", "deny", id="command"),
        pytest.param(bash("cat < hard"), "Read(.env)", "", "deny", id="input"),
        pytest.param(bash("echo x > hard"), "Edit(.env)", "", "deny", id="output"),
        pytest.param(bash("cat har?"), "Read(.env)", "", "deny", id="glob"),
        pytest.param(bash("make -f=hard", "bypassPermissions"), "Read(.env)", "", "deny", id="a word of a command"),
        pytest.param(call("Read", "read", "/repo/single"), "Read(.env)", "", "allow", id="a file with one name"),
    ],
)
def test_hard_link_counts_as_its_target(question: Question, deny: str, ask: str, expected: str) -> None:
    assert judged(question, rules(deny=deny, ask=ask), linked()) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param(READ, "ask!", id="read"),
        pytest.param(bash("cat hard", "bypassPermissions"), "ask!", id="whatever the mode"),
        pytest.param(call("Read", "read", "/repo/single"), "allow", id="a file with one name"),
    ],
)
def test_search_without_an_end_asks(question: Question, expected: str) -> None:
    assert judged(question, rules(deny="Read(.env)", allow="Read"), linked(found=False)) == expected


@pytest.mark.parametrize(
    ("question", "deny", "ask", "searched"),
    [
        pytest.param(call("Read", "read", "/repo/single"), "Read(.env)", "", [], id="one name"),
        pytest.param(READ, "", "", [], id="no rules"),
        pytest.param(READ, "Bash(rm *) ; Edit(.env) ; Read", "", [], id="no rules about reading files"),
        pytest.param(READ, "Read(hard)", "Read(.env)", [], id="denied anyway"),
        pytest.param(READ, "Read(.env)", "Read(x)", [([".env", "x"], "/repo/hard")], id="several names and rules"),
        pytest.param(
            bash("cat hard hard; wc hard"), "Read(.env)", "", [([".env"], "/repo/hard")], id="once for a command"
        ),
    ],
)
def test_nothing_is_searched_in_vain(
    question: Question, deny: str, ask: str, searched: list[tuple[list[str], str]]
) -> None:
    asked: list[tuple[list[str], str]] = []

    judge(question, rules(deny=deny, ask=ask), linked(asked))

    assert asked == searched


def test_reasons_name_both_names() -> None:
    said = judge(READ, rules(deny="Read(.env)"), linked())
    open_question = judge(READ, rules(deny="Read(.env)"), linked(found=False))

    assert (said.reason, said.rule, said.source) == (
        "/repo/hard is the same file as /repo/.env (a hard link), and the rule Read(.env) forbids it",
        "Read(.env)",
        "settings.json",
    )
    assert open_question.reason == (
        "/repo/hard has other names (hard links), and whether a rule is about one of them takes too long to find out"
    )


def test_nobody_to_look_knows_no_names() -> None:
    facts = DrawnPaths(names={"/repo/a.py": 2})

    assert judged(call("Read", "read", "/repo/a.py"), rules(deny="Read(.env)"), ground(facts)) == "allow"
