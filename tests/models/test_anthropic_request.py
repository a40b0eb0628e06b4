"""What goes out to the Messages API: checked whole, against the SDK's types, and against rules no type can say."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.models.histories import FREEFORM, READ, histories
from tests.models.sdk_types import strict
from tianting.models.anthropic.messages import WireMessages
from tianting.models.anthropic.request import count_body, message_body
from tianting.models.http.request_json import encode_body
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
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, note, user_text
from tianting.protocol.model_catalogue import ModelCatalogue, ModelInfo
from tianting.protocol.requests import ModelRequest, ThinkingWish

HERE = Origin(dialect="anthropic", base_url="http://127.0.0.1", model="claude-sonnet-5-5")
INFO = ModelCatalogue().lookup("claude-sonnet-5-5")
BUDGET = ModelCatalogue().lookup("claude-haiku-4-5")
MARK = {"cache_control": {"type": "ephemeral"}}


def written(request: ModelRequest, info: ModelInfo = INFO) -> dict[str, Any]:
    """The body as it travels, having passed the SDK's types."""
    messages = WireMessages(HERE, images=info.images, refused=frozenset())
    messages.extend(request.messages)
    body: dict[str, Any] = msgspec.json.decode(encode_body(message_body(request, messages, info)))
    strict(MessageCreateParamsStreaming).validate_python(body)
    counted = msgspec.json.decode(encode_body(count_body(request, messages, info)))
    strict(MessageCountTokensParams).validate_python(counted)
    assert {name: body[name] for name in counted} == counted
    assert body.keys() - counted.keys() <= {"max_tokens", "stream", "service_tier"}
    return body


def request(*messages: Message, **changes: Any) -> ModelRequest:
    defaults: dict[str, Any] = {"model": HERE.model, "system": (), "tools": (), "max_tokens": 32_000}
    return ModelRequest(messages=messages, **{**defaults, **changes})


def said(*blocks: Any, origin: Origin | None = HERE) -> AssistantMessage:
    return AssistantMessage(id="m", model=HERE.model, content=blocks, origin=origin)


def answered(call_id: str, content: Any = "ok", *, failed: bool = False) -> UserMessage:
    return UserMessage(content=(ToolResult(tool_use_id=call_id, content=content, is_error=failed),))


def call(call_id: str, name: str = "read", **arguments: Any) -> ToolUse:
    return ToolUse(id=call_id, name=name, input=arguments)


def sent_messages(*messages: Message) -> list[dict[str, Any]]:
    """Without cache breakpoints."""
    sent: list[dict[str, Any]] = written(request(*messages))["messages"]
    for message in sent:
        for block in message["content"]:
            block.pop("cache_control", None)
    return sent


def test_whole_body() -> None:
    body = written(
        request(
            note("cwd: /x"),
            user_text("Read a."),
            said(Thinking(thinking="Hm.", signature="c2ln"), Text(text="Reading."), call("toolu_1", path="a")),
            answered("toolu_1", "A"),
            system=("You are.", "Rules."),
            tools=(READ, FREEFORM),
            effort="high",
            cache_key="session",
        )
    )

    assert body == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 32_000,
        "stream": True,
        "system": [{"type": "text", "text": "You are."}, {"type": "text", "text": "Rules.", **MARK}],
        "tools": [
            {"name": "read", "description": "Read a file.", "input_schema": READ.input_schema},
            {"name": "apply_patch", "description": "Change files.", "input_schema": FREEFORM.input_schema},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "<system-reminder>\ncwd: /x\n</system-reminder>", **MARK},
                    {"type": "text", "text": "Read a.", **MARK},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "text", "text": "Reading."},
                    {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "A", **MARK}],
            },
        ],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high"},
    }


