"""How both OpenAI dialects tell an error: one shape, with a type and a finer code."""

from typing import Any

_NAMES = {
    "invalid_request_error": ("invalid_request_error", None),
    "authentication_error": ("invalid_request_error", "invalid_api_key"),
    "not_found_error": ("invalid_request_error", "model_not_found"),
    "request_too_large": ("invalid_request_error", "context_length_exceeded"),
    "rate_limit_error": ("requests", "rate_limit_exceeded"),
    "overloaded_error": ("server_error", "server_is_overloaded"),
    "timeout_error": ("server_error", None),
    "api_error": ("server_error", None),
}


def openai_error(name: str, words: str, *, status: int | None = None) -> dict[str, Any]:
    """The inner object. `name` is an error type in Anthropic's words, or a code of OpenAI's, which stays."""
    default = ("invalid_request_error" if status is not None and status < 500 else name, name)
    kind, code = _NAMES.get(name, default)
    return {"message": words, "type": kind, "param": None, "code": code}
