"""Several keys are as good as one that never tires; when all are tired, the window hears when to come back."""

import anyio
import msgspec
import pytest
from anyio.abc import SocketStream

from tests.gateway.stage import Answer, Stage, eventually, stage, upstream
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
from tianting.gateway.limits import DoorLimits
from tianting.gateway.quotas import Quota
from tianting.gateway.upstream import KeyLimits
from tianting.protocol.errors import ConfigError

pytestmark = pytest.mark.anyio

OK = answer("200 OK", b"{}", content_type="application/json")
TIRED = answer("429 Too Many Requests", b"{}", retry_after="30")
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'


def said(got: Answer) -> str:
    message: str = msgspec.json.decode(got.body)["error"]["message"]
    return message


def keys_shown(requests: list[tuple[bytes, bytes]]) -> list[str]:
    return [head.partition(b"x-api-key: ")[2].split(b"\r\n")[0].decode().rpartition("-")[2] for head, _ in requests]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(TIRED, id="limited"),
        pytest.param(answer("529 Overloaded"), id="overloaded"),
        pytest.param(answer("500 Oops"), id="broken"),
        pytest.param(answer("401 Unauthorized"), id="key unknown"),
        pytest.param(answer("403 Forbidden"), id="key not allowed"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
        pytest.param(b"", id="hung up"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000, id="a head without end"),
    ],
)
async def test_another_key_takes_over_before_anything_was_passed_on(first: bytes) -> None:
    steps = [sends_and_closes(first), sends(OK)]
    async with serve_raw(*steps) as provider, stage(upstream(provider.url, "one", "two")) as played:
        assert (await played.ask()).status == 200

    assert keys_shown(provider.requests) == ["house", "two"]


async def test_a_queue_that_does_not_move_is_left() -> None:
    limits = DoorLimits(queue_patience=0, round=0.01)
    async with (
        serve_raw(sends_and_waits()) as provider,
        stage(upstream(provider.url, limits=KeyLimits(concurrency=1)), limits=limits) as played,
        await played.connect() as first,
    ):
        await first.send(played.request())
        await _settled(played, 1)
        assert (await played.ask()).status == 429


async def test_a_request_waits_for_its_time_when_that_is_near() -> None:
    tired = answer("429 Too Many Requests", b"{}", retry_after_ms="50")
    async with serve_raw(sends(tired), sends(OK)) as provider, stage(upstream(provider.url)) as played:
        await played.ask()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(played.ask)
            await eventually(lambda: played.gateway.observe().waiting == 1)
            played.clock.time += 1

    assert len(provider.requests) == 2


async def test_another_upstream_stands_in() -> None:
    async with (
        serve_raw(sends(TIRED)) as first,
        serve_raw(sends(OK)) as second,
        stage(upstream(first.url), upstream(second.url)) as played,
    ):
        assert (await played.ask()).status == 200


async def test_a_window_stays_with_its_key() -> None:
    steps = [sends_and_closes(TIRED), sends(OK), sends(OK)]
    async with serve_raw(*steps) as provider, stage(upstream(provider.url, "one", "two")) as played:
        await played.ask()
        played.clock.time += 31
        await played.ask()

    assert keys_shown(provider.requests) == ["house", "two", "two"]


async def test_the_last_refusal_is_passed_on_with_the_soonest_return() -> None:
    later = answer("429 Too Many Requests", b'{"error":{"message":"slow down"}}', retry_after="300")
    async with serve_raw(sends(TIRED), sends(later)) as provider, stage(upstream(provider.url, "one", "two")) as played:
        got = await played.ask()

    assert (got.status, got.headers["retry-after"], said(got)) == (429, "30", "slow down")


async def test_keys_that_rest_are_not_asked() -> None:
    tired = answer("429 Too Many Requests", b"{}", retry_after="31")
    async with serve_raw(sends(tired)) as provider, stage(upstream(provider.url)) as played:
        await played.ask()
        got = await played.ask()

    assert (got.status, got.headers["retry-after"], len(provider.requests)) == (429, "31", 1)
    assert said(got).startswith("The gateway cannot serve this request now: all keys are busy or at their limits.")


async def test_a_key_is_asked_again_when_its_time_has_come() -> None:
    async with serve_raw(sends(TIRED), sends(OK)) as provider, stage(upstream(provider.url)) as played:
        await played.ask()
        played.clock.time += 30
        assert (await played.ask()).status == 200


async def test_an_unknown_key_is_the_gateways_trouble_and_not_the_windows() -> None:
    async with (
        serve_raw(sends(answer("401 Unauthorized", b"Incorrect key sk-the-real"))) as provider,
        stage(upstream(provider.url)) as played,
    ):
        got = await played.ask()

    assert (got.status, said(got)) == (403, "provider refused the gateway's key 'first': replace it there.")


async def test_an_upstream_that_is_not_there() -> None:
    async with stage(upstream("http://127.0.0.1:1"), limits=DoorLimits(queue_patience=1, round=0.01)) as played:
        got = await played.ask()

        assert got.status == 502
        assert said(got).startswith("provider did not answer: it cannot be reached")
        for _ in range(4):
            await played.ask()
        assert (await played.ask()).status == 529
        assert played.gateway.observe().keys[0].circuit == "open"


