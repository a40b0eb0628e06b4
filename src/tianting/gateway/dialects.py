"""The two languages that are spoken at the door: which paths there are, who answers, and how each says an error."""

import re
from typing import Literal

import msgspec
from msgspec import Struct

from tianting.gateway.upstream import Key, Speech, Upstream

AnswerKind = Literal["messages", "responses", "chat", "count", "models"]
"""What an answer tells of usage depends on what was asked."""


class Route(Struct, frozen=True, kw_only=True):
    """What a path means."""

    method: str
    speech: Speech
    answers: AnswerKind


_POSTS = {
    "/v1/messages": Route(method="POST", speech="anthropic", answers="messages"),
    "/v1/messages/count_tokens": Route(method="POST", speech="anthropic", answers="count"),
    "/v1/responses": Route(method="POST", speech="openai", answers="responses"),
    "/v1/chat/completions": Route(method="POST", speech="openai", answers="chat"),
}
_MODELS = re.compile(r"/v1/models(?:/(?!\.{1,2}$)[A-Za-z0-9._:@-]{1,128})?")


def route(path: str, headers: dict[str, str]) -> Route | None:
    """What `path` means; None when nothing. Compared as it stands: nothing is decoded or made simpler before."""
    if found := _POSTS.get(path):
        return found
    if _MODELS.fullmatch(path):
        return Route(method="GET", speech=speech_of(path, headers), answers="models")
    return None


def speech_of(path: str, headers: dict[str, str]) -> Speech:
    """How to speak to a client, also one that is lost."""
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return "anthropic"
    return "openai"


def token_of(headers: dict[str, str]) -> str:
    """The token that a request shows; empty when none, or two that differ."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    shown = {headers.get("x-api-key", ""), bearer.strip() if scheme.lower() == "bearer" else ""} - {""}
    return shown.pop() if len(shown) == 1 else ""


def key_headers(upstream: Upstream, key: Key) -> dict[str, str]:
    """What shows `key` to `upstream`."""
    header = upstream.key_header or ("x-api-key" if upstream.speech == "anthropic" else "authorization")
    return {header: key.secret if header == "x-api-key" else f"Bearer {key.secret}"}


def error_body(speech: Speech, status: int, message: str) -> bytes:
    """An error as the clients of `speech` read it."""
    if speech == "anthropic":
        name = _ANTHROPIC_NAMES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return msgspec.json.encode({"type": "error", "error": {"type": name, "message": message}})
    name, code = _OPENAI_NAMES.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return msgspec.json.encode({"error": {"message": message, "type": name, "param": None, "code": code}})


_ANTHROPIC_NAMES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_NAMES: dict[int, tuple[str, str | None]] = {
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "server_is_overloaded"),
}
