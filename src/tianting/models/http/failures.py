"""From an answer that went wrong to what can be done about it: wait, act, mend the request, or compact.

Pure. One verdict for all dialects: they differ in names, not in kinds. Order: too long -> told to retry or not ->
passes by itself -> the key -> the request.
"""

import re
from collections.abc import Mapping
from typing import Literal

from tianting.models.http.error_bodies import ErrorBody, read_error_body
from tianting.models.http.rate_limits import refusing_limit
from tianting.models.http.retry_hints import retry_after
from tianting.protocol.deltas import RetryCause
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable, NotAuthenticated, RequestRejected

_Kind = Literal["overflow", "passes", "key", "rejected"]

_OVERFLOW = (
    r"prompt is too long|request_too_large|exceed context limit|context[_ ]length[_ ]exceeded|"
    r"exceeds the context window|maximum context length is \d+|exceeds (the )?(model's )?maximum context length|"
    r"input token count.*exceeds the maximum|maximum prompt length is \d+|reduce the length of the messages|"
    r"exceeds the available context size|exceed_context_size_error|greater than the context length|"
    r"prompt too long; exceeded (max )?context length|too large for model with \d+ maximum context length|"
    r"exceeded model token limit|context window exceeds limit|input is too long for requested model|"
    r"longer than the model's context length|exceeds (the )?maximum allowed input length|"
    r"exceeds the limit of \d+|model_context_window_exceeded"
)
_THROTTLED = r"rate[_ ]limit|too many requests|throttling"
_OUT_OF_MONEY = (
    r"insufficient_quota|billing_hard_limit|(contract|enforced)_spend_limit_reached|usage_limit_reached|"
    r"spend(ing)? (limit|cap)|credit balance"
)
_QUOTA = r"exceeded your current quota|quota exceeded|usage limit"
_OVERLOADED = r"overloaded|at capacity|over capacity|slow_down|\bunavailable"
_PASSES = _OVERLOADED + r"|internal (server )?error|timed? ?out|temporar|try again|retry"

_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "timeout_error": 504,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "overloaded_error": 529,
    "service_unavailable": 503,
}


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    provider: str,
    key_source: str = "use",
    now: float = 0.0,
) -> ModelError:
    """The error that an answer with a bad `status` stands for.

    `headers` has lower-case names. `provider` and `key_source` (such as `ANTHROPIC_API_KEY`) are for the person.
    `now`, in seconds since 1970, counts where the server sends no date.
    """
    told = read_error_body(body)
    wait = retry_after(headers, told.message)
    told = _with_request_id(told, headers)
    said = told.message or told.type or "no reason given"
    limit = refusing_limit(headers, wait, now=now) if status == 429 else None
    match _kind(status, told, headers.get("x-should-retry", ""), wait, empty=not body.strip()):
        case "overflow":
            line = f"The conversation is too long for the model ({status}): {said}"
            return ContextOverflow(line, status=status, request_id=told.request_id)
        case "passes":
            line = f"{provider} answered {status}: {said}"
            cause = _cause(status, told)
            return ModelUnavailable(
                line, cause=cause, retry_after=wait, status=status, request_id=told.request_id, rate_limit=limit
            )
        case "key":
            return NotAuthenticated(_key_line(status, said, key_source), status=status, request_id=told.request_id)
        case "rejected":
            line = f"{provider} rejected the request ({status}): {said}{_advice(status)}"
            return RequestRejected(line, status=status, request_id=told.request_id, rate_limit=limit)


def from_stream_error(type: str, message: str) -> ModelError:  # noqa: A002 (the provider's word)
    """The error that stands inside a stream which began well. `type` may also be a code or a status in digits."""
    told = ErrorBody(type=type, message=" ".join(message.split()))
    wait = retry_after({}, told.message)
    said = told.message or type or "no reason given"
    status = _judged_status(told)
    match _kind(status, told, "", wait, empty=False):
        case "overflow":
            return ContextOverflow(f"The conversation is too long for the model: {said}")
        case "passes":
            return ModelUnavailable(
                f"The provider broke off its answer: {said}", cause=_cause(status, told), retry_after=wait
            )
        case "key":
            return NotAuthenticated(f"The provider refused the key within its answer: {said}")
        case "rejected":
            return RequestRejected(f"The provider gave up on the request: {said}")


def _kind(status: int, told: ErrorBody, should_retry: str, wait: float | None, *, empty: bool) -> _Kind:
    if _is_overflow(status, told, empty=empty):
        return "overflow"
    obeyed = {"true": True, "false": False}.get(should_retry)
    if _passes(status, told, wait) if obeyed is None else obeyed:
        return "passes"
    return "key" if status in (401, 402, 403) else "rejected"


def _is_overflow(status: int, told: ErrorBody, *, empty: bool) -> bool:
    if status == 413 or (status == 400 and empty):  # Cerebras says it without a word
        return True
    if status in (401, 402, 403, 429) or re.search(_THROTTLED, told.words):
        return False
    return re.search(_OVERFLOW, told.words) is not None


def _passes(status: int, told: ErrorBody, wait: float | None) -> bool:
    if status == 429:
        # A free tier's quota comes back in a minute and says so; a spent budget does not.
        out_of_quota = wait is None and re.search(_QUOTA, told.words)
        return not (out_of_quota or re.search(_OUT_OF_MONEY, told.words))
    return status in (408, 409, 425, 498) or (status >= 500 and status not in (501, 505))


def _cause(status: int, told: ErrorBody) -> RetryCause:
    if status == 429:
        return "rate_limit"
    if status in (408, 504, 522, 524):
        return "timeout"
    if status in (498, 503, 529) or re.search(_OVERLOADED, told.words):
        return "overloaded"
    return "server_error"


def _judged_status(told: ErrorBody) -> int:
    """The status that an error in a stream would have had before it."""
    if told.type.isdecimal():
        return int(told.type)
    if (known := _STATUS_OF_TYPE.get(told.type)) is not None:
        return known
    if re.search(_THROTTLED, told.words):
        return 429
    return 500 if re.search(_PASSES, told.words) else 400


def _with_request_id(told: ErrorBody, headers: Mapping[str, str]) -> ErrorBody:
    request_id = headers.get("request-id") or headers.get("x-request-id") or told.request_id
    return ErrorBody(type=told.type, code=told.code, message=told.message, request_id=request_id)


def _key_line(status: int, said: str, key_source: str) -> str:
    match status:
        case 401:
            return f"The key in {key_source} was refused (401). Set a valid one and try again: {said}"
        case 402:
            return f"The account behind the key in {key_source} cannot pay (402): {said}"
        case _:
            return f"The key in {key_source} may not do this ({status}): {said}"


def _advice(status: int) -> str:
    if status == 404:
        return " - check the model's name and the base URL"
    return " - check the base URL" if 300 <= status < 400 else ""
