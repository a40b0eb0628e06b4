"""A history as Chat Completions tells it: neighbours merged, results as messages, reasoning echoed where it is wanted.

UserMessage+  ->  tool message per result, then one user message with everything else
AssistantMessage  ->  one assistant message, or none where it said nothing

A history that grows is written on: what can no longer change is encoded once, or each turn would cost more than the
one before.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec

from tianting.models.arguments import write_arguments
from tianting.models.call_ids import ANY_ID, MISTRAL_ID, CallIds
from tianting.models.chat.calls import CallNote
from tianting.models.grown_history import has_grown_from
from tianting.models.http.request_json import encode_body
from tianting.models.provider_profiles import Profile
from tianting.protocol.content import (
    Base64Source,
    Document,
    Image,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    UserBlock,
    text_of,
)
from tianting.protocol.messages import AssistantMessage, Message, Origin, UserMessage

Json = dict[str, Any]

_NO_PICTURE = "[A picture stood here. This model takes none.]"
_NO_DOCUMENT = "[A PDF stood here. This provider takes none.]"
_PICTURES_BELOW = "[The picture stands in the next user message.]"


_OPEN = 3
"""Sides at the end that are written anew: the user's last may grow, and a cache's marks move over the two newest."""


class ChatHistory:
    """The messages of one conversation's requests to `origin`, which behaves as `profile` says."""

    def __init__(self, origin: Origin, profile: Profile, *, images: bool) -> None:
        self._origin = origin
        self._profile = profile
        self._images = profile.images if images else "none"
        self._ids = CallIds((), MISTRAL_ID if profile.tool_ids == "mistral" else ANY_ID)
        self._history: Sequence[Message] = ()
        self._settled_until = 0
        self.settled: list[msgspec.Raw] = []
        """Messages that can no longer change."""
        self.newest: list[Json] = []
        """Those behind them."""

    def begins(self, history: Sequence[Message], origin: Origin) -> bool:
        """Whether what is written so far is the beginning of `history`, for the same `origin`."""
        return self._origin == origin and has_grown_from(history, self._history)

    def extend(self, history: Sequence[Message]) -> None:
        """Write what `history` has grown by."""
        self._ids.learn(history[len(self._history) :])
        self._history = history
        settled_until = _newest_sides(history, _OPEN)
        settled = self._written(history[self._settled_until : settled_until])
        self.settled += [msgspec.Raw(encode_body(message)) for message in settled]
        self._settled_until = settled_until
        self.newest = list(self._written(history[settled_until:]))

    def _written(self, messages: Sequence[Message]) -> Iterator[Json]:
        for _, group in groupby(messages, key=type):
            said: list[UserBlock] = []
            for message in group:
                if isinstance(message, UserMessage):
                    said += message.content
                else:
                    yield from self._assistant(message)
            yield from self._said_to_model(said)

    def _said_to_model(self, blocks: list[UserBlock]) -> Iterator[Json]:
        results = [block for block in blocks if isinstance(block, ToolResult)]
        for result in results:
            yield {"role": "tool", "tool_call_id": self._ids[result.tool_use_id], "content": self._result(result)}
        parts = [part for result in results for part in self._moved_pictures(result)]
        parts += [self._part(block) for block in blocks if not isinstance(block, ToolResult)]
        if parts:
            yield {"role": "user", "content": _plain(parts)}

    def _result(self, result: ToolResult) -> str | list[Json]:
        """This dialect has no field for failure, so the text says it."""
        prefix = "Error: " if result.is_error else ""
        if isinstance(result.content, str):
            return prefix + result.content
        if self._images == "results" and any(isinstance(block, Image) for block in result.content):
            return [*([_text(prefix.rstrip())] if prefix else []), *map(self._part, result.content)]
        return prefix + "\n".join(self._in_words(block) for block in result.content)

    def _in_words(self, block: Text | Image) -> str:
        if isinstance(block, Text):
            return block.text
        return _PICTURES_BELOW if self._images == "user" else _NO_PICTURE

    def _moved_pictures(self, result: ToolResult) -> list[Json]:
        if isinstance(result.content, str) or self._images != "user":
            return []
        return [self._part(block) for block in result.content if isinstance(block, Image)]

    def _part(self, block: Text | Image | Document) -> Json:
        match block:
            case Text(text=text):
                return _text(text)
            case Image(source=source) if self._images != "none":
                return {"type": "image_url", "image_url": {"url": _url(source)}}
            case Image():
                return _text(_NO_PICTURE)
            case Document(source=source, title=title) if self._profile.documents:
                return {"type": "file", "file": {"filename": title or "document.pdf", "file_data": _url(source)}}
            case Document():
                return _text(_NO_DOCUMENT)

    def _assistant(self, message: AssistantMessage) -> Iterator[Json]:
        text = text_of(message.content)
        if not text and not message.calls:
            return
        empty = None if self._profile.null_content else ""
        said: Json = {"role": "assistant", "content": text or empty, **self._reasoning(message)}
        if message.calls:
            said["tool_calls"] = self._calls(message)
        yield said

    def _reasoning(self, message: AssistantMessage) -> Json:
        thoughts = [block for block in message.content if isinstance(block, Thinking)]
        text = "".join(block.thinking for block in thoughts) if self._is_from_here(message) else ""
        match self._profile.reasoning_echo:
            case "required" if message.calls:
                return {self._profile.reasoning_in: text}
            case "text" if text:
                return {self._profile.reasoning_in: text}
            case "details" if self._is_from_here(message, same_model=True):
                details = [detail for block in thoughts for detail in _details(block)]
                return {"reasoning_details": details} if details else {}
            case _:
                return {}

    def _is_from_here(self, message: AssistantMessage, *, same_model: bool = False) -> bool:
        """Reasoning holds at the same provider; what is signed, for the same model. What was cut short is not sent."""
        theirs, ours = message.origin, self._origin
        if theirs is None or message.aborted or (theirs.dialect, theirs.base_url) != (ours.dialect, ours.base_url):
            return False
        return not same_model or theirs.model == ours.model

    def _calls(self, message: AssistantMessage) -> list[Json]:
        is_ours = self._is_from_here(message, same_model=True)
        calls = [self._call(call, is_ours=is_ours) for call in message.calls]
        if not is_ours and self._profile.call_signature:
            calls[0]["extra_content"] = {"google": {"thought_signature": self._profile.call_signature}}
        return calls

    def _call(self, call: ToolUse, *, is_ours: bool) -> Json:
        note = _note(call.opaque) if is_ours else CallNote()
        extra = {"extra_content": note.extra_content} if note.extra_content else {}
        function = {"name": call.name, "arguments": self._arguments(call, note)}
        return {"id": self._ids[call.id], "type": "function", "function": function, **extra}

    def _arguments(self, call: ToolUse, note: CallNote) -> str | Json:
        """Always JSON: many templates decode it, and fail on a call that was cut off."""
        arguments = {"unparsed": call.unparsed} if call.unparsed else call.input
        return arguments if self._profile.args_as_object else write_arguments(arguments, note.arguments)


def _newest_sides(history: Sequence[Message], count: int) -> int:
    """Where the last `count` sides begin: stretches in which only the model speaks, or nobody but it."""
    start = len(history)
    for _ in range(count):
        if start == 0:
            break
        side = type(history[start - 1])
        while start and type(history[start - 1]) is side:
            start -= 1
    return start


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _plain(parts: list[Json]) -> str | list[Json]:
    """Words alone go as text: many servers take no list."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _url(source: Source) -> str:
    if isinstance(source, Base64Source):
        return f"data:{source.media_type};base64,{source.data}"
    return source.url


def _details(thinking: Thinking) -> list[Json]:
    try:
        return msgspec.json.decode(thinking.signature, type=list[Json])
    except msgspec.DecodeError:
        return []


def _note(opaque: str) -> CallNote:
    try:
        return msgspec.json.decode(opaque, type=CallNote)
    except msgspec.DecodeError:
        return CallNote()
