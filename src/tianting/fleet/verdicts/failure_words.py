"""The words by which agents say why they failed: without this table every vendor's phrase would be a branch somewhere.

Three sources, the surest first: a code that has one meaning, the words of the message, the HTTP status. Words come
before the status, since a 400 may be a full context or an empty account, and a 429 a minute or a week.

Gathered from Claude Code 2.1, Codex 0.169 and our own agent against a model server that refuses in each way.
"""

import re
from collections.abc import Mapping
from typing import Literal

from tianting.fleet.drivers.driver import Fault

Kind = Literal[
    "spawn_missing",
    "auth",
    "rate_limited",
    "usage_limit",
    "overloaded",
    "context_full",
    "budget",
    "bad_request",
    "network",
    "stall",
    "wedge",
    "signal",
    "oom",
    "protocol_garbage",
    "resume_missing",
    "workspace_lost",
    "disk_full",
    "clean",
    "unknown",
]

_CODES: Mapping[str, Kind] = {
    # Codex: `codexErrorInfo`
    "contextWindowExceeded": "context_full",
    "sessionBudgetExceeded": "budget",
    "usageLimitExceeded": "usage_limit",
    "serverOverloaded": "overloaded",
    "unauthorized": "auth",
    "modelNotFound": "bad_request",
    # Claude Code and ours: `subtype` of a result, `error` of a line
    "error_max_budget_usd": "budget",
    "error_max_turns": "budget",
    "error_max_structured_output_retries": "bad_request",
    "billing_error": "budget",
    "authentication_failed": "auth",
    "model_not_found": "bad_request",
    "overloaded": "overloaded",
    # the providers' own
    "authentication_error": "auth",
    "invalid_api_key": "auth",
    "insufficient_quota": "budget",
    "usage_limit_reached": "usage_limit",
    "context_length_exceeded": "context_full",
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
}
"""Codes with one meaning."""

_VAGUE_CODES: Mapping[str, Kind] = {
    "rateLimitExceeded": "rate_limited",
    "rate_limit": "rate_limited",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "badRequest": "bad_request",
    "invalid_request": "bad_request",
    "invalid_request_error": "bad_request",
    "internalServerError": "overloaded",
    "server_error": "overloaded",
    "api_error": "overloaded",
    "connection_failed": "network",
    "httpConnectionFailed": "network",
    "responseStreamConnectionFailed": "network",
    "responseStreamDisconnected": "network",
    "responseTooManyFailedAttempts": "network",
}
"""Codes that hold where words and status say nothing better: a rate limit may turn out to be a usage limit."""

_WORDS: Mapping[Kind, str] = {
    "resume_missing": r"no conversation found|no rollout found|there is no session|(session|thread) not found",
    "disk_full": r"no space left on device|ENOSPC|disk quota exceeded|database or disk is full",
    "oom": (
        r"heap out of memory|\bMemoryError\b|cannot allocate memory|memory allocation of \d+ bytes failed|"
        r"\bout of memory\b|std::bad_alloc"
    ),
    "protocol_garbage": r"error parsing streaming input line|expected message type",
    "budget": (
        r"credit balance|quota exceeded|exceeded your current quota|insufficient_quota|cannot pay \(402\)|"
        r"spend(ing)? (limit|cap)|"
        r"(over|exceeded|reached) (the |its |your )?(\w+ )?budget|budget (was |is )?(exceeded|reached|used up)|"
        r"max(imum)? number of turns"
    ),
    "usage_limit": (
        r"usage limit|hit your (\w+ )?limit|out of (extra )?usage|(5-hour|weekly|session|opus|sonnet) limit|"
        r"limit reached.{0,10}resets"
    ),
    "auth": (
        r"(invalid|incorrect|missing|wrong) (x-)?api[- ]key|not logged in|run /login|login required|"
        r"failed to authenticate|was refused \(40[13]\)|may not do this \(403\)|refused the key|"
        r"401 unauthorized|403 forbidden|missing environment variable|token (has )?(expired|been revoked)|"
        r"invalid bearer token|there is no (model to ask|key for)|invalid authentication|API Error: 40[13]"
    ),
    "context_full": (
        r"prompt is too long|too long for the model|context (window|length)|maximum context|"
        r"autocompact is thrashing|conversation is too long|request_too_large"
    ),
    "rate_limited": r"rate limit|too many requests|\(429\)|(answered|API Error:) 429",
    "overloaded": (
        r"overloaded|at capacity|over capacity|slow_down|internal server error|service unavailable|bad gateway|"
        r"gateway time-?out|answered 5\d\d|API Error: 5\d\d|\b5\d\d (internal|service|bad)"
    ),
    "bad_request": (
        r"issue with the selected model|(model|engine) .{0,60}(does not|may not) exist|rejected the request|"
        r"API Error: 4\d\d|invalid_request_error|certificate|proxy on the way"
    ),
    "network": (
        r"connection (was )?(refused|reset|error|failed|closed|aborted|timed out)|ECONN|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|"
        r"could not be reached|socket hang up|waiting for network|error sending request|stream disconnected|"
        r"fetch failed|did not take (a connection|the request)|request timed out|broke off|said nothing for|"
        r"network is unreachable|name resolution"
    ),
    "spawn_missing": (
        r"command not found|no such file or directory|cannot find module|no module named|not installed|"
        r"exec format error|permission denied|unknown option|unexpected argument|no such option|"
        r"option '.*' (argument|requires)|error loading config|is not executable|GLIBC_"
    ),
}
"""First match wins, so what is precise stands above what is common."""

_COMPILED = tuple((kind, re.compile(words, re.IGNORECASE)) for kind, words in _WORDS.items())

_STATUSES: Mapping[int, Kind] = {
    400: "bad_request",
    401: "auth",
    402: "budget",
    403: "auth",
    404: "bad_request",
    408: "network",
    413: "context_full",
    422: "bad_request",
    429: "rate_limited",
}

_NOT_OF_A_FAULT: frozenset[Kind] = frozenset({"spawn_missing", "oom"})
"""Words of a shell. In a fault they are about the work, such as a file that a tool did not find."""


def kind_of_fault(fault: Fault) -> Kind | None:
    """What a failed turn means; None where nothing in it says."""
    known = _CODES.get(fault.code)
    if known is not None and known != "auth":  # an account that cannot pay is called a failed login, too
        return known
    said = kind_of_line(fault.message, leaving_out=_NOT_OF_A_FAULT)
    return said or known or _kind_of_status(fault.status) or _VAGUE_CODES.get(fault.code)


def kind_of_line(line: str, *, leaving_out: frozenset[Kind] = frozenset()) -> Kind | None:
    """What a line of text gives away."""
    return next((kind for kind, words in _COMPILED if kind not in leaving_out and words.search(line)), None)


def _kind_of_status(status: int | None) -> Kind | None:
    if status is None:
        return None
    return "overloaded" if 500 <= status < 600 else _STATUSES.get(status)
