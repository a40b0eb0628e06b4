"""Exactly these paths are served, each error is one its client can read, and a token is one token."""

import msgspec
import pytest

from tianting.gateway.answer_verdict import Verdict, judge
from tianting.gateway.asked import Asked, estimate, read_asked
from tianting.gateway.dialects import Route, error_body, key_headers, route, token_of
from tianting.gateway.quotas import Amount
from tianting.gateway.upstream import Key, Speech, Upstream
from tianting.protocol.model_catalogue import ModelCatalogue

ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/v1/messages", {}, Route(method="POST", speech="anthropic", answers="messages")),
        ("/v1/messages/count_tokens", {}, Route(method="POST", speech="anthropic", answers="count")),
        ("/v1/responses", {}, Route(method="POST", speech="openai", answers="responses")),
        ("/v1/chat/completions", {}, Route(method="POST", speech="openai", answers="chat")),
        ("/v1/models", {}, Route(method="GET", speech="openai", answers="models")),
        ("/v1/models", ANTHROPIC, Route(method="GET", speech="anthropic", answers="models")),
        ("/v1/models/claude-opus-5-5", ANTHROPIC, Route(method="GET", speech="anthropic", answers="models")),
        ("/", {}, None),
        ("/v1/files", {}, None),
        ("/v1/messages/", {}, None),
        ("/v1//messages", {}, None),
        ("/v1/messages/batches", {}, None),
        ("/V1/messages", {}, None),
        ("/v1/%6dessages", {}, None),
        ("/v1/models/..", {}, None),
        ("/v1/models/.", {}, None),
        ("/v1/models/../files", {}, None),
        ("/v1/models/a/b", {}, None),
        ("/v1/models/%2e%2e", {}, None),
        ("/v1/models/", {}, None),
        ("/v1/models/a\n", {}, None),
    ],
)
def test_paths(path: str, headers: dict[str, str], expected: Route | None) -> None:
    assert route(path, headers) == expected


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        pytest.param({"x-api-key": "t"}, "t", id="as Anthropic's clients do"),
        pytest.param({"authorization": "bearer  t"}, "t", id="as OpenAI's do"),
        pytest.param({"authorization": "Bearer t", "x-api-key": "t"}, "t", id="twice the same"),
        pytest.param({"authorization": "Bearer t", "x-api-key": "u"}, "", id="two that differ"),
        pytest.param({"authorization": "Basic t"}, "", id="another scheme"),
        pytest.param({}, "", id="none"),
    ],
)
def test_tokens(headers: dict[str, str], token: str) -> None:
    assert token_of(headers) == token


@pytest.mark.parametrize(
    ("speech", "header", "expected"),
    [
        ("anthropic", None, {"x-api-key": "s"}),
        ("openai", None, {"authorization": "Bearer s"}),
        ("anthropic", "authorization", {"authorization": "Bearer s"}),
    ],
)
def test_keys_are_shown_as_the_upstream_wants(speech: Speech, header: str | None, expected: dict[str, str]) -> None:
    key = Key(name="k", secret="s")
    upstream = msgspec.convert(
        {"name": "u", "speech": speech, "base_url": "http://u", "keys": [], "key_header": header}, Upstream
    )

    assert key_headers(upstream, key) == expected
    assert "s" not in repr(key).removeprefix("Key(")


@pytest.mark.parametrize(
    ("speech", "status", "expected"),
    [
        ("anthropic", 401, {"type": "error", "error": {"type": "authentication_error", "message": "m"}}),
        ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "m"}}),
        ("anthropic", 502, {"type": "error", "error": {"type": "api_error", "message": "m"}}),
        ("openai", 403, {"error": {"message": "m", "type": "permission_error", "param": None, "code": None}}),
        ("openai", 405, {"error": {"message": "m", "type": "invalid_request_error", "param": None, "code": None}}),
        ("openai", 502, {"error": {"message": "m", "type": "server_error", "param": None, "code": None}}),
    ],
)  # fmt: skip
def test_errors(speech: Speech, status: int, expected: object) -> None:
    assert msgspec.json.decode(error_body(speech, status, "m")) == expected


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "good"),
        (302, "good"),
        (400, "rejected"),
        (401, "key_refused"),
        (403, "key_refused"),
        (404, "rejected"),
        (413, "rejected"),
        (429, "limited"),
        (500, "failed"),
        (501, "rejected"),
        (529, "limited"),
    ],
)
def test_verdicts(status: int, verdict: Verdict) -> None:
    assert judge(status) == verdict


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"model":"m","stream":true,"max_tokens":5,"x":[{}]}', Asked("m", True, 5), id="Messages"),
        pytest.param(b'{"model":"m","stream":null,"max_output_tokens":5}', Asked("m", None, None, 5), id="Responses"),
        pytest.param(b"{}", Asked(), id="nothing told"),
        pytest.param(b'{"model":5}', None, id="a model that is no name"),
        pytest.param(b"[]", None, id="no object"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b'{"model":"\xff"}', None, id="no text"),
        pytest.param(b'{"a":' + b"[" * 100_000, None, id="without a bottom"),
    ],
)
def test_what_is_asked(body: bytes, expected: Asked | None) -> None:
    assert read_asked(body) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(Asked("claude-opus-5-5", True, 1_000), Amount(requests=1, tokens=2_000, usd=0.024), id="told"),
        pytest.param(Asked("claude-opus-5-5", True, 64_000), Amount(requests=1, tokens=3_000, usd=0.044), id="bounded"),
        pytest.param(Asked("unheard-of"), Amount(requests=1, tokens=3_000), id="without a price"),
        pytest.param(Asked(), Amount(requests=1, tokens=3_000), id="nothing"),
    ],
)
def test_estimates(asked: Asked, expected: Amount) -> None:
    assert estimate(asked, 4_000, ModelCatalogue()) == expected
