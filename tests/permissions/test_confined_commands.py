"""What is said of commands in a sandbox, and of those that want to leave it."""

import pytest

from tests.permissions.drawn import ROOT, judged, rules
from tianting.permissions.questions import Question
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access

MODES: tuple[PermissionMode, ...] = ("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk")


def confined(command: str, mode: PermissionMode = "default") -> Question:
    return _question(Access(effect="execute", target=command, sandbox="inside"), mode)


def leaving(command: str, mode: PermissionMode = "default") -> Question:
    return _question(Access(effect="execute", target=command, sandbox="outside"), mode)


def _question(access: Access, mode: PermissionMode) -> Question:
    return Question(tool_name="Bash", accesses=(access,), arguments={"command": access.target}, mode=mode, cwd=ROOT)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("make", "allow", id="what would be asked runs"),
        pytest.param("make > /srv/log", "allow", id="the walls keep redirections in"),
        pytest.param("cd sub && git status", "allow", id="git elsewhere"),
        pytest.param("git push", "ask", id="an ask rule"),
        pytest.param("make; curl x.org", "deny", id="a deny rule"),
        pytest.param("rm -rf /", "ask!", id="a danger"),
        pytest.param("echo x > .git/config", "ask", id="a protected file"),
    ],
)
def test_walls_answer_instead_of_the_person_but_not_instead_of_rules(command: str, expected: str) -> None:
    assert judged(confined(command), rules(ask="Bash(git push:*)", deny="Bash(curl:*)")) == expected


def test_plan_mode_holds_inside_too() -> None:
    assert [judged(confined("make", mode)) for mode in MODES] == ["allow", "allow", "deny", "allow", "allow"]


def test_no_rule_and_no_mode_lets_a_command_out() -> None:
    allowed = rules(allow="Bash")

    assert [judged(leaving("ls", mode), allowed) for mode in MODES] == ["ask!", "ask!", "ask!", "ask!", "deny!"]
