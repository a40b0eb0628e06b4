"""Answers find who asked, whoever speaks first, and nonsense is told from the protocol."""

import itertools
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, json

from tests.fleet.drivers.pipes import ScriptedPipe
from tianting.fleet.drivers.driver import DriverError, Fault
from tianting.fleet.drivers.json_rpc import Answered, Asked, Incoming, JsonRpc, Nonsense, Told

pytestmark = pytest.mark.anyio


def speaking(pipe: ScriptedPipe, *, marked: bool = False, alone: bool = True) -> JsonRpc:
    return JsonRpc(pipe, marked=marked, alone=alone, new_id=lambda: "us")


async def heard_from(pipe: ScriptedPipe) -> list[Incoming]:
    heard: list[Incoming] = []

    async def hear(message: Incoming) -> None:
        heard.append(message)

    pipe.end()
    with anyio.fail_after(5):
        await speaking(pipe).run(hear)
    return heard


async def ignore(_: Incoming) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(b'{"method":"m"}', Told, id="notification"),
        pytest.param(b'{"method":"m","id":null}', Told, id="notification with a null id"),
        pytest.param(b'{"method":"m","id":0,"params":{}}', Asked, id="request"),
        pytest.param(b'{"id":7,"result":null}', Answered, id="answer to nobody"),
        pytest.param(b'{"id":"a","error":{"code":1,"message":"no"}}', Answered, id="refusal"),
        pytest.param(b'{"method":"m","params":{"text":"\\ud83d"}}', Told, id="half a character"),
        pytest.param(b"hello", Nonsense, id="words"),
        pytest.param(b"[]", Nonsense, id="a batch"),
        pytest.param(b"{}", Nonsense, id="nothing"),
        pytest.param(b'{"id":null,"error":{"code":-32700,"message":"?"}}', Nonsense, id="answer without a request"),
        pytest.param(b'{"\\ud83d', Nonsense, id="half a line with half a character"),
        pytest.param(b"[" * 100_000, Nonsense, id="too deep"),
        pytest.param(b'"\xff"', Nonsense, id="no text"),
    ],
)
async def test_lines_are_told_apart(line: bytes, kind: type[Incoming]) -> None:
    [heard] = await heard_from(ScriptedPipe(line + b"\n\n  \n"))

    assert (type(heard), heard.line) == (kind, line)


@given(st.data())
@settings(max_examples=50)
def test_messages_survive_any_cut(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.dictionaries(st.just("method"), st.text(), min_size=1), max_size=5))
    raw = b"".join(json.encode(line) + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    edges = [0, *cuts, len(raw)]
    chunks = [raw[start:end] for start, end in itertools.pairwise(edges) if start < end]

    async def tell() -> None:
        heard = await heard_from(ScriptedPipe(*chunks))
        assert [message.method for message in heard if isinstance(message, Told)] == [line["method"] for line in lines]

    anyio.run(tell)


async def test_whoever_asks_before_anybody_reads_reads_and_loses_nothing() -> None:
    pipe = ScriptedPipe()
    pipe.say({"method": "early"}, {"id": "us/1", "result": {"a": 1}}, {"method": "late"})
    rpc = speaking(pipe, marked=True)
    heard: list[Incoming] = []

    async def hear(message: Incoming) -> None:
        heard.append(message)

    with anyio.fail_after(5):
        assert await rpc.request("ask", {"b": 2}) == Raw(b'{"a":1}')
        pipe.end()
        await rpc.run(hear)

    assert pipe.sent == [{"jsonrpc": "2.0", "id": "us/1", "method": "ask", "params": {"b": 2}}]
    assert [type(message) for message in heard] == [Told, Answered, Told]


async def test_who_asks_while_another_reads_is_answered_after_the_answer_was_heard() -> None:
    pipe = ScriptedPipe()
    rpc = speaking(pipe)
    order: list[str] = []

    async def hear(message: Incoming) -> None:
        assert isinstance(message, Answered)
        order.append(f"heard {message.topic}")

    async def ask() -> None:
        result = await rpc.request("ask", {}, topic="mine")
        order.append(bytes(result).decode())
        pipe.end()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rpc.run, hear)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            pipe.say({"id": "us/1", "result": 5})

    assert order == ["heard mine", "5"]


async def test_what_lies_in_the_pipe_of_another_is_not_read_by_who_asks() -> None:
    pipe = ScriptedPipe()
    pipe.answers["ask"] = {"result": 5}
    rpc = speaking(pipe, alone=False)
    results: list[bytes] = []

    async def ask() -> None:
        results.append(bytes(await rpc.request("ask", {})))
        pipe.end()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            assert pipe.sent == []
            await rpc.run(ignore)
    assert results == [b"5"]


async def test_a_refusal_is_a_fault_with_its_code() -> None:
    pipe = ScriptedPipe()
    pipe.say({"id": "us/1", "error": {"code": -32001, "message": "Later."}})

    with anyio.fail_after(5), pytest.raises(DriverError, match="refused `ask`: Later") as raised:
        await speaking(pipe).request("ask", {})

    assert raised.value.fault == Fault(message="Later.", code="-32001")


async def test_nobody_waits_for_an_agent_that_has_ended() -> None:
    pipe = ScriptedPipe()
    rpc = speaking(pipe)
    pipe.end()

    with anyio.fail_after(5):
        with pytest.raises(DriverError, match="ended before it answered `ask`"):
            await rpc.request("ask", {})
        await rpc.run(ignore)
        with pytest.raises(DriverError, match="has ended"):
            await rpc.notify("tell")


async def test_an_agent_that_does_not_read_does_not_stop_us_from_reading() -> None:
    pipe = StuckPipe()
    rpc = speaking(pipe)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rpc.run, ignore)
            await anyio.wait_all_tasks_blocked()
            for _ in range(256):
                await rpc.notify("tell")
            await anyio.wait_all_tasks_blocked()
            await rpc.notify("one is on its way")
            with pytest.raises(DriverError, match="does not read: 256 messages"):
                await rpc.notify("tell")
            pipe.end()
    assert pipe.sent == []


async def test_an_agent_that_closed_its_input_can_still_be_heard() -> None:
    pipe = ScriptedPipe()
    pipe.broken = True
    rpc = speaking(pipe)
    heard: list[Incoming] = []

    async def hear(message: Incoming) -> None:
        heard.append(message)

    with anyio.fail_after(5):
        with pytest.raises(DriverError, match="does not read any more"):
            await rpc.notify("tell")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(rpc.run, hear)
            await anyio.wait_all_tasks_blocked()
            await rpc.notify("tell")
            pipe.say({"method": "last words"})
            pipe.end()
    assert len(heard) == 1


async def test_every_kind_of_message_is_sent_as_it_should_be() -> None:
    pipe = ScriptedPipe()
    rpc = speaking(pipe)

    with anyio.fail_after(5):
        await rpc.notify("tell")
        await rpc.notify("tell", {"a": 1})
        await rpc.respond(0, {"b": 2})
        await rpc.refuse("x", -32601, "No.")
        await rpc.finish()

    sent: list[dict[str, Any]] = [
        {"method": "tell"},
        {"method": "tell", "params": {"a": 1}},
        {"id": 0, "result": {"b": 2}},
        {"id": "x", "error": {"code": -32601, "message": "No."}},
    ]
    assert (pipe.sent, pipe.finished) == (sent, True)


class StuckPipe(ScriptedPipe):
    """Takes nothing."""

    async def send(self, data: bytes) -> None:
        await anyio.sleep_forever()
