"""Failures are a table: what a provider answers, and what can be done about it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.models.http.failures import classify, from_stream_error
from tianting.protocol.errors import ContextOverflow, ModelError, ModelUnavailable, NotAuthenticated, RequestRejected


def facts(error: ModelError) -> tuple[Any, ...]:
    """The class and all that is decided from it."""
    if isinstance(error, ModelUnavailable):
        return ModelUnavailable, error.cause, error.retry_after
    return (type(error),)


def anthropic(type_: str, message: str, **details: Any) -> bytes:
    extra = {"details": details} if details else {}
    return msgspec.json.encode({"type": "error", "error": {"type": type_, "message": message, **extra}})


def openai(message: str, code: str | None = None, type_: str = "invalid_request_error") -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": type_, "param": None, "code": code}})


OVERFLOWS = [
    "prompt is too long: 213462 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
    "The prompt exceeds the model's maximum context length",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    "Please reduce the length of the messages or completion.",
    "the request exceeds the available context size, try increasing it",
    "The number of tokens to keep is greater than the context length",
    "prompt too long; exceeded max context length by 12 tokens",
    "Prompt contains 300000 tokens, too large for model with 131072 maximum context length",
    "Invalid request: Your request exceeded model token limit: 262144",
    "invalid params, context window exceeds limit (2013)",
    "Input is too long for requested model.",
    "Input is longer than the model's context length",
    "Input length 131393 exceeds the maximum allowed input length of 131361 tokens.",
    "prompt token count of 140000 exceeds the limit of 128000",
]


@pytest.mark.parametrize("message", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_overflow_is_known_by_its_words(status: int, message: str) -> None:
    assert facts(classify(status, {}, openai(message), provider="p")) == (ContextOverflow,)
    assert facts(from_stream_error("invalid_request_error", message)) == (ContextOverflow,)


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        # too long
        pytest.param(413, {}, b"<html>too large</html>", (ContextOverflow,), id="413 from the edge"),
        pytest.param(413, {}, openai("Rate limit: 9000 > 6000"), (ContextOverflow,), id="413 of a token limit"),
        pytest.param(400, {}, b"", (ContextOverflow,), id="400 without a word"),
        pytest.param(400, {}, openai("x", "context_length_exceeded"), (ContextOverflow,), id="code"),
        pytest.param(400, {}, openai("x", type_="exceed_context_size_error"), (ContextOverflow,), id="type"),
        pytest.param(
            400, {"x-should-retry": "true"}, openai(OVERFLOWS[0]), (ContextOverflow,), id="no use in retrying"
        ),
        pytest.param(
            429,
            {},
            openai("Rate limit reached: maximum context length is 9"),
            (ModelUnavailable, "rate_limit", None),
            id="throttled",
        ),
        pytest.param(
            500,
            {},
            openai("Too many requests. Please reduce the length of the messages."),
            (ModelUnavailable, "server_error", None),
            id="throttled by a gateway",
        ),
        # passes by itself
        pytest.param(429, {}, b"", (ModelUnavailable, "rate_limit", None), id="429"),
        pytest.param(429, {"retry-after": "7"}, b"", (ModelUnavailable, "rate_limit", 7.0), id="seconds"),
        pytest.param(429, {"retry-after": "0.5"}, b"", (ModelUnavailable, "rate_limit", 0.5), id="part of a second"),
        pytest.param(429, {"retry-after": "-3"}, b"", (ModelUnavailable, "rate_limit", 0.0), id="in the past"),
        pytest.param(429, {"retry-after": "nan"}, b"", (ModelUnavailable, "rate_limit", None), id="no number"),
        pytest.param(429, {"retry-after": "soon"}, b"", (ModelUnavailable, "rate_limit", None), id="no time at all"),
        pytest.param(
            429,
            {"retry-after-ms": "250", "retry-after": "7"},
            b"",
            (ModelUnavailable, "rate_limit", 0.25),
            id="milliseconds win",
        ),
        pytest.param(
            429,
            {"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"},
            b"",
            (ModelUnavailable, "rate_limit", 30.0),
            id="date",
        ),
        pytest.param(
            429,
            {"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"},
            b"",
            (ModelUnavailable, "rate_limit", None),
            id="date without a clock",
        ),
        pytest.param(
            429,
            {"retry-after": "Fri, 99 Nov 99999 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"},
            b"",
            (ModelUnavailable, "rate_limit", None),
            id="impossible date",
        ),
        pytest.param(
            429, {}, openai("Please try again in 1.5s."), (ModelUnavailable, "rate_limit", 1.5), id="hint in seconds"
        ),
        pytest.param(
            429, {}, openai("Please try again in 250ms."), (ModelUnavailable, "rate_limit", 0.25), id="hint in ms"
        ),
        pytest.param(
            429, {}, openai("Try again in 1m30.5s"), (ModelUnavailable, "rate_limit", 90.5), id="hint in minutes"
        ),
        pytest.param(
            429, {}, openai("retry after 20 seconds"), (ModelUnavailable, "rate_limit", 20.0), id="hint in words"
        ),
        pytest.param(429, {}, openai("try again in 2 minutes"), (ModelUnavailable, "rate_limit", 120.0), id="minutes"),
        pytest.param(429, {}, openai("Try again in a while"), (ModelUnavailable, "rate_limit", None), id="no hint"),
        pytest.param(
            429,
            {},
            b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":'
            b'"You exceeded your current quota. Please retry in 34.07s."}}]',
            (ModelUnavailable, "rate_limit", 34.07),
            id="a quota that comes back",
        ),
        pytest.param(429, {}, openai(OVERFLOWS[0]), (ModelUnavailable, "rate_limit", None), id="429 whatever it says"),
        pytest.param(408, {}, b"", (ModelUnavailable, "timeout", None), id="408"),
        pytest.param(409, {}, b"", (ModelUnavailable, "server_error", None), id="409"),
        pytest.param(498, {}, b"", (ModelUnavailable, "overloaded", None), id="498"),
        pytest.param(500, {}, b"{}", (ModelUnavailable, "server_error", None), id="500"),
        pytest.param(
            500, {}, anthropic("overloaded_error", "x"), (ModelUnavailable, "overloaded", None), id="500 overloaded"
        ),
        pytest.param(502, {}, b"<h1>Bad</h1>", (ModelUnavailable, "server_error", None), id="502"),
        pytest.param(503, {}, b"", (ModelUnavailable, "overloaded", None), id="503"),
        pytest.param(504, {}, b"", (ModelUnavailable, "timeout", None), id="504"),
        pytest.param(
            529,
            {},
            anthropic("overloaded_error", "Overloaded"),
            (ModelUnavailable, "overloaded", None),
            id="529",
        ),
        pytest.param(
            400,
            {"x-should-retry": "true"},
            openai("x"),
            (ModelUnavailable, "server_error", None),
            id="told to retry",
        ),
        # does not pass
        pytest.param(529, {"x-should-retry": "false"}, b"", (RequestRejected,), id="told not to retry"),
        pytest.param(501, {}, b"", (RequestRejected,), id="501"),
        pytest.param(505, {}, b"", (RequestRejected,), id="505"),
        pytest.param(429, {}, openai("x", "insufficient_quota"), (RequestRejected,), id="no quota"),
        pytest.param(
            429,
            {"retry-after": "9"},
            anthropic("rate_limit_error", "x", error_code="enforced_spend_limit_reached"),
            (RequestRejected,),
            id="spend limit",
        ),
        pytest.param(
            429,
            {"retry-after": "9"},
            anthropic("rate_limit_error", "x", error_code="ramp_limit_exceeded"),
            (ModelUnavailable, "rate_limit", 9.0),
            id="ramp limit",
        ),
        pytest.param(429, {}, openai("You exceeded your current quota."), (RequestRejected,), id="quota for good"),
        pytest.param(400, {}, anthropic("invalid_request_error", "bad"), (RequestRejected,), id="400"),
        pytest.param(404, {}, b"not found", (RequestRejected,), id="404"),
        pytest.param(422, {}, b'{"detail":[{"loc":["body"],"msg":"no"}]}', (RequestRejected,), id="422"),
        pytest.param(302, {}, b"", (RequestRejected,), id="redirect"),
        pytest.param(401, {}, b"", (NotAuthenticated,), id="401"),
        pytest.param(403, {}, openai(OVERFLOWS[0]), (NotAuthenticated,), id="403 whatever it says"),
        pytest.param(402, {}, b"", (NotAuthenticated,), id="402"),
        pytest.param(403, {}, b"", (NotAuthenticated,), id="403"),
    ],
)
def test_answer_is_classified(status: int, headers: dict[str, str], body: bytes, expected: tuple[Any, ...]) -> None:
    error = classify(status, headers, body, provider="api.test")

    assert facts(error) == expected
    assert error.status == status
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("type_", "message", "expected"),
    [
        pytest.param("overloaded_error", "Overloaded", (ModelUnavailable, "overloaded", None), id="overloaded"),
        pytest.param("rate_limit_error", "try again in 2s", (ModelUnavailable, "rate_limit", 2.0), id="rate limit"),
        pytest.param("api_error", "x", (ModelUnavailable, "server_error", None), id="api error"),
        pytest.param("timeout_error", "x", (ModelUnavailable, "timeout", None), id="timeout"),
        pytest.param("server_error", "x", (ModelUnavailable, "server_error", None), id="server error"),
        pytest.param("503", "x", (ModelUnavailable, "overloaded", None), id="a status"),
        pytest.param("", "Too many requests", (ModelUnavailable, "rate_limit", None), id="only throttling words"),
        pytest.param("", "Provider timed out", (ModelUnavailable, "server_error", None), id="only passing words"),
        pytest.param("", "Model is overloaded", (ModelUnavailable, "overloaded", None), id="only overload words"),
        pytest.param("", "", (RequestRejected,), id="nothing"),
        pytest.param("invalid_request_error", "x", (RequestRejected,), id="request"),
        pytest.param("insufficient_quota", "x", (RequestRejected,), id="quota"),
        pytest.param("authentication_error", "x", (NotAuthenticated,), id="key"),
        pytest.param("request_too_large", "x", (ContextOverflow,), id="too large"),
    ],
)
def test_error_in_a_stream_is_classified(type_: str, message: str, expected: tuple[Any, ...]) -> None:
    assert facts(from_stream_error(type_, message)) == expected


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        pytest.param(
            401,
            anthropic("authentication_error", "invalid x-api-key"),
            "The key in MY_KEY was refused (401). Set a valid one and try again: invalid x-api-key",
            id="401",
        ),
        pytest.param(402, b"", "The account behind the key in MY_KEY cannot pay (402): no reason given", id="402"),
        pytest.param(403, b'"no"', "The key in MY_KEY may not do this (403): no", id="403"),
        pytest.param(
            404,
            b'{"error":"model not found"}',
            "api.test rejected the request (404): model not found - check the model's name and the base URL",
            id="404",
        ),
        pytest.param(
            301, b"", "api.test rejected the request (301): no reason given - check the base URL", id="redirect"
        ),
        pytest.param(
            502,
            b"<html><head><title>502 Bad\nGateway</title></head><body>nginx</body></html>",
            "api.test answered 502: 502 Bad Gateway",
            id="page with a title",
        ),
        pytest.param(502, b"<p>Bad <b>gateway</b></p>", "api.test answered 502: Bad gateway", id="page without"),
        pytest.param(500, b"\xff\xfe", "api.test answered 500: \ufffd\ufffd", id="no text"),
        pytest.param(500, b'"\xff"', 'api.test answered 500: "\ufffd"', id="JSON of no text"),
        pytest.param(500, b"[]", "api.test answered 500: no reason given", id="empty list"),
        pytest.param(500, b'{"message":"a"}', "api.test answered 500: a", id="flat"),
        pytest.param(500, b'{"error":{"type":"api_error"}}', "api.test answered 500: api_error", id="only a type"),
        pytest.param(500, b'{"errors":[{"message":"a"}]}', "api.test answered 500: a", id="errors"),
        pytest.param(
            500,
            b'{"error":{"message":"Provider returned error","metadata":{"raw":"deep"}}}',
            "api.test answered 500: Provider returned error: deep",
            id="quoted provider",
        ),
        pytest.param(413, b"", "The conversation is too long for the model (413): no reason given", id="413"),
        pytest.param(500, b"a" * 1000, f"api.test answered 500: {'a' * 299}…", id="long"),
    ],
)
def test_line_tells_a_person_what_to_do(status: int, body: bytes, line: str) -> None:
    assert str(classify(status, {}, body, provider="api.test", key_source="MY_KEY")) == line


@pytest.mark.parametrize(
    ("headers", "body", "request_id"),
    [
        pytest.param({"request-id": "r1", "x-request-id": "r2"}, b'{"request_id":"r3"}', "r1", id="anthropic"),
        pytest.param({"x-request-id": "r2"}, b'{"request_id":"r3"}', "r2", id="openai"),
        pytest.param({}, b'{"request_id":"r3"}', "r3", id="body"),
        pytest.param({}, b"", None, id="none"),
    ],
)
def test_request_can_be_named(headers: dict[str, str], body: bytes, request_id: str | None) -> None:
    assert classify(500, headers, body, provider="p").request_id == request_id


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 600) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "type", "code", "details", "status", "metadata", "raw", "errors"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(status=st.integers(300, 599), body=st.binary(max_size=30) | _json.map(msgspec.json.encode))
def test_no_body_breaks_the_door(status: int, body: bytes) -> None:
    error = classify(status, {}, body, provider="p")

    assert isinstance(error, ModelError)
    assert "\n" not in str(error)
