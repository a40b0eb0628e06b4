"""Hooks behind an address, over real sockets of this machine."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from tianting.extensions.hooks import web as web_module
from tianting.extensions.hooks.schema import HttpHook
from tianting.extensions.hooks.verdict import Said
from tianting.extensions.hooks.web import WebHooks

pytestmark = pytest.mark.anyio
Serve = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def serving(answer: bytes | Serve) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers every request with `answer`; gives its address and the requests it got."""
    requests: list[bytes] = []

    async def serve(stream: SocketStream) -> None:
        async with stream:
            requests.append(await whole_request(stream))
            await (stream.send(answer) if isinstance(answer, bytes) else answer(stream))

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/hook", requests
        tasks.cancel_scope.cancel()


async def whole_request(stream: SocketStream) -> bytes:
    data = b""
    while not data.endswith(b"}"):
        data += await stream.receive()
    return data


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def post(hook: HttpHook, allowed: tuple[str, ...] | None = ("http://127.0.0.1:*",), seconds: float = 5) -> Said:
    web = WebHooks({"TOKEN": "s3cret", "OTHER": "hidden"}, allowed)
    try:
        with anyio.fail_after(10):
            return await web.post(hook, b'{"a":1}', seconds=seconds)
    finally:
        await web.aclose()


async def test_the_event_is_posted_and_the_body_read() -> None:
    async with serving(http("200 OK", b'{"decision": "block"}')) as (url, requests):
        said = await post(HttpHook(url=url))

    assert said == Said(exit_code=0, stdout='{"decision": "block"}')
    [request] = requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1")
    assert b"content-type: application/json" in head.lower()
    assert body == b'{"a":1}'


async def test_headers_hold_only_the_variables_that_are_named() -> None:
    headers = {"X-A": "Bearer ${TOKEN}", "X-B": "$TOKEN/${OTHER}/$ABSENT.", "Host": "elsewhere"}
    async with serving(http("204 No Content")) as (url, requests):
        assert await post(HttpHook(url=url, headers=headers, allowed_env_vars=("TOKEN", "ABSENT"))) == Said(exit_code=0)

    lines = requests[0].lower().split(b"\r\n")
    assert b"x-a: bearer s3cret" in lines
    assert b"x-b: s3cret//." in lines
    assert [line for line in lines if line.startswith(b"host:")] == [f"host: {url[7:-5]}".encode()]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(http("500 No", b"sorry"), Said(stdout="sorry", failure="answered with status 500"), id="500"),
        pytest.param(
            http("302 Found", b"", "location: http://127.0.0.1:1/"),
            Said(failure="answered with status 302"),
            id="redirects are not followed",
        ),
        pytest.param(b"rubbish\r\n\r\n", Said(failure="could not be asked: illegal status line"), id="no HTTP"),
        pytest.param(b"", Said(failure="could not be asked: Server disconnected"), id="hung up"),
    ],
)
async def test_other_answers_are_failures(answer: bytes, expected: Said) -> None:
    async with serving(answer) as (url, _):
        said = await post(HttpHook(url=url))

    assert (said.exit_code, said.stdout) == (None, expected.stdout)
    assert said.failure.startswith(expected.failure)


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async def silent(stream: SocketStream) -> None:
        await anyio.sleep_forever()

    async with serving(silent) as (url, _):
        assert await post(HttpHook(url=url), seconds=0.1) == Said(failure="took longer than 0.1 s", timed_out=True)


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "MOST_OUTPUT", 1_000)
    async with serving(http("200 OK", b"x" * 5_000)) as (url, _):
        assert await post(HttpHook(url=url)) == Said(
            failure="could not be asked: the answer is longer than 1,000 bytes"
        )


async def test_nobody_there_is_a_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        assert (await post(HttpHook(url=url))).failure.startswith("could not be asked: ")


async def test_a_header_that_cannot_be_sent_does_not_tell_the_secret() -> None:
    async with serving(http("200 OK")) as (url, _):
        hook = HttpHook(url=url, headers={"X": "${TOKEN}\r\nY: 1"}, allowed_env_vars=("TOKEN",))
        said = await post(hook)

    assert said.failure.startswith("could not be asked: ")
    assert "s3cret" not in said.failure


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "224.0.0.1"],
)
async def test_private_addresses_are_not_called_unasked(host: str) -> None:
    said = await post(HttpHook(url=f"http://{host}:1/"), allowed=None)

    assert said.failure == (
        f"could not be asked: {host.strip('[]')} is a private address; name it in allowedHttpHookUrls"
    )


async def test_one_private_number_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int | None, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (number, port or 0)) for number in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)

    assert await post(HttpHook(url="http://hooks.example/"), allowed=None) == Said(
        failure="could not be asked: hooks.example is a private address; name it in allowedHttpHookUrls"
    )


async def test_the_number_that_was_judged_is_the_number_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def resolve(host: str, port: int | None, **_: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port or 0))]

    monkeypatch.setattr(anyio, "getaddrinfo", resolve)
    monkeypatch.setattr(web_module, "_is_public", lambda number: number == "127.0.0.1")
    async with serving(http("200 OK")) as (url, requests):
        said = await post(HttpHook(url=url.replace("127.0.0.1", "hooks.example")), allowed=None)

    assert said == Said(exit_code=0)
    assert asked == ["hooks.example"]
    assert b"host: hooks.example:" in requests[0].lower()


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        pytest.param("https://a.example/*", "https://a.example/x/y", True, id="any path"),
        pytest.param("https://a.example/*", "http://a.example/x", False, id="scheme counts"),
        pytest.param("https://*.example/x", "https://a.example/x", True, id="any host below"),
        pytest.param("https://*.example/x", "https://evil/.example/x", False, id="a star stays in the host"),
        pytest.param("https://a.example", "https://a.example.evil", False, id="whole"),
        pytest.param("*", "https://a.example", True, id="any address"),
        pytest.param("https://a.example", "https://a.example/x", True, id="a host covers its paths"),
        pytest.param("https://a.example/x", "https://a.example/x/y", False, id="a path does not"),
        pytest.param("https://a.example/x?y", "https://a.example/xy", False, id="only the star is special"),
    ],
)
async def test_addresses_are_allowed_by_pattern(pattern: str, url: str, fits: bool) -> None:
    refused = "could not be asked: the settings do not allow this address (allowedHttpHookUrls)"

    assert web_module._fits(pattern, url) is fits
    if not fits:
        assert (await post(HttpHook(url=url), allowed=(pattern,))).failure == refused