def test_results_of_one_answer_are_one_message_and_come_first() -> None:
    picture = Image(source=Base64Source(media_type="image/png", data="AAAA"))
    messages = sent_messages(
        user_text("Go."),
        said(call("a"), call("b")),
        note("Steering."),
        answered("a", failed=True, content=""),
        answered("b", (Text(text="  "), Text(text="see"), picture)),
        user_text("And?"),
    )

    assert messages[-1] == {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "a",
                "content": "The tool failed without a word.",
                "is_error": True,
            },
            {
                "type": "tool_result",
                "tool_use_id": "b",
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                ],
            },
            {"type": "text", "text": "<system-reminder>\nSteering.\n</system-reminder>"},
            {"type": "text", "text": "And?"},
        ],
    }


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(None, id="unknown origin"),
        pytest.param(Origin(dialect="anthropic", base_url=HERE.base_url, model="claude-opus-5-5"), id="other model"),
        pytest.param(Origin(dialect="anthropic", base_url="https://other", model=HERE.model), id="other place"),
        pytest.param(Origin(dialect="openai-chat", base_url=HERE.base_url, model=HERE.model), id="other dialect"),
    ],
)
def test_signed_and_unknown_parts_go_only_home(elsewhere: Origin | None) -> None:
    blocks = (
        Thinking(thinking="", signature="c2ln"),
        Thinking(thinking="unsigned"),
        RedactedThinking(data="x"),
        Opaque(raw={"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}),
        Text(text="Hello.", opaque="secret"),
        ToolUse(id="a", name="read", input={}, unparsed='{"pa', opaque="secret"),
    )
    common = [
        {"type": "text", "text": "Hello."},
        {"type": "tool_use", "id": "a", "name": "read", "input": {}},
    ]

    at_home = sent_messages(user_text("Go."), said(*blocks), answered("a"))[1]["content"]
    away = sent_messages(user_text("Go."), said(*blocks, origin=elsewhere), answered("a"))[1]["content"]

    assert at_home == [
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        *common,
    ]
    assert away == common


def test_nothing_empty_is_sent() -> None:
    messages = sent_messages(
        user_text(" \n"),
        user_text("Go."),
        said(Text(text="")),
        user_text("Well?"),
        said(Thinking(thinking="cut off"), Text(text="\n")),
        UserMessage(content=()),
    )

    assert messages == [
        {"role": "user", "content": [{"type": "text", "text": "Go."}, {"type": "text", "text": "Well?"}]}
    ]


def test_foreign_ids_and_names_are_rewritten() -> None:
    messages = sent_messages(
        user_text("Go."),
        said(call("functions.read:0", "functions.read"), call("call_ok", "a" * 80), call("b c", "")),
        answered("functions.read:0"),
        answered("call_ok"),
        answered("b c"),
    )

    calls = [(block["id"], block["name"]) for block in messages[1]["content"]]
    assert [name for _, name in calls] == ["functions_read", "a" * 64, "unknown"]
    assert [call_id for call_id, _ in calls] == [block["tool_use_id"] for block in messages[2]["content"]]
    assert calls[1][0] == "call_ok"


def test_model_without_eyes_is_told_of_images() -> None:
    picture = Image(source=UrlSource(url="https://x/y.png"))
    blind = ModelInfo(id="blind", images=False)

    body = written(
        request(UserMessage(content=(picture,)), said(call("a")), answered("a", (picture,))),
        blind,
    )

    text = {"type": "text", "text": "[There was an image here. This model cannot see images.]"}
    assert body["messages"][0]["content"] == [{**text, **MARK}]
    assert body["messages"][2]["content"][0]["content"] == [text]


def test_document_is_sent() -> None:
    pdf = Base64Source(media_type="application/pdf", data="AAAA")

    messages = sent_messages(UserMessage(content=(Document(source=pdf), Document(source=pdf, title="A"))))

    source = {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}
    assert messages[0]["content"] == [
        {"type": "document", "source": source},
        {"type": "document", "source": source, "title": "A"},
    ]


THOUGHT = said(Thinking(thinking="Hm.", signature="c2ln"), call("a"))


@pytest.mark.parametrize(
    ("info", "changes", "messages", "expected"),
    [
        pytest.param(
            INFO, {}, (), {"thinking": {"type": "adaptive", "display": "summarized"}}, id="adaptive, effort unsaid"
        ),
        pytest.param(
            INFO,
            {"effort": "max"},
            (),
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
            id="adaptive",
        ),
        pytest.param(BUDGET, {}, (), {}, id="budget, effort unsaid"),
        pytest.param(
            BUDGET, {"effort": "low"}, (), {"thinking": {"type": "enabled", "budget_tokens": 4_096}}, id="budget"
        ),
        pytest.param(
            BUDGET,
            {"effort": "max", "max_tokens": 8_000},
            (),
            {"thinking": {"type": "enabled", "budget_tokens": 6_976}},
            id="budget leaves room for words",
        ),
        pytest.param(BUDGET, {"effort": "max", "max_tokens": 2_000}, (), {}, id="no room to think"),
        pytest.param(
            BUDGET,
            {"effort": "low"},
            (THOUGHT, answered("a")),
            {"thinking": {"type": "enabled", "budget_tokens": 4_096}},
            id="open turn with thinking",
        ),
        pytest.param(
            BUDGET, {"effort": "low"}, (said(call("a")), answered("a")), {}, id="open turn that began without thinking"
        ),
        pytest.param(
            BUDGET,
            {"effort": "low"},
            (said(call("a")), answered("a"), said(Text(text="Done.")), user_text("Next.")),
            {"thinking": {"type": "enabled", "budget_tokens": 4_096}},
            id="turn is over",
        ),
        pytest.param(ModelInfo(id="x"), {"effort": "max"}, (), {}, id="no thinking"),
        pytest.param(
            INFO,
            {"thinking": ThinkingWish(budget=9_000, display="omitted")},
            (),
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            id="adaptive, to be hidden",
        ),
        pytest.param(
            INFO, {"thinking": ThinkingWish(wanted=False)}, (), {"thinking": {"type": "between_tools"}}, id="off"
        ),
        pytest.param(
            ModelCatalogue().lookup("claude-opus-5"),
            {"thinking": ThinkingWish(wanted=False), "effort": "max"},
            (),
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
            id="off, at an effort that needs it",
        ),
        pytest.param(
            ModelCatalogue().lookup("claude-opus-5-5"),
            {"thinking": ThinkingWish(wanted=False), "effort": "max"},
            (),
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
            id="cannot be off",
        ),
        pytest.param(
            BUDGET,
            {"effort": "low", "thinking": ThinkingWish(budget=9_000)},
            (),
            {"thinking": {"type": "enabled", "budget_tokens": 9_000}},
            id="a budget above the effort's",
        ),
        pytest.param(BUDGET, {"effort": "max", "thinking": ThinkingWish(wanted=False)}, (), {}, id="no budget"),
        pytest.param(BUDGET, {"thinking": ThinkingWish()}, (), {}, id="as the model likes"),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    info: ModelInfo, changes: dict[str, Any], messages: tuple[Message, ...], expected: dict[str, Any]
) -> None:
    body = written(request(user_text("Go."), *messages, **changes), info)

    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"tools": (READ,), "tool_choice": "none"}, {"tool_choice": {"type": "none"}}, id="no tools now"),
        pytest.param({"tool_choice": "none"}, {}, id="no tools at all"),
        pytest.param({"max_tokens": 500_000}, {"max_tokens": 128_000}, id="no more than the model can"),
        pytest.param({"extra": {"service_tier": "auto"}}, {"service_tier": "auto"}, id="user's fields"),
        pytest.param({"extra": {"max_tokens": 7}}, {"max_tokens": 7}, id="user's fields win"),
        pytest.param({"system": ("", " ")}, {}, id="empty system"),
    ],
)
def test_other_fields(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    plain = written(request(user_text("Go.")))
    body = written(request(user_text("Go."), **changes))

    assert {k: v for k, v in body.items() if k != "tools" and plain.get(k) != v} == expected


def test_without_system_the_last_tool_is_marked() -> None:
    body = written(request(user_text("Go."), tools=(READ, FREEFORM)))

    assert ["cache_control" in tool for tool in body["tools"]] == [False, True]


def test_text_that_is_no_unicode_is_mended() -> None:
    body = written(request(user_text("a\udcffb"), tools=(READ,)))

    assert body["messages"][0]["content"][0]["text"] == "a\ufffdb"


def blocks_of(body: dict[str, Any], role: str) -> list[dict[str, Any]]:
    return [block for message in body["messages"] if message["role"] == role for block in message["content"]]


def unmarked(body: dict[str, Any]) -> list[Any]:
    """The messages as one flat list of blocks, without breakpoints."""
    return [
        (message["role"], {k: v for k, v in block.items() if k != "cache_control"})
        for message in body["messages"]
        for block in message["content"]
    ]


@settings(max_examples=100, deadline=None)
@given(history=histories(HERE, "c2ln"), effort=st.sampled_from([None, "low"]), info=st.sampled_from([INFO, BUDGET]))
def test_any_history_is_a_request_the_api_takes(history: tuple[Message, ...], effort: Any, info: ModelInfo) -> None:
    body = written(request(*history, system=("S",), tools=(READ,), effort=effort), info)

    roles = [message["role"] for message in body["messages"]]
    assert all(one != other for one, other in pairwise(roles))
    for before, message in pairwise(body["messages"]):
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        asked = [block["id"] for block in before["content"] if block["type"] == "tool_use"]
        assert results == asked
        assert [block["type"] for block in message["content"][: len(results)]] == ["tool_result"] * len(results)
    marked = [block for block in blocks_of(body, "user") if "cache_control" in block]
    assert len(marked) <= 3
    assert not [block for block in blocks_of(body, "assistant") if "cache_control" in block]


@settings(max_examples=50, deadline=None)
@given(history=histories(HERE, "c2ln"))
def test_longer_history_begins_with_the_same_bytes(history: tuple[Message, ...]) -> None:
    ends = [i + 1 for i, message in enumerate(history[:-1]) if isinstance(history[i + 1], AssistantMessage)]
    whole = unmarked(written(request(*history)))

    for end in ends:
        part = unmarked(written(request(*history[:end])))
        assert msgspec.json.encode(whole[: len(part)]) == msgspec.json.encode(part)


@settings(max_examples=50, deadline=None)
@given(history=histories(HERE, "c2ln"), sizes=st.lists(st.integers(0, 12), max_size=4))
def test_history_that_grows_is_written_as_if_it_were_new(history: tuple[Message, ...], sizes: list[int]) -> None:
    growing = WireMessages(HERE, images=True, refused=frozenset())
    for size in sorted(sizes):
        assert growing.begins(history[:size], HERE, frozenset())
        growing.extend(history[:size])
    growing.extend(history)
    anew = WireMessages(HERE, images=True, refused=frozenset())
    anew.extend(history)

    assert encode_body({"messages": growing.all}) == encode_body({"messages": anew.all})


def test_other_history_is_not_written_on() -> None:
    first, second = user_text("One."), user_text("Two.")
    growing = WireMessages(HERE, images=True, refused=frozenset())
    growing.extend((first,))

    assert growing.begins((first, second), HERE, frozenset())
    assert not growing.begins((second,), HERE, frozenset())
    assert not growing.begins((), HERE, frozenset())
    assert not growing.begins((first, second), HERE, frozenset({"c2ln"}))
    assert not growing.begins((first, second), structs.replace(HERE, model="claude-opus-5-5"), frozenset())
