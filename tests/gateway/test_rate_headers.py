"""Every dialect's way to say how much is left; nonsense says nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.rate_headers import Allowance, RateNotes, read_rate_notes

NOW = 1_795_000_000.0  # 2026-11-18T11:06:40Z


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, RateNotes(), id="nothing"),
        pytest.param(
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-11-18T11:07:40Z",
                "anthropic-ratelimit-tokens-limit": "90000",
                "anthropic-ratelimit-tokens-remaining": "80000",
                "anthropic-ratelimit-input-tokens-limit": "50000",
                "anthropic-ratelimit-input-tokens-remaining": "1000",
                "anthropic-ratelimit-input-tokens-reset": "2026-11-18T11:06:50.5Z",
            },
            RateNotes(
                requests=Allowance(limit=50, remaining=49, reset=60),
                tokens=Allowance(limit=50000, remaining=1000, reset=10),
            ),
            id="Anthropic, the scarcest tokens",
        ),
        pytest.param(
            {
                "x-ratelimit-limit-requests": "60",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "149984",
                "x-ratelimit-reset-tokens": "17ms",
            },
            RateNotes(
                requests=Allowance(limit=60, remaining=0, reset=360), tokens=Allowance(remaining=149984, reset=0.017)
            ),
            id="OpenAI",
        ),
        pytest.param({"retry-after": "12"}, RateNotes(retry_after=12), id="seconds"),
        pytest.param({"retry-after": "12", "retry-after-ms": "1500"}, RateNotes(retry_after=1.5), id="milliseconds"),
        pytest.param(
            {"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"},
            RateNotes(retry_after=30),
            id="a date, by the server's clock",
        ),
        pytest.param(
            {"x-ratelimit-reset-requests": str(NOW + 5)}, RateNotes(requests=Allowance(reset=5)), id="a moment"
        ),
        pytest.param({"x-ratelimit-reset-requests": "7"}, RateNotes(requests=Allowance(reset=7)), id="plain seconds"),
        pytest.param(
            {"retry-after": "soon", "x-ratelimit-limit-requests": "many", "x-ratelimit-reset-tokens": "later"},
            RateNotes(),
            id="nonsense",
        ),
        pytest.param({"retry-after": "nan"}, RateNotes(), id="no number"),
        pytest.param({"retry-after": "1e300"}, RateNotes(retry_after=32 * 86_400.0), id="for ever"),
        pytest.param({"retry-after": "-5"}, RateNotes(retry_after=0), id="in the past"),
        pytest.param({"retry-after": "Fri, 99 Nov 99999 10:00:30 GMT"}, RateNotes(), id="a date that is none"),
    ],
)
def test_reading(headers: dict[str, str], expected: RateNotes) -> None:
    assert read_rate_notes(headers, NOW) == expected


_NAMES = ["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens", "anthropic-ratelimit-requests-reset"]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(_NAMES), st.text()))
def test_no_header_is_too_strange(headers: dict[str, str]) -> None:
    notes = read_rate_notes(headers, NOW)

    assert notes.retry_after is None or 0 <= notes.retry_after <= 32 * 86_400
