"""Where requests go and what opens the door there. The values of keys live here and in request heads, nowhere else."""

from typing import Literal

from msgspec import Struct

Speech = Literal["anthropic", "openai"]
"""What an upstream understands: Messages, or Responses and Chat Completions."""


class KeyLimits(Struct, frozen=True, kw_only=True):
    """What one key may carry before anybody has learned more from its provider."""

    concurrency: int = 64
    """Requests at once; halved when the provider refuses, then grown again, never beyond this."""
    requests_per_minute: float | None = None
    """None: as the provider's headers say."""
    tokens_per_minute: float | None = None


class Key(Struct, frozen=True, kw_only=True):
    """One key of a provider. `name` is for people, logs and figures."""

    name: str
    secret: str
    limits: KeyLimits = KeyLimits()

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


class Upstream(Struct, frozen=True, kw_only=True):
    """A provider's address. Of several that speak the same, the first is preferred and the next ones stand in."""

    name: str
    speech: Speech
    base_url: str
    """Without `/v1`."""
    keys: tuple[Key, ...]
    """In the order in which they are preferred."""
    key_header: Literal["x-api-key", "authorization"] | None = None
    """None: `x-api-key` for Anthropic, `authorization` for OpenAI."""
