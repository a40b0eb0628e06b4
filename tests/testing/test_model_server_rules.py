"""The server refuses what the real APIs refuse, in their shape, so that an agent's mistakes fail offline."""

from typing import Any

import anyio
import httpx2
import pytest

from tianting.models.scripted import Script, says
from tianting.testing.model_server import serve

pytestmark = pytest.mark.anyio

HI = {"role": "user", "content": "Hi."}
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
SCHEMA = {"type": "object", "properties": {}}
READ = {"name": "Read", "input_schema": SCHEMA}


def use(call_id: str = "c1", **fields: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": call_id, "name": "Read", "input": {}, **fields}
    return {"role": "assistant", "content": [block]}


def results(*call_ids: str, before: tuple[Any, ...] = ()) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "tool_use_id": call_id, "content": "ok"} for call_id in call_ids]
    return {"role": "user", "content": [*before, *blocks]}


def marked(text: str, mark: Any = MARK) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": mark}


def messages(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [HI], **fields}


def history(*items: Any) -> dict[str, Any]:
    return messages(messages=list(items))


def thinking(signature: str, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": signature, **fields}]}


async def post(path: str, body: Any, headers: dict[str, str] | None = None, answers: int = 5) -> httpx2.Response:
    with anyio.fail_after(5):
        async with (
            serve(Script(replies=(says("fine", times=answers),))) as server,
            httpx2.AsyncClient(base_url=server.base_url, trust_env=False) as client,
        ):
            if isinstance(body, bytes):
                return await client.post(path, content=body, headers=headers)
            return await client.post(path, json=body, headers=headers)


VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{", "The body is not a JSON object", id="no JSON"),
        pytest.param([], "The body is not a JSON object", id="no object"),
        pytest.param({"model": "m", "messages": [HI]}, "max_tokens: Field required", id="no max_tokens"),
        pytest.param({"max_tokens": 9, "messages": [HI]}, "model: Field required", id="no model"),
        pytest.param(messages(bogus=1), "bogus: Extra inputs are not permitted", id="unknown key"),
        pytest.param(
            messages(context_management={}), "context_management: Extra inputs are not permitted", id="beta, no header"
        ),
        pytest.param(messages(model=3), "Expected `str`, got `int` - at `$.model`", id="wrong type"),
        pytest.param(history(), "messages: at least one message is required", id="no message"),
        pytest.param(
            history({"role": "assistant", "content": "a"}, HI), "first message must use", id="assistant first"
        ),
        pytest.param(
            history(HI, {"role": "tool", "content": "a"}), "messages.1.role: Input should be", id="unknown role"
        ),
        pytest.param(
            history(HI, {"role": "system", "content": "a"}, HI),
            "messages.1: a system message must be last or stand before an assistant message",
            id="system before user",
        ),
        pytest.param(history(HI, {"role": "assistant", "content": "a"}), "assistant message prefill", id="prefill"),
        pytest.param(
            messages(thinking={"type": "enabled", "budget_tokens": 5}),
            "thinking.enabled.budget_tokens",
            id="small budget",
        ),
        pytest.param(
            messages(tools=[{**READ, "name": "a b"}]), "tools.0.custom.name: String should match", id="bad tool name"
        ),
        pytest.param(messages(tools=[READ, READ]), "tools: Tool names must be unique.", id="two tools of one name"),
        pytest.param(messages(tools=[{"name": "Read"}]), "tools.0.custom.input_schema.type", id="tool without schema"),
        pytest.param(
            messages(system=[{"type": "text", "text": ""}]),
            "system: text content blocks must be non-empty",
            id="empty system",
        ),
        pytest.param(
            history({"role": "user", "content": [{"type": "text", "text": ""}]}),
            "messages.0.content.0.text: text content blocks must be non-empty",
            id="empty text",
        ),
        pytest.param(
            history({"role": "user", "content": []}),
            "messages.0: all messages must have non-empty content",
            id="empty message",
        ),
        pytest.param(history(HI, use("a b"), results("a b")), "tool_use.id: String should match", id="bad call id"),
        pytest.param(
            history(HI, use(input="{}"), results("c1")),
            "tool_use.input: Input should be a valid dictionary",
            id="bad input",
        ),
        pytest.param(
            history(HI, thinking("other"), HI), "Invalid `signature` in `thinking` block", id="changed signature"
        ),
        pytest.param(
            history(HI, thinking("scripted", cache_control=MARK), HI), "thinking.cache_control", id="marked thinking"
        ),
        pytest.param(
            history(HI, use(), HI),
            "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: c1",
            id="no result",
        ),
        pytest.param(
            history(HI, use("c1"), results("c1"), use("c2"), results("c1")),
            "immediately after: c2",
            id="result of another",
        ),
        pytest.param(
            history(HI, results("c9")),
            "messages.0: unexpected `tool_use_id` found in `tool_result` blocks: c9",
            id="result without call",
        ),
        pytest.param(history(HI, use(), results("c1", "c1")), "must have a single result", id="two results"),
        pytest.param(
            history(HI, use(), results("c1", before=({"type": "text", "text": "So:"},))),
            "must come first",
            id="late result",
        ),
        pytest.param(
            history(HI, use(), results("c1"), use(), results("c1")), "`tool_use` ids must be unique", id="repeated call"
        ),
        pytest.param(
            messages(
                tools=[{**READ, "cache_control": MARK}],
                system=[marked("a")],
                messages=[
                    HI,
                    use(),
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "c1", "content": [marked("b")]},
                            marked("c"),
                        ],
                    },
                ],
                cache_control=MARK,
            ),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
            id="five breakpoints",
        ),
        pytest.param(
            messages(system=[marked("a"), marked("b", HOUR)]),
            "must not come after a ttl='5m' block",
            id="hour after minutes",
        ),
    ],
)
async def test_messages_api_refuses(body: Any, words: str) -> None:
    response = await post("/v1/messages", body, VERSION)

    assert response.status_code == 400
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert words in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        pytest.param({}, "anthropic-version: header is required", id="no version"),
        pytest.param(
            {"anthropic-version": "2026-10-21"},
            "temperature: Extra inputs are not permitted",
            id="sampling, new version",
        ),
    ],
)
async def test_messages_api_judges_by_the_version(headers: dict[str, str], words: str) -> None:
    response = await post("/v1/messages", messages(temperature=1), headers)

    assert (response.status_code, response.json()["error"]["message"]) == (400, words)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(messages(temperature=1), VERSION, id="sampling, old version"),
        pytest.param(messages(context_management={}), {**VERSION, "anthropic-beta": "x"}, id="beta with header"),
        pytest.param(history(HI, HI), VERSION, id="neighbours of one role"),
        pytest.param(
            history(HI, use("c1"), use("c2"), results("c2"), results("c1"), {"role": "system", "content": "Note."}),
            VERSION,
            id="parallel calls, system note at the end",
        ),
        pytest.param(history(HI, {"role": "system", "content": []}), VERSION, id="system message that says nothing"),
        pytest.param(history(HI, thinking("scripted"), use(), results("c1")), VERSION, id="thinking goes back"),
        pytest.param(messages(system=[marked("a", HOUR), marked("b")]), VERSION, id="hour before minutes"),
        pytest.param(
            messages(tools=[{"type": "web_search_20260318", "name": "web_search"}]), VERSION, id="server tool"
        ),
        pytest.param(
            messages(max_tokens=3000, thinking={"type": "enabled", "budget_tokens": 1024}), VERSION, id="enough budget"
        ),
    ],
)
async def test_messages_api_takes(body: Any, headers: dict[str, str]) -> None:
    response = await post("/v1/messages", body, headers)

    assert (response.status_code, "fine" in response.text) == (200, True), response.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"model": "m", "messages": [HI]}, 200, id="as it should be"),
        pytest.param(messages(), 400, id="with max_tokens"),
        pytest.param({"messages": [HI]}, 400, id="without model"),
    ],
)
async def test_counting_takes_fewer_keys(body: Any, status: int) -> None:
    assert (await post("/v1/messages/count_tokens", body, VERSION)).status_code == status


