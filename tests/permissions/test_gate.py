"""Whether a call may run, as a table: rules, modes, and a person."""

from pathlib import Path

import pytest

from tianting.permissions.decision import Allow, Decision, Deny
from tianting.permissions.gate import Gate
from tianting.permissions.rules import split_rules
from tianting.protocol.events import PermissionMode
from tianting.protocol.tool_calls import Access, Effect, ToolCall

pytestmark = pytest.mark.anyio

ROOT = Path("/repo")
TARGETS: dict[str, tuple[Effect, str]] = {
    "read in": ("read", "/repo/a.py"),
    "read out": ("read", "/etc/passwd"),
    "edit in": ("edit", "/repo/a.py"),
    "edit out": ("edit", "/etc/hosts"),
    "command": ("execute", "make check"),
    "fetch": ("fetch", "https://example.org"),
    "note": ("note", ""),
}


class Asked:
    """A person who answers `answer` and remembers being asked."""

    def __init__(self, answer: Decision) -> None:
        self.answer = answer
        self.reasons: list[str] = []

    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        self.reasons.append(reason)
        return self.answer


class Broken:
    async def ask(self, call: ToolCall, accesses: tuple[Access, ...], reason: str) -> Decision:
        raise RuntimeError("the screen is gone")


def gate(mode: PermissionMode, person: Asked | Broken | None = None, *, allow: str = "", deny: str = "") -> Gate:
    return Gate(
        mode=mode,
        allowed=split_rules((allow,)),
        denied=split_rules((deny,)),
        inside=lambda path: path.is_relative_to(ROOT),
        person=person,
    )


def call(tool: str = "Tool") -> ToolCall:
    return ToolCall(call_id="c", tool_name=tool, arguments={})


def accesses(*names: str) -> tuple[Access, ...]:
    return tuple(Access(effect=TARGETS[name][0], target=TARGETS[name][1]) for name in names)


@pytest.mark.parametrize(
    ("mode", "allowed", "asked", "denied"),
    [
        pytest.param("default", "read in|note", "read out|edit in|edit out|command|fetch", "", id="default"),
        pytest.param("acceptEdits", "read in|edit in|note", "read out|edit out|command|fetch", "", id="acceptEdits"),
        pytest.param("plan", "read in|note", "read out|fetch", "edit in|edit out|command", id="plan"),
        pytest.param("bypassPermissions", "read in|read out|edit in|edit out|command|fetch|note", "", "", id="bypass"),
        pytest.param("dontAsk", "read in|note", "", "read out|edit in|edit out|command|fetch", id="dontAsk"),
    ],
)
async def test_mode_decides(mode: PermissionMode, allowed: str, asked: str, denied: str) -> None:
    seen: dict[str, str] = {}
    for name in TARGETS:
        person = Asked(Allow())
        decision = await gate(mode, person).decide(call(), accesses(name))
        seen[name] = "ask" if person.reasons else type(decision).__name__

    expected = dict.fromkeys(filter(None, allowed.split("|")), "Allow")
    expected |= dict.fromkeys(filter(None, asked.split("|")), "ask")
    expected |= dict.fromkeys(filter(None, denied.split("|")), "Deny")
    assert seen == expected


async def test_deny_rule_holds_even_where_everything_is_allowed() -> None:
    decision = await gate("bypassPermissions", deny="Bash").decide(call("Bash"), accesses("command"))

    assert decision == Deny(reason="Bash is forbidden by the user's rules. Choose another way.")


async def test_allow_rule_spares_the_question() -> None:
    person = Asked(Deny(reason="no"))

    decision = await gate("default", person, allow="Bash(make check)").decide(call("Bash"), accesses("command"))

    assert (decision, person.reasons) == (Allow(reason="the user's rules"), [])


async def test_allow_rule_does_not_lift_plan_mode() -> None:
    assert isinstance(await gate("plan", allow="Bash").decide(call("Bash"), accesses("command")), Deny)


async def test_strictest_access_wins() -> None:
    person = Asked(Allow())

    await gate("acceptEdits", person).decide(call("apply_patch"), accesses("edit in", "edit out"))

    assert person.reasons == ["/etc/hosts is outside the work tree"]


async def test_without_a_person_a_question_is_a_no_that_says_why() -> None:
    decision = await gate("default").decide(call("Bash"), accesses("command"))

    assert decision == Deny(
        reason="Bash needs the user's permission (it runs a command) and nobody can be asked here. "
        "Do not repeat it; choose another way, or say at the end what you would have run."
    )


async def test_question_that_breaks_is_a_no() -> None:
    assert isinstance(await gate("default", Broken()).decide(call("Bash"), accesses("command")), Deny)


async def test_call_that_cannot_be_judged_does_not_run() -> None:
    def inside(path: Path) -> bool:
        raise RuntimeError("links in a circle")

    decision = await Gate(mode="default", inside=inside).decide(call("Read"), accesses("read in"))

    assert decision == Deny(reason="Whether Read may run could not be decided; nothing was run.")
