"""A scripted model is a model like any other, and says what was written."""

from typing import Any

import anyio
import pytest

from tianting.models.scripted import Call, Reply, ScriptedModel, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.content import Image, Text, Thinking, ToolResult, ToolUse, UrlSource
from tianting.protocol.deltas import (
    ArgumentsDelta,
    BlockFinished,
    BlockStarted,
    Delta,
    MessageFinished,
    MessageStarted,
    TextDelta,
    ThinkingDelta,
)
from tianting.protocol.errors import (
    ContextOverflow,
    ModelError,
    ModelUnavailable,
    NotAuthenticated,
    RequestRejected,
)
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage, user_text
from tianting.protocol.requests import ModelRequest
from tianting.protocol.usage import Usage

pytestmark = pytest.mark.anyio


def ask(*messages: Message) -> ModelRequest:
    return ModelRequest(model="m", system=(), tools=(), messages=messages or (user_text("Hi."),), max_tokens=100)


async def collect(model: ScriptedModel, *messages: Message) -> list[Delta]:
    with anyio.fail_after(5):
        return [delta async for delta in model.stream(ask(*messages))]


async def gather(model: ScriptedModel, arrived: list[Delta]) -> None:
    async for delta in model.stream(ask()):
        arrived.append(delta)


async def last_message(model: ScriptedModel, *messages: Message) -> AssistantMessage:
    finished = (await collect(model, *messages))[-1]
    assert isinstance(finished, MessageFinished)
    return finished.message


async def test_reply_arrives_block_by_block() -> None:
    usage = Usage(input_tokens=7, output_tokens=3, thinking_tokens=1)
    reply = Reply(text="Looking now.", thinking="Hm.", calls=(calls("Read", path="a"),), chunk=8, usage=usage)

    deltas = await collect(ScriptedModel(reply))

    thinking = Thinking(thinking="Hm.", signature="scripted")
    call = ToolUse(id="call_1_1", name="Read", input={"path": "a"})
    assert deltas == [
        MessageStarted(message_id="msg_1", model="m", usage=Usage(input_tokens=7)),
        BlockStarted(index=0, block=Thinking(thinking="")),
        ThinkingDelta(index=0, thinking="Hm."),
        BlockFinished(index=0, block=thinking),
        BlockStarted(index=1, block=Text(text="")),
        TextDelta(index=1, text="Looking "),
        TextDelta(index=1, text="now."),
        BlockFinished(index=1, block=Text(text="Looking now.")),
        BlockStarted(index=2, block=ToolUse(id="call_1_1", name="Read", input={})),
        ArgumentsDelta(index=2, json='{"path":'),
        ArgumentsDelta(index=2, json='"a"}'),
        BlockFinished(index=2, block=call),
        MessageFinished(
            message=AssistantMessage(
                id="msg_1",
                model="m",
                content=(thinking, Text(text="Looking now."), call),
                stop_reason="tool_use",
                usage=usage,
                origin=Origin(dialect="scripted", base_url="", model="m"),
            )
        ),
    ]


async def test_replies_come_in_order_of_requests_and_requests_are_remembered() -> None:
    model = ScriptedModel(says("one", times=2), says("two"))

    answers = [(await last_message(model, user_text(word))).content for word in ("a", "b", "c")]

    assert answers == [(Text(text="one"),), (Text(text="one"),), (Text(text="two"),)]
    assert model.seen == [ask(user_text("a")), ask(user_text("b")), ask(user_text("c"))]


async def test_ids_go_on_where_a_resumed_conversation_stopped() -> None:
    history: list[Message] = [user_text("a"), AssistantMessage(id="msg_1", model="m", content=()), user_text("b")]
    model = ScriptedModel(says("", calls("Read")), says("done"))

    first = await last_message(model, *history)
    second = await last_message(model, user_text("compacted"))

    assert (first.id, first.calls[0].id, second.id) == ("msg_2", "call_2_1", "msg_3")


async def test_arguments_that_are_no_json_stay_as_they_came() -> None:
    model = ScriptedModel(Reply(calls=(Call(tool="Read", raw='{"path": ', id="x"),)))

    message = await last_message(model)

    assert message.calls == (ToolUse(id="x", name="Read", input={}, unparsed='{"path": '),)


async def test_last_reply_may_go_on_for_ever() -> None:
    model = ScriptedModel(says("first"), says("again"), repeat_last=True)

    texts = [(await last_message(model)).content for _ in range(4)]

    assert texts[1:] == [(Text(text="again"),)] * 3


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        pytest.param((), "The script has no reply 1; the request ends with: Hi.", id="used up"),
        pytest.param(
            (Reply(text="ok", when="Bye"),),
            "Reply 1 of the script waits for 'Bye'; the request ends with: Hi.",
            id="unexpected",
        ),
    ],
)
async def test_request_outside_the_script_is_rejected(replies: tuple[Reply, ...], words: str) -> None:
    with pytest.raises(RequestRejected) as caught:
        await collect(ScriptedModel(*replies))

    assert str(caught.value) == words


