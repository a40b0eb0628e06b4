"""What happens beside the conversation becomes lines of exact shape, and only news does."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest

from tianting.protocol.content import Base64Source, Image, Text
from tianting.protocol.deltas import RateLimitSeen
from tianting.protocol.events import (
    Event,
    HookKind,
    HookRecord,
    HooksAsked,
    HookStarted,
    LoadedPlugin,
    McpServerState,
    ModelUse,
    PermissionModeChanged,
    PromptDelivered,
    SessionStarted,
    TaskFinished,
    TaskStarted,
    ToolFinished,
    ToolStarted,
    TurnFinished,
    TurnReport,
    TurnStarted,
)
from tianting.protocol.line_limit import MAX_LINE_BYTES
from tianting.protocol.messages import UserMessage, note, user_text
from tianting.protocol.stream_json import StreamJsonEncoder
from tianting.protocol.tool_calls import CallResult, ToolCall
from tianting.protocol.usage import Usage

SESSION = "5e551011-0000-4000-8000-000000000000"
SERVE = ToolCall(call_id="toolu_1", tool_name="Bash", arguments={"command": "npm start"})
HOOK_STARTED = HookStarted(hook_id="h1", name="Stop", event="Stop")


def counted_ids() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"id-{next(numbers)}"


def tell(events: Sequence[Event], **wishes: Any) -> list[dict[str, Any]]:
    encoder = StreamJsonEncoder(SESSION, partial_messages=False, new_id=counted_ids(), **wishes)
    return [msgspec.json.decode(line) for event in events for line in encoder.lines(event)]


def system(subtype: str, *, uuid: str, **fields: Any) -> dict[str, Any]:
    return {"type": "system", "subtype": subtype, **fields, "session_id": SESSION, "uuid": uuid}


def test_init_names_all_that_a_session_has() -> None:
    started = SessionStarted(
        session_id=SESSION,
        cwd="/w",
        model="claude-x",
        permission_mode="plan",
        tools=("Read",),
        key_source="none",
        mcp_servers=(McpServerState(name="calc", status="connected"),),
        slash_commands=("review",),
        output_style="terse",
        agents=("tester",),
        skills=("pdf",),
        plugins=(LoadedPlugin(name="kit", path="/p"),),
        capabilities=("interrupt_receipt_v1",),
    )

    [line] = tell([started])

    assert line == system(
        "init",
        uuid="id-1",
        cwd="/w",
        tools=["Read"],
        mcp_servers=[{"name": "calc", "status": "connected"}],
        model="claude-x",
        permissionMode="plan",
        slash_commands=["review"],
        apiKeySource="none",
        claude_code_version="2.1.328",
        output_style="terse",
        agents=["tester"],
        skills=["pdf"],
        plugins=[{"name": "kit", "path": "/p"}],
        capabilities=["interrupt_receipt_v1"],
    )


def test_another_mode_is_a_status_without_a_state() -> None:
    assert tell([PermissionModeChanged(mode="acceptEdits")]) == [
        system("status", uuid="id-1", status=None, permissionMode="acceptEdits")
    ]


@pytest.mark.parametrize("kind", ["command", "http", "prompt", "callback"])
def test_only_command_hooks_are_told_and_only_on_request(kind: HookKind) -> None:
    record = HookRecord(hook_id="h1", name="Stop", event="Stop", title="x", kind=kind)
    asked = HooksAsked(records=(record,))

    wished = tell([asked], include_hook_events=True)

    assert [line["subtype"] for line in wished] == (["hook_response"] if kind == "command" else [])
    assert tell([HOOK_STARTED, asked]) == []


def test_a_hook_begins_under_the_id_of_its_response() -> None:
    assert tell([HOOK_STARTED], include_hook_events=True) == [
        system("hook_started", uuid="id-1", hook_id="h1", hook_name="Stop", hook_event="Stop")
    ]


@pytest.mark.parametrize(
    ("seen", "info"),
    [
        pytest.param(RateLimitSeen(status="rejected"), {"status": "rejected"}, id="bare"),
        pytest.param(
            RateLimitSeen(status="allowed_warning", resets_at=1_800_000_000, window="five_hour", utilization=0.91),
            {
                "status": "allowed_warning",
                "resetsAt": 1_800_000_000,
                "rateLimitType": "five_hour",
                "utilization": 0.91,
            },
            id="all that is known",
        ),
    ],
)
def test_limits_are_told_when_they_change(seen: RateLimitSeen, info: dict[str, Any]) -> None:
    allowed = RateLimitSeen(status="allowed")

    lines = tell([seen, seen, allowed, allowed, seen])

    assert [line["rate_limit_info"] for line in lines] == [info, {"status": "allowed"}, info]
    assert lines[0] == {"type": "rate_limit_event", "rate_limit_info": info, "uuid": "id-1", "session_id": SESSION}


@pytest.mark.parametrize(
    ("status", "patched"),
    [("completed", "completed"), ("failed", "failed"), ("stopped", "killed")],
)
def test_background_work_is_told_from_its_begin_to_its_end(status: Any, patched: str) -> None:
    live = {"task_id": "job1", "task_type": "local_bash", "description": "Serve"}

    lines = tell(
        [
            ToolStarted(call=SERVE),
            TaskStarted(task_id="job1", description="Serve"),
            TaskFinished(task_id="job1", status=status, output_file="/o.txt", summary="It is over.", at=12.3456),
        ]
    )

    assert lines == [
        system("background_tasks_changed", uuid="id-2", tasks=[live]),
        system(
            "task_started",
            uuid="id-1",
            task_id="job1",
            tool_use_id="toolu_1",
            description="Serve",
            task_type="local_bash",
        ),
        system("task_updated", uuid="id-3", task_id="job1", patch={"status": patched, "end_time": 12346}),
        system(
            "task_notification",
            uuid="id-4",
            task_id="job1",
            tool_use_id="toolu_1",
            status=status,
            output_file="/o.txt",
            summary="It is over.",
        ),
        system("background_tasks_changed", uuid="id-5", tasks=[]),
    ]


def test_task_of_no_known_call_has_none() -> None:
    lines = tell(
        [
            TaskStarted(task_id="job1", description="Serve"),
            TaskFinished(task_id="job1", status="completed", output_file="/o", summary="Over.", at=0.0),
        ]
    )

    assert all("tool_use_id" not in line for line in lines)


PICTURE = Image(source=Base64Source(media_type="image/png", data="AA=="))


@pytest.mark.parametrize(
    ("message", "content"),
    [
        pytest.param(user_text("tidy up"), "tidy up", id="words"),
        pytest.param(
            UserMessage(content=(Text(text="what is it?"), PICTURE)),
            [
                {"type": "text", "text": "what is it?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            ],
            id="a picture",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["prompt", "steering"])
def test_prompts_are_given_back_under_their_own_id(kind: str, message: UserMessage, content: Any) -> None:
    event: Event
    event = (
        TurnStarted(uuid="mine", prompt=message) if kind == "prompt" else PromptDelivered(uuid="mine", message=message)
    )

    assert tell([event], replay_user_messages=True) == [
        {
            "type": "user",
            "message": {"role": "user", "content": content},
            "parent_tool_use_id": None,
            "session_id": SESSION,
            "uuid": "mine",
            "isReplay": True,
        }
    ]
    assert tell([event]) == []


def test_notes_of_the_harness_are_not_given_back() -> None:
    assert tell([PromptDelivered(uuid="n", message=note("A job ended."))], replay_user_messages=True) == []
    assert tell([TurnStarted(uuid="n", prompt=note("A job ended."))], replay_user_messages=True) == []


def used(tokens: int, cost: float) -> ModelUse:
    return ModelUse(usage=Usage(input_tokens=tokens), cost_usd=cost, context_window=9, max_output_tokens=3)


def test_cost_and_use_by_model_are_those_of_all_turns_and_usage_is_the_turns_own() -> None:
    first = TurnReport(end="answered", usage=Usage(input_tokens=1), cost_usd=0.25, models={"a": used(1, 0.25)})
    second = TurnReport(
        end="answered",
        usage=Usage(input_tokens=12),
        cost_usd=0.75,
        models={"a": used(2, 0.25), "b": used(10, 0.5)},
    )

    one, two = tell([TurnFinished(report=first), TurnFinished(report=second)])

    assert (one["total_cost_usd"], two["total_cost_usd"]) == (0.25, 1.0)
    assert (one["usage"]["input_tokens"], two["usage"]["input_tokens"]) == (1, 12)
    assert {name: (use["inputTokens"], use["costUSD"]) for name, use in two["modelUsage"].items()} == {
        "a": (3, 0.5),
        "b": (10, 0.5),
    }


def too_long(text: str = "x" * MAX_LINE_BYTES) -> Event:
    return ToolFinished(call=SERVE, result=CallResult(call_id="toolu_1", content=text), duration=0.0)


def test_line_that_is_too_long_names_the_file_that_holds_all_of_it() -> None:
    kept: dict[str, bytes] = {}

    def spill(name: str, data: bytes) -> str:
        kept[name] = data
        return f"/spilled/{name}"

    [line] = tell([too_long()], spill=spill)

    [whole] = kept.values()
    content = line["message"]["content"][0]["content"]
    assert content.endswith(
        f"[... cut: {MAX_LINE_BYTES} characters are too many for one line; "
        "the whole line is in /spilled/line-id-2.json]"
    )
    assert msgspec.json.decode(whole)["message"]["content"][0]["content"] == "x" * MAX_LINE_BYTES
    assert msgspec.json.decode(whole)["uuid"] == line["uuid"]


def test_line_that_cannot_be_kept_is_cut_all_the_same() -> None:
    [line] = tell([too_long()], spill=lambda name, data: None)

    assert line["message"]["content"][0]["content"].endswith("too many for one line]")


def test_short_line_is_not_kept() -> None:
    assert len(tell([too_long("short")], spill=lambda name, data: pytest.fail("nothing is too long"))) == 1
