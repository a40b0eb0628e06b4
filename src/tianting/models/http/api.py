"""One door to a provider over HTTP: bytes out, events in, and every way a network fails said in our words.

    send -> status -> chunks -> EventSplitter -> events

Two clocks watch a stream: silence is bounded, and pings, which prove the socket and no progress, extend it only so
far. The first clock is the HTTP client's own read timeout: a second one around each chunk would double its cost.
"""

import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping

import anyio
import httpx2
from msgspec import Struct

from tianting import __version__
from tianting.models.http.connection_failures import explain
from tianting.models.http.error_bodies import read_error_body
from tianting.models.http.failures import classify, from_stream_error
from tianting.models.http.trusted_roots import trusted_roots
from tianting.plumbing.event_stream import EventSplitter, EventTooLong, ServerSentEvent
from tianting.protocol.errors import ConfigError, ModelError, ModelUnavailable, RequestRejected

_KEEP_ALIVES = frozenset({"ping", "keepalive"})
_LONGEST_ERROR_BODY = 65_536  # bytes
_SHORTEST_SECRET = 8  # characters: to cut a local server's dummy key out would only garble the message
_IDLE_CONNECTION_LIFE = 60.0  # seconds: tools run between two requests, and a new handshake is dear


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds."""

    connect: float = 10.0
    silence: float = 300.0
    """Between two pieces of an answer, and before the first: a local server reads the whole prompt first."""
    ceiling: float = 900.0
    """Between two events that mean something, while pings and comments keep the stream alive."""


class HttpApi:
    """A provider's HTTP interface at `base_url`, with the headers that every request carries.

    `secret` never appears in an error; `key_source` is the variable it came from. Raises `ConfigError` for a URL or
    headers that can never work.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen)
        secret: str | None = None,
        key_source: str = "use",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeouts = timeouts
        self._secret = secret if secret and len(secret) >= _SHORTEST_SECRET else None
        self._key_source = key_source
        self._client = _open_client(_checked(self.base_url), headers, timeouts, key_source)
        self._host = httpx2.URL(self.base_url).host

    async def events(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        may_be_whole: bool = False,
        on_headers: Callable[[Mapping[str, str]], None] | None = None,
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """POST JSON and give the events of the answer, without its pings. Close the generator to break off.

        With `may_be_whole`, JSON from a server that does not stream is one event; without it, it is refused.
        `on_headers` is told the headers of a success before its first event.
        Raises a `ModelError`, and nothing else but cancellation. The end of the generator is the end of the
        stream: whether the answer was whole only its dialect knows.
        """
        response = await self._send(path, body, {"accept": "text/event-stream", **(headers or {})})
        if on_headers is not None:
            on_headers(response.headers)
        compressed = "content-encoding" in response.headers
        chunks = response.aiter_bytes() if compressed else response.aiter_raw()
        try:
            if may_be_whole and _kind(response) == "application/json":
                yield ServerSentEvent(event="message", data=await self._whole(response))
                return
            await self._check_stream(response)
            splitter = EventSplitter()
            progress = time.monotonic()
            async for chunk in chunks:
                now = time.monotonic()
                for event in splitter.feed(chunk):
                    if event.event not in _KEEP_ALIVES:
                        progress = now
                        yield event
                if now - progress > self._timeouts.ceiling:
                    raise self._too_slow(self._timeouts.ceiling)
            for event in splitter.feed(b"\n\n"):  # some imitators forget the last blank line
                yield event
        except (httpx2.TransportError, httpx2.DecodingError, EventTooLong) as error:
            raise self._broken_off(error) from None
        finally:
            with anyio.move_on_after(1, shield=True):
                await chunks.aclose()
                await response.aclose()

    async def call(self, path: str, body: bytes) -> bytes:
        """POST JSON and give the whole answer. Raises a `ModelError`."""
        return await self._whole(await self._send(path, body, {}))

    async def aclose(self) -> None:
        """Close all connections, also those of running streams."""
        await self._client.aclose()

    async def _whole(self, response: httpx2.Response) -> bytes:
        try:
            with anyio.fail_after(self._timeouts.silence):
                return await response.aread()
        except TimeoutError:
            raise self._too_slow(self._timeouts.silence) from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise self._broken_off(error) from None
        finally:
            with anyio.move_on_after(1, shield=True):
                await response.aclose()

    async def _send(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """The answer's head, which is a success."""
        request = self._client.build_request("POST", self.base_url + path, content=body, headers=dict(headers))
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.ReadTimeout:
            raise self._too_slow(self._timeouts.silence) from None
        except httpx2.TransportError as error:
            raise explain(error, self._without_key(str(error)), host=self._host, key_source=self._key_source) from None
        if response.is_success:
            return response
        raise await self._refusal(response)

    async def _refusal(self, response: httpx2.Response) -> ModelError:
        body = await self._error_body(response)
        return classify(
            response.status_code,
            response.headers,
            body,
            provider=self._host,
            key_source=self._key_source,
            now=time.time(),
        )

    async def _error_body(self, response: httpx2.Response) -> bytes:
        """What can be had of it soon, without the key: the status alone says most."""
        body = b""
        try:
            with anyio.move_on_after(self._timeouts.connect):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) >= _LONGEST_ERROR_BODY:
                        break
        except (httpx2.TransportError, httpx2.DecodingError):
            pass
        finally:
            with anyio.move_on_after(1, shield=True):
                await response.aclose()
        return body.replace(self._secret.encode(), b"[key]") if self._secret else body

    async def _check_stream(self, response: httpx2.Response) -> None:
        """Some doors answer an error, or a login page, with 200."""
        kind = _kind(response)
        if kind not in ("text/html", "application/json"):
            return
        told = read_error_body(await self._error_body(response))
        if told.type:
            raise from_stream_error(told.type, told.message)
        raise RequestRejected(
            f"{self._host} answered with {kind} and not with an event stream; check the base URL: {told.message}"
        )

    def _too_slow(self, seconds: float) -> ModelUnavailable:
        return ModelUnavailable(f"{self._host} said nothing for {seconds:g} s.", cause="timeout")

    def _broken_off(self, error: Exception) -> ModelUnavailable:
        if isinstance(error, httpx2.ReadTimeout):
            return self._too_slow(self._timeouts.silence)
        told = self._without_key(str(error)) or type(error).__name__
        return ModelUnavailable(f"{self._host} broke off its answer: {told}", cause="broken_stream")

    def _without_key(self, text: str) -> str:
        line = " ".join(text.split())
        return line.replace(self._secret, "[key]") if self._secret else line


def _kind(response: httpx2.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _checked(base_url: str) -> httpx2.URL:
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL as error:
        raise ConfigError(f"The base URL {base_url!r} is none: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"The base URL {base_url!r} must begin with http:// or https:// and name a host.")
    return url


def _open_client(
    url: httpx2.URL, headers: Mapping[str, str], timeouts: Timeouts, key_source: str
) -> httpx2.AsyncClient:
    try:
        return httpx2.AsyncClient(
            headers={"content-type": "application/json", "user-agent": f"tianting/{__version__}", **headers},
            verify=_trust(url),
            trust_env=not _is_loopback(url.host),
            timeout=httpx2.Timeout(timeouts.silence, connect=timeouts.connect, pool=timeouts.connect),
            limits=httpx2.Limits(keepalive_expiry=_IDLE_CONNECTION_LIFE),
        )
    except UnicodeEncodeError:
        raise ConfigError(f"The key in {key_source} holds characters that cannot stand in a header.") from None
    except (ValueError, ImportError, httpx2.InvalidURL) as error:  # proxy variables are read here
        raise ConfigError(f"The proxy that the environment names cannot be used: {error}") from None


def _trust(url: httpx2.URL) -> ssl.SSLContext:
    """Without TLS no certificate store is loaded: that costs more than the rest of the start."""
    return trusted_roots() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")
