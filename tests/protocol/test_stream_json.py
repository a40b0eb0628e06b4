"""Events in, lines out, compared whole: an SDK breaks on a missing field, so nothing is left to a sample."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, get_args

import msgspec
import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tianting.protocol.compatible_version import COMPATIBLE_VERSION
from tianting.protocol.content import Base64Source, Image, Opaque, Text, Thinking, ToolUse
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    MessageFinished,
    MessageStarted,
    ModelSwitched,
    RequestRetried,
    RetryCause,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.events import (
    AnswerAborted,
    Event,
    HookRecord,
    HooksAsked,
    ModelUse,
    NoteAdded,
    RequestStarted,
    SessionStarted,
    ToolFinished,
    ToolStarted,
    TurnEnd,
    TurnFinished,
    TurnReport,
    TurnStarted,
)
from tianting.protocol.line_limit import MAX_LINE_BYTES
from tianting.protocol.messages import AssistantMessage, note, user_text
from tianting.protocol.stream_json import StreamJsonEncoder
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.protocol.usage import Usage

SESSION = "5e551011-0000-4000-8000-000000000000"
THOUGHT = Thinking(thinking="Look first.", signature="c2ln")
WORDS = Text(text="Looking.")
READ = ToolUse(id="toolu_1", name="Read", input={"file_path": "/w/a.py"})
REMOVE = ToolUse(id="toolu_2", name="Bash", input={"command": "rm -rf /"})
REMOVE_CALL = ToolCall(call_id="toolu_2", tool_name="Bash", arguments={"command": "rm -rf /"})
STARTED = Usage(input_tokens=12, cache_creation_input_tokens=5, cache_creation_1h_input_tokens=2)
SPENT = Usage(input_tokens=12, output_tokens=34, cache_read_input_tokens=7)


def counted_ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


def tell(events: Sequence[Event], *, partial_messages: bool = False, **wishes: Any) -> list[dict[str, Any]]:
    encoder = StreamJsonEncoder(
        SESSION, partial_messages=partial_messages, new_id=counted_ids(), monotonic=lambda: 0.0, **wishes
    )
    lines = [line for event in events for line in encoder.lines(event)]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return [msgspec.json.decode(line) for line in lines]


def wire(input_tokens: int = 0, output_tokens: int = 0, read: int = 0, minutes: int = 0, hour: int = 0) -> Any:
    return {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": minutes + hour,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour},
        "output_tokens": output_tokens,
    }


def answer(message_id: str, *content: dict[str, Any], uuid: str, usage: Any = None, **more: Any) -> dict[str, Any]:
    message = {
        "type": "message",
        "id": message_id,
        "role": "assistant",
        "model": "claude-x",
        "content": list(content),
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage or wire(),
    }
    return {
        "type": "assistant",
        "message": message,
        "parent_tool_use_id": None,
        "session_id": SESSION,
        "uuid": uuid,
        **more,
    }


def streamed(event: dict[str, Any], *, uuid: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "stream_event",
        "event": event,
        "session_id": SESSION,
        "parent_tool_use_id": None,
        "uuid": uuid,
        **more,
    }


def told(content: dict[str, Any], *, uuid: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "user",
        "message": {"role": "user", "content": [content]},
        "parent_tool_use_id": None,
        "session_id": SESSION,
        "uuid": uuid,
        **more,
    }


def system(subtype: str, *, uuid: str, **fields: Any) -> dict[str, Any]:
    return {"type": "system", "subtype": subtype, **fields, "session_id": SESSION, "uuid": uuid}


def result(*, uuid: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 0,
        "duration_api_ms": 0,
        "num_turns": 0,
        "stop_reason": None,
        "session_id": SESSION,
        "total_cost_usd": 0.0,
        "usage": wire(),
        "modelUsage": {},
        "permission_denials": [],
        "terminal_reason": "completed",
        "uuid": uuid,
        **fields,
    }


def streams(index: int, block: Any, empty: Any, *deltas: Event) -> list[Event]:
    return [BlockStarted(index=index, block=empty), *deltas, BlockFinished(index=index, block=block)]


def whole_turn() -> list[Event]:
    """Thinking, words, two parallel calls of which one is refused, and a final answer."""
    first = AssistantMessage(
        id="msg_1",
        model="claude-x",
        content=(THOUGHT, WORDS, READ, REMOVE),
        stop_reason="tool_use",
        usage=SPENT,
    )
    last = AssistantMessage(id="msg_2", model="claude-x", content=(Text(text="Done."),), stop_reason="end_turn")
    read_call = ToolCall(call_id="toolu_1", tool_name="Read", arguments=READ.input)
    return [
        SessionStarted(
            session_id=SESSION,
            cwd="/w",
            model="claude-x",
            permission_mode="default",
            tools=("Agent", "Read"),
            key_source="ANTHROPIC_API_KEY",
        ),
        TurnStarted(uuid="prompt", prompt=user_text("tidy up")),
        RequestStarted(),
        MessageStarted(message_id="msg_1", model="claude-x", usage=STARTED),
        *streams(0, THOUGHT, Thinking(thinking=""), ThinkingDelta(index=0, thinking="Look first.")),
        *streams(1, WORDS, Text(text=""), TextDelta(index=1, text="Looking.")),
        *streams(2, READ, ToolUse(id="toolu_1", name="Read", input={}), ArgumentsDelta(index=2, json='{"file_p')),
        *streams(3, REMOVE, ToolUse(id="toolu_2", name="Bash", input={})),
        MessageFinished(message=first),
        ToolStarted(call=read_call),
        ToolFinished(
            call=read_call,
            result=CallResult(call_id="toolu_1", content="1\tpass", data={"numLines": 1}),
            duration=0.1,
        ),
        ToolFinished(
            call=REMOVE_CALL,
            result=CallResult(call_id="toolu_2", content="Forbidden by rule.", outcome="denied"),
            duration=0.0,
        ),
        RequestStarted(),
        MessageStarted(message_id="msg_2", model="claude-x"),
        *streams(0, Text(text="Done."), Text(text=""), TextDelta(index=0, text="Done.")),
        MessageFinished(message=last),
        TurnFinished(
            report=TurnReport(
                end="answered",
                text="Done.",
                num_turns=3,
                duration=1.2345,
                api_duration=1.0,
                usage=SPENT,
                cost_usd=0.5,
                models={
                    "claude-x": ModelUse(usage=SPENT, cost_usd=0.5, context_window=200_000, max_output_tokens=64_000)
                },
                denials=(REMOVE_CALL,),
                stop_reason="end_turn",
            ),
        ),
    ]


THOUGHT_WIRE = {"type": "thinking", "thinking": "Look first.", "signature": "c2ln"}
WORDS_WIRE = {"type": "text", "text": "Looking."}
READ_WIRE = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "/w/a.py"}}
REMOVE_WIRE = {"type": "tool_use", "id": "toolu_2", "name": "Bash", "input": {"command": "rm -rf /"}}
FIRST_USAGE = wire(12, minutes=3, hour=2)
READ_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "1\tpass"}
DENIED_RESULT = {
    "type": "tool_result",
    "tool_use_id": "toolu_2",
    "content": "Forbidden by rule.",
    "is_error": True,
}
DENIED_META = [
    {
        "id": "toolu_2",
        "permission_decision": {"decision": "deny", "source": "config", "reason_type": "other"},
    },
]


def init(uuid: str) -> dict[str, Any]:
    return system(
        "init",
        uuid=uuid,
        cwd="/w",
        tools=["Task", "Read"],
        mcp_servers=[],
        model="claude-x",
        permissionMode="default",
        slash_commands=[],
        apiKeySource="ANTHROPIC_API_KEY",
        claude_code_version=COMPATIBLE_VERSION,
        output_style="default",
        agents=[],
        skills=[],
        plugins=[],
        capabilities=[],
    )


def whole_result(uuid: str) -> dict[str, Any]:
    return result(
        uuid=uuid,
        result="Done.",
        duration_ms=1234,
        duration_api_ms=1000,
        num_turns=3,
        stop_reason="end_turn",
        total_cost_usd=0.5,
        usage=wire(12, 34, 7),
        modelUsage={
            "claude-x": {
                "inputTokens": 12,
                "outputTokens": 34,
                "cacheReadInputTokens": 7,
                "cacheCreationInputTokens": 0,
                "webSearchRequests": 0,
                "costUSD": 0.5,
                "contextWindow": 200_000,
                "maxOutputTokens": 64_000,
            },
        },
        permission_denials=[{"tool_name": "Bash", "tool_use_id": "toolu_2", "tool_input": {"command": "rm -rf /"}}],
    )


def test_a_turn_is_one_line_per_block_result_and_end() -> None:
    assert tell(whole_turn()) == [
        init("id-1"),
        answer("msg_1", THOUGHT_WIRE, uuid="id-2", usage=FIRST_USAGE),
        answer("msg_1", WORDS_WIRE, uuid="id-3", usage=FIRST_USAGE),
        answer("msg_1", READ_WIRE, uuid="id-4", usage=FIRST_USAGE),
        answer("msg_1", REMOVE_WIRE, uuid="id-5", usage=FIRST_USAGE),
        told(READ_RESULT, uuid="id-6", tool_use_result={"numLines": 1}, tool_result_meta=[{"id": "toolu_1"}]),
        system("permission_denied", uuid="id-8", tool_name="Bash", tool_use_id="toolu_2", message="Forbidden by rule."),
        told(DENIED_RESULT, uuid="id-7", tool_result_meta=DENIED_META),
        answer("msg_2", {"type": "text", "text": "Done."}, uuid="id-9"),
        whole_result("id-10"),
    ]


def test_partial_messages_put_each_answer_line_before_the_end_of_its_block() -> None:
    lines = tell(whole_turn(), partial_messages=True)

    first_answer = lines[1:20]
    assert first_answer == [
        system("status", uuid="id-2", status="requesting"),
        streamed(
            {"type": "message_start", "message": {**answer("msg_1", uuid="", usage=FIRST_USAGE)["message"]}},
            uuid="id-3",
            api_message_id="msg_1",
            ttft_ms=0,
        ),
        streamed(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": "", "signature": ""},
            },
            uuid="id-4",
        ),
        streamed(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "Look first."},
            },
            uuid="id-5",
        ),
        streamed(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
            uuid="id-8",
        ),
        answer("msg_1", THOUGHT_WIRE, uuid="id-6", usage=FIRST_USAGE),
        streamed({"type": "content_block_stop", "index": 0}, uuid="id-7"),
        streamed(
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
            uuid="id-9",
        ),
        streamed(
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Looking."}},
            uuid="id-10",
        ),
        answer("msg_1", WORDS_WIRE, uuid="id-11", usage=FIRST_USAGE),
        streamed({"type": "content_block_stop", "index": 1}, uuid="id-12"),
        streamed(
            {"type": "content_block_start", "index": 2, "content_block": {**READ_WIRE, "input": {}}},
            uuid="id-13",
        ),
        streamed(
            {
                "type": "content_block_delta",
                "index": 2,
                "delta": {"type": "input_json_delta", "partial_json": '{"file_p'},
            },
            uuid="id-14",
        ),
        answer("msg_1", READ_WIRE, uuid="id-15", usage=FIRST_USAGE),
        streamed({"type": "content_block_stop", "index": 2}, uuid="id-16"),
        streamed(
            {"type": "content_block_start", "index": 3, "content_block": {**REMOVE_WIRE, "input": {}}},
            uuid="id-17",
        ),
        answer("msg_1", REMOVE_WIRE, uuid="id-18", usage=FIRST_USAGE),
        streamed({"type": "content_block_stop", "index": 3}, uuid="id-19"),
        streamed(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use", "stop_sequence": None},
                "usage": wire(12, 34, 7),
            },
            uuid="id-20",
        ),
    ]


def test_stream_events_are_those_of_the_messages_api() -> None:
    oracle: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
    events = [line["event"] for line in tell(whole_turn(), partial_messages=True) if line["type"] == "stream_event"]

    kinds = [oracle.validate_python(event).type for event in events]

    assert (kinds[0], kinds[-1], len(kinds)) == ("message_start", "message_stop", 21)


@pytest.mark.parametrize(
    ("outcome", "by_person", "interrupts", "meta"),
    [
        pytest.param("denied", True, False, {"non_execution_kind": "user-rejected"}, id="a person said no"),
        pytest.param("denied", False, True, {"non_execution_kind": "user-rejected"}, id="a person said stop"),
        pytest.param("failed", False, False, {}, id="failed"),
        pytest.param("interrupted", False, False, {}, id="interrupted"),
    ],
)
def test_result_meta_says_whether_a_person_refused(
    outcome: Any, by_person: bool, interrupts: bool, meta: dict[str, Any]
) -> None:
    refused = CallResult(call_id="toolu_2", content="No.", outcome=outcome, by_person=by_person, interrupts=interrupts)

    *_, line = tell([ToolFinished(call=REMOVE_CALL, result=refused, duration=0.0)])

    assert line["tool_result_meta"] == [{"id": "toolu_2", **meta}]
    assert line["message"]["content"][0]["is_error"] is True


def test_hooks_are_told_with_what_they_say_to_the_person() -> None:
    record = HookRecord(
        hook_id="h1", name="PreToolUse:Bash", event="PreToolUse", title="guard.sh", stderr="No.", exit_code=2,
        outcome="error",
    )  # fmt: skip

    assert tell([HooksAsked(records=(record,), messages=("It failed.",))], include_hook_events=True) == [
        {
            "type": "system",
            "subtype": "hook_response",
            "hook_id": "h1",
            "hook_name": "PreToolUse:Bash",
            "hook_event": "PreToolUse",
            "output": "No.",
            "stdout": "",
            "stderr": "No.",
            "exit_code": 2,
            "outcome": "error",
            "session_id": SESSION,
            "uuid": "id-1",
        },
        {
            "type": "system",
            "subtype": "informational",
            "content": "It failed.",
            "level": "warning",
            "session_id": SESSION,
            "uuid": "id-2",
        },
    ]


def test_a_turn_that_a_hook_ended_is_a_success_with_its_reason() -> None:
    [line] = tell([TurnFinished(report=TurnReport(end="hook_stopped", text="Enough."))])

    assert line == result(uuid="id-1", result="Enough.", terminal_reason="hook_stopped", num_turns=0)


def test_aborted_answer_tells_only_what_was_not_told_yet() -> None:
    kept = AssistantMessage(id="msg_1", model="claude-x", content=(WORDS, Text(text="And n")), aborted=True)
    events: list[Event] = [
        MessageStarted(message_id="msg_1", model="claude-x"),
        *streams(0, WORDS, Text(text="")),
        TextDelta(index=1, text="And n"),
        AnswerAborted(message=kept),
        NoteAdded(message=note("The user stopped this turn.")),
        TurnFinished(report=TurnReport(end="interrupted_streaming", text="Stopped by the user.")),
    ]

    assert tell(events) == [
        answer("msg_1", WORDS_WIRE, uuid="id-1"),
        answer("msg_1", {"type": "text", "text": "And n"}, uuid="id-2", aborted=True),
        told({"type": "text", "text": "[The user interrupted this turn.]"}, uuid="id-3"),
        result(
            uuid="id-4",
            subtype="error_during_execution",
            is_error=True,
            terminal_reason="aborted_streaming",
            errors=["Stopped by the user."],
        ),
    ]


def test_nothing_is_told_of_an_aborted_answer_that_was_told_already() -> None:
    events: list[Event] = [
        MessageStarted(message_id="msg_1", model="claude-x"),
        *streams(0, WORDS, Text(text="")),
        AnswerAborted(message=AssistantMessage(id="msg_1", model="claude-x", content=(WORDS,), aborted=True)),
    ]

    assert tell(events) == [answer("msg_1", WORDS_WIRE, uuid="id-1")]


@pytest.mark.parametrize(
    ("cause", "status", "error"),
    [
        pytest.param("overloaded", 529, "overloaded", id="overloaded"),
        pytest.param("rate_limit", 429, "rate_limit", id="rate limit"),
        pytest.param("server_error", 500, "server_error", id="server error"),
        pytest.param("connection", None, "unknown", id="no answer at all"),
    ],
)
def test_retry(cause: RetryCause, status: int | None, error: str) -> None:
    retried = RequestRetried(attempt=2, max_retries=10, delay=1.5, status=status, cause=cause, message="Busy.")

    assert tell([retried]) == [
        system(
            "api_retry",
            uuid="id-1",
            attempt=2,
            max_retries=10,
            retry_delay_ms=1500,
            error_status=status,
            error=error,
        ),
    ]


def test_model_fallback() -> None:
    switched = ModelSwitched(original="big", fallback="small", trigger="overloaded")

    assert tell([switched]) == [
        system("model_fallback", uuid="id-1", trigger="overloaded", original_model="big", fallback_model="small"),
    ]


@pytest.mark.parametrize(
    ("end", "subtype", "terminal_reason"),
    [
        pytest.param("max_turns", "error_max_turns", "max_turns", id="turns"),
        pytest.param("max_budget", "error_max_budget_usd", "budget_exhausted", id="budget"),
        pytest.param(
            "no_structured_output",
            "error_max_structured_output_retries",
            "structured_output_retries",
            id="no structured output",
        ),
        pytest.param("going_in_circles", "error_during_execution", "going_in_circles", id="circles"),
    ],
)
def test_error_result(end: TurnEnd, subtype: str, terminal_reason: str) -> None:
    assert tell([TurnFinished(report=TurnReport(end=end, text="It is\nover."))]) == [
        result(uuid="id-1", subtype=subtype, is_error=True, terminal_reason=terminal_reason, errors=["It is over."]),
    ]


def test_refusal_is_an_answer_that_is_an_error() -> None:
    refused = TurnReport(end="refused", text="I cannot help with this.", stop_reason="refusal")

    assert tell([TurnFinished(report=refused)]) == [
        result(uuid="id-1", is_error=True, result="I cannot help with this.", stop_reason="refusal"),
    ]


def test_structured_output_stands_in_the_result() -> None:
    report = TurnReport(end="answered", text='{"ok":true}', structured_output={"ok": True})

    assert tell([TurnFinished(report=report)]) == [
        result(uuid="id-1", result='{"ok":true}', structured_output={"ok": True}),
    ]


@pytest.mark.parametrize(
    ("status", "error", "error_type"),
    [
        pytest.param(400, "invalid_request", "invalid_request_error", id="400"),
        pytest.param(401, "authentication_failed", "authentication_error", id="401"),
        pytest.param(402, "billing_error", "billing_error", id="402"),
        pytest.param(429, "rate_limit", "rate_limit_error", id="429"),
        pytest.param(503, "server_error", "api_error", id="503"),
        pytest.param(529, "overloaded", "overloaded_error", id="529"),
        pytest.param(None, "unknown", "api_error", id="no answer"),
    ],
)
def test_failed_request_is_told_as_an_answer_before_the_result(status: int | None, error: str, error_type: str) -> None:
    report = TurnReport(end="model_error", text="The provider said no.", error_status=status)

    story, end = tell([TurnFinished(report=report)])

    told_story = answer(
        "id-1",
        {"type": "text", "text": "The provider said no."},
        uuid="id-2",
        error=error,
        is_api_error_message=True,
        api_error_status=status,
        api_error_type=error_type,
    )
    told_story["message"]["model"] = "<synthetic>"
    assert story == told_story
    assert end == result(
        uuid="id-3",
        is_error=True,
        api_error_status=status,
        result="The provider said no.",
        terminal_reason="api_error",
    )


def test_end_without_words_is_named() -> None:
    [line] = tell([TurnFinished(report=TurnReport(end="max_turns"))])

    assert line["errors"] == ["The turn ended without an answer (max_turns)."]


def test_words_in_the_name_of_the_person_are_told_and_notes_are_not() -> None:
    events = [NoteAdded(message=note("A file changed.")), NoteAdded(message=user_text("Wait."))]

    assert tell(events) == [told({"type": "text", "text": "Wait."}, uuid="id-1")]


def test_what_belongs_to_the_provider_stays_inside() -> None:
    raw = {"type": "server_thing", "id": "s1"}
    events: list[Event] = [
        MessageStarted(message_id="msg_1", model="claude-x"),
        BlockFinished(index=0, block=Text(text="Hm.", opaque="secret")),
        BlockFinished(index=1, block=ToolUse(id="t", name="Bash", input={}, unparsed="{", opaque="secret")),
        BlockFinished(index=2, block=Opaque(raw=raw)),
    ]

    assert [line["message"]["content"] for line in tell(events)] == [
        [{"type": "text", "text": "Hm."}],
        [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}],
        [raw],
    ]


def test_picture_too_large_for_a_line_becomes_words() -> None:
    picture = Image(source=Base64Source(media_type="image/png", data="A" * MAX_LINE_BYTES))
    shown = CallResult(call_id="toolu_1", content=(Text(text="a.png"), picture))

    [line] = tell([ToolFinished(call=REMOVE_CALL, result=shown, duration=0.0)])

    content = line["message"]["content"][0]["content"]
    assert content == [
        {"type": "text", "text": "a.png"},
        {"type": "text", "text": f"[image of {MAX_LINE_BYTES + 78} bytes left out]"},
    ]


REQUIRED = {
    "assistant": {"message", "session_id", "uuid", "parent_tool_use_id"},
    "user": {"message", "session_id", "uuid", "parent_tool_use_id"},
    "system": {"subtype", "session_id", "uuid"},
    "stream_event": {"event", "session_id", "uuid", "parent_tool_use_id"},
    "result": {
        *("subtype", "duration_ms", "duration_api_ms", "is_error", "num_turns", "session_id", "total_cost_usd"),
        *("usage", "modelUsage", "permission_denials", "stop_reason", "terminal_reason", "uuid"),
    },
}
"""What the SDKs' parsers want of each type; without it they raise."""

