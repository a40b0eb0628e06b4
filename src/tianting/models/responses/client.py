"""OpenAI's own dialect, the Responses API: requests out, one stream of deltas back.

    request -> body -> HTTP -> events -> deltas

Nothing is stored at the provider. Reasoning travels encrypted in the history; an account or gateway that cannot
read it says so once, and then the messages it came with go without.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec import Struct

from tianting.models.http.api import HttpApi
from tianting.models.http.request_json import encode_body
from tianting.models.http.stream_end import read_to_end
from tianting.models.length_estimate import estimate_tokens
from tianting.models.responses.input import ResponsesTarget, WireInput
from tianting.models.responses.items import freeform_parameters
from tianting.models.responses.request import count_body, request_body
from tianting.models.responses.stream import ResponseAssembly
from tianting.protocol.deltas import Delta
from tianting.protocol.errors import RequestRejected
from tianting.protocol.ids import NewId, random_uuid
from tianting.protocol.messages import AssistantMessage, Origin
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest

_REASONING_REFUSED = r"(?i)encrypted[_ ]content"


class _TokenCount(Struct, frozen=True):
    input_tokens: int


class ResponsesModel:
    """A `ModelClient` for the Responses API behind `api`."""

    def __init__(self, api: HttpApi, *, catalogue: ModelCatalogue, new_id: NewId = random_uuid) -> None:
        self._api = api
        self._catalogue = catalogue
        self._new_id = new_id
        self._unreadable: frozenset[str] = frozenset()
        self._written: WireInput | None = None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request`. Raises a `ModelError`."""
        try:
            async with aclosing(self._ask(request)) as deltas:
                async for delta in deltas:
                    yield delta
        except RequestRejected as refusal:
            if not self._forget_reasoning(request, refusal):
                raise
        else:
            return
        async with aclosing(self._ask(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def count_tokens(self, request: ModelRequest) -> int:
        """Ask the provider; one that does not know the question is answered for, by length. Raises `ModelError`."""
        body = encode_body(count_body(request, self._input(request)))
        try:
            answer = await self._api.call("/responses/input_tokens", body)
            return msgspec.json.decode(answer, type=_TokenCount).input_tokens
        except (RequestRejected, msgspec.DecodeError):
            return estimate_tokens(body)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._api.aclose()

    async def _ask(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        body = encode_body(request_body(request, self._input(request)))
        origin = self._origin(request)
        assembly = ResponseAssembly(origin, freeform_parameters(request.tools), f"resp_{self._new_id()}")
        async with aclosing(self._api.events("/responses", body)) as events:
            async for event in events:
                for delta in assembly.feed(event.data):
                    yield delta
                if assembly.ended:
                    await read_to_end(events)
                    return
        assembly.check_ended()

    def _input(self, request: ModelRequest) -> WireInput:
        """The request's history: the former request's, written on, where this one goes on from it."""
        target = ResponsesTarget(origin=self._origin(request), catalogue=self._catalogue, unreadable=self._unreadable)
        parameters = freeform_parameters(request.tools)
        if self._written is None or not self._written.begins(request.messages, target, parameters):
            self._written = WireInput(target, parameters)
        self._written.extend(request.messages)
        return self._written

    def _origin(self, request: ModelRequest) -> Origin:
        return Origin(dialect="openai-responses", base_url=self._api.base_url, model=request.model)

    def _forget_reasoning(self, request: ModelRequest, refusal: RequestRejected) -> bool:
        """Whether asking again without the reasoning so far may help. Later reasoning goes back again."""
        if refusal.status != 400 or not re.search(_REASONING_REFUSED, str(refusal)):
            return False
        here = {message.id for message in request.messages if isinstance(message, AssistantMessage)}
        if here <= self._unreadable:
            return False
        self._unreadable |= here
        return True
