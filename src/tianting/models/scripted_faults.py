"""Ways a provider breaks off, for scripts: without them nobody could practise what follows a failure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tianting.models.http.failures import classify, from_stream_error
from tianting.protocol.errors import ModelError, ModelUnavailable

FaultKind = Literal[
    "status",
    "garbage_html",
    "hang_before_headers",
    "hang_mid_stream",
    "truncate",
    "disconnect",
    "malformed",
    "stream_error",
    "drip",
]

BEFORE_STREAM = frozenset({"status", "garbage_html", "hang_before_headers"})
"""Kinds that let no part of the answer out."""

WEB_PAGE = b"<html><head><title>Bad Gateway</title></head><body><h1>The gateway is unwell</h1></body></html>"


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong with one request.

    `status` refuses it. `garbage_html` is a proxy's page instead of an answer. `hang_before_headers` and
    `hang_mid_stream` never go on. Half-way through, `truncate` ends the stream as if it were whole, `disconnect`
    drops the connection, `malformed` sends an event that is no JSON, `stream_error` one that tells an error.
    `drip` is no failure: the whole answer comes, one byte at a time.
    """

    kind: FaultKind
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """HTTP status of `status` (529 unless told) and `garbage_html` (502)."""
    retry_after: float | None = None
    """Seconds the provider asks to wait."""
    error_type: str = ""
    """The provider's word for it, of `status` and `stream_error`. Left out, it follows from the status."""
    message: str = ""
    """What a person reads."""

    @property
    def answers(self) -> bool:
        """Whether the request still gets its whole answer."""
        return self.kind == "drip"

    @property
    def http_status(self) -> int:
        """The status that is sent instead of an answer."""
        return self.status or (502 if self.kind == "garbage_html" else 529)

    @property
    def error_name(self) -> str:
        """The error type that is sent, in Anthropic's words unless the script chose others."""
        return self.error_type or error_type_of(self.http_status)

    @property
    def words(self) -> str:
        """The message that is sent."""
        return self.message or f"Scripted {self.error_name}"


def failure(fault: Fault) -> ModelError:
    """What a provider's door raises when it meets `fault`. Not for kinds that hang or that answer."""
    match fault.kind:
        case "status":
            body = {"error": {"type": fault.error_name, "message": fault.words}}
            return _refusal(fault, msgspec.json.encode(body))
        case "garbage_html":
            return _refusal(fault, WEB_PAGE)
        case "stream_error":
            return from_stream_error(fault.error_name, fault.words)
        case _:
            return ModelUnavailable(f"The script broke off its answer: {fault.kind}", cause="broken_stream")


def _refusal(fault: Fault, body: bytes) -> ModelError:
    headers = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
    return classify(fault.http_status, headers, body, provider="The script", key_source="the script")


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
