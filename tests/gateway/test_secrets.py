"""Keys, tokens and bodies are nowhere but on their way: not in any log, not in the ledger, not in an answer."""

import logging
import sqlite3

import anyio
import pytest

from tests.gateway.stage import SECRET, eventually, stage, upstream
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

pytestmark = pytest.mark.anyio

ASKED = "the-secret-plan-of-the-person"
ANSWERED = "the-secret-answer-of-the-model"
ECHO = f'{{"error":{{"message":"Incorrect API key provided: {SECRET}"}}}}'.encode()


async def test_nothing_secret_is_logged_or_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    event = b"data: " + ANSWERED.encode() + b"\n\n"
    steps = [
        sends(STREAM_HEAD, chunk(event), STREAM_END),
        sends_and_closes(STREAM_HEAD, chunk(event)),
        sends(answer("401 Unauthorized", ECHO)),
        sends(answer("429 Too Many Requests", ECHO)),
        sends_and_closes(b"nonsense " + ANSWERED.encode() + b"\r\n\r\n"),
        sends_and_waits(STREAM_HEAD, chunk(event)),
    ]
    answers = b""
    async with serve_raw(*steps) as provider, stage(upstream(provider.url)) as played:
        request = played.request(body=f'{{"model":"claude-opus-5-5","messages":"{ASKED}"}}'.encode(), x_mine=ASKED)
        for _ in steps[:-1]:
            answers += (await played.ask(request)).body
            played.clock.time += 400
        async with await played.connect() as client:
            token = played.gateway.issue("w1", "ann", lives=60)
            await client.send(request.replace(played.token.encode(), token.encode()))
            await client.receive()
        await played.ask(request.replace(b"Bearer tgw", b"Bearer " + ASKED.encode()))
        await played.ask(f"GET /v1/{ASKED} HTTP/1.1\r\nhost: x\r\nx-api-key: {ASKED}\r\n\r\n".encode())
        await played.ask(f"GET {ASKED} HTTP/1.1\r\n\r\n".encode())
        await eventually(lambda: played.gateway.observe().answering == 0)
        await played.ledger.flush()
        database = sqlite3.connect(played.socket_path.with_name("ledger.sqlite"))
        kept = "\n".join(database.iterdump())
        database.close()
        tokens = [played.token, token]

    everything = caplog.text + kept + repr(played.gateway.observe())
    for secret in (SECRET, ASKED, ANSWERED, *tokens):
        assert secret not in everything
    assert kept.count("INSERT INTO") >= len(steps)
    assert SECRET.encode() not in answers
    assert b"Incorrect API key provided: ****" in answers


async def test_a_broken_exchange_is_logged_and_ends_only_itself(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("a bug")

    ok = answer("200 OK", b"{}", content_type="application/json")
    async with serve_raw(sends(ok)) as provider, stage(upstream(provider.url)) as played:
        with monkeypatch.context() as broken:
            broken.setattr("tianting.gateway.exchange.read_asked", breaks)
            with pytest.raises(anyio.EndOfStream):
                await played.ask()
        assert (await played.ask()).status == 200

    assert "a request of window w1 broke the exchange" in caplog.text


async def test_a_ledger_that_cannot_be_written_does_not_stop_the_door(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok = answer("200 OK", b"{}", content_type="application/json")

    async def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with serve_raw(sends(ok)) as provider, stage(upstream(provider.url)) as played:
        monkeypatch.setattr(played.ledger, "flush", full)
        await eventually(lambda: "the ledger cannot be written" in caplog.text)
        assert (await played.ask()).status == 200
