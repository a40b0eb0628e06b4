"""What variables say about how hard, how long and how much: those that Claude Code reads, wherever they mean something.

They stand above the settings and below the flags, and count in the settings' `env` as well.
"""

from collections.abc import Mapping
from typing import cast, get_args

from msgspec import Struct

from tianting.cli.invocation import Invocation
from tianting.protocol.errors import ConfigError
from tianting.protocol.requests import Effort, ThinkingWish
from tianting.tools.shell.command_timeouts import CommandTimeouts

_UNDECIDED = {"", "auto", "unset"}
_MOST_RETRIES = 15


class Tuning(Struct, frozen=True, kw_only=True):
    """None is what no variable says."""

    max_output: int | None = None
    """Tokens of one answer."""
    max_retries: int | None = None
    longest_silence: float | None = None
    """Seconds until an answer that does not come, or stops coming, is asked for again."""
    thinking_tokens: int | None = None
    """Zero is no thinking at all."""
    effort: Effort | None = None
    timeouts: CommandTimeouts = CommandTimeouts()
    """Of commands."""
    max_concurrent: int | None = None
    """Calls at once, of those that only read."""


def tuning(environment: Mapping[str, str]) -> Tuning:
    """Read the variables. Raises `ConfigError` for one that is no number."""
    retries = _number(environment, "CLAUDE_CODE_MAX_RETRIES")
    milliseconds = _positive(environment, "API_TIMEOUT_MS")
    return Tuning(
        max_output=_positive(environment, "CLAUDE_CODE_MAX_OUTPUT_TOKENS"),
        max_retries=None if retries is None else min(retries, _MOST_RETRIES),
        longest_silence=None if milliseconds is None else milliseconds / 1000,
        thinking_tokens=_number(environment, "MAX_THINKING_TOKENS"),
        effort=_effort(environment.get("CLAUDE_CODE_EFFORT_LEVEL", "")),
        timeouts=_timeouts(environment),
        max_concurrent=_positive(environment, "CLAUDE_CODE_MAX_TOOL_USE_CONCURRENCY"),
    )


def thinking_wish(invocation: Invocation, tuned: Tuning) -> ThinkingWish | None:
    """How much thinking is asked for; None where nobody says anything."""
    budget = tuned.thinking_tokens if invocation.max_thinking_tokens is None else invocation.max_thinking_tokens
    if budget is None and invocation.thinking is None and invocation.thinking_display is None:
        return None
    wanted = budget != 0 if invocation.thinking is None else invocation.thinking != "disabled"
    return ThinkingWish(
        wanted=wanted, budget=budget or None, display=invocation.thinking_display or ThinkingWish().display
    )


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"{name}: {text!r} is no whole number; mend or unset it.")
    return int(text)


def _positive(environment: Mapping[str, str], name: str) -> int | None:
    """Zero leaves it to us: nothing would work with it."""
    return _number(environment, name) or None


def _timeouts(environment: Mapping[str, str]) -> CommandTimeouts:
    """Whoever lets commands take longer as a rule means that they may."""
    ours = CommandTimeouts()
    usual = _positive(environment, "BASH_DEFAULT_TIMEOUT_MS")
    longest = _positive(environment, "BASH_MAX_TIMEOUT_MS") or ours.longest
    return CommandTimeouts(usual=usual or ours.usual, longest=max(usual or 0, longest))


def _effort(text: str) -> Effort | None:
    word = text.strip().lower()
    if word in _UNDECIDED:
        return None
    if word not in get_args(Effort):
        raise ConfigError(f"CLAUDE_CODE_EFFORT_LEVEL: {word!r} is none of {', '.join(get_args(Effort))}.")
    return cast(Effort, word)
