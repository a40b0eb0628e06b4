"""Each kind of question that Codex asks, from the request to its result."""

from typing import Any

import pytest
from msgspec import Raw, json

from tianting.fleet.drivers.codex_questions import can_end_turn, question_of, result_of
from tianting.fleet.drivers.driver import Answer, PersonAsked
from tianting.fleet.drivers.json_rpc import Asked

COMMAND = "item/commandExecution/requestApproval"
CHANGE = "item/fileChange/requestApproval"
PERMISSIONS = "item/permissions/requestApproval"
INPUT = "item/tool/requestUserInput"
ELICITATION = "mcpServer/elicitation/request"

NETWORK = {"network": {"enabled": True}}
AMENDMENT = {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["touch"]}}
QUESTIONS = [{"id": "q1", "header": "H", "question": "Which?"}, {"id": "q2", "header": "H", "question": "When?"}]


def question(method: str, params: dict[str, Any]) -> PersonAsked:
    asked = Asked(id=3, method=method, params=Raw(json.encode(params)), line=b"")
    found = question_of(asked)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("method", "params", "kind", "tool", "text", "suggestions"),
    [
        pytest.param(
            COMMAND,
            {"command": "touch a", "availableDecisions": ["accept", AMENDMENT, "cancel"]},
            "approval",
            "commandExecution",
            "touch a",
            (AMENDMENT,),
            id="command",
        ),
        pytest.param(COMMAND, {"reason": "Needed."}, "approval", "commandExecution", "Needed.", (), id="reason"),
        pytest.param(CHANGE, {}, "approval", "fileChange", "Change files", ("acceptForSession",), id="files"),
        pytest.param(PERMISSIONS, {}, "approval", "permissions", "Grant permissions", ("session",), id="permissions"),
        pytest.param(INPUT, {"questions": QUESTIONS}, "input", "requestUserInput", "Which?\nWhen?", (), id="input"),
        pytest.param(
            ELICITATION, {"serverName": "notes", "message": "Name?"}, "input", "notes", "Name?", (), id="elicitation"
        ),
    ],
)
def test_question_is_put_to_a_person(
    method: str, params: dict[str, Any], kind: str, tool: str, text: str, suggestions: tuple[Any, ...]
) -> None:
    asked = question(method, params)

    assert (asked.kind, asked.tool, asked.text, asked.suggestions) == (kind, tool, text, suggestions)
    assert params.items() <= asked.input.items()


@pytest.mark.parametrize(
    ("method", "params", "answer", "result"),
    [
        pytest.param(COMMAND, {}, Answer(allow=True), {"decision": "accept"}, id="yes"),
        pytest.param(COMMAND, {}, Answer(allow=False), {"decision": "decline"}, id="no"),
        pytest.param(CHANGE, {}, Answer(allow=False, interrupt=True), {"decision": "cancel"}, id="no, and stop"),
        pytest.param(
            COMMAND, {}, Answer(allow=True, suggestions=(AMENDMENT,)), {"decision": AMENDMENT}, id="yes, always"
        ),
        pytest.param(
            PERMISSIONS,
            {"permissions": NETWORK},
            Answer(allow=True, suggestions=("session",)),
            {"permissions": NETWORK, "scope": "session"},
            id="granted as asked",
        ),
        pytest.param(
            PERMISSIONS,
            {"permissions": NETWORK},
            Answer(allow=True, updated_input={"network": {"enabled": False}}),
            {"permissions": {"network": {"enabled": False}}, "scope": "turn"},
            id="granted in part",
        ),
        pytest.param(
            PERMISSIONS,
            {"permissions": NETWORK},
            Answer(allow=False),
            {"permissions": {}, "scope": "turn"},
            id="not granted",
        ),
        pytest.param(
            INPUT,
            {"questions": QUESTIONS},
            Answer(allow=True, updated_input={"q1": "A", "q2": ["B", "C"]}),
            {"answers": {"q1": {"answers": ["A"]}, "q2": {"answers": ["B", "C"]}}},
            id="answers one by one",
        ),
        pytest.param(
            INPUT,
            {"questions": QUESTIONS[:1]},
            Answer(allow=True, text="A"),
            {"answers": {"q1": {"answers": ["A"]}}},
            id="one answer",
        ),
        pytest.param(INPUT, {"questions": QUESTIONS}, Answer(allow=False), {"answers": {}}, id="no answer"),
        pytest.param(
            ELICITATION,
            {},
            Answer(allow=True, updated_input={"name": "x"}),
            {"action": "accept", "content": {"name": "x"}},
            id="elicited",
        ),
        pytest.param(ELICITATION, {}, Answer(allow=False), {"action": "decline"}, id="not elicited"),
        pytest.param(
            ELICITATION, {}, Answer(allow=False, interrupt=True), {"action": "cancel"}, id="not elicited, and stop"
        ),
    ],
)
def test_answer_becomes_a_result(method: str, params: dict[str, Any], answer: Answer, result: dict[str, Any]) -> None:
    assert result_of(question(method, params).question_id, answer) == (3, result)


@pytest.mark.parametrize("method", ["item/tool/call", "attestation/generate"])
def test_what_no_person_can_answer_is_no_question(method: str) -> None:
    assert question_of(Asked(id=3, method=method, params=Raw(b"{}"), line=b"")) is None


@pytest.mark.parametrize(("method", "can"), [(COMMAND, True), (CHANGE, True), (PERMISSIONS, False), (INPUT, False)])
def test_only_some_answers_end_a_turn(method: str, can: bool) -> None:
    assert can_end_turn(question(method, {}).question_id) is can
