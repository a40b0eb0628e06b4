"""What a request consumed, in tokens."""

from msgspec import Struct


class Usage(Struct, frozen=True, kw_only=True):
    """Exclusive counts: a token read from the cache is in `cache_read_input_tokens` and nowhere else.

    Names follow the Anthropic wire. OpenAI's inclusive numbers are made exclusive at its door.
    """

    input_tokens: int = 0
    """Uncached prompt tokens."""
    output_tokens: int = 0
    """All output, thinking included."""
    cache_creation_input_tokens: int = 0
    """Prompt tokens written to the cache, for five minutes or an hour."""
    cache_read_input_tokens: int = 0
    cache_creation_1h_input_tokens: int = 0
    """The part of `cache_creation_input_tokens` that lives an hour; it costs more."""
    thinking_tokens: int = 0
    """The part of `output_tokens` spent on thinking, where the provider tells."""

    @property
    def context_tokens(self) -> int:
        """How full the window is after this request."""
        return self.prompt_tokens + self.output_tokens

    @property
    def prompt_tokens(self) -> int:
        """Everything that was sent, cached or not."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    def plus(self, other: "Usage") -> "Usage":
        """Add two requests."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_creation_input_tokens=self.cache_creation_input_tokens + other.cache_creation_input_tokens,
            cache_read_input_tokens=self.cache_read_input_tokens + other.cache_read_input_tokens,
            cache_creation_1h_input_tokens=self.cache_creation_1h_input_tokens + other.cache_creation_1h_input_tokens,
            thinking_tokens=self.thinking_tokens + other.thinking_tokens,
        )
