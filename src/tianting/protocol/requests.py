"""What a model is asked. The same for every provider; each dialect translates it at its door."""

from typing import Any, Literal

from msgspec import Struct

from tianting.protocol.messages import Message
from tianting.protocol.tool_calls import ToolSpec

Effort = Literal["low", "medium", "high", "xhigh", "max"]
ThinkingDisplay = Literal["summarized", "omitted"]


class ThinkingWish(Struct, frozen=True, kw_only=True):
    """Whether a model is to think before it answers. What it cannot do, it does as nearly as it can."""

    wanted: bool = True
    budget: int | None = None
    """Tokens; None leaves it to effort and model."""
    display: ThinkingDisplay = "summarized"
    """Whether a summary of it is sent."""


class ModelRequest(Struct, frozen=True, kw_only=True):
    """One request. `messages` only ever grows from one request to the next: the prompt cache hangs on it."""

    model: str
    system: tuple[str, ...]
    """Parts in order; a cache breakpoint stands behind the last."""
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    max_tokens: int
    effort: Effort | None = None
    """None leaves it to the provider's default."""
    thinking: ThinkingWish | None = None
    """None leaves it to effort and model."""
    tool_choice: Literal["auto", "none"] = "auto"
    cache_key: str = ""
    """One stable word per session, for providers that shard their cache by it."""
    extra: dict[str, Any] = {}
    """Fields of the provider that a user's settings add to the body as they are."""
