"""The client is asked like a person: its yes and its no count, and nothing else ever becomes a yes."""

import logging
from collections.abc import Callable
from itertools import count
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.surfaces.stream_json.wires import KeptWire
from tianting.permissions.decision import Allow, Decision, Deny
from tianting.permissions.gate import tells_of_refusal
from tianting.permissions.updates import PermissionUpdate, encoded, suggested
from tianting.protocol.client_lines import Answered, Refused
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.surfaces.stream_json.client_person import ClientPerson, PermissionQuestion, Permissions, over_link
from tianting.surfaces.stream_json.link import ControlLink
from tianting.surfaces.stream_json.outlet import Outlet

pytestmark = pytest.mark.anyio

COMMAND = {"command": "make", "description": "Build it"}
CALL = ToolCall(call_id="call-1", tool_name="Bash", arguments=COMMAND)
ACCESSES = (Access(effect="execute", target="make"),)
SUGGESTED = suggested(("Bash(make *)",))


class Notes:
    """A session's permissions, which only notes what is changed."""

    def __init__(self) -> None:
        self.applied: list[PermissionUpdate] = []

    def permissions(self) -> Permissions:
        return Permissions(
            suggested_updates=lambda call, accesses: SUGGESTED,
            apply_updates=self._apply,
            directories=lambda: ("/work/app", "/more"),
        )

    async def _apply(self, updates: tuple[PermissionUpdate, ...]) -> tuple[str, ...]:
        self.applied.extend(updates)
        return ("Added.",)


def link_over(wire: KeptWire) -> ControlLink:
    numbers = count(1)
    return ControlLink(Outlet(wire), lambda: f"q{next(numbers)}")


async def decision_of(payload: Any, notes: Notes | None = None) -> Decision:
    """What follows from a success with `payload`."""
    return await decision_when(lambda link: link.answered(Answered(request_id="q1", payload=payload)), notes=notes)


async def decision_when(
    happens: Callable[[ControlLink], None], *, wire: KeptWire | None = None, notes: Notes | None = None
) -> Decision:
    """What follows when something happens while the client is asked."""
    link = link_over(wire or KeptWire())
    person = ClientPerson(over_link(link), (notes or Notes()).permissions())
    decisions: list[Decision] = []

    async def ask() -> None:
        decisions.append(await person.ask(CALL, ACCESSES, "no rule allows make"))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            happens(link)
    return decisions[0]


async def test_client_is_asked_with_all_it_needs_to_answer() -> None:
    wire = KeptWire()

    await decision_when(lambda link: link.close(), wire=wire)

    [line] = wire.lines
    assert line["request"] == {
        "subtype": "can_use_tool",
        "tool_name": "Bash",
        "input": COMMAND,
        "tool_use_id": "call-1",
        "permission_suggestions": [
            {
                "type": "addRules",
                "rules": [{"toolName": "Bash", "ruleContent": "make *"}],
                "behavior": "allow",
                "destination": "localSettings",
            }
        ],
        "decision_reason": "no rule allows make",
        "title": "Bash needs your permission: no rule allows make",
        "display_name": "Bash",
        "description": "Build it",
    }


@pytest.mark.parametrize(
    ("accesses", "blocked"),
    [
        pytest.param((Access(effect="edit", target="/work/app/a"),), None, id="inside"),
        pytest.param((Access(effect="read", target="/more"),), None, id="an added directory itself"),
        pytest.param((Access(effect="edit", target="/work/application"),), "/work/application", id="a similar name"),
        pytest.param(
            (Access(effect="read", target="/more/a"), Access(effect="edit", target="/etc/b")), "/etc/b", id="the second"
        ),
        pytest.param((Access(effect="execute", target="cat /etc/b"),), None, id="a command"),
    ],
)
async def test_client_hears_which_path_lies_outside(accesses: tuple[Access, ...], blocked: str | None) -> None:
    asked: list[PermissionQuestion] = []

    async def ask(question: PermissionQuestion) -> Any:
        asked.append(question)
        return {"behavior": "allow"}

    call = ToolCall(call_id="c", tool_name="Edit", arguments={"description": 3})
    await ClientPerson(ask, Notes().permissions()).ask(call, accesses, "")

    kind = None if blocked is None else "workingDir"
    assert (asked[0].blocked_path, asked[0].decision_reason_type, asked[0].title) == (blocked, kind, None)
    assert asked[0].description is None


