"""Requests in the Responses dialect: whole bodies, and every body the SDK's types accept."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from tests.models.histories import FREEFORM, READ, histories
from tests.models.sdk_types import strict
from tianting.models.http.request_json import encode_body
from tianting.models.responses.input import ResponsesTarget, WireInput
from tianting.models.responses.items import freeform_parameters
from tianting.models.responses.request import count_body, request_body
from tianting.protocol.content import (
    Base64Source,
    Document,
    Image,
    Opaque,
    RedactedThinking,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, user_text
from tianting.protocol.model_catalogue import ModelCatalogue, ModelInfo
from tianting.protocol.requests import ModelRequest, ThinkingWish

HERE = Origin(dialect="openai-responses", base_url="https://api.openai.com/v1", model="gpt-6-sol")
CATALOGUE = ModelCatalogue((ModelInfo(id="gpt-blind", images=False),))
TARGET = ResponsesTarget(origin=HERE, catalogue=CATALOGUE)
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"}
THOUGHT = Thinking(thinking="", signature=msgspec.json.encode(REASONING).decode())
PICTURE = Image(source=Base64Source(media_type="image/png", data="AAAA"))


def ask(*messages: Message, **changes: Any) -> ModelRequest:
    request = ModelRequest(
        model="gpt-6-sol", system=("Be brief.",), tools=(READ, FREEFORM), messages=messages, max_tokens=1000
    )
    return structs.replace(request, **changes)


def body_of(request: ModelRequest, target: ResponsesTarget = TARGET) -> Any:
    return msgspec.json.decode(encode_body(request_body(request, written(request, target))))


def written(request: ModelRequest, target: ResponsesTarget = TARGET) -> WireInput:
    history = WireInput(target, freeform_parameters(request.tools))
    history.extend(request.messages)
    return history


def input_of(*messages: Message, target: ResponsesTarget = TARGET, **changes: Any) -> Any:
    return body_of(ask(*messages, **changes), target)["input"]


def said(*content: Any, origin: Origin | None = HERE, aborted: bool = False) -> AssistantMessage:
    return AssistantMessage(id="resp_1", model="gpt-6-sol", content=content, origin=origin, aborted=aborted)


@pytest.mark.parametrize(
    ("wish", "reasoning"),
    [
        pytest.param(ThinkingWish(budget=9_000), {"summary": "auto", "effort": "high"}, id="as usual"),
        pytest.param(ThinkingWish(wanted=False), {"summary": "auto", "effort": "low"}, id="the least"),
        pytest.param(ThinkingWish(display="omitted"), {"effort": "high"}, id="hidden"),
    ],
)
def test_thinking(wish: ThinkingWish, reasoning: dict[str, str]) -> None:
    assert body_of(ask(user_text("Hi."), effort="high", thinking=wish))["reasoning"] == reasoning


def test_whole_body() -> None:
    request = ask(user_text("Hi."), effort="high", cache_key="session-1", extra={"service_tier": "flex"})

    assert body_of(request) == {
        "model": "gpt-6-sol",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi."}]}],
        "store": False,
        "stream": True,
        "max_output_tokens": 1000,
        "tools": [
            {
                "type": "function",
                "name": "read",
                "description": "Read a file.",
                "parameters": READ.input_schema,
                "strict": False,
            },
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "Change files.",
                "format": {"type": "grammar", "syntax": "lark", "definition": FREEFORM.grammar},
            },
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"summary": "auto", "effort": "high"},
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "session-1",
        "service_tier": "flex",
    }


def test_model_without_reasoning_and_tools_is_not_asked_for_them() -> None:
    assert body_of(ask(user_text("Hi."), model="gpt-4.1", tools=())) == {
        "model": "gpt-4.1",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi."}]}],
        "store": False,
        "stream": True,
        "max_output_tokens": 1000,
    }


def test_own_answer_goes_back_as_it_came() -> None:
    answer = said(
        THOUGHT,
        Text(text="Looking.", opaque='{"id":"msg_1","phase":"commentary","status":"completed"}'),
        ToolUse(
            id="call_1", name="read", input={"path": "a"}, opaque='{"id":"fc_1","arguments":"{\\"path\\": \\"a\\"}"}'
        ),
        ToolUse(id="call_2", name="apply_patch", input={"patch": "*** Begin"}, opaque='{"id":"ctc_1"}'),
        Opaque(raw={"type": "compaction", "encrypted_content": "c"}),
    )

    assert input_of(answer) == [
        REASONING,
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Looking.", "annotations": []}],
            "phase": "commentary",
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "read", "arguments": '{"path": "a"}'},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "compaction", "encrypted_content": "c"},
    ]


EASY = [
    {"role": "assistant", "content": "Looking."},
    {"type": "function_call", "call_id": "call_1", "name": "read", "arguments": '{"path":"a"}'},
]


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(None, id="from nowhere"),
        pytest.param(structs.replace(HERE, dialect="openai-chat"), id="other dialect"),
        pytest.param(structs.replace(HERE, base_url="https://gateway.example/v1"), id="other place"),
        pytest.param(structs.replace(HERE, model="claude-opus-5-5"), id="other family"),
    ],
)
def test_foreign_answer_goes_in_easy_form(origin: Origin | None) -> None:
    answer = said(
        THOUGHT,
        RedactedThinking(data="x"),
        Text(text="Looking.", opaque='{"id":"msg_1"}'),
        ToolUse(id="call_1", name="read", input={"path": "a"}, opaque='{"id":"fc_1"}'),
        Opaque(raw={"type": "compaction", "encrypted_content": "c"}),
        origin=origin,
    )

    assert input_of(answer) == EASY


def test_aborted_answer_goes_in_easy_form() -> None:
    assert input_of(said(THOUGHT, Text(text="Looking.", opaque='{"id":"msg_1"}'), aborted=True)) == EASY[:1]


def test_other_model_of_family_still_reads_reasoning() -> None:
    assert input_of(said(THOUGHT, Text(text="A"), origin=structs.replace(HERE, model="gpt-5.6-sol")))[0] == REASONING


def test_open_models_read_only_their_own_reasoning() -> None:
    ours = structs.replace(HERE, model="gpt-oss-20b")
    theirs = structs.replace(HERE, model="gpt-oss-120b")

    items = input_of(
        said(THOUGHT, Text(text="A"), origin=theirs), target=ResponsesTarget(origin=ours, catalogue=CATALOGUE)
    )

    assert items == [{"role": "assistant", "content": "A"}]


def test_unreadable_reasoning_is_left_out_with_all_ids() -> None:
    answer = said(
        THOUGHT,
        Text(text="Looking.", opaque='{"id":"msg_1"}'),
        ToolUse(id="call_1", name="read", input={"path": "a"}, opaque='{"id":"fc_1"}'),
    )

    assert input_of(answer, target=structs.replace(TARGET, unreadable=frozenset({"resp_1"}))) == EASY


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    assert input_of(said(Text(text="A"), THOUGHT, THOUGHT)) == [{"role": "assistant", "content": "A"}]


def test_results_come_before_words_and_say_when_they_failed() -> None:
    call = said(
        ToolUse(id="call_1", name="read", input={}),
        ToolUse(id="call_2", name="apply_patch", input={"patch": "x"}),
        ToolUse(id="call_3", name="read", input={}),
    )
    results = UserMessage(
        content=(
            Text(text="And then?"),
            ToolResult(tool_use_id="call_1", content="No such file.", is_error=True),
            ToolResult(tool_use_id="call_2", content="Done."),
            ToolResult(tool_use_id="call_3", content=(Text(text="Seen:"), PICTURE), is_error=True),
        )
    )

    assert input_of(call, results)[3:] == [
        {"type": "function_call_output", "call_id": "call_1", "output": "Error: No such file."},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Done."},
        {
            "type": "function_call_output",
            "call_id": "call_3",
            "output": [
                {"type": "input_text", "text": "Error:"},
                {"type": "input_text", "text": "Seen:"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"},
            ],
        },
        {"role": "user", "content": [{"type": "input_text", "text": "And then?"}]},
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        pytest.param(
            Image(source=UrlSource(url="https://a/b.png")),
            {"type": "input_image", "detail": "auto", "image_url": "https://a/b.png"},
            id="picture by address",
        ),
        pytest.param(
            Document(source=Base64Source(media_type="application/pdf", data="AA"), title="a.pdf"),
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
            id="document",
        ),
        pytest.param(
            Document(source=UrlSource(url="https://a/b.pdf")),
            {"type": "input_file", "file_url": "https://a/b.pdf"},
            id="document by address",
        ),
    ],
)
def test_attachments(block: Image | Document, part: dict[str, Any]) -> None:
    assert input_of(UserMessage(content=(block,))) == [{"role": "user", "content": [part]}]


def test_model_without_eyes_is_told_of_pictures() -> None:
    blind = structs.replace(TARGET, origin=structs.replace(HERE, model="gpt-blind"))
    items = input_of(UserMessage(content=(PICTURE,)), target=blind)

    assert items[0]["content"] == [{"type": "input_text", "text": "[A picture stood here. This model takes none.]"}]


@pytest.mark.parametrize(
    ("call", "item"),
    [
        pytest.param(
            ToolUse(id="call_1", name="read", input={}, unparsed='{"path": "a'),
            {"type": "function_call", "call_id": "call_1", "name": "read", "arguments": '{"path": "a'},
            id="cut off",
        ),
        pytest.param(
            ToolUse(id="functions.read:0", name="read", input={}),
            {"type": "function_call", "call_id": "call00001", "name": "read", "arguments": "{}"},
            id="id of another provider",
        ),
        pytest.param(
            ToolUse(id="call_1", name="apply_patch", input={"wrong": 1}),
            {"type": "function_call", "call_id": "call_1", "name": "apply_patch", "arguments": '{"wrong":1}'},
            id="free-form tool called with JSON",
        ),
        pytest.param(
            ToolUse(id="call_1", name="gone", input={"a": 1}),
            {"type": "function_call", "call_id": "call_1", "name": "gone", "arguments": '{"a":1}'},
            id="tool that is gone",
        ),
    ],
)
def test_unusual_calls(call: ToolUse, item: dict[str, Any]) -> None:
    assert input_of(said(call)) == [item]


def test_count_body_is_the_prompt_of_the_same_request() -> None:
    request = ask(user_text("Hi."))
    history = written(request)
    body = count_body(request, history)

    assert body == {key: value for key, value in request_body(request, history).items() if key in body}
    strict(InputTokenCountParams).validate_python(msgspec.json.decode(msgspec.json.encode(body)))


@given(histories(HERE, thought=THOUGHT.signature), st.sampled_from([None, "low", "max"]))
@settings(max_examples=100, deadline=None)
def test_sdk_accepts_every_body(history: tuple[Message, ...], effort: Any) -> None:
    body = body_of(ask(*history, effort=effort, cache_key="k"))

    strict(ResponseCreateParamsStreaming).validate_python(body)


@given(histories(HERE, thought=THOUGHT.signature))
@settings(max_examples=50, deadline=None)
def test_every_call_has_one_output_behind_it(history: tuple[Message, ...]) -> None:
    items = input_of(*history)
    called = [item["call_id"] for item in items if item.get("type") in ("function_call", "custom_tool_call")]
    answered = [item["call_id"] for item in items if str(item.get("type")).endswith("call_output")]

    assert called == answered


@given(histories(HERE, thought=THOUGHT.signature))
@settings(max_examples=50, deadline=None)
def test_longer_history_begins_like_the_shorter_one(history: tuple[Message, ...]) -> None:
    whole = input_of(*history)

    for length in range(len(history)):
        shorter = input_of(*history[:length])
        assert whole[: len(shorter)] == shorter


@given(histories(HERE, thought=THOUGHT.signature), st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=50, deadline=None)
def test_history_that_grows_is_written_as_if_it_were_new(history: tuple[Message, ...], sizes: list[int]) -> None:
    parameters = freeform_parameters((READ, FREEFORM))
    growing = WireInput(TARGET, parameters)
    for size in sorted(sizes):
        assert growing.begins(history[:size], TARGET, parameters)
        growing.extend(history[:size])
    growing.extend(history)

    assert growing.items == written(ask(*history)).items


def test_other_history_is_not_written_on() -> None:
    first, second = user_text("One."), user_text("Two.")
    growing = WireInput(TARGET, {})
    growing.extend((first,))

    assert growing.begins((first, second), TARGET, {})
    assert not growing.begins((second,), TARGET, {})
    assert not growing.begins((), TARGET, {})
    assert not growing.begins((first, second), TARGET, {"apply_patch": "patch"})
    assert not growing.begins((first, second), structs.replace(TARGET, unreadable=frozenset({"m"})), {})


def test_text_that_is_no_unicode_is_mended() -> None:
    assert input_of(user_text("a\udcffb"))[0]["content"][0]["text"] == "a\ufffdb"
