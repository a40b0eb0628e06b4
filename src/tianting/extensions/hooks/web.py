"""Posts an event to an address, without becoming a way into the networks that this machine can see.

address permitted? -> name resolved -> every number public? -> post to that number -> body, of bounded size

The number that was judged is the number that is called: a name that resolves otherwise a moment later gains nothing.
Redirects are not followed, and proxies of the environment not used, for the same reason.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping
from http import HTTPStatus

import anyio
import httpx2

from tianting.extensions.hooks.command import MOST_OUTPUT
from tianting.extensions.hooks.schema import HttpHook
from tianting.extensions.hooks.verdict import Said

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


class WebHooks:
    """Asks hooks that live behind an address. Use it as an async context manager: it keeps connections.

    `allowed_urls` are the addresses that may be called, `*` standing for anything; private addresses are called only
    when named there. None allows every public one.
    """

    def __init__(self, environment: Mapping[str, str], allowed_urls: tuple[str, ...] | None = None) -> None:
        self._environment = environment
        self._allowed_urls = allowed_urls
        self._client: httpx2.AsyncClient | None = None

    async def post(self, hook: HttpHook, event: bytes, *, seconds: float) -> Said:
        """Post `event` and read the answer as if a command had printed it. Raises nothing but cancellation."""
        with anyio.move_on_after(seconds):
            try:
                return await self._ask(hook, event)
            except (_NotPermittedError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
                return Said(failure=f"could not be asked: {self._without_secrets(error, hook)}")
        return Said(failure=f"took longer than {seconds:g} s", timed_out=True)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _ask(self, hook: HttpHook, event: bytes) -> Said:
        url = httpx2.URL(hook.url)
        headers = {name.lower(): self._filled_in(value, hook) for name, value in hook.headers.items()}
        headers |= {"host": url.netloc.decode("ascii"), "accept-encoding": "identity"}
        request = httpx2.Request(
            "POST",
            url.copy_with(host=await self._address(url, hook.url)),
            headers={"content-type": "application/json", **headers},
            content=event,
            extensions={"sni_hostname": url.host, "timeout": httpx2.Timeout(None).as_dict()},  # `post` has the clock
        )
        response = await self._opened().send(request, stream=True)
        try:
            return _said(response.status_code, await _body(response))
        finally:
            with anyio.move_on_after(1, shield=True):
                await response.aclose()

    async def _address(self, url: httpx2.URL, text: str) -> str:
        """The number to call. Raises `_NotPermittedError`."""
        if self._allowed_urls is not None:
            if not any(_fits(pattern, text) for pattern in self._allowed_urls):
                raise _NotPermittedError("the settings do not allow this address (allowedHttpHookUrls)")
            return url.host
        found = await anyio.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        numbers = [str(entry[4][0]) for entry in found]
        if not all(_is_public(number) for number in numbers):
            raise _NotPermittedError(f"{url.host} is a private address; name it in allowedHttpHookUrls")
        return numbers[0]

    def _filled_in(self, value: str, hook: HttpHook) -> str:
        def of(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            return self._environment.get(name, "") if name in hook.allowed_env_vars else ""

        return _VARIABLE.sub(of, value)

    def _without_secrets(self, error: Exception, hook: HttpHook) -> str:
        text = " ".join(str(error).split()) or type(error).__name__
        for name in hook.allowed_env_vars:
            if secret := self._environment.get(name):
                text = text.replace(secret, f"[{name}]")
        return text

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(verify=httpx2.create_ssl_context(), trust_env=False)
        return self._client


class _NotPermittedError(Exception):
    """An address that must not be called."""


async def _body(response: httpx2.Response) -> str:
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > MOST_OUTPUT:
            raise ValueError(f"the answer is longer than {MOST_OUTPUT:,} bytes")
    return data.decode("utf-8", "replace")


def _said(status: int, body: str) -> Said:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Said(exit_code=0, stdout=body)
    return Said(stdout=body, failure=f"answered with status {status}")


def _is_public(number: str) -> bool:
    address = ipaddress.ip_address(number.partition("%")[0])
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (inner or address).is_global and not address.is_multicast


def _fits(pattern: str, url: str) -> bool:
    """Whether `url` has the form of `pattern`: a `*` in the host ends with it, and a host alone covers its paths."""
    if pattern == "*":
        return True
    scheme, mark, rest = pattern.partition("://")
    host, slash, path = rest.partition("/")
    host_form = re.escape(scheme + mark + host).replace(r"\*", "[^/?#]*")
    path_form = re.escape(slash + path).replace(r"\*", ".*") if slash else "(/.*)?"
    return re.fullmatch(host_form + path_form, url, re.DOTALL) is not None