words = st.text(max_size=30) | st.builds(lambda text, times: text * times, st.text(max_size=4), st.just(400_000))
reports = st.builds(
    TurnReport,
    end=st.sampled_from(get_args(TurnEnd)),
    text=words,
    structured_output=st.none() | st.lists(words, max_size=3),
)
any_event: st.SearchStrategy[Event] = st.one_of(
    st.builds(TextDelta, index=st.just(0), text=words),
    st.builds(ThinkingDelta, index=st.just(0), thinking=words),
    st.builds(ArgumentsDelta, index=st.just(0), json=words),
    st.builds(MessageStarted, message_id=st.just("msg_1"), model=st.text(max_size=9)),
    st.builds(BlockFinished, index=st.just(0), block=st.builds(Text, text=words)),
    st.builds(
        BlockFinished,
        index=st.just(0),
        block=st.builds(ToolUse, id=st.just("t"), name=st.just("X"), input=st.dictionaries(words, words, max_size=2)),
    ),
    st.builds(
        ToolFinished,
        call=st.just(REMOVE_CALL),
        result=st.builds(
            CallResult,
            call_id=st.just("toolu_2"),
            content=words,
            outcome=st.sampled_from(["ok", "failed", "denied", "interrupted"]),
            data=st.none() | words | st.lists(words, max_size=3),
        ),
        duration=st.just(0.0),
    ),
    st.builds(TurnFinished, report=reports),
    st.builds(NoteAdded, message=st.builds(user_text, words)),
    st.sampled_from(whole_turn()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_event, max_size=3), st.booleans())
def test_every_line_is_whole_short_enough_and_has_its_required_fields(
    events: list[Event], partial_messages: bool
) -> None:
    encoder = StreamJsonEncoder(SESSION, partial_messages=partial_messages, new_id=counted_ids())

    for line in [line for event in events for line in encoder.lines(event)]:
        assert len(line) <= MAX_LINE_BYTES
        assert line[-1:] == b"\n"
        decoded = msgspec.json.decode(line)
        assert decoded.keys() >= REQUIRED[decoded["type"]]
