"""What a provider said went wrong, read from whatever it sent: its own JSON, another's, a list, a web page, nothing."""

import re
from typing import Any

import msgspec
from msgspec import Struct

_LONGEST_MESSAGE = 300  # characters; a person reads it on one line


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The parts that decide what to do. Empty where the provider said nothing."""

    type: str = ""
    code: str = ""
    """A finer name than `type`: OpenAI's `code`, Anthropic's `details.error_code`."""
    message: str = ""
    """One line."""
    request_id: str | None = None

    @property
    def words(self) -> str:
        """All of it in lower case, to be searched."""
        return f"{self.type} {self.code} {self.message}".lower()


def read_error_body(body: bytes) -> ErrorBody:
    """Make sense of `body`. Never raises."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorBody(message=_one_line(_without_markup(body.decode("utf-8", "replace"))))
    if isinstance(told, list) and told:
        told = told[0]  # Gemini's compatible endpoint wraps its errors
    if not isinstance(told, dict):
        return ErrorBody(message=_one_line(str(told or "")))
    return _read_object(told)


def _read_object(told: dict[str, Any]) -> ErrorBody:
    error = told.get("error")
    if not isinstance(error, dict):
        error = {**told, "message": error} if isinstance(error, str) else told
    details = error.get("details")
    finer = details.get("error_code") if isinstance(details, dict) else None
    return ErrorBody(
        type=_text(error.get("type")) or _text(error.get("status")),
        code=_text(finer) or _text(error.get("code")),
        message=_one_line(_message(error)),
        request_id=_text(told.get("request_id")) or None,
    )


def _message(error: dict[str, Any]) -> str:
    told = next((error[key] for key in ("message", "msg", "detail", "errors") if error.get(key)), "")
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and metadata.get("raw"):  # OpenRouter quotes the provider behind it
        return f"{told}: {metadata['raw']}"
    if isinstance(told, list) and told and isinstance(told[0], dict):  # pydantic's lists
        return _message(told[0])
    return str(told)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _without_markup(text: str) -> str:
    """A web page is best known by its title."""
    if title := re.search(r"<title[^>]*>(.*?)</title>", text[:20_000], re.IGNORECASE | re.DOTALL):
        return title.group(1)
    return re.sub(r"<[^>]{0,500}>", " ", text[:20_000])


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 1]}…"
