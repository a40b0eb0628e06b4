"""No secret gets into what is written down, and what is no secret can still be read."""

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianting.telemetry.masking import is_secret_name, masked, masked_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Authorization: Bearer abc.def-123", "Authorization: Bearer ***", id="header"),
        pytest.param("authorization: Basic dXNlcjpwYXNz", "authorization: Basic ***", id="basic"),
        pytest.param("{'x-api-key': 'planted'}", "{'x-api-key': '***'}", id="header in a dict"),
        pytest.param('{"api_key": "planted", "model": "m"}', '{"api_key": "***", "model": "m"}', id="JSON"),
        pytest.param("ANTHROPIC_API_KEY=planted claude -p", "ANTHROPIC_API_KEY=*** claude -p", id="variable"),
        pytest.param("?token=planted&page=2", "?token=***&page=2", id="query"),
        pytest.param("key sk-ant-api03-abcdefghijklmnop is bad", "key *** is bad", id="a key by its look"),
        pytest.param("tgw_12ab34cd_5ef67890", "***", id="a pass of the gateway"),
        pytest.param("ghp_abcdefghijklmnopqrst", "***", id="GitHub"),
        pytest.param("AKIAIOSFODNN7EXAMPLE", "***", id="AWS"),
        pytest.param("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "***", id="JWT"),
        pytest.param("https://me:planted@host/x", "https://***@host/x", id="address"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMII\n", "***", id="half a private key"),
        pytest.param("Cookie: session=planted", "Cookie: ***", id="cookie"),
        pytest.param("password = planted", "password = ***", id="spaces"),
        pytest.param("200 tokens: 5 in, 7 out", "200 tokens: 5 in, 7 out", id="tokens of a model"),
        pytest.param("KeyError: 'name'", "KeyError: 'name'", id="no key at all"),
        pytest.param("monkey: brown", "monkey: brown", id="a word with a key in it"),
        pytest.param("risk-assessment-of-this-thing", "risk-assessment-of-this-thing", id="a word with sk-"),
        pytest.param("session w1 resumed in /work/a", "session w1 resumed in /work/a", id="plain"),
    ],
)
def test_secrets_in_a_text_are_replaced(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("ANTHROPIC_API_KEY", "x-api-key", "Authorization", "GITHUB_TOKEN", "password")),
        *((name, True) for name in ("AWS_SECRET_ACCESS_KEY", "client_secret", "apiKey", "Set-Cookie", "authToken")),
        *((name, False) for name in ("PATH", "tokens", "max_tokens", "keyboard", "input_tokens", "monkey", "HOME")),
    ],
)
def test_secrets_are_known_by_name(name: str, secret: bool) -> None:
    assert is_secret_name(name) == secret


def test_values_keep_their_shape() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "Odd(token=planted)"

    given = OrderedDict(
        api_key="planted",
        token="",
        n=1,
        ok=True,
        none=None,
        raw=b"Bearer abcdefgh",
        odd=Odd(),
        more=("a", {"token": 5}),
    )

    assert masked_value(given) == {
        "api_key": "***",
        "token": "",
        "n": 1,
        "ok": True,
        "none": None,
        "raw": "Bearer ***",
        "odd": "Odd(token=***)",
        "more": ["a", {"token": "***"}],
    }


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["aB3", "a.a-", "eyJ-", "eyJ", "a://a:", "key", "key-", "Bearer ", "-----BEGIN ", "_", "key :"]
)
def test_no_text_keeps_the_masking_busy(piece: str) -> None:
    assert len(masked(piece * (300_000 // len(piece)))) > 0


SECRET = st.from_regex(r"\Ask-ant-[A-Za-z0-9]{20,40}\Z")


@given(before=st.text(max_size=20), secret=SECRET, after=st.text(max_size=20))
def test_a_key_never_survives_between_other_words(before: str, secret: str, after: str) -> None:
    assert secret not in masked(f"{before} {secret} {after}")


@given(st.text())
def test_what_is_masked_once_stays_as_it_is(text: str) -> None:
    assert masked(masked(text)) == masked(text)
