"""What `codex app-server` says, as far as a fleet needs it: without it JSON would be taken apart all over the driver.

Names are the protocol's (`codex app-server generate-json-schema`, 0.169), in snake case. Fields that nobody here reads
are left out, and so are never a reason to fail.
"""

from typing import Any

import msgspec
from msgspec import Struct

from tianting.fleet.drivers.driver import Fault
from tianting.fleet.drivers.json_rpc import Asked, Told
from tianting.protocol.usage import Usage


class Item(Struct, frozen=True, kw_only=True, rename="camel"):
    """A piece of a turn; fields that its type does not have are empty."""

    type: str
    id: str = ""
    text: str = ""
    client_id: str | None = None
    """Of a `userMessage`: the name that its sender gave it."""
    tool: str = ""
    changes: Any = None


class ItemNotice(Struct, frozen=True, kw_only=True):
    """`item/started`, `item/completed`."""

    item: Item


class Delta(Struct, frozen=True, kw_only=True):
    """`item/agentMessage/delta`, `item/reasoning/summaryTextDelta`, `item/reasoning/textDelta`."""

    delta: str


class TurnError(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a turn fails."""

    message: str = ""
    codex_error_info: Any = None
    """A word, or an object of one word with details."""
    additional_details: str | None = None

    @property
    def fault(self) -> Fault:
        """In the words of the port."""
        info: Any = self.codex_error_info
        code = next(iter(info), "") if isinstance(info, dict) else info
        details = info.get(code) if isinstance(info, dict) else None
        status = details.get("httpStatusCode") if isinstance(details, dict) else None
        return Fault(message=self._words, code=str(code or ""), status=status if isinstance(status, int) else None)

    @property
    def _words(self) -> str:
        return f"{self.message}: {self.additional_details}" if self.additional_details else self.message


class ErrorNotice(Struct, frozen=True, kw_only=True, rename="camel"):
    """`error`: a request failed, and may be made again."""

    error: TurnError
    will_retry: bool = False


class Turn(Struct, frozen=True, kw_only=True):
    """A turn, as it began or ended."""

    id: str
    status: str = "inProgress"
    error: TurnError | None = None
    items: tuple[Item, ...] = ()

    @property
    def last_words(self) -> str:
        """The newest message to the user."""
        return next((item.text for item in reversed(self.items) if item.type == "agentMessage"), "")


class TurnNotice(Struct, frozen=True, kw_only=True):
    """`turn/started`, `turn/completed`; also the result of `turn/start`."""

    turn: Turn


class TokenCounts(Struct, frozen=True, kw_only=True, rename="camel"):
    """Inclusive counts, as OpenAI's APIs give them."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0
    total_tokens: int = 0

    @property
    def usage(self) -> Usage:
        """The same, exclusive."""
        cached = self.cached_input_tokens + self.cache_write_input_tokens
        return Usage(
            input_tokens=max(self.input_tokens - cached, 0),
            output_tokens=self.output_tokens,
            cache_creation_input_tokens=self.cache_write_input_tokens,
            cache_read_input_tokens=self.cached_input_tokens,
            thinking_tokens=self.reasoning_output_tokens,
        )


class TokenUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the newest request consumed, and how much the model can hold."""

    last: TokenCounts = TokenCounts()
    model_context_window: int | None = None


class TokenUsageNotice(Struct, frozen=True, kw_only=True, rename="camel"):
    """`thread/tokenUsage/updated`: after each request, and once after a resume for a turn of the past."""

    turn_id: str
    token_usage: TokenUsage


class LimitWindow(Struct, frozen=True, kw_only=True, rename="camel"):
    """One window of time of a plan's limit."""

    used_percent: float = 0
    resets_at: float | None = None
    """Unix time."""


class RateLimits(Struct, frozen=True, kw_only=True, rename="camel"):
    """How much of the account's plan is used."""

    primary: LimitWindow | None = None
    secondary: LimitWindow | None = None
    rate_limit_reached_type: str | None = None

    @property
    def until(self) -> float | None:
        """When the last of the full windows is reset."""
        windows = [window for window in (self.primary, self.secondary) if window is not None]
        return max((w.resets_at for w in windows if w.used_percent >= 100 and w.resets_at is not None), default=None)


class RateLimitsNotice(Struct, frozen=True, kw_only=True, rename="camel"):
    """`account/rateLimits/updated`: of the account, so for every thread of the process."""

    rate_limits: RateLimits


class Resolved(Struct, frozen=True, kw_only=True, rename="camel"):
    """`serverRequest/resolved`: a question is answered, or moot."""

    request_id: int | str


class Thread(Struct, frozen=True, kw_only=True, rename="camel"):
    """A conversation."""

    id: str
    parent_thread_id: str | None = None
    """Of the agent that started this one."""


class ThreadNotice(Struct, frozen=True, kw_only=True):
    """`thread/started`; also the result of `thread/start`, `thread/resume` and `thread/fork`."""

    thread: Thread


def started_thread(told: Told) -> Thread | None:
    """The thread that `told` announces."""
    if told.method != "thread/started":
        return None
    try:
        return msgspec.json.decode(told.params, type=ThreadNotice).thread
    except msgspec.MsgspecError:
        return None


class Address(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which thread a message is about."""

    thread_id: str = ""


def reasoning_of(line: bytes) -> str:
    """The piece of a reasoning summary in a `LineRead`; empty for any other line."""
    try:
        told = _line.decode(line)
        if told.method in ("item/reasoning/summaryTextDelta", "item/reasoning/textDelta"):
            return msgspec.json.decode(told.params, type=Delta).delta
    except msgspec.MsgspecError:
        pass
    return ""


class _Line(Struct, frozen=True, kw_only=True):
    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")


_line = msgspec.json.Decoder(_Line)


def address_of(message: Told | Asked) -> str:
    """The thread that `message` is about; empty for what is about the process."""
    try:
        return msgspec.json.decode(message.params, type=Address).thread_id
    except msgspec.MsgspecError:
        return ""
