"""What the gateway adds: processor time for each delta, and time to the first byte and between deltas.

    python -m benchmarks.gateway [STREAMS]

Upstream, gateway and clients are processes of their own. A bare relay, which copies bytes between two sockets and knows
nothing of HTTP, stands in the gateway's place for comparison: the floor of what a process in between can cost here.
"""

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
from msgspec import Struct

from tianting.gateway.gateway import Gateway
from tianting.gateway.ledger import Ledger
from tianting.gateway.upstream import Key, KeyLimits, Upstream
from tianting.gateway.upstream_connection import VIEW

DELTAS = 200
PAUSE = 0.03
"""Seconds between two deltas of a stream: a fast model."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" %020d"}}\n\n'
)
LAST = b'event: message_delta\ndata: {"type":"message_delta","usage":{"input_tokens":9,"output_tokens":9}}\n\n'


class Figures(Struct, frozen=True, kw_only=True):
    """One run."""

    cpu_us_per_delta: float
    first_byte_ms: float
    """Median, of requests one after the other."""
    delta_ms: float
    """Median from the upstream's send to the client's receipt, with all streams open."""
    delta_p99_ms: float


def main(streams: int) -> None:
    """Print the table."""
    upstream_port, stop_upstream = _start(_upstream)
    print(f"{streams} streams of {DELTAS} deltas, one every {PAUSE * 1000:g} ms each")
    print(f"{'':<14}{'CPU µs/delta':>14}{'first byte ms':>15}{'delta ms':>10}{'p99 ms':>9}")
    for name, between in (("direct", None), ("bare relay", _relay), ("gateway", _gateway)):
        figures = _measured(between, upstream_port, streams)
        print(
            f"{name:<14}{figures.cpu_us_per_delta:>14.1f}{figures.first_byte_ms:>15.2f}"
            f"{figures.delta_ms:>10.2f}{figures.delta_p99_ms:>9.2f}"
        )
    stop_upstream()


def _measured(between: "Callable[[Connection, int], None] | None", upstream_port: int, streams: int) -> Figures:
    if between is None:
        first = anyio.run(_first_bytes, upstream_port, "")
        return _figures(0.0, first, anyio.run(_clients, upstream_port, "", streams))
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=between, args=(theirs, upstream_port))
    process.start()
    port, token = ours.recv()
    anyio.run(_clients, port, token, 4)  # warm
    first = anyio.run(_first_bytes, port, token)
    ours.send("cpu")
    before = ours.recv()
    delays = anyio.run(_clients, port, token, streams)
    ours.send("cpu")
    spent = ours.recv() - before
    process.terminate()
    process.join()
    return _figures(spent, first, delays)


def _figures(spent: float, first: list[float], delays: list[float]) -> Figures:
    return Figures(
        cpu_us_per_delta=spent / len(delays) * 1e6,
        first_byte_ms=statistics.median(first) * 1000,
        delta_ms=statistics.median(delays) * 1000,
        delta_p99_ms=statistics.quantiles(delays, n=100)[98] * 1000,
    )


async def _clients(port: int, token: str, streams: int) -> list[float]:
    """The delay of every delta with `streams` open."""
    delays: list[float] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(streams):
            tasks.start_soon(_read_stream, port, token, delays)
            await anyio.sleep(PAUSE / streams)
    return delays


async def _first_bytes(port: int, token: str) -> list[float]:
    """Seconds to the first byte of short answers, one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for _ in range(200):
        began = time.perf_counter()
        writer.write(_request(token, "?short"))
        data = await reader.read(65_536)
        took.append(time.perf_counter() - began)
        while not data.endswith(b"0\r\n\r\n"):
            data = await reader.read(65_536)
    writer.transport.abort()
    return took


async def _read_stream(port: int, token: str, delays: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(token))
    while (data := await reader.read(65_536)) and not data.endswith(b"0\r\n\r\n"):
        now = time.monotonic_ns()
        delays += [(now - int(part[:20])) / 1e9 for part in data.split(b'"text":" ')[1:]]
    writer.transport.abort()


def _request(token: str, query: str = "") -> bytes:
    body = b'{"model":"claude-opus-5-5","stream":true,"max_tokens":1000,"messages":[{"role":"user","content":"%s"}]}'
    body %= b"x" * 20_000
    head = f"POST /v1/messages{query} HTTP/1.1\r\nhost: x\r\nx-api-key: {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _start(target: "Callable[[Connection, int], None]") -> tuple[int, Callable[[], None]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(theirs, 0))
    process.start()
    port: int = ours.recv()[0]
    return port, process.terminate


def _upstream(told: Connection, _: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (head := await _head(reader)) and not writer.is_closing():
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            writer.write(HEAD)
            for _ in range(0 if b"?short" in head else DELTAS):
                event = EVENT % time.monotonic_ns()
                writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                await asyncio.sleep(PAUSE)
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(LAST), LAST))

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        told.send((server.sockets[0].getsockname()[1],))
        await server.serve_forever()

    asyncio.run(serve())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


def _gateway(told: Connection, upstream_port: int) -> None:
    async def serve() -> None:
        key = Key(name="k", secret="sk-benchmark", limits=KeyLimits(concurrency=1_000))
        upstream = Upstream(name="u", speech="anthropic", base_url=f"http://127.0.0.1:{upstream_port}", keys=(key,))
        with tempfile.TemporaryDirectory() as directory:
            gateway = Gateway(upstreams=(upstream,), ledger=Ledger(Path(directory, "ledger.sqlite")))
            async with anyio.create_task_group() as tasks:
                port = await tasks.start(gateway.serve)
                told.send((port, gateway.issue("w", "o", lives=3600)))
                await _tell_cpu(told)

    anyio.run(serve)


class _Relay(asyncio.BufferedProtocol):
    """Copies what comes to `other`."""

    other: asyncio.Transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return VIEW

    def buffer_updated(self, nbytes: int) -> None:
        self.other.write(bytes(VIEW[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.other.close()


class _Entrance(_Relay):
    def __init__(self, upstream_port: int) -> None:
        self._port = upstream_port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._task = asyncio.ensure_future(self._connect(transport))

    async def _connect(self, transport: asyncio.Transport) -> None:
        self.other, relay = await asyncio.get_running_loop().create_connection(_Relay, "127.0.0.1", self._port)
        relay.other = transport
        transport.resume_reading()


def _relay(told: Connection, upstream_port: int) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Entrance(upstream_port), "127.0.0.1", 0, backlog=1024)
        told.send((server.sockets[0].getsockname()[1], ""))
        await _tell_cpu(told)

    asyncio.run(serve())


async def _tell_cpu(told: Connection) -> None:
    def tell() -> None:
        told.recv()
        told.send(time.process_time())

    asyncio.get_running_loop().add_reader(told.fileno(), tell)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