SAID = {"role": "user", "content": "Hi."}
CALL = {"type": "function_call", "call_id": "c1", "name": "Read", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "scripted"}
FUNCTION = {"type": "function", "name": "Read", "parameters": SCHEMA, "strict": False}


def items(*given: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(given), **fields}


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        pytest.param(
            {"model": "m"}, 400, "missing_required_parameter", "Missing required parameter: 'input'.", id="no input"
        ),
        pytest.param(
            items(SAID, max_tokens=9), 400, "unknown_parameter", "Unknown parameter: 'max_tokens'.", id="unknown key"
        ),
        pytest.param(items(SAID, model=3), 400, "invalid_type", "Invalid type", id="wrong type"),
        pytest.param(items(), 400, "missing_required_parameter", "it holds no item", id="nothing said"),
        pytest.param(
            items(SAID, max_output_tokens=5), 400, "integer_below_min_value", "expected a value >= 16", id="few tokens"
        ),
        pytest.param(items(SAID, tools=[{**FUNCTION, "name": "a.b"}]), 400, None, "does not match", id="bad tool name"),
        pytest.param(
            items(SAID, tools=[FUNCTION, FUNCTION]), 400, None, "'Read' is not unique", id="two tools of one name"
        ),
        pytest.param(
            items(SAID, tools=[{**FUNCTION, "parameters": {"type": "array"}}]),
            400,
            None,
            "Invalid schema",
            id="bad schema",
        ),
        pytest.param(items(SAID, CALL), 400, None, "No tool output found for function call c1.", id="no output"),
        pytest.param(
            items(SAID, OUTPUT), 400, None, "No tool call found for function call output with call_id c1.", id="no call"
        ),
        pytest.param(items(SAID, CALL, CALL, OUTPUT), 400, None, "The call_id c1 is not unique.", id="repeated call"),
        pytest.param(
            items(SAID, {**CALL, "arguments": {}}, OUTPUT), 400, None, "expected a string", id="arguments as object"
        ),
        pytest.param(
            items(SAID, {"type": "reasoning", "encrypted_content": "scripted"}, CALL, OUTPUT),
            400,
            None,
            "'input[].id' or 'input[].summary'",
            id="reasoning without summary",
        ),
        pytest.param(
            items(SAID, {**REASONING, "encrypted_content": None}, CALL, OUTPUT),
            404,
            "model_not_found",
            "Item with id 'rs_1' not found.",
            id="reasoning without its content",
        ),
        pytest.param(
            items(SAID, {**REASONING, "encrypted_content": "x"}, CALL, OUTPUT),
            400,
            "invalid_encrypted_content",
            "could not be verified",
            id="foreign reasoning",
        ),
        pytest.param(items(SAID, REASONING), 400, None, "without its required following item", id="lone reasoning"),
    ],
)
async def test_responses_api_refuses(body: Any, status: int, code: str | None, words: str) -> None:
    response = await post("/v1/responses", body)

    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (status, "invalid_request_error", code)
    assert words in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"model": "m", "input": "Hi."}, id="plain text"),
        pytest.param(
            items(SAID, REASONING, CALL, OUTPUT, tools=[FUNCTION, {"type": "web_search"}]), id="a turn with a call"
        ),
        pytest.param(
            items(
                SAID,
                {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": "x"},
                {"type": "custom_tool_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "ok"}]},
            ),
            id="a free-form call",
        ),
    ],
)
async def test_responses_api_takes(body: Any) -> None:
    response = await post("/v1/responses", body)

    assert (response.status_code, "fine" in response.text) == (200, True), response.text


