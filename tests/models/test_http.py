"""The door to a provider, against servers that break every promise of HTTP."""

import gzip
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest

from tests.models.raw_server import (
    STREAM_END,
    STREAM_HEAD,
    Handler,
    RawServer,
    answer,
    chunk,
    keeps_sending,
    sends,
    sends_and_closes,
    sends_and_waits,
    serve_raw,
)
from tianting import __version__
from tianting.models.http.api import HttpApi, Timeouts
from tianting.models.http.stream_end import read_to_end
from tianting.plumbing.event_stream import ServerSentEvent
from tianting.protocol.errors import (
    ConfigError,
    ContextOverflow,
    ModelError,
    ModelUnavailable,
    NotAuthenticated,
    RequestRejected,
)

pytestmark = pytest.mark.anyio

USUAL = Timeouts()
SHORT = Timeouts(connect=0.2, silence=0.1, ceiling=0.25)
KEY = "sk-secret-123"
EVENT = b"event: a\ndata: 1\n\n"


@asynccontextmanager
async def api_against(
    *steps: Handler, timeouts: Timeouts = USUAL, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[HttpApi, RawServer]]:
    with anyio.fail_after(5):
        async with serve_raw(*steps) as server:
            api = HttpApi(server.url, headers or {}, timeouts=timeouts, secret=KEY, key_source="MY_KEY")
            try:
                yield api, server
            finally:
                await api.aclose()


async def all_events(api: HttpApi) -> list[ServerSentEvent]:
    async with aclosing(api.events("/v1/x", b"{}")) as events:
        return [event async for event in events]


async def failure(*steps: Handler, timeouts: Timeouts = USUAL) -> ModelError:
    async with api_against(*steps, timeouts=timeouts) as (api, _):
        with pytest.raises(ModelError) as caught:
            await all_events(api)
    return caught.value


def a(data: bytes) -> ServerSentEvent:
    return ServerSentEvent(event="a", data=data)


async def test_events_arrive_and_pings_do_not() -> None:
    pieces = (EVENT[:7], EVENT[7:] + b": hello\n\nevent: ping\ndata: {}\n\n", EVENT)
    step = sends(STREAM_HEAD, *map(chunk, pieces), STREAM_END)

    async with api_against(step, headers={"x-api-key": KEY}) as (api, server):
        events = await all_events(api)

    assert events == [a(b"1"), a(b"1")]
    [(head, body)] = server.requests
    assert head.startswith(b"POST /v1/x HTTP/1.1\r\n")
    named = f"user-agent: tianting/{__version__}".encode()
    assert {b"content-type: application/json", b"accept: text/event-stream", b"x-api-key: sk-secret-123", named} <= {
        line[: line.index(b":")].lower() + line[line.index(b":") :] for line in head.split(b"\r\n")[1:]
    }
    assert body == b"{}"


async def test_last_blank_line_may_be_missing() -> None:
    async with api_against(sends(STREAM_HEAD, chunk(EVENT[:-1]), STREAM_END)) as (api, _):
        assert await all_events(api) == [a(b"1")]


async def test_compressed_stream_is_read() -> None:
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")

    async with api_against(sends(head, chunk(gzip.compress(EVENT)), STREAM_END)) as (api, _):
        assert await all_events(api) == [a(b"1")]


async def test_connection_serves_the_next_request() -> None:
    step = sends(STREAM_HEAD, chunk(EVENT), STREAM_END)

    async with api_against(step, step) as (api, server):
        for _ in range(2):
            async with aclosing(api.events("/x", b"{}")) as events:
                await anext(events)
                await read_to_end(events)

    assert (len(server.requests), server.connections) == (2, 1)


async def test_reading_to_the_end_does_not_wait_for_a_server_that_hangs() -> None:
    async with (
        api_against(sends_and_waits(STREAM_HEAD, chunk(EVENT))) as (api, server),
        aclosing(api.events("/x", b"{}")) as events,
    ):
        await anext(events)
        await read_to_end(events)
        await server.gone.wait()


async def test_reading_to_the_end_does_not_mind_a_server_that_hangs_up() -> None:
    async with (
        api_against(sends_and_closes(STREAM_HEAD, chunk(EVENT))) as (api, _),
        aclosing(api.events("/x", b"{}")) as events,
    ):
        await anext(events)
        await read_to_end(events)


async def test_closing_the_generator_hangs_up() -> None:
    async with api_against(sends_and_waits(STREAM_HEAD, chunk(EVENT))) as (api, server):
        async with aclosing(api.events("/x", b"{}")) as events:
            await anext(events)
        await server.gone.wait()