YES = Allow(reason="allowed by the user")


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        pytest.param({"behavior": "allow"}, YES, id="yes"),
        pytest.param({"behavior": "allow", "updatedInput": COMMAND}, YES, id="yes to the same"),
        pytest.param(
            {"behavior": "allow", "updatedInput": {"command": "make -n"}},
            Allow(reason="allowed by the user", arguments={"command": "make -n"}),
            id="yes to something else",
        ),
        pytest.param({"behavior": "deny", "message": "Not now."}, Deny(reason="Not now.", by_person=True), id="no"),
        pytest.param({"behavior": "deny"}, Deny(reason="The user declined this call.", by_person=True), id="bare no"),
        pytest.param(
            {"behavior": "deny", "message": "Stop.", "interrupt": True},
            Deny(reason="Stop.", by_person=True, interrupts=True),
            id="no, and stop",
        ),
    ],
)
async def test_answer_becomes_a_decision(answer: Any, decision: Decision) -> None:
    assert await decision_of(answer) == decision


async def test_suggestions_given_back_are_carried_out() -> None:
    notes = Notes()

    assert await decision_of({"behavior": "allow", "updatedPermissions": list(encoded(SUGGESTED))}, notes) == YES

    assert tuple(notes.applied) == SUGGESTED


async def test_updates_that_cannot_be_read_change_nothing_and_leave_the_yes(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    updates = [*encoded(SUGGESTED), {"type": "forgetAll"}]

    with caplog.at_level(logging.WARNING):
        assert await decision_of({"behavior": "allow", "updatedPermissions": updates}, notes) == YES

    assert notes.applied == []
    assert "changes no permissions" in caplog.text


GARBAGE: list[Any] = [
    None,
    "allow",
    [],
    {},
    {"behavior": "ALLOW"},
    {"behavior": True},
    {"behavior": "allow", "updatedInput": "make"},
    {"behavior": "deny", "message": 3},
]


@pytest.mark.parametrize("payload", GARBAGE, ids=repr)
async def test_answer_that_is_none_is_a_no_and_logged(payload: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        decision = await decision_of(payload)

    assert isinstance(decision, Deny)
    assert not decision.by_person
    assert "can_use_tool" in caplog.text


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        pytest.param(lambda link: link.close(), "Nobody is there to be asked any more.", id="the client is gone"),
        pytest.param(
            lambda link: link.answered(Refused(request_id="q1", error="No callback.")), "No callback.", id="an error"
        ),
    ],
)
async def test_client_that_cannot_answer_means_no(happens: Callable[[ControlLink], None], why: str) -> None:
    decision = await decision_when(happens)

    assert decision == Deny(reason=f"Whether Bash may run could not be decided; nothing was run. {why}")
    assert tells_of_refusal(decision.reason)


async def test_client_that_stopped_reading_means_no() -> None:
    wire = KeptWire()
    wire.is_gone = True

    assert isinstance(await decision_when(lambda link: None, wire=wire), Deny)


async def test_client_that_never_answers_means_no_where_there_is_a_limit() -> None:
    person = ClientPerson(over_link(link_over(KeptWire()), 0.01), Notes().permissions())

    with anyio.fail_after(5):
        decision = await person.ask(CALL, ACCESSES, "")

    assert isinstance(decision, Deny)
    assert decision.reason.endswith("The client gave no answer within 0.01 seconds.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["allow", "deny"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["behavior", "message", "interrupt", "updatedInput"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(payload=JSON)
def test_only_the_word_allow_is_a_yes(payload: Any) -> None:
    async def ask(question: PermissionQuestion) -> Any:
        return payload

    decision = anyio.run(ClientPerson(ask, Notes().permissions()).ask, CALL, ACCESSES, "")

    assert isinstance(decision, Deny) or payload["behavior"] == "allow"