async def test_long_words_are_clipped_in_the_rejection() -> None:
    with pytest.raises(RequestRejected) as caught:
        await collect(ScriptedModel(), user_text("x" * 10_000))

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(user_text("please hit it"), id="prompt"),
        pytest.param(UserMessage(content=(ToolResult(tool_use_id="1", content="hit"),)), id="result"),
        pytest.param(
            UserMessage(
                content=(
                    ToolResult(
                        tool_use_id="1", content=(Text(text="hit"), Image(source=UrlSource(url="https://a.b/c.png")))
                    ),
                )
            ),
            id="result in parts",
        ),
    ],
)
async def test_when_looks_at_everything_said_since_the_last_answer(message: Message) -> None:
    before = AssistantMessage(id="msg_0", model="m", content=(Text(text="hot"),))
    model = ScriptedModel(Reply(text="ok", when="^hit|hit it"), Reply(text="ok", when="hot"))
    history = (user_text("hot"), before, message, user_text("a note"))

    assert (await last_message(model, *history)).content == (Text(text="ok"),)
    with pytest.raises(RequestRejected):
        await collect(model, *history)


def test_when_must_be_a_regular_expression() -> None:
    with pytest.raises(ValueError, match="`when` is no regular expression"):
        Reply(when="(")


@pytest.mark.parametrize(
    ("fault", "error", "facts"),
    [
        pytest.param(Fault(kind="status"), ModelUnavailable, {"status": 529, "cause": "overloaded"}, id="overloaded"),
        pytest.param(
            Fault(kind="status", status=429, retry_after=3),
            ModelUnavailable,
            {"status": 429, "cause": "rate_limit", "retry_after": 3},
            id="rate limit",
        ),
        pytest.param(
            Fault(kind="status", status=500), ModelUnavailable, {"status": 500, "cause": "server_error"}, id="500"
        ),
        pytest.param(
            Fault(kind="status", status=408), ModelUnavailable, {"status": 408, "cause": "timeout"}, id="timeout"
        ),
        pytest.param(Fault(kind="status", status=401), NotAuthenticated, {"status": 401}, id="wrong key"),
        pytest.param(Fault(kind="status", status=413), ContextOverflow, {"status": 413}, id="too large"),
        pytest.param(
            Fault(kind="status", status=400, message="prompt is too long: 9 tokens > 8 maximum"),
            ContextOverflow,
            {"status": 400},
            id="prompt too long",
        ),
        pytest.param(Fault(kind="status", status=400), RequestRejected, {"status": 400}, id="bad request"),
        pytest.param(
            Fault(kind="garbage_html"), ModelUnavailable, {"status": 502, "cause": "server_error"}, id="web page"
        ),
        pytest.param(Fault(kind="disconnect"), ModelUnavailable, {"cause": "broken_stream"}, id="disconnected"),
        pytest.param(Fault(kind="truncate"), ModelUnavailable, {"cause": "broken_stream"}, id="truncated"),
        pytest.param(Fault(kind="malformed"), ModelUnavailable, {"cause": "broken_stream"}, id="no JSON"),
        pytest.param(
            Fault(kind="stream_error"), ModelUnavailable, {"status": None, "cause": "overloaded"}, id="error event"
        ),
        pytest.param(
            Fault(kind="stream_error", error_type="invalid_request_error"),
            RequestRejected,
            {"status": None},
            id="error event that does not pass",
        ),
    ],
)
async def test_fault_takes_one_request(fault: Fault, error: type[ModelError], facts: dict[str, Any]) -> None:
    model = ScriptedModel(says("half of this is lost", fault=fault), says("fine"))

    with pytest.raises(error) as caught:
        await collect(model)

    assert {name: getattr(caught.value, name) for name in facts} == facts
    assert (await last_message(model)).content == (Text(text="fine"),)


async def test_stream_breaks_half_way() -> None:
    model = ScriptedModel(Reply(text="ab", chunk=1, fault=Fault(kind="truncate")))
    arrived: list[Delta] = []

    with pytest.raises(ModelUnavailable):
        await gather(model, arrived)

    assert arrived == [
        MessageStarted(message_id="msg_1", model="m"),
        BlockStarted(index=0, block=Text(text="")),
        TextDelta(index=0, text="a"),
    ]


@pytest.mark.parametrize(
    ("fault", "before"),
    [
        pytest.param(Fault(kind="hang_before_headers"), 0, id="at once"),
        pytest.param(Fault(kind="hang_mid_stream"), 2, id="half-way"),
    ],
)
async def test_hang_lasts_until_cancelled(fault: Fault, before: int) -> None:
    arrived: list[Delta] = []

    with anyio.move_on_after(0.02) as scope:
        await gather(ScriptedModel(says("a", fault=fault)), arrived)

    assert scope.cancelled_caught
    assert len(arrived) == before


async def test_drip_is_the_whole_answer_in_small_bites() -> None:
    deltas = await collect(ScriptedModel(says("abc", fault=Fault(kind="drip"))))

    assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == ["a", "b", "c"]
    assert isinstance(deltas[-1], MessageFinished)


async def test_tokens_are_estimated_by_length() -> None:
    model = ScriptedModel()

    short, long = await model.count_tokens(ask()), await model.count_tokens(ask(user_text("x" * 400)))
    await model.aclose()

    assert 90 < long - short < 110


async def test_delay_and_pause_are_waited_for() -> None:
    model = ScriptedModel(Reply(text="ab", chunk=1, delay=0.01, pause=0.01))
    begun = anyio.current_time()

    deltas = await collect(model)

    assert anyio.current_time() - begun >= 0.01 * (1 + len(deltas)) * 0.9
