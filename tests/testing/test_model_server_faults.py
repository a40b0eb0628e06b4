"""Faults as a client sees them, and a server that outlives them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from tianting.models.scripted import Reply, Script, says
from tianting.models.scripted_faults import Fault, FaultKind
from tianting.testing.http_connection import Incoming
from tianting.testing.model_server import ModelServer, ServerOptions, serve

pytestmark = pytest.mark.anyio

TEXT = "Half of this never comes."
PATHS: dict[str, dict[str, Any]] = {
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]},
    "/v1/responses": {"model": "m", "input": "Hi."},
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "Hi."}]},
}
every_dialect = pytest.mark.parametrize("path", PATHS)


def failing(kind: FaultKind, **facts: Any) -> Script:
    return Script(replies=(says(TEXT, fault=Fault(kind=kind, **facts)), says("fine")))


@asynccontextmanager
async def asking(server: ModelServer) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"anthropic-version": "2023-06-01"}
    with anyio.fail_after(5):
        async with httpx2.AsyncClient(base_url=server.base_url, trust_env=False, headers=headers) as client:
            yield client


async def stream_until_it_breaks(client: httpx2.AsyncClient, path: str, got: list[bytes]) -> None:
    async with client.stream("POST", path, json={**PATHS[path], "stream": True}) as response:
        async for chunk in response.aiter_bytes():
            got.append(chunk)


@every_dialect
async def test_status_names_its_error_and_wait(path: str) -> None:
    async with serve(failing("status", status=429, retry_after=1.5)) as server, asking(server) as client:
        refused = await client.post(path, json=PATHS[path])
        taken = await client.post(path, json=PATHS[path])

    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1.5")
    assert "rate_limit" in refused.text
    assert "Scripted rate_limit_error" in refused.json()["error"]["message"]
    assert (taken.status_code, "fine" in taken.text) == (200, True)


@every_dialect
async def test_web_page_instead_of_an_answer(path: str) -> None:
    async with serve(failing("garbage_html")) as server, asking(server) as client:
        response = await client.post(path, json=PATHS[path])

    assert (response.status_code, response.headers["content-type"]) == (502, "text/html")
    assert response.text.startswith("<html>")


@every_dialect
@pytest.mark.parametrize(
    ("kind", "last"),
    [
        pytest.param("truncate", None, id="truncated"),
        pytest.param("malformed", "no JSON", id="malformed"),
        pytest.param("stream_error", "overloaded", id="error event"),
    ],
)
async def test_stream_that_ends_well_but_is_not_whole(path: str, kind: FaultKind, last: str | None) -> None:
    async with serve(failing(kind)) as server, asking(server) as client:
        whole = (await client.post(path, json={**PATHS[path], "stream": True})).text

    *_, end = whole.rstrip("\n").split("\n\n")
    assert TEXT not in whole
    assert not any(word in whole for word in ("message_stop", "response.completed", 'finish_reason":"stop', "[DONE]"))
    if last == "no JSON":
        with pytest.raises(ValueError, match="Expecting"):
            httpx2.Response(200, text=end.partition("data: ")[2]).json()
    elif last:
        assert last in end


@every_dialect
async def test_connection_that_drops(path: str) -> None:
    got: list[bytes] = []
    async with serve(failing("disconnect")) as server, asking(server) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await stream_until_it_breaks(client, path, got)
        again = await client.post(path, json=PATHS[path])

    assert b"".join(got).startswith((b"event: ", b"data: "))
    assert "fine" in again.text


@pytest.mark.parametrize(
    ("kind", "begins"),
    [pytest.param("hang_before_headers", False, id="at once"), pytest.param("hang_mid_stream", True, id="half-way")],
)
async def test_silence_lasts_until_the_client_gives_up(kind: FaultKind, begins: bool) -> None:
    over: list[int | None] = []
    got: list[bytes] = []
    async with serve(failing(kind), on_answered=lambda _, answered: over.append(answered)) as server:
        async with asking(server) as client:
            with anyio.move_on_after(0.1) as patience:
                await stream_until_it_breaks(client, "/v1/messages", got)
        async with asking(server) as client:
            again = await client.post("/v1/messages", json=PATHS["/v1/messages"])

    assert patience.cancelled_caught
    assert bool(got) == begins
    assert "fine" in again.text
    assert over[0] is None


async def test_server_ends_though_a_client_hangs() -> None:
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            async with serve(failing("hang_before_headers")) as server:
                tasks.start_soon(_ask_and_be_cut_off, server)
                while not server.requests:
                    await anyio.lowlevel.checkpoint()


async def _ask_and_be_cut_off(server: ModelServer) -> None:
    async with asking(server) as client:
        with pytest.raises(httpx2.TransportError):
            await client.post("/v1/messages", json=PATHS["/v1/messages"])


async def test_drip_comes_in_single_bytes() -> None:
    got: list[bytes] = []
    async with serve(failing("drip")) as server, asking(server) as client:
        await stream_until_it_breaks(client, "/v1/messages", got)

    assert b"message_stop" in b"".join(got)
    assert len(got) > len(b"".join(got)) / 3


@pytest.mark.parametrize("kind", ["truncate", "malformed", "disconnect"])
async def test_answer_without_a_stream_breaks_too(kind: FaultKind) -> None:
    async with serve(failing(kind)) as server, asking(server) as client:
        try:
            response = await client.post("/v1/messages", json=PATHS["/v1/messages"])
        except httpx2.RemoteProtocolError:
            assert kind == "disconnect"
        else:
            with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
                response.json()


async def test_requests_are_kept_with_the_time_of_their_arrival() -> None:
    ticks = iter(range(10, 100))
    times: list[tuple[int, int | None]] = []

    def note(incoming: Incoming, answered: int | None) -> None:
        times.append((incoming.arrived_ns, answered))

    options = ServerOptions(now_ns=lambda: next(ticks), order="arrival")
    script = Script(replies=(says("a", times=2),))
    async with serve(script, options=options, on_answered=note) as server, asking(server) as client:
        for _ in range(2):
            await client.post("/v1/messages?beta=true", json=PATHS["/v1/messages"], headers={"X-Name": "1"})

    assert times == [(10, 11), (12, 13)]
    assert [(r.method, r.path, r.headers["x-name"]) for r in server.requests] == [("POST", "/v1/messages", "1")] * 2


@every_dialect
async def test_script_that_ended_is_said_loudly(path: str) -> None:
    async with serve(Script(replies=(Reply(text="a", when="Bye"),))) as server, asking(server) as client:
        response = await client.post(path, json=PATHS[path])

    assert response.status_code == 400
    assert "waits for 'Bye'; the request ends with: Hi." in response.json()["error"]["message"]


async def test_script_waits_for_words_of_a_result_in_parts() -> None:
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "Read", "input": {}}]}
    parts = [{"type": "text", "text": "two"}, {"type": "image", "source": {}}]
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": parts}]}
    asked = {**PATHS["/v1/messages"], "messages": [{"role": "user", "content": "one"}, call, result]}

    script = Script(replies=(says("first"), Reply(text="heard", when="^two")))
    async with serve(script) as server, asking(server) as client:
        response = await client.post("/v1/messages", json=asked)

    assert "heard" in response.text


async def test_what_is_no_http_is_refused_and_the_connection_closed() -> None:
    async with serve(Script(replies=())) as server, asking(server):
        port = int(server.base_url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"hello\r\n\r\n")
            answer = await stream.receive()
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()

    assert answer.startswith(b"HTTP/1.1 400 Bad Request")


async def test_client_that_leaves_in_the_middle_harms_nobody() -> None:
    async with serve(Script(replies=(says("fine"),))) as server, asking(server) as client:
        port = int(server.base_url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhel")
        response = await client.post("/v1/messages", json=PATHS["/v1/messages"])

    assert "fine" in response.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param({"x-api-key": "secret"}, 200, id="its own header"),
        pytest.param({"authorization": "Bearer secret"}, 200, id="bearer"),
        pytest.param({"authorization": "Bearer other"}, 401, id="wrong"),
        pytest.param({}, 401, id="none"),
    ],
)
@every_dialect
async def test_key_is_checked_when_one_is_set(path: str, sent: dict[str, str], status: int) -> None:
    async with serve(Script(replies=(says("a"),)), key="secret") as server, asking(server) as client:
        response = await client.post(path, json=PATHS[path], headers=sent)

    assert response.status_code == status
    assert (status == 200) or "invalid API key" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "/v1/messages", id="wrong method"),
        pytest.param("POST", "/v1/nothing", id="unknown path"),
        pytest.param("HEAD", "/", id="probe"),
    ],
)
async def test_what_is_not_served_is_not_found(method: str, path: str) -> None:
    async with serve(Script(replies=())) as server, asking(server) as client:
        response = await client.request(method, path)

    assert response.status_code == 404
    assert (response.text == "") == (method == "HEAD")


async def test_many_conversations_at_once() -> None:
    script = Script(replies=(Reply(text="one", pause=0.001, chunk=1), says("two")))
    heard: list[str] = []

    async def converse(client: httpx2.AsyncClient, name: str) -> None:
        messages: list[dict[str, str]] = [{"role": "user", "content": name}]
        for _ in range(2):
            asked = {"model": "m", "max_tokens": 9, "messages": messages}
            [block] = (await client.post("/v1/messages", json=asked)).json()["content"]
            messages = [*messages, {"role": "assistant", "content": block["text"]}, {"role": "user", "content": "go"}]
            heard.append(block["text"])

    async with serve(script) as server, asking(server) as client, anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(converse, client, str(number))

    assert sorted(heard) == ["one"] * 20 + ["two"] * 20
