"""The parser of claude-agent-sdk, which nobody here wrote, reads from our lines what was said, and none is skipped."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import claude_agent_sdk as sdk
import msgspec
import pytest
from claude_agent_sdk._internal.message_parser import parse_message

from tianting.protocol.content import Text, Thinking, ToolUse
from tianting.protocol.deltas import (
    BlockFinished,
    BlockStarted,
    MessageFinished,
    MessageStarted,
    ModelSwitched,
    RateLimitSeen,
    RequestRetried,
    TextDelta,
)
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    HookRecord,
    HooksAsked,
    HookStarted,
    ModelUse,
    NoteAdded,
    PermissionModeChanged,
    PromptDelivered,
    RequestStarted,
    SessionStarted,
    TaskFinished,
    TaskStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnReport,
    TurnStarted,
)
from tianting.protocol.messages import AssistantMessage, user_text
from tianting.protocol.stream_json import StreamJsonEncoder
from tianting.protocol.stream_lines import CommandLifecycle, ConversationReset, SessionStateChanged
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.protocol.usage import Usage

SESSION = "5e551011-0000-4000-8000-000000000000"
READ = ToolCall(call_id="toolu_1", tool_name="Read", arguments={"file_path": "/w/a.py"})
ANSWERING = MessageStarted(message_id="msg_1", model="claude-x", usage=Usage(input_tokens=12))
WORDS = Text(text="Looking.")
SPENT = ModelUse(
    usage=Usage(input_tokens=12, output_tokens=3), cost_usd=0.5, context_window=200_000, max_output_tokens=64_000
)
USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 0,
}


def parsed(*events: Event, partial_messages: bool = False) -> Sequence[Any]:
    """What the SDK makes of the lines that tell `events`."""
    numbers = count(1)
    encoder = StreamJsonEncoder(
        SESSION,
        partial_messages=partial_messages,
        new_id=lambda: f"id-{next(numbers)}",
        include_hook_events=True,
        replay_user_messages=True,
        monotonic=lambda: 0.0,
    )
    return [parse_message(msgspec.json.decode(line)) for event in events for line in encoder.lines(event)]


def system(subtype: str, **fields: Any) -> sdk.SystemMessage:
    data = {"type": "system", "subtype": subtype, **fields, "session_id": SESSION, "uuid": "id-1"}
    return sdk.SystemMessage(subtype=subtype, data=data)


def assistant(*blocks: sdk.ContentBlock, uuid: str = "id-1", **fields: Any) -> sdk.AssistantMessage:
    usual = {"model": "claude-x", "message_id": "msg_1", "usage": USAGE}
    return sdk.AssistantMessage(content=list(blocks), session_id=SESSION, uuid=uuid, **{**usual, **fields})


def result(**fields: Any) -> sdk.ResultMessage:
    usual = {
        "subtype": "success",
        "duration_ms": 0,
        "duration_api_ms": 0,
        "is_error": False,
        "num_turns": 0,
        "session_id": SESSION,
        "total_cost_usd": 0.0,
        "usage": {**USAGE, "input_tokens": 0},
        "model_usage": {},
        "permission_denials": [],
        "terminal_reason": "completed",
        "uuid": "id-1",
    }
    return sdk.ResultMessage(**{**usual, **fields})


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(WORDS, sdk.TextBlock(text="Looking."), id="words"),
        pytest.param(
            Thinking(thinking="Hm.", signature="c2ln"),
            sdk.ThinkingBlock(thinking="Hm.", signature="c2ln"),
            id="thinking",
        ),
        pytest.param(
            Thinking(thinking="Hm."), sdk.ThinkingBlock(thinking="Hm.", signature=""), id="thinking of other providers"
        ),
        pytest.param(
            ToolUse(id="toolu_1", name="Read", input={"file_path": "/w/a.py"}),
            sdk.ToolUseBlock(id="toolu_1", name="Read", input={"file_path": "/w/a.py"}),
            id="a call",
        ),
    ],
)
def test_block_of_an_answer(block: Any, expected: sdk.ContentBlock) -> None:
    assert parsed(ANSWERING, BlockFinished(index=0, block=block)) == [assistant(expected)]


def test_answer_that_was_stopped() -> None:
    kept = AssistantMessage(id="msg_1", model="claude-x", content=(Text(text="And n"),), aborted=True)
    stopped = TurnReport(end="interrupted_streaming", text="Stopped by the user.")

    assert parsed(ANSWERING, AnswerAborted(message=kept), TurnFinished(report=stopped)) == [
        assistant(sdk.TextBlock(text="And n")),
        sdk.UserMessage(content=[sdk.TextBlock(text="[The user interrupted this turn.]")], uuid="id-2"),
        result(
            subtype="error_during_execution",
            is_error=True,
            terminal_reason="aborted_streaming",
            errors=["Stopped by the user."],
            uuid="id-3",
        ),
    ]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(TurnStarted(uuid="mine", prompt=user_text("Go.")), id="prompt"),
        pytest.param(PromptDelivered(uuid="mine", message=user_text("Go.")), id="steering"),
    ],
)
def test_replayed_prompt(event: Event) -> None:
    assert parsed(event) == [sdk.UserMessage(content="Go.", uuid="mine")]


def test_words_in_the_name_of_the_person() -> None:
    assert parsed(NoteAdded(message=user_text("Wait."))) == [
        sdk.UserMessage(content=[sdk.TextBlock(text="Wait.")], uuid="id-1")
    ]


@pytest.mark.parametrize(
    ("content", "outcome", "failed"),
    [
        pytest.param("1\tpass", "ok", None, id="worked"),
        pytest.param("No such file.", "failed", True, id="failed"),
        pytest.param((Text(text="a.png"),), "ok", None, id="blocks"),
    ],
)
def test_tool_result(content: Any, outcome: Any, failed: bool | None) -> None:
    answer = CallResult(call_id="toolu_1", content=content, outcome=outcome, data={"numLines": 1})
    shown = content if isinstance(content, str) else [{"type": "text", "text": "a.png"}]
    block = sdk.ToolResultBlock(tool_use_id="toolu_1", content=shown, is_error=failed)

    assert parsed(ToolFinished(call=READ, result=answer, duration=0.0)) == [
        sdk.UserMessage(content=[block], uuid="id-1", tool_use_result={"numLines": 1})
    ]


def test_refused_call_is_told_before_its_result() -> None:
    answer = CallResult(call_id="toolu_1", content="Forbidden.", outcome="denied")
    block = sdk.ToolResultBlock(tool_use_id="toolu_1", content="Forbidden.", is_error=True)

    told, line = parsed(ToolFinished(call=READ, result=answer, duration=0.0))

    assert told.subtype == "permission_denied"
    assert (told.data["tool_name"], told.data["tool_use_id"], told.data["message"]) == ("Read", "toolu_1", "Forbidden.")
    assert line.content == [block]


def test_init() -> None:
    started = SessionStarted(
        session_id=SESSION, cwd="/w", model="claude-x", permission_mode="plan", tools=("Agent",), key_source="none"
    )

    [init] = parsed(started)

    assert (init.subtype, init.data["tools"], init.data["permissionMode"]) == ("init", ["Task"], "plan")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            PermissionModeChanged(mode="plan"), system("status", status=None, permissionMode="plan"), id="another mode"
        ),
        pytest.param(
            RequestRetried(attempt=1, max_retries=10, delay=0.5, status=529, cause="overloaded", message="Busy."),
            system(
                "api_retry",
                attempt=1,
                max_retries=10,
                retry_delay_ms=500,
                error_status=529,
                error="overloaded",
            ),
            id="retry",
        ),
        pytest.param(
            ModelSwitched(original="big", fallback="small", trigger="overloaded"),
            system("model_fallback", trigger="overloaded", original_model="big", fallback_model="small"),
            id="another model",
        ),
        pytest.param(
            HooksAsked(messages=("Careful.",)),
            system("informational", content="Careful.", level="warning"),
            id="a word to the person",
        ),
    ],
)
def test_system_line(event: Event, expected: sdk.SystemMessage) -> None:
    assert parsed(event) == [expected]


def test_hook() -> None:
    record = HookRecord(hook_id="h1", name="PreToolUse:Bash", event="PreToolUse", title="guard.sh", exit_code=0)

    began, answered = parsed(
        HookStarted(hook_id="h1", name="PreToolUse:Bash", event="PreToolUse"), HooksAsked(records=(record,))
    )

    assert isinstance(began, sdk.HookEventMessage)
    assert isinstance(answered, sdk.HookEventMessage)
    assert (began.subtype, answered.subtype) == ("hook_started", "hook_response")
    assert (began.hook_event_name, answered.hook_event_name) == ("PreToolUse", "PreToolUse")
    assert (began.session_id, began.uuid, answered.uuid) == (SESSION, "id-1", "id-2")
    assert began.data["hook_id"] == answered.data["hook_id"] == "h1"


def test_limit() -> None:
    seen = RateLimitSeen(status="rejected", resets_at=1_800_000_000, window="five_hour", utilization=1.0)
    raw = {"status": "rejected", "resetsAt": 1_800_000_000, "rateLimitType": "five_hour", "utilization": 1.0}
    info = sdk.RateLimitInfo(
        status="rejected", resets_at=1_800_000_000, rate_limit_type="five_hour", utilization=1.0, raw=raw
    )

    assert parsed(seen) == [sdk.RateLimitEvent(rate_limit_info=info, uuid="id-1", session_id=SESSION)]


def test_background_work() -> None:
    bash = ToolCall(call_id="toolu_2", tool_name="Bash", arguments={"command": "npm start"})
    over = TaskFinished(task_id="job1", status="stopped", output_file="/o.txt", summary="Stopped: Serve", at=12.0)

    changed, started, updated, notified, empty = parsed(
        ToolStarted(call=bash), TaskStarted(task_id="job1", description="Serve"), over
    )

    assert (changed.subtype, empty.subtype, empty.data["tasks"]) == (*["background_tasks_changed"] * 2, [])
    assert isinstance(started, sdk.TaskStartedMessage)
    assert (started.task_id, started.description, started.tool_use_id, started.task_type) == (
        *("job1", "Serve", "toolu_2", "local_bash"),
    )
    assert isinstance(updated, sdk.TaskUpdatedMessage)
    assert (updated.task_id, updated.status) == ("job1", "killed")
    assert updated.status in sdk.TERMINAL_TASK_STATUSES
    assert isinstance(notified, sdk.TaskNotificationMessage)
    assert (notified.task_id, notified.status, notified.output_file, notified.summary, notified.tool_use_id) == (
        *("job1", "stopped", "/o.txt", "Stopped: Serve", "toolu_2"),
    )


def test_events_of_an_answer_that_arrives() -> None:
    whole = AssistantMessage(id="msg_1", model="claude-x", content=(WORDS,), stop_reason="end_turn")

    told = parsed(
        RequestStarted(),
        ANSWERING,
        BlockStarted(index=0, block=Text(text="")),
        TextDelta(index=0, text="Looking."),
        BlockFinished(index=0, block=WORDS),
        MessageFinished(message=whole),
        partial_messages=True,
    )

    assert told[0].data["status"] == "requesting"
    assert [one.event["type"] for one in told if isinstance(one, sdk.StreamEvent)] == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert told[3] == sdk.StreamEvent(
        uuid="id-4",
        session_id=SESSION,
        event={"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Looking."}},
    )


def test_result() -> None:
    report = TurnReport(
        end="answered",
        text='{"ok":true}',
        num_turns=2,
        duration=1.5,
        api_duration=1.0,
        usage=Usage(input_tokens=12),
        cost_usd=0.5,
        models={"claude-x": SPENT},
        denials=(READ,),
        structured_output={"ok": True},
        stop_reason="end_turn",
    )

    assert parsed(TurnFinished(report=report)) == [
        result(
            result='{"ok":true}',
            num_turns=2,
            duration_ms=1500,
            duration_api_ms=1000,
            usage=USAGE,
            total_cost_usd=0.5,
            model_usage={
                "claude-x": {
                    "inputTokens": 12,
                    "outputTokens": 3,
                    "cacheReadInputTokens": 0,
                    "cacheCreationInputTokens": 0,
                    "webSearchRequests": 0,
                    "costUSD": 0.5,
                    "contextWindow": 200_000,
                    "maxOutputTokens": 64_000,
                }
            },
            permission_denials=[
                {"tool_name": "Read", "tool_use_id": "toolu_1", "tool_input": {"file_path": "/w/a.py"}}
            ],
            structured_output={"ok": True},
            stop_reason="end_turn",
        )
    ]


def test_failed_request() -> None:
    story, end = parsed(TurnFinished(report=TurnReport(end="model_error", text="Refused.", error_status=401)))

    assert story == assistant(
        sdk.TextBlock(text="Refused."),
        model="<synthetic>",
        message_id="id-1",
        usage={**USAGE, "input_tokens": 0},
        error="authentication_failed",
        uuid="id-2",
    )
    assert end == result(
        is_error=True, api_error_status=401, result="Refused.", terminal_reason="api_error", uuid="id-3"
    )


def test_reset_of_the_conversation() -> None:
    line = ConversationReset(new_conversation_id="c2", trigger="clear", uuid="u", session_id=SESSION)

    assert parse_message(msgspec.to_builtins(line)) == sdk.ConversationResetMessage(
        new_conversation_id="c2", uuid="u", session_id=SESSION
    )


def test_state_of_the_session() -> None:
    line = SessionStateChanged(state="requires_action", uuid="u", session_id=SESSION)
    data = {
        "type": "system",
        "subtype": "session_state_changed",
        "state": "requires_action",
        "sdk_host_only": True,
        "uuid": "u",
        "session_id": SESSION,
    }

    assert parse_message(msgspec.to_builtins(line)) == sdk.SystemMessage(subtype="session_state_changed", data=data)


def test_fate_of_a_prompt_is_for_other_clients() -> None:
    line = msgspec.to_builtins(CommandLifecycle(command_uuid="c", state="queued", uuid="u", session_id=SESSION))

    assert line == {
        "type": "command_lifecycle",
        "command_uuid": "c",
        "state": "queued",
        "uuid": "u",
        "session_id": SESSION,
    }
    assert parse_message(line) is None
