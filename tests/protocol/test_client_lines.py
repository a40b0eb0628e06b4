"""What clients write is understood, skipped, or refused in one line; never a traceback."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.protocol.client_lines import (
    Answered,
    ClientLine,
    EnvironmentUpdate,
    KeepAlive,
    PromptLine,
    Refused,
    Withdrawn,
    read_line,
)
from tianting.protocol.content import Base64Source, Document, Image, Text, UrlSource
from tianting.protocol.control import (
    ControlRequest,
    HookMatcher,
    Initialize,
    Interrupt,
    MalformedRequest,
    McpToggle,
    SetModel,
    UnknownRequest,
)
from tianting.protocol.errors import ProtocolError
from tianting.protocol.messages import UserMessage, user_text


def request(subtype: str, **fields: object) -> bytes:
    return msgspec.json.encode(
        {"type": "control_request", "request_id": "r1", "request": {"subtype": subtype, **fields}}
    )


def user(content: object, **fields: object) -> bytes:
    return msgspec.json.encode({"type": "user", "message": {"role": "user", "content": content}, **fields})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(user("hi"), PromptLine(message=user_text("hi")), id="words"),
        pytest.param(
            user("hi", uuid="u1", priority="now", shouldQuery=False, parent_tool_use_id=None, session_id="default"),
            PromptLine(message=user_text("hi"), uuid="u1", priority="now", asks=False),
            id="all that a prompt may say of itself",
        ),
        pytest.param(
            user("hi", uuid=None, priority=None, shouldQuery=None, origin={"kind": "human"}, client_composed=True),
            PromptLine(message=user_text("hi")),
            id="fields left empty, and fields that mean nothing here",
        ),
        pytest.param(
            b'{"type":"control_response","response":{"subtype":"success","request_id":"q","response":{"a":1}}}',
            Answered(request_id="q", payload={"a": 1}),
            id="answer",
        ),
        pytest.param(
            b'{"type":"control_response","response":{"subtype":"success","request_id":"q"}}',
            Answered(request_id="q"),
            id="answer without a payload",
        ),
        pytest.param(
            b'{"type":"control_response","response":{"subtype":"error","request_id":"q","error":"No."}}',
            Refused(request_id="q", error="No."),
            id="refusal",
        ),
        pytest.param(
            b'{"type":"control_response","response":{"subtype":"odd","request_id":"q"}}',
            Refused(request_id="q", error="The client gave no reason."),
            id="refusal of an odd kind",
        ),
        pytest.param(
            b'{"type":"control_cancel_request","request_id":"r1"}', Withdrawn(request_id="r1"), id="withdrawal"
        ),
        pytest.param(b'{"type":"keep_alive"}', KeepAlive(), id="keep alive"),
        pytest.param(
            b'{"type":"update_environment_variables","variables":{"A":"1"}}',
            EnvironmentUpdate(variables={"A": "1"}),
            id="environment",
        ),
        pytest.param(b'{"type":"tomorrow","x":[1]}', None, id="unknown type"),
        pytest.param(b'{"type":7}', None, id="type that is no word"),
        pytest.param(b"{}", None, id="no type"),
        pytest.param(b"  \r", None, id="blank"),
        pytest.param(
            b'{"type":"user","message":{"role":"user","content":"cut \\uD83D"}}',
            PromptLine(message=user_text("cut \ufffd")),
            id="character cut in half",
        ),
    ],
)
def test_line_is_read(line: bytes, expected: ClientLine | None) -> None:
    assert read_line(line) == expected
    assert read_line(bytearray(line)) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text(text="a"), id="text"),
        pytest.param(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
            Image(source=Base64Source(media_type="image/png", data="QQ==")),
            id="image",
        ),
        pytest.param(
            {"type": "image", "source": {"type": "url", "url": "http://x/a.png"}},
            Image(source=UrlSource(url="http://x/a.png")),
            id="image elsewhere",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "url", "url": "http://x/a.pdf"}, "title": "A"},
            Document(source=UrlSource(url="http://x/a.pdf"), title="A"),
            id="document",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "text", "data": "words", "media_type": "text/plain"}},
            Text(text="words"),
            id="document of words",
        ),
        pytest.param(
            {"type": "document", "source": {"type": "text", "data": "words"}, "title": "A"},
            Text(text="A\n\nwords"),
            id="document of words with a title",
        ),
    ],
)
def test_block_of_a_prompt_is_read(block: dict[str, object], expected: Text | Image | Document) -> None:
    assert read_line(user([block])) == PromptLine(message=UserMessage(content=(expected,)))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        pytest.param(b'{"type":"user"', "is no JSON: Input data was truncated.", id="half a line"),
        pytest.param(b"hello", "is no JSON: JSON is malformed: invalid character (byte 0).", id="words"),
        pytest.param(b"42", "breaks the protocol: Expected `object`, got `int`.", id="no object"),
        pytest.param(b'{"type":"\xff"}', "is no JSON: 'utf-8' codec can't decode", id="invalid UTF-8"),
        pytest.param(b'{"x":' + b"[" * 100_000, "is no JSON: it is nested too deeply.", id="too deep"),
        pytest.param(b'{"x":"\\uD800","y":' + b"[" * 100_000, "is no JSON:", id="too deep, and half a character"),
        pytest.param(
            b'{"type":"user","message":{"role":"user","content":"\\uD800"}', "is no JSON:", id="half and half"
        ),
        pytest.param(
            b'{"type":"user","message":{"role":"assistant","content":"a"}}',
            "breaks the protocol: Invalid enum value 'assistant' - at `$.message.role`.",
            id="wrong role",
        ),
        pytest.param(
            user([{"type": "tool_result", "tool_use_id": "t"}]),
            "breaks the protocol: Invalid value 'tool_result' - at `$.message.content[0].type`.",
            id="result of a call that nobody made",
        ),
        pytest.param(user("a", priority="soon"), "Invalid enum value 'soon' - at `$.priority`.", id="priority"),
        pytest.param(
            b'{"type":"control_request","request":{}}', "Object missing required field `request_id`.", id="no id"
        ),
        pytest.param(b'{"type":"control_request","request_id":"a","request":3}', "Expected `object`", id="no request"),
        pytest.param(b'{"type":"control_response","response":{}}', "required field `request_id`", id="no question"),
    ],
)
def test_broken_line_is_refused_in_one_line(line: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        read_line(line)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            request(
                "initialize",
                hooks={"PreToolUse": [{"matcher": "Bash", "hookCallbackIds": ["h0"], "timeout": 5}]},
                sdkMcpServers=["calc"],
                promptSuggestions=True,
            ),
            Initialize(
                hooks={"PreToolUse": (HookMatcher(matcher="Bash", hook_callback_ids=("h0",), timeout=5),)},
                sdk_mcp_servers=("calc",),
            ),
            id="initialize",
        ),
        pytest.param(request("initialize", hooks=None), Initialize(), id="initialize that brings nothing"),
        pytest.param(request("interrupt"), Interrupt(), id="interrupt"),
        pytest.param(
            request("mcp_toggle", serverName="a", enabled=False), McpToggle(server_name="a", enabled=False), id="toggle"
        ),
        pytest.param(request("set_model", model=None), SetModel(), id="default model"),
        pytest.param(request("fly"), UnknownRequest(subtype="fly"), id="unknown"),
        pytest.param(
            request("set_permission_mode"),
            MalformedRequest(subtype="set_permission_mode", complaint="Object missing required field `mode`"),
            id="malformed",
        ),
    ],
)
def test_request_is_read(line: bytes, expected: object) -> None:
    assert read_line(line) == ControlRequest(request_id="r1", request=expected)  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
LINES = st.binary(max_size=80) | st.fixed_dictionaries(
    {"type": st.sampled_from(["user", "control_request", "control_response", "keep_alive", "control_cancel_request"])},
    optional={
        "message": JSON | st.fixed_dictionaries({"role": st.just("user"), "content": JSON}),
        "request_id": JSON,
        "request": JSON
        | st.fixed_dictionaries({"subtype": st.sampled_from(["initialize", "interrupt", "mcp_toggle"])}),
        "response": JSON,
    },
).map(msgspec.json.encode)


@given(LINES)
@settings(max_examples=100)
def test_any_line_is_read_or_refused(line: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        read_line(line)
