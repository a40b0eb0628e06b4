"""Claude, and all that speak the Messages API."""

import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec
from msgspec import Struct

from tianting.models.anthropic.messages import WireMessages, signatures
from tianting.models.anthropic.request import count_body, message_body
from tianting.models.anthropic.stream import AnswerReader
from tianting.models.http.api import HttpApi, Timeouts
from tianting.models.http.rate_limits import told_limit
from tianting.models.http.request_json import encode_body
from tianting.models.http.stream_end import read_to_end
from tianting.protocol.deltas import Delta
from tianting.protocol.errors import ModelUnavailable, RequestRejected
from tianting.protocol.messages import Origin
from tianting.protocol.model_catalogue import ModelCatalogue, ModelInfo
from tianting.protocol.requests import ModelRequest

API_VERSION = "2023-06-01"
"""What imitators know as well. Newer versions are stricter and bring nothing we use."""
_SIGNATURE_REFUSED = r"(?i)signature.*thinking|thinking.*(signature|cannot be modified)"

log = logging.getLogger(__name__)


class AnthropicModel:
    """A `ModelClient` on the Messages API behind `api`."""

    def __init__(self, api: HttpApi, catalogue: ModelCatalogue) -> None:
        self._api = api
        self._catalogue = catalogue
        self._written: WireMessages | None = None
        self._refused: set[str] = set()
        """Signatures of thinking that the provider takes no more."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request`. An answer without its last event is `ModelUnavailable`, never a short answer.

        A signature holds for one account and one unchanged history. When it is refused (another key, a compacted or
        rewound history) the same is asked once more without the thinking it stood under.
        """
        try:
            async with aclosing(self._ask(request)) as deltas:
                async for delta in deltas:
                    yield delta
        except RequestRejected as error:
            fresh = set(signatures(request.messages)) - self._refused
            if not fresh or re.search(_SIGNATURE_REFUSED, str(error)) is None:
                raise
            log.warning("thinking of earlier answers is left out: %s", error)
            self._refused |= fresh
        else:
            return
        async with aclosing(self._ask(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def _ask(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        info = self._catalogue.lookup(request.model)
        body = encode_body(message_body(request, self._messages(request, info), info))
        reader = AnswerReader(self._target(request))
        heads: list[Mapping[str, str]] = []
        async with aclosing(self._api.events("/v1/messages", body, on_headers=heads.append)) as events:
            async for event in events:
                if heads and (limit := told_limit(heads.pop())):
                    yield limit
                deltas = reader.read(event)
                if reader.finished:
                    await read_to_end(events)
                for delta in deltas:
                    yield delta
        if not reader.finished:
            raise ModelUnavailable("The provider broke off in the middle of its answer.", cause="broken_stream")

    async def count_tokens(self, request: ModelRequest) -> int:
        """Ask the provider, which estimates. Raises `ModelError`."""
        info = self._catalogue.lookup(request.model)
        body = encode_body(count_body(request, self._messages(request, info), info))
        answer = await self._api.call("/v1/messages/count_tokens", body)
        try:
            return msgspec.json.decode(answer, type=_Count).input_tokens
        except msgspec.DecodeError as error:
            raise ModelUnavailable(f"The provider's count cannot be read: {error}", cause="server_error") from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._api.aclose()

    def _messages(self, request: ModelRequest, info: ModelInfo) -> WireMessages:
        """The request's messages: the former request's, written on, where this one goes on from it."""
        target = self._target(request)
        if self._written is None or not self._written.begins(request.messages, target, self._refused):
            self._written = WireMessages(target, images=info.images, refused=self._refused)
        self._written.extend(request.messages)
        return self._written

    def _target(self, request: ModelRequest) -> Origin:
        return Origin(dialect="anthropic", base_url=self._api.base_url, model=request.model)


class _Count(Struct):
    input_tokens: int


def open_anthropic(
    base_url: str,
    key: str,
    catalogue: ModelCatalogue,
    *,
    bearer: bool = False,
    key_source: str = "use",
    headers: Mapping[str, str] | None = None,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen)
) -> AnthropicModel:
    """A model at `base_url`, with or without `/v1`. Raises `ConfigError`.

    `key` goes out as an API key, or as an auth token (`bearer`); an empty one not at all.
    `headers` are added, and win: another `anthropic-version`, an `anthropic-beta`.
    """
    auth = {} if not key else {"authorization": f"Bearer {key}"} if bearer else {"x-api-key": key}
    api = HttpApi(
        base_url.rstrip("/").removesuffix("/v1"),
        {"anthropic-version": API_VERSION, **auth, **(headers or {})},
        timeouts=timeouts,
        secret=key,
        key_source=key_source,
    )
    return AnthropicModel(api, catalogue)