async def test_an_upstream_that_never_answers_is_given_up() -> None:
    limits = DoorLimits(first_byte_patience=0.02, round=0.01)
    async with serve_raw(sends_and_waits()) as provider, stage(upstream(provider.url), limits=limits) as played:
        got = await played.ask()

    assert (got.status, said(got)) == (502, "provider did not answer: it said nothing for 0.02 s.")


async def test_errors_inside_streams_count_as_failures() -> None:
    broken = sends(STREAM_HEAD, chunk(ERROR), STREAM_END)
    async with serve_raw(*[broken] * 6) as provider, stage(upstream(provider.url)) as played:
        for _ in range(5):
            assert (await played.ask()).status == 200
        await eventually(lambda: played.gateway.observe().answering == 0)

        assert played.gateway.observe().keys[0].in_flight == 0


async def test_what_is_wrong_with_the_request_is_passed_on_at_once() -> None:
    wrong = answer("400 Bad Request", b'{"error":{"message":"max_tokens"}}')
    async with serve_raw(sends(wrong)) as provider, stage(upstream(provider.url, "one", "two")) as played:
        got = await played.ask()

    assert (got.status, said(got), len(provider.requests)) == (400, "max_tokens", 1)


async def test_requests_wait_for_a_free_place_and_owners_take_turns() -> None:
    order: list[bytes] = []
    go_on = anyio.Event()

    async def notes(stream: SocketStream) -> None:
        order.append(provider.requests[-1][1][10:13])
        await go_on.wait()
        await stream.send(OK)

    async with (
        serve_raw(*[notes] * 6) as provider,
        stage(upstream(provider.url, limits=KeyLimits(concurrency=1))) as played,
        anyio.create_task_group() as tasks,
    ):
        bob = played.gateway.issue("w2", "bob", lives=60)
        for number in range(4):
            tasks.start_soon(played.ask, played.request(body=b'{"model":"an%d"}' % number))
            await _settled(played, number + 1)
        tasks.start_soon(played.ask, played.request(body=b'{"model":"bob"}', authorization=f"Bearer {bob}"))
        await _settled(played, 5)
        assert played.gateway.observe().waiting == 4
        go_on.set()

    assert order == [b"an0", b"an1", b"bob", b"an2", b"an3"]


async def test_who_leaves_while_waiting_takes_no_place() -> None:
    async with (
        serve_raw(sends_and_waits()) as provider,
        stage(upstream(provider.url, limits=KeyLimits(concurrency=1))) as played,
    ):
        async with await played.connect() as first:
            await first.send(played.request())
            await _settled(played, 1)
            async with await played.connect() as second:
                await second.send(played.request())
                await eventually(lambda: played.gateway.observe().waiting == 1)
            await eventually(lambda: played.gateway.observe().waiting == 0)
        await eventually(lambda: played.gateway.observe().answering == 0)

        assert played.gateway.observe().keys[0].in_flight == 0


async def test_a_queue_has_an_end() -> None:
    limits = DoorLimits(queue_length=0, round=0.01)
    async with (
        serve_raw(sends_and_waits()) as provider,
        stage(upstream(provider.url, limits=KeyLimits(concurrency=1)), limits=limits) as played,
        await played.connect() as first,
    ):
        await first.send(played.request())
        await _settled(played, 1)
        got = await played.ask()

    assert (got.status, got.headers["retry-after"]) == (429, "1")
    assert "ann has too many requests waiting" in said(got)


async def test_over_quota_says_whose_and_until_when() -> None:
    quotas = {"ann": (Quota(requests=1, span=3600),)}
    async with serve_raw(sends(OK)) as provider, stage(upstream(provider.url), quotas=quotas) as played:
        assert (await played.ask()).status == 200
        await eventually(lambda: played.gateway.observe().answering == 0)
        got = await played.ask()

    assert (got.status, got.headers["retry-after"], len(provider.requests)) == (429, "3660", 1)
    assert said(got).startswith("The quota of ann is used up: 1 requests in one hour. Try again in 3660 s")


async def test_what_failed_costs_no_quota() -> None:
    quotas = {"*": (Quota(requests=1, span=3600),)}
    async with stage(upstream("http://127.0.0.1:1"), quotas=quotas) as played:
        assert [(await played.ask()).status for _ in range(3)] == [502, 502, 502]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("ftp://x", id="another scheme"),
        pytest.param("nonsense", id="no address"),
        pytest.param("http://user:secret@x", id="with a secret in it"),
        pytest.param("http://x?y", id="with a query"),
    ],
)
async def test_an_address_that_can_never_work_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="base URL of provider"):
        async with stage(upstream(url)):
            pass


async def test_a_gateway_without_keys_is_refused() -> None:
    with pytest.raises(ConfigError, match="no keys"):
        async with stage():
            pass


async def _settled(played: Stage, count: int) -> None:
    await eventually(lambda: played.gateway.observe().answering == count)
