"""The dialect of everybody else, Chat Completions: one client, and a profile for each provider's habits.

    request -> body -> HTTP -> chunks -> deltas

A server that rejects a field which only made the answer better is asked again without it, from then on.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from tianting.models.chat.assembly import ChatAssembly
from tianting.models.chat.history import ChatHistory
from tianting.models.chat.request import request_body
from tianting.models.http.api import HttpApi
from tianting.models.http.request_json import encode_body
from tianting.models.http.stream_end import read_to_end
from tianting.models.length_estimate import estimate_tokens
from tianting.models.provider_profiles import Profile
from tianting.protocol.deltas import Delta
from tianting.protocol.errors import ModelUnavailable, RequestRejected
from tianting.protocol.ids import NewId, random_uuid
from tianting.protocol.messages import Origin
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest

_DISPENSABLE = (
    "stream_options",
    "parallel_tool_calls",
    "reasoning_effort",
    "reasoning_split",
    "enable_thinking",
    "thinking_budget",
    "prompt_cache_key",
)


class ChatModel:
    """A `ModelClient` for the Chat Completions API behind `api`, which behaves as `profile` says."""

    def __init__(
        self, api: HttpApi, profile: Profile, *, catalogue: ModelCatalogue, new_id: NewId = random_uuid
    ) -> None:
        self._api = api
        self._profile = profile
        self._catalogue = catalogue
        self._new_id = new_id
        self._refused_fields: frozenset[str] = frozenset()
        """Fields that this server was seen to reject."""
        self._written: ChatHistory | None = None

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer `request`. Raises a `ModelError`."""
        while True:
            body = self._body(request)
            try:
                async with aclosing(self._ask(request, body)) as deltas:
                    async for delta in deltas:
                        yield delta
            except RequestRejected as refusal:
                self._learn(body, refusal)
            else:
                return

    async def count_tokens(self, request: ModelRequest) -> int:
        """Estimate by length: this dialect has no way to ask."""
        return estimate_tokens(encode_body(self._body(request)))

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._api.aclose()

    async def _ask(self, request: ModelRequest, body: dict[str, object]) -> AsyncGenerator[Delta, None]:
        assembly = ChatAssembly(request, self._origin(request), self._profile, self._new_id)
        encoded = encode_body(body)
        async with aclosing(self._api.events("/chat/completions", encoded, may_be_whole=True)) as events:
            async for event in events:
                for delta in assembly.feed(event.data):
                    yield delta
                if assembly.ended:
                    await read_to_end(events)
                    break
        for delta in assembly.finish():
            yield delta

    def _body(self, request: ModelRequest) -> dict[str, object]:
        body = request_body(request, self._history(request), self._profile)
        return {field: value for field, value in body.items() if field not in self._refused_fields}

    def _history(self, request: ModelRequest) -> ChatHistory:
        """The request's history: the former request's, written on, where this one goes on from it."""
        origin = self._origin(request)
        if self._written is None or not self._written.begins(request.messages, origin):
            images = self._catalogue.lookup(request.model).images
            self._written = ChatHistory(origin, self._profile, images=images)
        self._written.extend(request.messages)
        return self._written

    def _origin(self, request: ModelRequest) -> Origin:
        return Origin(dialect="openai-chat", base_url=self._api.base_url, model=request.model)

    def _learn(self, body: dict[str, object], refusal: RequestRejected) -> None:
        """Note what may be left out next time. Raises where asking again changes nothing, or should wait."""
        said = str(refusal)
        if "failed_generation" in said:  # Groq: the model wrote a call that its server could not read
            raise ModelUnavailable(said, cause="server_error", status=refusal.status) from refusal
        refused = {field for field in _DISPENSABLE if field in body and re.search(rf"\b{field}\b", said)}
        if refusal.status not in (400, 422) or not refused:
            raise refusal
        self._refused_fields |= refused
