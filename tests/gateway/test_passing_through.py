"""Answers pass through as they come: the key goes on, the token does not, and who leaves ends what was begun."""

import anyio
import msgspec
import pytest
from anyio.abc import SocketStream

from tests.gateway.stage import BODY, SECRET, Stage, eventually, read_answer, stage, upstream
from tests.models.raw_server import (
    STREAM_END,
    STREAM_HEAD,
    answer,
    chunk,
    sends,
    sends_and_closes,
    sends_and_waits,
    serve_raw,
)
from tianting.gateway.gateway import GatewayFigures, KeyFigures
from tianting.gateway.ledger import UsageSum
from tianting.gateway.limits import DoorLimits

pytestmark = pytest.mark.anyio

DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta"}\n\n'
USAGE = b'event: message_delta\ndata: {"type":"message_delta","usage":{"input_tokens":10,"output_tokens":20}}\n\n'
OK = answer("200 OK", b"{}", content_type="application/json")


async def test_an_answer_passes_byte_for_byte() -> None:
    pieces = [chunk(DELTA), chunk(DELTA + USAGE), STREAM_END]
    async with serve_raw(sends(STREAM_HEAD, *pieces)) as provider, stage(upstream(provider.url)) as played:
        got = await played.ask()

    assert (got.status, got.body) == (200, b"".join(pieces))
    assert got.headers == {"content-type": "text/event-stream", "transfer-encoding": "chunked"}


async def test_each_delta_arrives_before_the_next_is_sent() -> None:
    """The upstream waits for the client's word after each delta: a buffer anywhere would block for ever."""
    heard = anyio.Event()

    async def waits_for_the_client(stream: SocketStream) -> None:
        await stream.send(STREAM_HEAD + chunk(DELTA))
        await heard.wait()
        await stream.send(chunk(USAGE) + STREAM_END)

    async with (
        serve_raw(waits_for_the_client) as provider,
        stage(upstream(provider.url)) as played,
        await played.connect() as client,
    ):
        await client.send(played.request())
        received = b""
        while DELTA not in received:
            received += await client.receive()
        heard.set()
        while STREAM_END not in received:
            received += await client.receive()

    assert received.endswith(chunk(USAGE) + STREAM_END)


async def test_the_upstream_sees_the_key_and_nothing_of_the_window() -> None:
    async with serve_raw(sends(OK)) as provider, stage(upstream(provider.url)) as played:
        request = played.request(
            "/v1/messages?beta=true",
            host="evil.example",
            x_forwarded_host="evil.example",
            cookie="a=b",
            connection="x-mine, keep-alive",
            x_mine="1",
            accept_encoding="gzip",
            anthropic_beta="some-2026",
            anthropic_workspace_id="other",
        )
        await played.ask(request)
        head, body = provider.requests[0]

    line, *fields = head.decode().split("\r\n")
    assert (line, body) == ("POST /v1/messages?beta=true HTTP/1.1", BODY)
    assert sorted(fields) == [
        "accept-encoding: identity",
        "anthropic-beta: some-2026",
        f"content-length: {len(BODY)}",
        f"host: {provider.url.removeprefix('http://')}",
        f"x-api-key: {SECRET}",
    ]


async def test_connections_are_kept_on_both_sides() -> None:
    async with serve_raw(sends(OK), sends(OK), sends(OK)) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            for _ in range(3):
                await client.send(played.request())
                assert (await read_answer(client)).status == 200

        assert provider.connections == 1


async def test_a_kept_connection_that_the_upstream_closed_is_opened_again() -> None:
    async with (
        serve_raw(sends_and_closes(OK), sends(OK)) as provider,
        stage(upstream(provider.url)) as played,
    ):
        assert [(await played.ask()).status for _ in range(2)] == [200, 200]


async def test_pipelined_requests_are_answered_in_turn() -> None:
    async with serve_raw(sends(OK), sends(OK)) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            await client.send(played.request() * 2)
            received = b""
            while received.count(b"{}") < 2:
                received += await client.receive()

        assert received.count(b"HTTP/1.1 200") == 2


