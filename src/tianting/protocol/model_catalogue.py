"""What is known of models: windows, limits, prices, families. Data, extended by the user's settings.

Prices are USD per million tokens; sources: the vendors' public price pages, 2026-11.
An unknown name is allowed and takes the defaults of `ModelInfo` for its provider.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct, structs

from tianting.protocol.usage import Usage

Family = Literal["claude", "gpt", "codex", "gemini", "open"]
ThinkingStyle = Literal["none", "adaptive", "budget"]
LeastThinking = Literal["disabled", "between_tools", "adaptive"]


class ModelInfo(Struct, frozen=True, kw_only=True):
    """One model. The defaults are those of a model nobody described."""

    id: str
    family: Family = "open"
    context_window: int = 128_000
    """Tokens, input and output together."""
    max_output: int = 32_000
    """Tokens the model may write in one answer."""
    input_price: float = 0.0
    output_price: float = 0.0
    cache_read_price: float | None = None
    """None: a tenth of the input price."""
    thinking: ThinkingStyle = "none"
    """How the Anthropic dialect asks for thinking; others use `effort`."""
    least_thinking: LeastThinking = "disabled"
    """What to ask an adaptive model for that is not to think; `adaptive` is one that cannot help it."""
    images: bool = True

    def cost_usd(self, usage: Usage) -> float:
        """What `usage` costs. Cache writes cost 1.25 of an input token for five minutes, 2 for an hour."""
        read = self.input_price / 10 if self.cache_read_price is None else self.cache_read_price
        hour = usage.cache_creation_1h_input_tokens
        minutes = usage.cache_creation_input_tokens - hour
        return (
            usage.input_tokens * self.input_price
            + minutes * self.input_price * 1.25
            + hour * self.input_price * 2
            + usage.cache_read_input_tokens * read
            + usage.output_tokens * self.output_price
        ) / 1_000_000


def _claude(
    id: str,  # noqa: A002
    price: tuple[float, float],
    *,
    read: float | None = None,
    small: bool = False,
    least_thinking: LeastThinking = "disabled",
) -> ModelInfo:
    return ModelInfo(
        id=id,
        family="claude",
        context_window=200_000 if small else 1_000_000,
        max_output=64_000 if small else 128_000,
        input_price=price[0],
        output_price=price[1],
        cache_read_price=read,
        thinking="budget" if small else "adaptive",
        least_thinking=least_thinking,
    )


def _gpt(id: str, price: tuple[float, float], *, codex: bool = False) -> ModelInfo:  # noqa: A002
    return ModelInfo(
        id=id,
        family="codex" if codex else "gpt",
        context_window=1_050_000,
        max_output=128_000,
        input_price=price[0],
        output_price=price[1],
    )


_KNOWN = (
    _claude("claude-fable-5-2", (8, 40), least_thinking="adaptive"),
    _claude("claude-mythos-5-2", (8, 40), least_thinking="adaptive"),
    _claude("claude-fable-5-1", (10, 50), read=0.25, least_thinking="adaptive"),
    _claude("claude-mythos-5-1", (10, 50), read=0.25, least_thinking="adaptive"),
    _claude("claude-opus-5-5", (4, 20), least_thinking="adaptive"),
    _claude("claude-sonnet-5-5", (2, 10), read=0.10, least_thinking="between_tools"),
    _claude("claude-haiku-5-5", (0.10, 0.50)),
    _claude("claude-fable-5", (10, 50), least_thinking="adaptive"),
    _claude("claude-opus-5", (5, 25)),
    _claude("claude-sonnet-5", (2, 10)),
    _claude("claude-opus-4-8", (5, 25)),
    _claude("claude-opus-4-7", (5, 25)),
    _claude("claude-opus-4-6", (5, 25)),
    _claude("claude-sonnet-4-6", (3, 15)),
    _claude("claude-opus-4-5", (5, 25), small=True),
    _claude("claude-sonnet-4-5", (3, 15), small=True),
    _claude("claude-haiku-4-5", (1, 5), small=True),
    _gpt("gpt-6.2-astra", (8, 40)),
    _gpt("gpt-6.2-sol", (2, 10)),
    _gpt("gpt-6-astra", (10, 50)),
    _gpt("gpt-6.1-sol", (2, 10)),
    _gpt("gpt-6.1-terra", (1, 5)),
    _gpt("gpt-6-sol", (2, 10)),
    _gpt("gpt-6-luna", (0.10, 0.50)),
    _gpt("gpt-5.6-sol", (4, 20)),
    _gpt("gpt-5.1-codex-max", (1.25, 10), codex=True),
)

ALIASES = {
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-2",
}
"""Short names that today's clients use."""

_FAMILY_BY_PREFIX: tuple[tuple[str, Family], ...] = (
    ("claude", "claude"),
    ("gpt-oss", "open"),
    ("codex", "codex"),
    ("gpt", "gpt"),
    ("o1", "gpt"),
    ("o3", "gpt"),
    ("o4", "gpt"),
    ("gemini", "gemini"),
)


class ModelCatalogue:
    """Looks models up by name."""

    def __init__(self, extra: tuple[ModelInfo, ...] = ()) -> None:
        self._models = {info.id: info for info in (*_KNOWN, *extra)}

    def __iter__(self) -> Iterator[ModelInfo]:
        return iter(self._models.values())

    def lookup(self, name: str) -> ModelInfo:
        """What is known of `name`, a bare model id. A dated or suffixed id takes the facts of its longest prefix."""
        if exact := self._models.get(name):
            return exact
        prefixes = [known for known in self._models if name.startswith((f"{known}-", f"{known}@", f"{known}["))]
        if prefixes:
            return structs.replace(self._models[max(prefixes, key=len)], id=name)
        return _undescribed(name)


def _undescribed(name: str) -> ModelInfo:
    last = name.rsplit("/", 1)[-1].lower()
    family: Family = next((family for prefix, family in _FAMILY_BY_PREFIX if last.startswith(prefix)), "open")
    if "codex" in last and family == "gpt":
        family = "codex"
    if family == "claude":
        return ModelInfo(id=name, family=family, context_window=200_000, thinking="adaptive")
    return ModelInfo(id=name, family=family)