@pytest.mark.parametrize("step", [sends_and_waits(), sends_and_waits(STREAM_HEAD)], ids=["before head", "in stream"])
async def test_cancellation_hangs_up(step: Handler) -> None:
    async with api_against(step) as (api, server), anyio.create_task_group() as tasks:
        tasks.start_soon(all_events, api)
        while not server.requests:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await server.gone.wait()


@pytest.mark.parametrize(
    ("step", "cause", "says"),
    [
        pytest.param(sends_and_waits(), "timeout", "127.0.0.1 said nothing for 0.1 s.", id="no head"),
        pytest.param(sends_and_waits(STREAM_HEAD), "timeout", "127.0.0.1 said nothing for 0.1 s.", id="no event"),
        pytest.param(
            sends_and_waits(STREAM_HEAD, chunk(EVENT)), "timeout", "127.0.0.1 said nothing for 0.1 s.", id="silence"
        ),
        pytest.param(
            keeps_sending(STREAM_HEAD, chunk(b": hi\n\n"), 0.02), "timeout", "said nothing for", id="comments"
        ),
        pytest.param(
            keeps_sending(STREAM_HEAD, chunk(b"event: ping\ndata: {}\n\n"), 0.02),
            "timeout",
            "said nothing for",
            id="pings",
        ),
        pytest.param(
            sends_and_closes(),
            "connection",
            "127.0.0.1 could not be reached: Server disconnected without sending a response.",
            id="hangs up at once",
        ),
        pytest.param(sends_and_closes(b"GARBAGE\r\n\r\n"), "connection", "could not be reached", id="no HTTP"),
        pytest.param(
            sends_and_closes(STREAM_HEAD, chunk(EVENT)), "broken_stream", "broke off its answer", id="hangs up"
        ),
        pytest.param(
            sends_and_closes(STREAM_HEAD, chunk(EVENT)[:-4]), "broken_stream", "broke off its answer", id="in a chunk"
        ),
        pytest.param(sends_and_closes(STREAM_HEAD, b"zz\r\n"), "broken_stream", "broke off its answer", id="bad chunk"),
        pytest.param(
            sends(STREAM_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"), chunk(EVENT), STREAM_END),
            "broken_stream",
            "broke off its answer",
            id="bad compression",
        ),
        pytest.param(sends(answer("529 X", b"", retry_after="3")), "overloaded", "answered 529", id="status"),
    ],
)
async def test_passing_failure(step: Handler, cause: str, says: str) -> None:
    error = await failure(step, timeouts=SHORT)

    assert isinstance(error, ModelUnavailable)
    assert error.cause == cause
    assert says in str(error)


async def test_pings_extend_the_silence() -> None:
    async def slowly(stream: Any) -> None:
        await stream.send(STREAM_HEAD)
        for _ in range(8):
            await stream.send(chunk(b"event: ping\ndata: {}\n\n"))
            await anyio.sleep(0.02)
        await stream.send(chunk(EVENT) + STREAM_END)

    timeouts = Timeouts(silence=0.1, ceiling=2)
    async with api_against(slowly, timeouts=timeouts) as (api, _):
        assert await all_events(api) == [a(b"1")]


async def test_refused_connection_may_pass() -> None:
    async with serve_raw() as server:
        url = server.url
    api = HttpApi(url, {})

    with anyio.fail_after(5), pytest.raises(ModelUnavailable) as caught:
        await all_events(api)

    assert (caught.value.cause, caught.value.status) == ("connection", None)
    await api.aclose()


async def test_status_is_classified_with_its_headers() -> None:
    error = await failure(sends(answer("429 X", b'{"error":{"message":"Slow"}}', retry_after="3", request_id="r1")))

    assert isinstance(error, ModelUnavailable)
    assert (error.status, error.retry_after, error.request_id) == (429, 3.0, "r1")
    assert str(error) == "127.0.0.1 answered 429: Slow"


async def test_key_is_never_told() -> None:
    error = await failure(sends(answer("401 X", b'{"error":{"message":"Bad key sk-secret-123"}}')))

    assert isinstance(error, NotAuthenticated)
    assert str(error) == "The key in MY_KEY was refused (401). Set a valid one and try again: Bad key [key]"


CUT = b"HTTP/1.1 413 X\r\ncontent-length: 9\r\n\r\nab"
ENDLESS = b"HTTP/1.1 413 X\r\ncontent-length: 999999999\r\n\r\n"


async def test_dummy_key_does_not_garble_the_message() -> None:
    with anyio.fail_after(5):
        async with serve_raw(sends(answer("500 X", b"Out of luck"))) as server:
            api = HttpApi(server.url, {}, secret="o")
            with pytest.raises(ModelUnavailable, match="Out of luck"):
                await all_events(api)
            await api.aclose()


@pytest.mark.parametrize(
    ("step", "timeouts"),
    [
        pytest.param(sends_and_waits(CUT), SHORT, id="body that never ends"),
        pytest.param(sends_and_closes(CUT), SHORT, id="body cut off"),
        pytest.param(keeps_sending(ENDLESS, b"a" * 9_000, 0.01), USUAL, id="body too long to be read"),
    ],
)
async def test_status_counts_even_without_its_body(step: Handler, timeouts: Timeouts) -> None:
    assert isinstance(await failure(step, timeouts=timeouts), ContextOverflow)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        pytest.param("text/html; charset=utf-8", b"<title>Log in</title>", RequestRejected, id="login page"),
        pytest.param("application/json", b'{"id":"whole answer"}', RequestRejected, id="no stream"),
        pytest.param("application/json", b"", RequestRejected, id="nothing"),
        pytest.param(
            "application/json", b'{"error":{"type":"overloaded_error","message":"x"}}', ModelUnavailable, id="error"
        ),
    ],
)
async def test_success_that_is_none(kind: str, body: bytes, expected: type[ModelError]) -> None:
    assert type(await failure(sends(answer("200 OK", body, content_type=kind)))) is expected


