"""The chunks of a Chat Completions stream, read at the door as loosely as imitators write them.

Source: the types of the `openai` SDK 3.51 and the providers' own pages. A whole answer that came instead of a stream
is read as one chunk, its `message` as the delta.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tianting.protocol.usage import Usage


class FunctionPart(Struct, frozen=True, kw_only=True):
    """More of what is called. `arguments` is text, or a whole object."""

    name: str | None = None
    arguments: Any = None


class CallPart(Struct, frozen=True, kw_only=True):
    """More of a call."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None
    extra_content: Any = None
    """What Gemini wants back with the call."""

    @property
    def name(self) -> str:
        """Empty where this part has none."""
        return (self.function.name or "") if self.function else ""

    @property
    def arguments(self) -> str:
        """As JSON text."""
        value = self.function.arguments if self.function else None
        if isinstance(value, str):
            return value
        return "" if value is None else msgspec.json.encode(value).decode()


class ChoiceDelta(Struct, frozen=True, kw_only=True):
    """More of the answer."""

    content: Any = None
    """Text, or Mistral's list of parts."""
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Sequence[dict[str, Any]] | None = None
    tool_calls: Sequence[CallPart] | None = None

    def words(self) -> Iterator[tuple[bool, str]]:
        """Pieces of `content` in order, each with whether it is thinking."""
        if isinstance(self.content, str):
            yield False, self.content
        elif isinstance(self.content, list):
            for part in self.content:
                yield from _pieces(part, thinking=False)

    @property
    def thoughts(self) -> str:
        """The reasoning, under whichever of its names it came; several carry the same."""
        told = self.reasoning_content or self.reasoning
        return told or "".join(_detail_text(detail) for detail in self.reasoning_details or ())


class Choice(Struct, frozen=True, kw_only=True):
    """We ask for one answer, so there is one choice."""

    delta: ChoiceDelta | None = None
    message: ChoiceDelta | None = None
    finish_reason: str | None = None


class PromptDetails(Struct, frozen=True, kw_only=True):
    """Parts of `prompt_tokens`."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(Struct, frozen=True, kw_only=True):
    """Parts of `completion_tokens`."""

    reasoning_tokens: int | None = None


class ChatUsage(Struct, frozen=True, kw_only=True):
    """Tokens as this dialect counts them: cached ones are part of `prompt_tokens`."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for the cached ones."""

    def exclusive(self) -> Usage:
        """The same, each token counted once."""
        details = self.prompt_tokens_details or PromptDetails()
        read = details.cached_tokens or self.prompt_cache_hit_tokens or 0
        written = details.cache_write_tokens or 0
        thinking = self.completion_tokens_details or CompletionDetails()
        return Usage(
            input_tokens=max((self.prompt_tokens or 0) - read - written, 0),
            output_tokens=self.completion_tokens or 0,
            cache_creation_input_tokens=written,
            cache_read_input_tokens=read,
            thinking_tokens=thinking.reasoning_tokens or 0,
        )


class GroqPart(Struct, frozen=True, kw_only=True):
    """Where Groq puts its counts."""

    usage: ChatUsage | None = None


class Chunk(Struct, frozen=True, kw_only=True):
    """One event of the stream."""

    id: str | None = None
    model: str | None = None
    choices: Sequence[Choice] | None = None
    usage: ChatUsage | None = None
    x_groq: GroqPart | None = None
    error: Raw = Raw(b"null")

    @property
    def failed(self) -> bool:
        """It tells of an error."""
        return bytes(self.error) not in (b"null", b"{}", b'""')

    @property
    def counted(self) -> ChatUsage | None:
        """The counts, wherever they stand."""
        return self.usage or (self.x_groq.usage if self.x_groq else None)


_decoder = msgspec.json.Decoder(Chunk, strict=False)


def read_chunk(data: bytes) -> Chunk:
    """Read one event. Raises `msgspec.DecodeError`, handled by the assembly."""
    if data.lstrip().startswith(b"["):  # Gemini wraps its errors in a list
        return Chunk(error=Raw(data))
    return _decoder.decode(data)


def _pieces(part: Any, *, thinking: bool) -> Iterator[tuple[bool, str]]:
    if not isinstance(part, dict):
        return
    if isinstance(part.get("text"), str):
        yield thinking, part["text"]
    elif isinstance(inner := part.get("thinking"), list):
        for piece in inner:
            yield from _pieces(piece, thinking=True)


def _detail_text(detail: dict[str, Any]) -> str:
    text = detail.get("text") or detail.get("summary")
    return text if isinstance(text, str) else ""
