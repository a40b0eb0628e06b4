"""Requests in the Chat dialect: whole bodies, one row per habit, and every plain body the SDK's types accept."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from tests.models.histories import READ, histories
from tests.models.sdk_types import strict
from tianting.models.chat.history import ChatHistory
from tianting.models.chat.request import request_body
from tianting.models.http.request_json import encode_body
from tianting.models.provider_profiles import PROVIDERS, Profile
from tianting.protocol.content import Base64Source, Document, Image, Text, Thinking, ToolResult, ToolUse, UrlSource
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, user_text
from tianting.protocol.requests import ModelRequest, ThinkingWish

HERE = Origin(dialect="openai-chat", base_url="http://localhost:8000/v1", model="qwen3")
PICTURE = Image(source=Base64Source(media_type="image/png", data="AAAA"))
PICTURE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
DETAILS = [{"type": "reasoning.encrypted", "data": "xyz", "index": 0}]
SIGNED = Thinking(thinking="Hm.", signature=msgspec.json.encode(DETAILS).decode())
CALL = ToolUse(id="call_1", name="read", input={"path": "a"})


def ask(*messages: Message, **changes: Any) -> ModelRequest:
    request = ModelRequest(model="qwen3", system=("Be", "brief."), tools=(READ,), messages=messages, max_tokens=1000)
    return structs.replace(request, **changes)


def body_of(request: ModelRequest, profile: Profile) -> Any:
    return msgspec.json.decode(encode_body(request_body(request, written(request, profile), profile)))


def written(request: ModelRequest, profile: Profile) -> ChatHistory:
    history = ChatHistory(HERE, profile, images=request.model != "blind")
    history.extend(request.messages)
    return history


def messages_of(*messages: Message, profile: Profile, **changes: Any) -> Any:
    return body_of(ask(*messages, **changes), profile)["messages"][1:]


def said(*content: Any, origin: Origin | None = HERE, aborted: bool = False) -> AssistantMessage:
    return AssistantMessage(id="c1", model="qwen3", content=content, origin=origin, aborted=aborted)


def result(content: Any = "A", call_id: str = "call_1", *, is_error: bool = False) -> UserMessage:
    return UserMessage(content=(ToolResult(tool_use_id=call_id, content=content, is_error=is_error),))


def test_whole_body() -> None:
    request = ask(user_text("Hi."), effort="high", cache_key="session-1", extra={"top_k": 20})

    assert body_of(request, Profile()) == {
        "model": "qwen3",
        "messages": [{"role": "system", "content": "Be\n\nbrief."}, {"role": "user", "content": "Hi."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 1000,
        "tools": [
            {
                "type": "function",
                "function": {"name": "read", "description": "Read a file.", "parameters": READ.input_schema},
            }
        ],
        "top_k": 20,
    }


BARE = {"model": "qwen3", "messages": [{"role": "user", "content": "Hi."}], "stream": True}


@pytest.mark.parametrize(
    ("profile", "changes", "fields"),
    [
        pytest.param(
            Profile(max_tokens_field="max_completion_tokens", stream_usage=False),
            {},
            {"max_completion_tokens": 1000},
            id="names of fields",
        ),
        pytest.param(
            Profile(stream_usage=False, cache_key_field="prompt_cache_key", body={"reasoning_split": True}),
            {"cache_key": "k"},
            {"max_tokens": 1000, "prompt_cache_key": "k", "reasoning_split": True},
            id="fields of the provider",
        ),
    ],
)
def test_bare_bodies(profile: Profile, changes: dict[str, Any], fields: dict[str, Any]) -> None:
    assert body_of(ask(user_text("Hi."), system=(), tools=(), **changes), profile) == {**BARE, **fields}


@pytest.mark.parametrize(
    ("profile", "effort", "fields"),
    [
        pytest.param(Profile(effort_param="reasoning_effort"), None, {}, id="left to the provider"),
        pytest.param(Profile(), "high", {}, id="not asked for"),
        pytest.param(Profile(effort_param="reasoning_effort"), "low", {"reasoning_effort": "low"}, id="as it is"),
        pytest.param(Profile(effort_param="reasoning_effort"), "max", {"reasoning_effort": "high"}, id="too high"),
        pytest.param(PROVIDERS["openrouter"].profile, "max", {"reasoning": {"effort": "xhigh"}}, id="nested"),
        pytest.param(
            PROVIDERS["deepseek"].profile,
            "low",
            {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
            id="too low",
        ),
        pytest.param(PROVIDERS["glm"].profile, "low", {"thinking": {"type": "enabled"}}, id="a switch"),
        pytest.param(
            PROVIDERS["qwen"].profile, "low", {"enable_thinking": True, "thinking_budget": 4096}, id="a budget"
        ),
    ],
)
def test_effort(profile: Profile, effort: Any, fields: dict[str, Any]) -> None:
    without = body_of(ask(user_text("Hi.")), profile)

    assert body_of(ask(user_text("Hi."), effort=effort), profile) == {**without, **fields}


@pytest.mark.parametrize(
    ("profile", "wish", "fields"),
    [
        pytest.param(Profile(), ThinkingWish(wanted=False), {}, id="cannot be asked for"),
        pytest.param(
            Profile(effort_param="reasoning_effort"),
            ThinkingWish(wanted=False),
            {"reasoning_effort": "low"},
            id="the least",
        ),
        pytest.param(
            PROVIDERS["openrouter"].profile, ThinkingWish(wanted=False), {"reasoning": {"effort": "none"}}, id="nested"
        ),
        pytest.param(
            PROVIDERS["glm"].profile, ThinkingWish(wanted=False), {"thinking": {"type": "disabled"}}, id="a switch"
        ),
        pytest.param(PROVIDERS["qwen"].profile, ThinkingWish(wanted=False), {"enable_thinking": False}, id="off"),
        pytest.param(
            PROVIDERS["qwen"].profile,
            ThinkingWish(budget=9_000),
            {"enable_thinking": True, "thinking_budget": 9_000},
            id="a budget",
        ),
        pytest.param(
            PROVIDERS["glm"].profile, ThinkingWish(budget=9_000), {"thinking": {"type": "enabled"}}, id="no budget"
        ),
    ],
)
def test_thinking(profile: Profile, wish: ThinkingWish, fields: dict[str, Any]) -> None:
    effort = "high" if wish.wanted else None
    without = body_of(ask(user_text("Hi.")), profile)

    assert body_of(ask(user_text("Hi."), thinking=wish, effort=effort), profile) == {**without, **fields}


@pytest.mark.parametrize(
    ("profile", "choice", "fields"),
    [
        pytest.param(Profile(), "none", {"tool_choice": "none"}, id="no calls"),
        pytest.param(Profile(parallel_calls=True), "auto", {"parallel_tool_calls": True}, id="several calls"),
    ],
)
def test_tool_fields(profile: Profile, choice: Any, fields: dict[str, Any]) -> None:
    plain = body_of(ask(user_text("Hi.")), Profile())

    assert body_of(ask(user_text("Hi."), tool_choice=choice), profile) == {**plain, **fields}


def test_system_prompt_may_be_the_developers() -> None:
    assert body_of(ask(), Profile(system_role="developer"))["messages"] == [
        {"role": "developer", "content": "Be\n\nbrief."}
    ]


def test_conversation() -> None:
    history = (
        user_text("Look."),
        said(Text(text="Looking."), CALL, structs.replace(CALL, id="call_2")),
        result("A"),
        result("Not there.", "call_2", is_error=True),
        user_text("And?"),
        user_text("Well?"),
        said(Thinking(thinking="Hm.")),
        said(Text(text="Done.")),
    )

    function = {"name": "read", "arguments": '{"path":"a"}'}
    assert messages_of(*history, profile=Profile()) == [
        {"role": "user", "content": "Look."},
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": function},
                {"id": "call_2", "type": "function", "function": function},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "A"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: Not there."},
        {"role": "user", "content": "And?\n\nWell?"},
        {"role": "assistant", "content": "Done."},
    ]


SEEN = (Text(text="Seen:"), PICTURE)


@pytest.mark.parametrize(
    ("profile", "model", "expected"),
    [
        pytest.param(
            Profile(),
            "qwen3",
            [
                {
                    "role": "tool",
                    "tool_call_id": "call_1",
                    "content": "Seen:\n[The picture stands in the next user message.]",
                },
                {"role": "user", "content": [PICTURE_PART, {"type": "text", "text": "And?"}]},
            ],
            id="moved",
        ),
        pytest.param(
            Profile(images="results"),
            "qwen3",
            [
                {
                    "role": "tool",
                    "tool_call_id": "call_1",
                    "content": [{"type": "text", "text": "Seen:"}, PICTURE_PART],
                },
                {"role": "user", "content": "And?"},
            ],
            id="in place",
        ),
        pytest.param(
            Profile(images="none"),
            "qwen3",
            [
                {
                    "role": "tool",
                    "tool_call_id": "call_1",
                    "content": "Seen:\n[A picture stood here. This model takes none.]",
                },
                {"role": "user", "content": "And?"},
            ],
            id="provider without eyes",
        ),
        pytest.param(
            Profile(),
            "blind",
            [
                {
                    "role": "tool",
                    "tool_call_id": "call_1",
                    "content": "Seen:\n[A picture stood here. This model takes none.]",
                },
                {"role": "user", "content": "And?"},
            ],
            id="model without eyes",
        ),
    ],
)
def test_pictures_in_results(profile: Profile, model: str, expected: list[Any]) -> None:
    assert messages_of(said(CALL), result(SEEN), user_text("And?"), profile=profile, model=model)[1:] == expected


def test_failed_result_with_picture_says_so() -> None:
    history = (said(CALL), result((PICTURE,), is_error=True))

    assert messages_of(*history, profile=Profile(images="results"))[1]["content"] == [
        {"type": "text", "text": "Error:"},
        PICTURE_PART,
    ]


@pytest.mark.parametrize(
    ("block", "profile", "content"),
    [
        pytest.param(PICTURE, Profile(), [PICTURE_PART], id="picture"),
        pytest.param(
            Image(source=UrlSource(url="https://a/b.png")),
            Profile(),
            [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}],
            id="picture by address",
        ),
        pytest.param(
            PICTURE, Profile(images="none"), "[A picture stood here. This model takes none.]", id="picture not taken"
        ),
        pytest.param(
            Document(source=Base64Source(media_type="application/pdf", data="AA")),
            Profile(documents=True),
            [
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"},
                }
            ],
            id="document",
        ),
        pytest.param(
            Document(source=UrlSource(url="https://a/b.pdf")),
            Profile(),
            "[A PDF stood here. This provider takes none.]",
            id="document not taken",
        ),
    ],
)
def test_attachments(block: Any, profile: Profile, content: Any) -> None:
    assert messages_of(UserMessage(content=(block,)), profile=profile) == [{"role": "user", "content": content}]


ELSEWHERE = structs.replace(HERE, base_url="https://api.example/v1")
SISTER = structs.replace(HERE, model="qwen4")


@pytest.mark.parametrize(
    ("profile", "answer", "echoed"),
    [
        pytest.param(Profile(), said(SIGNED, CALL), {}, id="not wanted"),
        pytest.param(
            Profile(reasoning_echo="text", reasoning_in="reasoning"),
            said(SIGNED, CALL),
            {"reasoning": "Hm."},
            id="text",
        ),
        pytest.param(
            Profile(reasoning_echo="text"),
            said(SIGNED, CALL, origin=SISTER),
            {"reasoning_content": "Hm."},
            id="text of another model of the provider",
        ),
        pytest.param(Profile(reasoning_echo="text"), said(SIGNED, CALL, origin=ELSEWHERE), {}, id="foreign text"),
        pytest.param(Profile(reasoning_echo="text"), said(SIGNED, CALL, aborted=True), {}, id="aborted"),
        pytest.param(
            Profile(reasoning_echo="required"), said(SIGNED, CALL), {"reasoning_content": "Hm."}, id="required"
        ),
        pytest.param(
            Profile(reasoning_echo="required"),
            said(SIGNED, CALL, origin=None),
            {"reasoning_content": ""},
            id="required of a foreign turn",
        ),
        pytest.param(Profile(reasoning_echo="required"), said(SIGNED, Text(text="A")), {}, id="not on words"),
        pytest.param(
            Profile(reasoning_echo="details"), said(SIGNED, CALL), {"reasoning_details": DETAILS}, id="details"
        ),
        pytest.param(
            Profile(reasoning_echo="details"), said(SIGNED, CALL, origin=SISTER), {}, id="details of another model"
        ),
        pytest.param(
            Profile(reasoning_echo="details"), said(Thinking(thinking="Hm."), CALL), {}, id="thinking without details"
        ),
    ],
)
def test_reasoning_echo(profile: Profile, answer: AssistantMessage, echoed: dict[str, Any]) -> None:
    [message] = messages_of(answer, profile=profile)

    assert {key: value for key, value in message.items() if key.startswith("reasoning")} == echoed


GEMINI = PROVIDERS["gemini"].profile
SIGNATURE = {"google": {"thought_signature": "sig"}}
SIGNED_CALL = structs.replace(CALL, opaque=msgspec.json.encode({"extra_content": SIGNATURE}).decode())
DUMMY = {"google": {"thought_signature": "skip_thought_signature_validator"}}


@pytest.mark.parametrize(
    ("answer", "extras"),
    [
        pytest.param(said(SIGNED_CALL, CALL), [SIGNATURE, None], id="own"),
        pytest.param(said(SIGNED_CALL, CALL, origin=SISTER), [DUMMY, None], id="of another model"),
        pytest.param(said(CALL), [None], id="own without"),
    ],
)
def test_call_signatures(answer: AssistantMessage, extras: list[Any]) -> None:
    [message] = messages_of(answer, profile=GEMINI)

    assert [call.get("extra_content") for call in message["tool_calls"]] == extras


@pytest.mark.parametrize(
    ("call", "profile", "arguments"),
    [
        pytest.param(CALL, Profile(args_as_object=True), {"path": "a"}, id="as an object"),
        pytest.param(
            structs.replace(CALL, opaque='{"arguments":"{\\"path\\": \\"a\\"}"}'),
            Profile(),
            '{"path": "a"}',
            id="as they came",
        ),
        pytest.param(
            structs.replace(CALL, input={}, unparsed='{"path"'), Profile(), '{"unparsed":"{\\"path\\""}', id="cut off"
        ),
        pytest.param(structs.replace(CALL, opaque="not ours"), Profile(), '{"path":"a"}', id="strange note"),
    ],
)
def test_call_arguments(call: ToolUse, profile: Profile, arguments: Any) -> None:
    [message] = messages_of(said(call), profile=profile)

    assert message["tool_calls"][0]["function"]["arguments"] == arguments


def test_mistral_gets_ids_of_nine_letters() -> None:
    first, second = messages_of(said(CALL), result(), profile=PROVIDERS["mistral"].profile)

    assert (first["content"], first["tool_calls"][0]["id"], second["tool_call_id"]) == ("", "call00001", "call00001")


def test_cache_marks_stand_at_the_system_prompt_and_the_two_newest_messages() -> None:
    history = (user_text("Hi."), said(CALL), result("A"), said(Text(text="B")), user_text(""))
    profile = PROVIDERS["openrouter"].profile

    body = body_of(ask(*history, model="anthropic/claude-opus-5"), profile)

    mark = {"cache_control": {"type": "ephemeral"}}
    assert [message["content"] for message in body["messages"]] == [
        [{"type": "text", "text": "Be\n\nbrief.", **mark}],
        "Hi.",
        None,
        [{"type": "text", "text": "A", **mark}],
        "B",
        "",
    ]


@pytest.mark.parametrize("provider", ["ollama", "xai", "groq", "llamacpp", "mistral"])
@given(histories(HERE, thought="[]"), st.sampled_from([None, "low", "max"]))
@settings(max_examples=25, deadline=None)
def test_sdk_accepts_every_body(provider: str, history: tuple[Message, ...], effort: Any) -> None:
    body = body_of(ask(*history, effort=effort), PROVIDERS[provider].profile)
    for message in body["messages"]:  # what OpenAI's own types do not know
        message.pop("reasoning_content", None)
        message.pop("reasoning", None)

    strict(CompletionCreateParamsStreaming).validate_python(body)


@given(histories(HERE, thought="[]"))
@settings(max_examples=50, deadline=None)
def test_calls_are_answered_at_once_and_once(history: tuple[Message, ...]) -> None:
    waiting: list[str] = []
    for message in messages_of(*history, profile=Profile()):
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        assert waiting == []
        waiting = [call["id"] for call in message.get("tool_calls", [])]
    assert waiting == []


@given(histories(HERE, thought="[]"))
@settings(max_examples=50, deadline=None)
def test_what_was_sent_before_an_answer_is_sent_again(history: tuple[Message, ...]) -> None:
    whole = messages_of(*history, profile=PROVIDERS["mistral"].profile)

    for length, message in enumerate(history):
        if isinstance(message, AssistantMessage):
            shorter = messages_of(*history[:length], profile=PROVIDERS["mistral"].profile)
            assert whole[: len(shorter)] == shorter


MARKING = PROVIDERS["openrouter"].profile


@pytest.mark.parametrize("profile", [pytest.param(Profile(), id="plain"), pytest.param(MARKING, id="marks")])
@given(history=histories(HERE, thought="[]"), sizes=st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=50, deadline=None)
def test_history_that_grows_is_written_as_if_it_were_new(
    profile: Profile, history: tuple[Message, ...], sizes: list[int]
) -> None:
    growing = ChatHistory(HERE, profile, images=True)
    for size in (*sorted(sizes), len(history)):
        request = ask(*history[:size], model="anthropic/claude-opus-5-5")
        assert growing.begins(request.messages, HERE)
        growing.extend(request.messages)

        anew = request_body(request, written(request, profile), profile)
        assert encode_body(request_body(request, growing, profile)) == encode_body(anew)


def test_long_history_settles() -> None:
    turn = (said(CALL), result("A"))
    growing = ChatHistory(HERE, Profile(), images=True)
    growing.extend((user_text("Go."), *turn * 50))

    assert (len(growing.settled), len(growing.newest)) == (98, 3)


def test_other_history_is_not_written_on() -> None:
    first, second = user_text("One."), user_text("Two.")
    growing = ChatHistory(HERE, Profile(), images=True)
    growing.extend((first,))

    assert growing.begins((first, second), HERE)
    assert not growing.begins((second,), HERE)
    assert not growing.begins((), HERE)
    assert not growing.begins((first, second), structs.replace(HERE, model="other"))


def test_text_that_is_no_unicode_is_mended() -> None:
    assert messages_of(user_text("a\udcffb"), profile=Profile()) == [{"role": "user", "content": "a\ufffdb"}]
