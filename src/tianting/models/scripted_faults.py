"""Ways a provider breaks off, for scripts: without them nobody could practise what follows a failure."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tianting.protocol.deltas import RetryCause
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable, NotAuthenticated, RequestRejected

FaultKind = Literal[
    "status",
    "garbage_html",
    "hang_before_headers",
    "hang_mid_stream",
    "truncate",
    "malformed",
    "stream_error",
    "drip",
]

BEFORE_STREAM = frozenset({"status", "garbage_html", "hang_before_headers"})
"""Kinds that let no part of the answer out."""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong with one request.

    `status` refuses it. `garbage_html` is a proxy's page instead of an answer. `hang_before_headers` and
    `hang_mid_stream` never go on. `truncate` ends the stream half-way, `malformed` puts an event that is no JSON
    there, `stream_error` an error event. `drip` is no failure: the whole answer comes, one byte at a time.
    """

    kind: FaultKind
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """HTTP status of `status` (529 unless told) and `garbage_html` (502)."""
    retry_after: float | None = None
    """Seconds the provider asks to wait."""
    error_type: str = ""
    """The provider's word for it, of `status` and `stream_error`. Left out, it follows from the status."""
    message: str = ""
    """What a person reads. Left out, it is the error type."""

    @property
    def answers(self) -> bool:
        """Whether the request still gets its whole answer."""
        return self.kind == "drip"

    @property
    def http_status(self) -> int:
        """The status that is sent; 200 once the stream has begun."""
        if self.kind == "status":
            return self.status or 529
        return self.status or 502 if self.kind == "garbage_html" else 200

    @property
    def error_name(self) -> str:
        """The error type that is sent, in Anthropic's words unless the script chose others."""
        default = "overloaded_error" if self.kind == "stream_error" else error_type_of(self.http_status)
        return self.error_type or default

    @property
    def words(self) -> str:
        """The message that is sent."""
        return self.message or f"Scripted {self.error_name}."


def failure(fault: Fault) -> ModelError:
    """What a provider's door raises when it meets `fault`. Not for kinds that hang or that answer."""
    if fault.kind in {"truncate", "malformed"}:
        return ModelUnavailable(f"The stream broke off (scripted {fault.kind}).", cause="broken_stream")
    if fault.kind == "garbage_html":
        message = f"The answer was a web page ({fault.http_status})."
        return ModelUnavailable(message, cause="server_error", status=fault.http_status)
    return _named_failure(fault)


def _named_failure(fault: Fault) -> ModelError:
    status = fault.http_status if fault.kind == "status" else None
    name = fault.error_name
    if cause := _TRANSIENT.get(name):
        return ModelUnavailable(fault.words, cause=cause, retry_after=fault.retry_after, status=status)
    if name in {"authentication_error", "billing_error", "permission_error"}:
        return NotAuthenticated(fault.words, status=status)
    if name in {"request_too_large", "context_length_exceeded"} or "prompt is too long" in fault.words:
        return ContextOverflow(fault.words, status=status)
    return RequestRejected(fault.words, status=status)


def error_type_of(status: int) -> str:
    """Anthropic's error type that goes with an HTTP status."""
    default = "api_error" if status >= 500 else "invalid_request_error"
    return _ERROR_TYPES.get(status, default)


_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_TRANSIENT: dict[str, RetryCause] = {
    "overloaded_error": "overloaded",
    "server_is_overloaded": "overloaded",
    "rate_limit_error": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
    "timeout_error": "timeout",
    "api_error": "server_error",
    "server_error": "server_error",
    "conflict_error": "server_error",
}