async def test_a_chunked_body_and_an_expectation_are_understood() -> None:
    async with serve_raw(sends(OK)) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            head, _, body = played.request(expect="100-continue", transfer_encoding="chunked").partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.startswith(b"content-length")]
            await client.send(b"\r\n".join(lines) + b"\r\n\r\n")
            assert await client.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
            for byte in body:
                await client.send(chunk(bytes([byte])))
            await client.send(STREAM_END)
            assert (await read_answer(client)).status == 200

        assert provider.requests[0][1] == BODY


async def test_an_answer_without_length_ends_with_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    async with serve_raw(sends_and_closes(head, b"{", b"}")) as provider, stage(upstream(provider.url)) as played:
        got = await played.ask()

    assert (got.status, got.body, got.headers["connection"]) == (200, b"{}", "close")


async def test_interim_answers_are_not_passed_on() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with serve_raw(sends(early + early, OK)) as provider, stage(upstream(provider.url)) as played:
        assert (await played.ask()).body == b"{}"


async def test_a_head_in_many_pieces_is_one_head() -> None:
    async with (
        serve_raw(sends(OK[:9], OK[9:30], OK[30:])) as provider,
        stage(upstream(provider.url)) as played,
        await played.connect() as client,
    ):
        for byte in played.request():
            await client.send(bytes([byte]))
        assert (await read_answer(client)).status == 200


async def test_who_leaves_ends_the_upstreams_work_at_once() -> None:
    async with (
        serve_raw(sends_and_waits(STREAM_HEAD, chunk(DELTA))) as provider,
        stage(upstream(provider.url)) as played,
    ):
        async with await played.connect() as client:
            await client.send(played.request())
            while DELTA not in await client.receive():
                pass
        await provider.gone.wait()
        await eventually(lambda: played.gateway.observe().answers["abandoned"] == 1)

        assert played.gateway.observe().keys[0].in_flight == 0


