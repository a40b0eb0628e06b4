"""The judge of a session: verdicts in the words of the loop, and rules that are granted meanwhile."""

import pytest

from tests.permissions.drawn import ROOT, ground, rules
from tianting.permissions.decision import Allow, Ask, Deny, Verdict
from tianting.permissions.session_judge import SessionJudge
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, ToolCall


def judge(mode: PermissionMode = "default", *, deny: str = "", ask: str = "") -> SessionJudge:
    return SessionJudge(mode=mode, ruleset=rules(deny=deny, ask=ask), ground=ground(), cwd=lambda: ROOT)


def command(text: str) -> tuple[ToolCall, tuple[Access, ...]]:
    call = ToolCall(call_id="c", tool_name="Bash", arguments={"command": text})
    return call, (Access(effect="execute", target=text),)


@pytest.mark.parametrize(
    ("mode", "text", "verdict"),
    [
        pytest.param("default", "ls", Allow(reason="only looks"), id="looks"),
        pytest.param("default", "make", Ask(reason="no rule allows make"), id="a person may be spared"),
        pytest.param("dontAsk", "make", Ask(reason="no rule allows make"), id="the gate knows that nobody is asked"),
        pytest.param(
            "default", "make x", Ask(reason="the rule Bash(make x) wants it asked", binding=True), id="ask rule"
        ),
        pytest.param(
            "default",
            "git push",
            Deny(reason="Bash was not run: the rule Bash(git push) forbids it. Choose another way; do not repeat it."),
            id="deny rule",
        ),
        pytest.param(
            "plan",
            "make",
            Deny(
                reason="Plan mode is on: only commands that look run. Use Read, Grep and Glob, then present the plan."
            ),
            id="plan mode",
        ),
    ],
)
def test_verdict(mode: PermissionMode, text: str, verdict: Verdict) -> None:
    assert judge(mode, deny="Bash(git push)", ask="Bash(make x)").verdict(*command(text)) == verdict


def test_what_nothing_lifts_binds_to_a_person() -> None:
    verdict = judge("bypassPermissions").verdict(*command("rm -rf /"))

    assert isinstance(verdict, Ask)
    assert verdict.binding


def test_granted_rule_holds_from_now_on() -> None:
    held = judge()

    held.grant(held.suggestions(*command("make all")), "this session")

    assert held.verdict(*command("make all")) == Allow(reason="the rule Bash(make all) allows it")