async def test_line_break_in_a_key_is_explained_without_it() -> None:
    async with api_against(headers={"x-api-key": f"{KEY}\n"}) as (api, _):
        with pytest.raises(RequestRejected) as caught:
            await all_events(api)

    assert str(caught.value) == "The request to 127.0.0.1 cannot be sent: is there a line break in the key in MY_KEY?"


class TestCall:
    async def test_whole_answer(self) -> None:
        async with api_against(sends(answer("200 OK", b'{"input_tokens":3}'))) as (api, _):
            assert await api.call("/v1/x", b"{}") == b'{"input_tokens":3}'

    @pytest.mark.parametrize(
        ("step", "cause"),
        [
            pytest.param(sends_and_waits(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"), "timeout", id="slow"),
            pytest.param(
                sends_and_closes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"), "broken_stream", id="cut"
            ),
            pytest.param(sends(answer("503 X")), "overloaded", id="status"),
        ],
    )
    async def test_failure(self, step: Handler, cause: str) -> None:
        async with api_against(step, timeouts=SHORT) as (api, _):
            with pytest.raises(ModelUnavailable) as caught:
                await api.call("/v1/x", b"{}")
        assert caught.value.cause == cause


@pytest.mark.parametrize("url", ["", "api.test", "ftp://api.test", "http://", "http://a:b", "https:///v1"], ids=repr)
def test_impossible_url_is_a_mistake_of_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="base URL"):
        HttpApi(url, {})


def test_key_that_is_no_ascii_is_a_mistake_of_configuration() -> None:
    with pytest.raises(ConfigError, match=r"^The key in MY_KEY holds characters that cannot stand in a header\.$"):
        HttpApi("http://127.0.0.1", {"x-api-key": "天"}, key_source="MY_KEY")


class TestProxy:
    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)

    async def test_proxy_is_obeyed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with api_against(sends(STREAM_HEAD, chunk(EVENT), STREAM_END)) as (_, server):
            monkeypatch.setenv("http_proxy", server.url)
            api = HttpApi("http://api.test", {})
            assert await all_events(api) == [a(b"1")]
            await api.aclose()
        assert server.requests[0][0].startswith(b"POST http://api.test/v1/x HTTP/1.1\r\n")

    async def test_refusing_proxy_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def refuse(stream: Any) -> None:
            async with stream:
                await stream.receive()
                await stream.send(answer("407 Proxy Authentication Required"))

        with anyio.fail_after(5):
            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            async with listener, anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, refuse)
                port = listener.extra(anyio.abc.SocketAttribute.local_port)
                monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
                api = HttpApi("https://api.test", {})
                with pytest.raises(RequestRejected, match=r"proxy on the way to api\.test refused: 407"):
                    await all_events(api)
                await api.aclose()
                tasks.cancel_scope.cancel()

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3", "a.localhost"])
    async def test_loopback_is_never_proxied(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "socks4://nonsense")

        await HttpApi(f"http://{host}:1", {}).aclose()

    @pytest.mark.parametrize("proxy", ["socks4://127.0.0.1:1", "socks5://127.0.0.1:1", "http://a:b"])
    def test_impossible_proxy_is_a_mistake_of_configuration(self, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", proxy)

        with pytest.raises(ConfigError, match="proxy that the environment names cannot be used"):
            HttpApi("http://api.test", {})
