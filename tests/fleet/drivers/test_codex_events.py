"""What Codex says, and what of it happened."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, json

from tianting.fleet.drivers.codex_events import CodexReader
from tianting.fleet.drivers.codex_messages import TurnError, reasoning_of
from tianting.fleet.drivers.driver import (
    AgentEvent,
    ContextFilled,
    Fault,
    Garbled,
    Limited,
    ModelWaited,
    PersonAsked,
    Progressed,
    PromptTaken,
    QuestionClosed,
    Standing,
    ToolBegan,
    ToolEnded,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.drivers.json_rpc import Asked, Told
from tianting.protocol.usage import Usage

APPROVAL = "item/commandExecution/requestApproval"


def told(method: str, **params: Any) -> Told:
    return Told(method=method, params=Raw(json.encode(params)), line=b"a line")


def asked(method: str = APPROVAL, request_id: int = 0, **params: Any) -> Asked:
    return Asked(id=request_id, method=method, params=Raw(json.encode(params)), line=b"a line")


def started(turn_id: str = "t1") -> Told:
    return told("turn/started", turn={"id": turn_id, "status": "inProgress"})


def completed(turn_id: str = "t1", status: str = "completed", **more: Any) -> Told:
    return told("turn/completed", turn={"id": turn_id, "status": status, **more})


def failed(info: object, message: str = "No.") -> Told:
    return completed(status="failed", error={"message": message, "codexErrorInfo": info})


def item(when: str, kind: str, item_id: str = "i1", **more: Any) -> Told:
    return told(f"item/{when}", item={"type": kind, "id": item_id, **more})


def used(turn_id: str = "t1", **counts: int) -> Told:
    last = {"inputTokens": 10, "cachedInputTokens": 4, "outputTokens": 3, "totalTokens": 13, **counts}
    return told("thread/tokenUsage/updated", turnId=turn_id, tokenUsage={"last": last, "modelContextWindow": 100})


def limits(reached: str | None, percent: int = 100) -> Told:
    window = {"usedPercent": percent, "resetsAt": 5000}
    return told("account/rateLimits/updated", rateLimits={"primary": window, "rateLimitReachedType": reached})


def read(*messages: Told | Asked, standing: Standing | None = None) -> list[AgentEvent]:
    reader = CodexReader(standing or Standing())
    return [event for message in messages for event in reader.read(message)]


BEGUN = [TurnBegan(), ModelWaited()]
USED = Usage(input_tokens=6, cache_read_input_tokens=4, output_tokens=3)


@pytest.mark.parametrize(
    ("messages", "events"),
    [
        pytest.param([started(), completed()], [*BEGUN, TurnDone()], id="a turn"),
        pytest.param(
            [started(), item("completed", "userMessage", clientId="u")],
            [*BEGUN, PromptTaken(uuid="u")],
            id="prompt taken",
        ),
        pytest.param([started(), item("completed", "userMessage")], BEGUN, id="a prompt of somebody else"),
        pytest.param(
            [item("started", "mcpToolCall", tool="look"), item("completed", "mcpToolCall")],
            [ToolBegan(call_id="i1", name="look"), ToolEnded(call_id="i1"), ModelWaited()],
            id="a tool",
        ),
        pytest.param(
            [
                item("started", "commandExecution"),
                item("started", "webSearch", "i2"),
                item("completed", "commandExecution"),
            ],
            [
                ToolBegan(call_id="i1", name="commandExecution"),
                ToolBegan(call_id="i2", name="webSearch"),
                ToolEnded(call_id="i1"),
            ],
            id="the model waits for all tools",
        ),
        pytest.param(
            [told("item/agentMessage/delta", delta="Hi"), told("item/reasoning/summaryTextDelta", delta="Hm")],
            [Progressed(text="Hi"), Progressed()],
            id="words and thoughts",
        ),
        pytest.param(
            [
                started(),
                item("completed", "agentMessage", text="First."),
                item("completed", "agentMessage", text="Last."),
                completed(),
            ],
            [*BEGUN, Progressed(), Progressed(), TurnDone(text="Last.")],
            id="the last message is the answer",
        ),
        pytest.param(
            [started(), used(), used(), used("t0"), completed()],
            [*BEGUN, *[ContextFilled(tokens=13, window=100)] * 3, TurnDone(usage=USED.plus(USED))],
            id="usage of this turn alone",
        ),
        pytest.param(
            [started(), completed(status="interrupted")], [*BEGUN, TurnDone(interrupted=True)], id="interrupted"
        ),
        pytest.param(
            [started(), failed("unauthorized")],
            [*BEGUN, TurnDone(fault=Fault(message="No.", code="unauthorized"))],
            id="failed",
        ),
        pytest.param(
            [started(), completed(status="failed")],
            [*BEGUN, TurnDone(fault=Fault(message="The turn failed without a reason."))],
            id="failed without a reason",
        ),
        pytest.param(
            [started(), limits(None), failed("usageLimitExceeded")],
            [
                *BEGUN,
                Limited(cause="usage_limit", until=5000),
                TurnDone(fault=Fault(message="No.", code="usageLimitExceeded")),
            ],
            id="usage limit with its end",
        ),
        pytest.param(
            [limits("rate_limit_reached"), limits("rate_limit_reached"), limits(None, 10)],
            [Limited(cause="usage_limit", until=5000)],
            id="a limit is told once",
        ),
        pytest.param(
            [told("error", willRetry=True, error={"codexErrorInfo": {"responseStreamDisconnected": {}}})],
            [ModelWaited()],
            id="asks again",
        ),
        pytest.param([told("error", willRetry=False, error={})], [], id="a last error is told by the turn"),
        pytest.param([completed(), completed("t9")], [], id="the end of no turn"),
        pytest.param([started(), started(), completed()], [*BEGUN, TurnDone()], id="begun twice"),
        pytest.param(
            [started(), started("t2")], [*BEGUN, TurnDone(interrupted=True), *BEGUN], id="a turn that was dropped"
        ),
        pytest.param([told("turn/started", turn=5)], [Garbled(sample="a line")], id="another shape"),
        pytest.param([told("skills/changed")], [], id="other news"),
    ],
)
def test_messages_become_events(messages: list[Told], events: list[AgentEvent]) -> None:
    assert read(*messages) == events


def test_turn_that_was_taken_over_is_done_whatever_its_name() -> None:
    events = read(used(), completed(), standing=Standing(in_turn=True))

    assert events == [ContextFilled(tokens=13, window=100), TurnDone(usage=USED)]


def test_questions_are_closed_by_answer_or_with_the_turn() -> None:
    first, _, second, *rest = read(
        asked(request_id=0),
        told("serverRequest/resolved", requestId=9),
        told("serverRequest/resolved", requestId=0),
        asked(request_id=1),
        started(),
        completed(),
    )

    assert isinstance(first, PersonAsked)
    assert isinstance(second, PersonAsked)
    assert rest == [*BEGUN, QuestionClosed(question_id=second.question_id), TurnDone()]


def test_question_about_files_shows_what_changes() -> None:
    changes = [{"path": "a.txt", "diff": "+hi"}]

    _, question = read(
        item("started", "fileChange", changes=changes), asked("item/fileChange/requestApproval", itemId="i1")
    )

    assert isinstance(question, PersonAsked)
    assert question.input["changes"] == changes


def test_child_asks_but_its_turns_are_its_own() -> None:
    reader = CodexReader(Standing(in_turn=True))

    events = [event for message in (completed(), asked()) for event in reader.read_of_child(message)]

    assert [type(event) for event in events] == [Progressed, PersonAsked]


@pytest.mark.parametrize(
    ("info", "fault", "limit"),
    [
        pytest.param("serverOverloaded", Fault(message="No.", code="serverOverloaded"), "overloaded", id="overloaded"),
        pytest.param("rateLimitExceeded", Fault(message="No.", code="rateLimitExceeded"), "rate_limit", id="rate"),
        pytest.param(
            {"httpConnectionFailed": {"httpStatusCode": 503}},
            Fault(message="No.", code="httpConnectionFailed", status=503),
            "overloaded",
            id="status in details",
        ),
        pytest.param(
            {"responseTooManyFailedAttempts": {"httpStatusCode": 429}},
            Fault(message="No.", code="responseTooManyFailedAttempts", status=429),
            "rate_limit",
            id="too many requests",
        ),
        pytest.param(
            {"activeTurnNotSteerable": None}, Fault(message="No.", code="activeTurnNotSteerable"), None, id="x"
        ),
        pytest.param({}, Fault(message="No."), None, id="nothing"),
        pytest.param(None, Fault(message="No."), None, id="null"),
    ],
)
def test_errors_become_faults(info: object, fault: Fault, limit: str | None) -> None:
    assert TurnError(message="No.", codex_error_info=info).fault == fault
    causes = [event.cause for event in read(started(), failed(info)) if isinstance(event, Limited)]
    assert causes == ([] if limit is None else [limit])


def test_details_of_an_error_are_kept() -> None:
    assert TurnError(message="Again", additional_details="429").fault == Fault(message="Again: 429")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(b'{"method":"item/reasoning/textDelta","params":{"delta":"Hm"}}', "Hm", id="reasoning"),
        pytest.param(b'{"method":"item/agentMessage/delta","params":{"delta":"Hi"}}', "", id="an answer"),
        pytest.param(b'{"method":"item/reasoning/textDelta","params":{}}', "", id="another shape"),
        pytest.param(b"nonsense", "", id="nonsense"),
    ],
)
def test_reasoning_is_found_in_lines(line: bytes, text: str) -> None:
    assert reasoning_of(line) == text


MESSAGES = st.sampled_from(
    [
        started("t1"),
        started("t2"),
        completed("t1"),
        completed("t2", "interrupted"),
        failed("other"),
        item("started", "commandExecution"),
        item("completed", "commandExecution"),
        item("completed", "agentMessage", text="Hi"),
        asked(),
        told("serverRequest/resolved", requestId=0),
        used(),
        limits("rate_limit_reached"),
        told("turn/started", turn=[]),
    ]
)


@given(st.lists(MESSAGES, max_size=30), st.booleans())
@settings(max_examples=100)
def test_turns_begin_and_end_in_turn_whatever_is_said(messages: list[Told | Asked], in_turn: bool) -> None:
    events = read(*messages, standing=Standing(in_turn=in_turn))

    turns = [type(event) for event in events if isinstance(event, TurnBegan | TurnDone)]
    assert all(kind is (TurnDone if (place % 2 == 0) == in_turn else TurnBegan) for place, kind in enumerate(turns))
    opened = [event.question_id for event in events if isinstance(event, PersonAsked)]
    closed = [event.question_id for event in events if isinstance(event, QuestionClosed)]
    assert len(closed) <= len(opened)
