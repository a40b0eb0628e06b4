"""What a window sends to get more than its due is refused in the words of its dialect, and never goes any further."""

import anyio
import msgspec
import pytest

from tests.gateway.stage import Stage, eventually, read_answer, stage, upstream
from tests.models.raw_server import STREAM_HEAD, answer, chunk, sends, sends_and_waits, serve_raw
from tianting.gateway.limits import DoorLimits

pytestmark = pytest.mark.anyio

OK = answer("200 OK", b"{}", content_type="application/json")


def raw(played: Stage, line: str, *fields: str) -> bytes:
    return "\r\n".join([line, "host: x", f"x-api-key: {played.token}", *fields, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("line", "fields", "status"),
    [
        pytest.param(
            "POST /v1/messages HTTP/1.1", ["content-length: 5", "transfer-encoding: chunked"], 400, id="CL.TE"
        ),
        pytest.param("POST /v1/messages HTTP/1.1", ["transfer-encoding: chunked, identity"], 501, id="TE.TE"),
        pytest.param("POST http://evil.example/v1/messages HTTP/1.1", [], 400, id="absolute form"),
        pytest.param("GET /v1/models HTTP/1.1", ["host: evil.example"], 400, id="a second host"),
        pytest.param("GET /v1/models/../../admin HTTP/1.1", [], 404, id="traversal"),
        pytest.param("GET /v1/models/..%2fadmin HTTP/1.1", [], 404, id="encoded traversal"),
        pytest.param("GET /v1/organizations HTTP/1.1", [], 404, id="another path"),
        pytest.param("DELETE /v1/messages HTTP/1.1", [], 405, id="another method"),
        pytest.param("GET /v1/responses HTTP/1.1", ["connection: upgrade", "upgrade: websocket"], 426, id="WebSocket"),
        pytest.param("GET /v1/models HTTP/1.1", ["x: " + "y" * 70_000], 431, id="a huge header"),
        pytest.param("GET /v1/models HTTP/1.1", ["x: y"] * 200, 431, id="too many headers"),
        pytest.param("GET /v1/models HTTP/1.1", ["x: a\nx-api-key: b"], 400, id="an injected header"),
        pytest.param("POST /v1/messages HTTP/1.1", ["content-length: 99999999999"], 413, id="a huge body"),
        pytest.param("POST /v1/messages HTTP/1.1", ["content-length: 5", "expect: the worst"], 417, id="expectations"),
        pytest.param("GET /v1/models HTTP/1.1", ["authorization: Bearer other"], 401, id="two tokens"),
        pytest.param("GET /v1/models HTTP/1.0", [], 505, id="HTTP/1.0"),
        pytest.param("\x16\x03\x01\x02", [], 400, id="TLS"),
    ],
)
async def test_it_is_refused_and_the_connection_ends(line: str, fields: list[str], status: int) -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            await client.send(raw(played, line, *fields) + b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
            got = await read_answer(client)
            with pytest.raises(anyio.EndOfStream):
                await client.receive()

        assert (got.status, got.headers["connection"], provider.requests) == (status, "close", [])


async def test_a_body_that_grows_beyond_the_limit_is_refused() -> None:
    limits = DoorLimits(body=1_000, round=0.01)
    async with serve_raw() as provider, stage(upstream(provider.url), limits=limits) as played:
        head = raw(played, "POST /v1/messages HTTP/1.1", "transfer-encoding: chunked")
        async with await played.connect() as client:
            await client.send(head + chunk(b"x" * 900))
            await client.send(chunk(b"x" * 900))
            got = await read_answer(client)

        assert (got.status, provider.requests) == (413, [])


async def test_framing_that_is_larger_than_its_content_is_refused() -> None:
    limits = DoorLimits(body=10, head=1_000, round=0.01)
    async with serve_raw() as provider, stage(upstream(provider.url), limits=limits) as played:
        head = raw(played, "POST /v1/messages HTTP/1.1", "transfer-encoding: chunked")
        async with await played.connect() as client:
            await client.send(head + b"0\r\n" + b"x: y\r\n" * 400)
            assert (await read_answer(client)).status == 413


async def test_malformed_chunks_are_refused() -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        got = await played.ask(raw(played, "POST /v1/messages HTTP/1.1", "transfer-encoding: chunked") + b"zz\r\n")

    assert (got.status, provider.requests) == (400, [])


@pytest.mark.parametrize(
    ("sent", "seconds", "status"),
    [
        pytest.param(b"", 121, None, id="says nothing"),
        pytest.param(b"POST /v1/mess", 11, None, id="never ends its head"),
        pytest.param(b"body", 31, 408, id="stops in its body"),
    ],
)
async def test_who_is_too_slow_is_hung_up_on(sent: bytes, seconds: float, status: int | None) -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            head = raw(played, "POST /v1/messages HTTP/1.1", "content-length: 1000")
            await client.send(head + b"{" if sent == b"body" else sent or b"\r\n")
            await eventually(lambda: played.gateway.observe().connections == 1)
            await anyio.wait_all_tasks_blocked()
            played.clock.time += seconds
            received = b""
            while piece := await _piece(client):
                received += piece

        assert received.startswith(b"" if status is None else f"HTTP/1.1 {status}".encode())
        assert (status is None) == (received == b"")


async def test_who_takes_nothing_of_its_answer_is_hung_up_on() -> None:
    async def floods(stream: anyio.abc.SocketStream) -> None:
        await stream.send(STREAM_HEAD)
        while True:
            await stream.send(chunk(b"x" * 1_000_000))

    async with serve_raw(floods) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            await client.send(played.request())
            while not provider.gone.is_set():
                played.clock.time += 30
                await anyio.sleep(0.01)
        await eventually(lambda: played.gateway.observe().answers["abandoned"] == 1)


async def test_a_refused_client_that_goes_on_talking_is_dropped() -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played, await played.connect() as client:
        await client.send(raw(played, "POST /v1/nothing HTTP/1.1", "content-length: 1000000"))
        assert (await read_answer(client)).status == 404
        await client.send(b"x" * 1_000)
        played.clock.time += 6
        await eventually(lambda: played.gateway.observe().connections == 0)


async def test_who_floods_requests_without_waiting_is_dropped() -> None:
    async with (
        serve_raw(sends_and_waits()) as provider,
        stage(upstream(provider.url)) as played,
        await played.connect() as client,
    ):
        await client.send(played.request() + b"x" * 70_000)
        assert await _piece(client) == b""


async def test_connections_have_an_end() -> None:
    limits = DoorLimits(connections=1, round=0.01)
    async with serve_raw() as provider, stage(upstream(provider.url), limits=limits) as played, await played.connect():
        await eventually(lambda: played.gateway.observe().connections == 1)
        async with await played.connect() as second:
            assert await _piece(second) == b""


async def test_a_revoked_token_is_nobodys_and_its_running_answer_breaks_off() -> None:
    async with (
        serve_raw(sends_and_waits(STREAM_HEAD), sends(OK)) as provider,
        stage(upstream(provider.url)) as played,
        await played.connect() as client,
    ):
        other = played.gateway.issue("w2", "ann", lives=60)
        await client.send(played.request())
        await client.receive()
        played.gateway.revoke("w1")
        assert await _piece(client) == b""
        await provider.gone.wait()

        assert (await played.ask()).status == 401
        assert (await played.ask(played.request(authorization=f"Bearer {other}"))).status == 200


async def test_a_token_that_is_revoked_while_its_request_arrives_does_not_get_it_through() -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played, await played.connect() as client:
        request = played.request()
        await client.send(request[:-1])
        await eventually(lambda: played.gateway.observe().connections == 1)
        await anyio.wait_all_tasks_blocked()
        played.gateway.revoke(played.token)
        await client.send(request[-1:])

        assert (await read_answer(client)).status == 401


@pytest.mark.parametrize(
    ("path", "error"),
    [
        pytest.param("/v1/messages", {"type": "error", "error": {"type": "authentication_error"}}, id="Anthropic"),
        pytest.param(
            "/v1/responses",
            {"error": {"type": "authentication_error", "param": None, "code": "invalid_api_key"}},
            id="OpenAI",
        ),
    ],
)
async def test_unknown_and_expired_tokens_hear_401_in_their_dialect(path: str, error: dict[str, object]) -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        unknown = await played.ask(played.request(path, authorization="Bearer tgw_00000000_0"))
        played.clock.time += 3600
        expired = await played.ask(played.request(path))

    for got in (unknown, expired):
        told = msgspec.json.decode(got.body)
        assert told["error"].pop("message").startswith("The token is missing, unknown, expired or revoked")
        assert (got.status, told) == (401, error)


async def test_a_dialect_without_an_upstream_is_not_served() -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        got = await played.ask(played.request("/v1/responses"))

    assert got.status == 404
    assert b"no upstream that speaks as openai does" in got.body


async def test_an_upstream_that_talks_behind_its_answer_is_not_asked_again_there() -> None:
    forged = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
    async with serve_raw(sends(OK + forged), sends(OK)) as provider, stage(upstream(provider.url)) as played:
        assert [(await played.ask()).body for _ in range(2)] == [b"{}", b"{}"]

    assert provider.connections == 2


async def test_an_unasked_word_of_the_upstream_ends_its_connection() -> None:
    async def talks_later(stream: anyio.abc.SocketStream) -> None:
        await stream.send(OK)
        await anyio.wait_all_tasks_blocked()
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with serve_raw(talks_later, sends(OK)) as provider, stage(upstream(provider.url)) as played:
        assert (await played.ask()).status == 200
        await provider.gone.wait()
        assert (await played.ask()).status == 200


async def _piece(client: anyio.abc.SocketStream) -> bytes:
    """What comes next; nothing at the end, however it came."""
    try:
        return await client.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return b""