async def test_who_leaves_while_the_upstream_thinks_ends_it_too() -> None:
    async with serve_raw(sends_and_waits()) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            await client.send(played.request())
            await eventually(lambda: provider.requests)
        await provider.gone.wait()
        await eventually(lambda: played.gateway.observe().answers["abandoned"] == 1)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param([STREAM_HEAD, chunk(DELTA)], id="without its last chunk"),
        pytest.param([STREAM_HEAD, chunk(DELTA), b"zz\r\n"], id="in malformed chunks"),
        pytest.param([b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"], id="shorter than it said"),
    ],
)
async def test_an_answer_that_breaks_off_is_not_made_whole(
    broken: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async with serve_raw(sends_and_closes(*broken)) as provider, stage(upstream(provider.url)) as played:
        got = await played.ask()

        assert not got.body.endswith(STREAM_END)
        assert played.gateway.observe().answers["broken_off"] == 1
        assert "the answer broke off" in caplog.text


async def test_a_silent_stream_is_given_up_at_the_ceiling() -> None:
    limits = DoorLimits(silence=0.05, round=0.01)
    async with (
        serve_raw(sends_and_waits(STREAM_HEAD, chunk(DELTA))) as provider,
        stage(upstream(provider.url), limits=limits) as played,
    ):
        got = await played.ask()

        assert (got.status, got.body) == (200, chunk(DELTA))
        await provider.gone.wait()


async def test_a_slow_reader_slows_the_upstream_down_and_gets_everything() -> None:
    megabyte = chunk(b"x" * 1_000_000)
    begun = anyio.Event()

    async def floods(stream: SocketStream) -> None:
        await stream.send(STREAM_HEAD)
        begun.set()
        for _ in range(20):
            await stream.send(megabyte)
        await stream.send(STREAM_END)

    async with serve_raw(floods) as provider, stage(upstream(provider.url)) as played, await played.connect() as client:
        await client.send(played.request())
        await begun.wait()
        got = await read_answer(client)

    assert len(got.body) == 20 * len(megabyte) + len(STREAM_END)


async def test_what_was_used_is_booked() -> None:
    async with (
        serve_raw(sends(STREAM_HEAD, chunk(USAGE), STREAM_END)) as provider,
        stage(upstream(provider.url)) as played,
    ):
        await played.ask()
        await eventually(lambda: played.gateway.observe().answering == 0)
        await played.ledger.flush()

        assert played.ledger.sums() == [
            UsageSum(
                day="1970-01-12",
                owner="ann",
                requests=1,
                input_tokens=10,
                output_tokens=20,
                cache_creation_input_tokens=0,
                cache_read_input_tokens=0,
                usd=0.00044,
            )
        ]
        assert played.gateway.observe() == GatewayFigures(
            connections=played.gateway.observe().connections,
            answering=0,
            waiting=0,
            tokens=1,
            answers={"answered": 1, "refused": 0, "broken_off": 0, "abandoned": 0},
            turned_away=0,
            keys=(KeyFigures(upstream="provider", key="first", circuit="closed", in_flight=0, window=64, paused=0.0),),
        )


async def test_windows_without_a_network_come_through_the_socket_file() -> None:
    async with serve_raw(sends(OK)) as provider, stage(upstream(provider.url)) as played:
        assert played.socket_path.stat().st_mode & 0o777 == 0o600
        async with await anyio.connect_unix(played.socket_path) as client:
            await client.send(played.request())
            received = await client.receive()
        path = played.socket_path

    assert received.startswith(b"HTTP/1.1 200")
    assert not path.exists()


async def test_two_hundred_streams_at_once() -> None:
    open_streams = 0
    all_open = anyio.Event()

    async def waits_for_all(stream: SocketStream) -> None:
        nonlocal open_streams
        await stream.send(STREAM_HEAD + chunk(DELTA))
        open_streams += 1
        if open_streams == 200:
            all_open.set()
        await all_open.wait()
        await stream.send(chunk(USAGE) + STREAM_END)

    bodies: list[bytes] = []

    async def one(played: Stage) -> None:
        bodies.append((await played.ask()).body)

    keys = tuple(f"k{number}" for number in range(4))
    async with (
        serve_raw(*[waits_for_all] * 200) as provider,
        stage(upstream(provider.url, *keys)) as played,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(200):
            tasks.start_soon(one, played)

    assert bodies == [chunk(DELTA) + chunk(USAGE) + STREAM_END] * 200


async def test_a_body_that_is_no_json_is_refused_here() -> None:
    async with serve_raw() as provider, stage(upstream(provider.url)) as played:
        got = await played.ask(played.request(body=b"nonsense"))

    assert got.status == 400
    assert msgspec.json.decode(got.body)["error"]["type"] == "invalid_request_error"
    assert provider.requests == []


async def test_who_leaves_early_has_used_what_was_sent_and_what_passed() -> None:
    deltas = chunk(DELTA) * 100
    async with serve_raw(sends_and_waits(STREAM_HEAD, deltas)) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            await client.send(played.request())
            received = b""
            while len(received) < len(STREAM_HEAD + deltas) - 100:
                received += await client.receive()
        await eventually(lambda: played.gateway.observe().answers["abandoned"] == 1)
        await played.ledger.flush()

        [booked] = played.ledger.sums()
        assert (booked.requests, booked.input_tokens) == (1, len(BODY) // 4)
        assert booked.output_tokens >= 100 * len(DELTA) // 128 - 1


async def test_who_leaves_before_the_answer_has_used_what_was_sent() -> None:
    async with serve_raw(sends_and_waits()) as provider, stage(upstream(provider.url)) as played:
        async with await played.connect() as client:
            await client.send(played.request())
            await eventually(lambda: provider.requests)
        await eventually(lambda: played.gateway.observe().answers["abandoned"] == 1)
        await played.ledger.flush()

        assert [booked.input_tokens for booked in played.ledger.sums()] == [len(BODY) // 4]
