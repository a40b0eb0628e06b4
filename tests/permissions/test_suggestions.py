"""What is offered with "do not ask again": it is narrow, and it certainly works the next time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.permissions.drawn import bash, call, ground, judged, rules
from tests.permissions.test_commands import ASKING, DANGERS, LOOKING, lines
from tianting.permissions.questions import Question
from tianting.permissions.rule_text import RuleLine
from tianting.permissions.suggestions import MAX_RULES, suggestions
from tianting.protocol.events import PermissionMode

COMMANDS = [*lines(LOOKING), *lines(ASKING), *lines(DANGERS)]
JOINTS = st.sampled_from([" && ", " || ", "; ", " | ", "\n", " & "])
COMPOUNDS = st.lists(st.tuples(st.sampled_from(COMMANDS), JOINTS), min_size=1, max_size=4).map(
    lambda parts: "".join(text for part in parts for text in part).rstrip("&|; \n")
)
MODES = st.sampled_from(["default", "acceptEdits", "plan", "dontAsk"])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param(bash("npm run build -- --x"), ("Bash(npm run build *)",), id="subcommand and script"),
        pytest.param(bash("npm test"), ("Bash(npm test *)",), id="subcommand"),
        pytest.param(bash("git push origin"), ("Bash(git push *)",), id="git"),
        pytest.param(bash("pytest -q"), ("Bash(pytest *)",), id="program"),
        pytest.param(bash("./run.sh x"), ("Bash(./run.sh x)",), id="a program by its path"),
        pytest.param(bash("python -c 'x * y'"), ("Bash(python -c 'x \\* y')",), id="an interpreter, word for word"),
        pytest.param(bash("rm -rf build"), ("Bash(rm -rf build)",), id="rm, word for word"),
        pytest.param(bash("git log --output=x"), ("Bash(git log --output=x)",), id="a looking command that writes"),
        pytest.param(bash("watch make"), ("Bash(watch make)",), id="a wrapper, word for word"),
        pytest.param(bash("timeout 5 make all"), ("Bash(make all)",), id="through a wrapper"),
        pytest.param(bash("mypy x; ls | ruff y"), ("Bash(mypy *)", "Bash(ruff *)"), id="one for each part"),
        pytest.param(bash("mypy x > out"), ("Edit(//repo/out)", "Bash(mypy *)"), id="with a redirection"),
        pytest.param(bash("cat /etc/passwd"), ("Read(//etc/passwd)",), id="a file outside"),
        pytest.param(bash("cd /srv/x && ls"), ("Read(//srv/x)",), id="a directory outside"),
        pytest.param(bash("cd src && git status"), ("Bash(cd src && git status)",), id="the whole text"),
        pytest.param(bash("a;b;c;d;e;f"), ("Bash(a;b;c;d;e;f)",), id="more than five parts"),
        pytest.param(bash("mypy $X"), ("Bash(mypy *)",), id="a variable"),
        pytest.param(bash("ls"), (), id="nothing to ask"),
        pytest.param(bash("sudo make"), (), id="nothing would help"),
        pytest.param(bash("make '"), (), id="not understood"),
        pytest.param(bash("make", "plan"), (), id="denied by the mode"),
        pytest.param(call("Edit", "edit", "/repo/a b[1].py"), ("Edit(//repo/a b\\[1].py)",), id="edit"),
        pytest.param(call("Write", "edit", "/repo/.git/x"), ("Edit(//repo/.git/x)",), id="a protected file"),
        pytest.param(call("Write", "edit", "/etc/x"), (), id="a system file is asked each time"),
        pytest.param(call("Read", "read", "/srv/x"), ("Read(//srv/x)",), id="read"),
        pytest.param(call("Read", "read", "/repo/a.py", "/srv/x"), ("Read(//srv/x)",), id="only what was asked about"),
        pytest.param(call("WebFetch", "fetch", "https://x.org/y"), ("WebFetch(domain:x.org)",), id="fetch"),
        pytest.param(call("WebFetch", "fetch", "https://[::1"), (), id="no address"),
        pytest.param(call("mcp__s__t"), ("mcp__s__t",), id="tool of a server"),
        pytest.param(call("mcp__s__t", "execute", "mcp__s__t"), ("mcp__s__t",), id="one that may do anything"),
        pytest.param(call("mcp__s__t", "fetch", "mcp__s__t"), ("mcp__s__t",), id="one that only looks"),
        pytest.param(call("Other", "execute", "x"), ("Other",), id="another tool"),
    ],
)
def test_suggestion(question: Question, expected: tuple[str, ...]) -> None:
    assert suggestions(question, rules(), ground()) == expected


@given(command=COMPOUNDS, mode=MODES)
@settings(max_examples=100, deadline=None)
def test_what_is_suggested_allows_the_same_call_the_next_time(command: str, mode: PermissionMode) -> None:
    question = bash(command, mode)
    ruleset = rules(ask="Bash(git push *)", deny="Read(.env)")

    offered = suggestions(question, ruleset, ground())

    assert len(offered) <= MAX_RULES
    if offered:
        wider = ruleset.with_lines(*[RuleLine(text=rule, behaviour="allow") for rule in offered])
        assert (judged(question, ruleset), judged(question, wider)) == ("ask", "allow")


@pytest.mark.parametrize("command", lines(ASKING))
def test_whatever_a_rule_can_lift_has_a_suggestion(command: str) -> None:
    before = judged(bash(command))

    assert bool(suggestions(bash(command), rules(), ground())) == (before == "ask")
