"""A script over real HTTP, in three dialects at once: whole programs are tried, failed and measured without a provider.

    connection -> request -> dialect reads and checks -> playback chooses the reply -> frames -> connection
                                                                   a fault may break off anywhere here

In a test: `async with serve(script) as server: ... server.base_url`.
As a process: `python -m tianting.testing.model_server SCRIPT.yaml` says where it listens and goes on until SIGTERM.
"""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import msgspec
from anyio.abc import ByteStream, SocketAttribute
from msgspec import Struct, structs

from tianting.models.script_file import load_script
from tianting.models.scripted import Reply, Script
from tianting.protocol.errors import ConfigError, RequestRejected
from tianting.testing.dialects.anthropic import AnthropicMessages
from tianting.testing.dialects.dialect import Asked, Dialect, Refusal
from tianting.testing.dialects.openai_chat import OpenAIChat
from tianting.testing.dialects.openai_responses import OpenAIResponses
from tianting.testing.http_connection import HttpConnection, Incoming, Malformed
from tianting.testing.performance import Performance, estimate_tokens
from tianting.testing.playback import Order, Playback, playback
from tianting.testing.request_log import RequestLog

_DIALECTS: tuple[Dialect, ...] = (AnthropicMessages(), OpenAIResponses(), OpenAIChat())
_ANSWERS = {dialect.path: dialect for dialect in _DIALECTS}
_COUNTS = {dialect.count_path: dialect for dialect in _DIALECTS if dialect.count_path is not None}
_MODELS = "/v1/models"
_JSON = {"content-type": "application/json"}

OnAnswered = Callable[[Incoming, int | None], None]
"""Told of each request when it is over, with the time of its answer's last byte; None when it got no whole answer."""


class ServerOptions(Struct, frozen=True, kw_only=True):
    """How the server behaves, whatever the script says."""

    key: str | None = None
    """The only API key it takes; None takes any and none."""
    order: Order | Playback = "history"
    chunked: bool = True
    """False ends each stream by closing the connection, as old proxies do."""
    now_ns: Callable[[], int] = time.monotonic_ns
    """Clock of all times. The default is the same for all processes of a machine."""


class ModelServer:
    """A server that is listening."""

    def __init__(self, script: Script, port: int, options: ServerOptions, on_answered: OnAnswered) -> None:
        self.base_url = f"http://127.0.0.1:{port}"
        """For Anthropic's clients; OpenAI's want `/v1` behind it."""
        self.requests: list[Incoming] = []
        """Every request, in the order of arrival, refused ones too."""
        self._playback = playback(script, options.order)
        self._options = options
        self._on_answered = on_answered

    async def talk(self, stream: ByteStream) -> None:
        """Serve one connection until either side has had enough."""
        connection = HttpConnection(stream, chunked=self._options.chunked, now_ns=self._options.now_ns)
        async with stream:
            try:
                while connection.reusable and (incoming := await connection.receive()) is not None:
                    await self._take(connection, incoming)
            except Malformed as error:
                body = _ANSWERS["/v1/messages"].error(error.status, "invalid_request_error", str(error))
                await connection.respond(error.status, body, _JSON)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead):
                return  # the client is gone, in the middle of something

    async def _take(self, connection: HttpConnection, incoming: Incoming) -> None:
        self.requests.append(incoming)
        answered = None
        try:
            if await self._answer(connection, incoming):
                answered = self._options.now_ns()
        finally:
            self._on_answered(incoming, answered)

    async def _answer(self, connection: HttpConnection, incoming: Incoming) -> bool:
        """Whether the client got an answer, and not a silence or a part of one."""
        dialect = _dialect_of(incoming)
        headers = {**_JSON, **self._ids()}
        try:
            self._check_key(incoming)
            if (incoming.method, incoming.path) == ("GET", _MODELS):
                await connection.respond(200, _models(incoming), headers)
                return True
            asked = _read(incoming)
            if incoming.path in _COUNTS:
                await connection.respond(200, dialect.counted(estimate_tokens(incoming.body)), headers)
                return True
            reply = self._reply(asked)
        except Refusal as error:
            body = b"" if incoming.method == "HEAD" else dialect.error(error.status, error.name, str(error))
            await connection.respond(error.status, body, headers)
            return True
        return await Performance(connection, dialect, reply, self._ids()).play(asked, incoming.body)

    def _ids(self) -> dict[str, str]:
        name = f"req_{len(self.requests)}"
        return {"request-id": name, "x-request-id": name}

    def _check_key(self, incoming: Incoming) -> None:
        sent = incoming.headers.get("x-api-key") or incoming.headers.get("authorization", "").removeprefix("Bearer ")
        if self._options.key is not None and sent != self._options.key:
            raise Refusal("invalid API key", status=401, name="authentication_error")

    def _reply(self, asked: Asked) -> Reply:
        try:
            return self._playback.reply(asked.conversation)
        except RequestRejected as error:
            raise Refusal(str(error)) from error