CALLED = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "a", "arguments": "{}"}}],
}
TOLD = {"role": "tool", "tool_call_id": "c1", "content": "ok"}


def chat(*given: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(given), **fields}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        pytest.param(
            {"model": "m"}, "missing_required_parameter", "Missing required parameter: 'messages'.", id="no messages"
        ),
        pytest.param(chat(HI, system="a"), "unknown_parameter", "Unknown parameter: 'system'.", id="unknown key"),
        pytest.param(chat({"role": "user", "content": 3}), "invalid_type", "Invalid type", id="wrong type"),
        pytest.param(chat(), None, "empty array", id="no message"),
        pytest.param(chat({"role": "robot", "content": "a"}), None, "'robot' is no role", id="unknown role"),
        pytest.param(chat(HI, {"role": "assistant"}), None, "needs one", id="empty answer"),
        pytest.param(chat(HI, CALLED), None, "did not have response messages: c1", id="no result"),
        pytest.param(chat(HI, CALLED, HI, TOLD), None, "did not have response messages: c1", id="late result"),
        pytest.param(chat(HI, TOLD), None, "must be a response to a preceding message", id="result without call"),
        pytest.param(
            chat(HI, tools=[{"type": "function", "function": {"name": "a b"}}]),
            None,
            "does not match",
            id="bad tool name",
        ),
        pytest.param(
            chat(HI, tools=[{"type": "function", "function": {"name": "a"}}] * 2), None, "'a' is not unique", id="twice"
        ),
        pytest.param(
            chat(HI, tools=[{"type": "function", "function": {"name": "a", "parameters": {"type": "string"}}}]),
            None,
            "Invalid schema",
            id="bad schema",
        ),
    ],
)
async def test_chat_api_refuses(body: Any, code: str | None, words: str) -> None:
    response = await post("/v1/chat/completions", body)

    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (400, "invalid_request_error", code)
    assert words in error["message"]


async def test_chat_api_takes_a_turn_with_a_call() -> None:
    system = {"role": "system", "content": "Be brief."}
    parts = {"role": "user", "content": [{"type": "text", "text": "Hi."}]}

    response = await post("/v1/chat/completions", chat(system, parts, CALLED, TOLD, max_tokens=9, tools=[]))

    assert (response.status_code, "fine" in response.text) == (200, True), response.text
