"""The judge of a session: verdicts in the words of the loop, and rules that are granted meanwhile."""

import pytest

from tests.permissions.drawn import ROOT, ground, rules
from tianting.permissions.decision import Allow, Ask, Deny, Verdict
from tianting.permissions.rule_text import RuleLine
from tianting.permissions.session_judge import SessionJudge
from tianting.protocol.errors import ConfigError
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


def test_mode_that_asks_nobody_may_come_and_go() -> None:
    held = judge(ask="Bash(make x)")
    asked_first = held.asks

    held.set_mode("dontAsk")
    asked_then = held.asks
    held.set_mode("acceptEdits")

    assert (asked_first, asked_then, held.asks) == (True, False, True)


def test_rules_are_exchanged_all_or_none() -> None:
    held = judge(deny="Bash(git push)")

    with pytest.raises(ConfigError):
        held.exchange(lambda line: True, [RuleLine(text="Bash()", behaviour="allow")])
    before = held.verdict(*command("git push"))
    held.exchange(lambda line: line.behaviour == "deny", [RuleLine(text="Bash(git push)", behaviour="allow")])

    assert isinstance(before, Deny)
    assert held.verdict(*command("git push")) == Allow(reason="the rule Bash(git push) allows it")


def test_directories_are_set() -> None:
    held = judge("acceptEdits")
    call = ToolCall(call_id="c", tool_name="Write", arguments={"file_path": "/data/a"})
    accesses = (Access(effect="edit", target="/data/a"),)
    outside = held.verdict(call, accesses)

    held.set_directories(("/data",))

    assert isinstance(outside, Ask)
    assert isinstance(held.verdict(call, accesses), Allow)