@contextlib.asynccontextmanager
async def serve(
    script: Script,
    *,
    port: int = 0,
    key: str | None = None,
    options: ServerOptions = ServerOptions(),  # noqa: B008 (frozen)
    on_answered: OnAnswered | None = None,
) -> AsyncIterator[ModelServer]:
    """Play `script` on 127.0.0.1 until the block ends; then all connections are dropped. Port 0 takes a free one.

    `key` is short for `ServerOptions(key=...)`. Raises `OSError` when the port is taken.
    """
    if key is not None:
        options = structs.replace(options, key=key)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 (anyio's, not a database's)
    server = ModelServer(script, port, options, on_answered or _ignore)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.talk)
        try:
            yield server
        finally:
            tasks.cancel_scope.cancel()


def _dialect_of(incoming: Incoming) -> Dialect:
    """The dialect of the path; elsewhere Anthropic's for those who say that they speak it."""
    by_path = _ANSWERS.get(incoming.path) or _COUNTS.get(incoming.path)
    home = "/v1/messages" if "anthropic-version" in incoming.headers else "/v1/chat/completions"
    return by_path or _ANSWERS[home]


def _read(incoming: Incoming) -> Asked:
    if incoming.method != "POST" or incoming.path not in {*_ANSWERS, *_COUNTS}:
        raise Refusal(f"{incoming.method} {incoming.path} is not served", status=404, name="not_found_error")
    return _dialect_of(incoming).read(incoming.headers, incoming.body, counting=incoming.path in _COUNTS)


def _models(incoming: Incoming) -> bytes:
    """The one model there is, in the words of whoever asks; requests may name any other."""
    if "anthropic-version" in incoming.headers:
        named = {"type": "model", "id": "scripted", "display_name": "Scripted", "created_at": "2026-01-01T00:00:00Z"}
        return msgspec.json.encode({"data": [named], "has_more": False, "first_id": "scripted", "last_id": "scripted"})
    model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "tianting"}
    return msgspec.json.encode({"object": "list", "data": [model]})


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. 2 when the script cannot be read or the port not be had."""
    told = _parser().parse_args(arguments)
    options = ServerOptions(key=told.key, order="arrival" if told.shared else "history")
    try:
        log = RequestLog(told.log, bodies=not told.no_bodies) if told.log is not None else None
        anyio.run(_serve_until_told, load_script(told.script), told.port, options, log)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:  # of the port or the log
        sys.stderr.write(f"cannot serve: {error.strerror}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tianting.testing.model_server", description="Play a script over HTTP."
    )
    parser.add_argument("script", type=Path, metavar="SCRIPT.yaml")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write each request there, as a line of JSON")
    parser.add_argument("--no-bodies", action="store_true", help="leave bodies out of the log")
    parser.add_argument("--key", help="the only API key that is taken")
    parser.add_argument("--shared", action="store_true", help="give replies in the order of arrival, whoever asks")
    return parser


async def _serve_until_told(script: Script, port: int, options: ServerOptions, log: RequestLog | None) -> None:
    with log or contextlib.nullcontext():
        on_answered = log.write if log is not None else _ignore
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with serve(script, port=port, options=options, on_answered=on_answered) as server:
                sys.stdout.write(f"listening on {server.base_url}\n")
                sys.stdout.flush()
                await anext(signals)


def _ignore(incoming: Incoming, answered_ns: int | None) -> None:
    """Nobody wants to know."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
