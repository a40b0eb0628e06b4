"""A gateway on the loopback in front of prepared upstreams, and a client that sends exactly the bytes it is given."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import SocketStream
from msgspec import Struct

from tianting.gateway.gateway import Gateway
from tianting.gateway.ledger import Ledger
from tianting.gateway.limits import DoorLimits
from tianting.gateway.quotas import Quota
from tianting.gateway.upstream import Key, KeyLimits, Speech, Upstream

BODY = b'{"model":"claude-opus-5-5","stream":true,"messages":[]}'
SECRET = "sk-the-real-key-of-the-house"


class MovableClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Stage(Struct):
    """What a test plays on."""

    gateway: Gateway
    ledger: Ledger
    clock: MovableClock
    port: int
    token: str
    socket_path: Path

    async def connect(self) -> SocketStream:
        return await anyio.connect_tcp("127.0.0.1", self.port)

    def request(self, path: str = "/v1/messages", body: bytes = BODY, **headers: str) -> bytes:
        """A whole request, with the window's token unless `authorization` says otherwise."""
        told = {"host": "gateway", "authorization": f"Bearer {self.token}", "content-length": str(len(body))}
        fields = told | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    async def ask(self, request: bytes | None = None) -> "Answer":
        """Send a request on a connection of its own and read its answer."""
        async with await self.connect() as stream:
            await stream.send(self.request() if request is None else request)
            return await read_answer(stream)


class Answer(Struct, frozen=True):
    """Status, headers with names in lower case, and the body as it came, chunk framing included."""

    status: int
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def stage(
    *upstreams: Upstream,
    quotas: Mapping[str, tuple[Quota, ...]] | None = None,
    limits: DoorLimits = DoorLimits(round=0.01),  # noqa: B008 (frozen)
) -> AsyncIterator[Stage]:
    """Serve until the block ends. Everything in it is bounded by ten seconds."""
    with tempfile.TemporaryDirectory() as directory, anyio.fail_after(10):
        clock, ledger = MovableClock(), Ledger(Path(directory, "ledger.sqlite"))
        gateway = Gateway(upstreams=upstreams, ledger=ledger, quotas=quotas, limits=limits, clock=clock)
        path = Path(directory, "gateway.sock")
        async with anyio.create_task_group() as tasks:
            port = await tasks.start(_serve, gateway, path)
            yield Stage(gateway, ledger, clock, port, gateway.issue("w1", "ann", lives=3600), path)
            tasks.cancel_scope.cancel()
        ledger.close()


def upstream(url: str, *keys: str, speech: Speech = "anthropic", limits: KeyLimits = KeyLimits()) -> Upstream:  # noqa: B008
    """An upstream at `url` with keys of these names, the first of which holds `SECRET`."""
    named = keys or ("first",)
    secrets = [SECRET, *(f"{SECRET}-{name}" for name in named[1:])]
    held = tuple(Key(name=name, secret=secret, limits=limits) for name, secret in zip(named, secrets, strict=True))
    return Upstream(name="provider", speech=speech, base_url=url, keys=held)


async def read_answer(stream: SocketStream) -> Answer:
    """The next answer, which must have a length or be chunked or end with the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += await stream.receive()
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    status = int(line.split(" ")[1])
    while not _is_whole(headers, body):
        try:
            body += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            break
    return Answer(status, headers, body)


async def eventually(condition: object) -> None:
    """Wait until the callable `condition` is true; the stage bounds how long."""
    assert callable(condition)
    while not condition():
        await anyio.sleep(0.001)


def _is_whole(headers: Mapping[str, str], body: bytes) -> bool:
    if "content-length" in headers:
        return len(body) >= int(headers["content-length"])
    return body.endswith(b"0\r\n\r\n")


async def _serve(
    gateway: Gateway, path: Path, *, task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    await gateway.serve(unix_socket=path, task_status=task_status)
