"""Limits are read from headers as far as they are sense, and from a bare refusal as far as it goes."""

import pytest

from tianting.models.http.failures import classify
from tianting.models.http.rate_limits import told_limit
from tianting.protocol.deltas import RateLimitSeen

UNIFIED = "anthropic-ratelimit-unified-"
RESET = "1800000000"


def unified(**fields: str) -> dict[str, str]:
    return {UNIFIED + name.replace("_", "-"): value for name, value in fields.items()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing is said"),
        pytest.param(unified(status="sunny"), None, id="a word we do not know"),
        pytest.param(unified(status="allowed"), RateLimitSeen(status="allowed"), id="the status alone"),
        pytest.param(
            {
                **unified(status="allowed_warning", reset=RESET, representative_claim="five_hour"),
                f"{UNIFIED}5h-utilization": "0.91",
                f"{UNIFIED}7d-utilization": "0.3",
            },
            RateLimitSeen(status="allowed_warning", resets_at=1_800_000_000, window="five_hour", utilization=0.91),
            id="of the windows the one that counts",
        ),
        pytest.param(
            {
                **unified(status="rejected", representative_claim="seven_day"),
                f"{UNIFIED}7d-reset": "2026-11-20T14:00:00Z",
                f"{UNIFIED}7d-utilization": "1",
            },
            RateLimitSeen(status="rejected", resets_at=1_795_183_200, window="seven_day", utilization=1.0),
            id="a date, of the window",
        ),
        pytest.param(
            {**unified(status="allowed", reset="soon", representative_claim="seven_day_opus")},
            RateLimitSeen(status="allowed", window="seven_day_opus"),
            id="no date, and a window without a short name",
        ),
        pytest.param(
            {
                **unified(status="allowed", reset="nan", representative_claim="five_hour"),
                f"{UNIFIED}5h-utilization": "-1",
            },
            RateLimitSeen(status="allowed", window="five_hour", utilization=0.0),
            id="numbers that are none",
        ),
    ],
)
def test_told_limit(headers: dict[str, str], expected: RateLimitSeen | None) -> None:
    assert told_limit(headers) == expected


DATE = "Fri, 20 Nov 2026 14:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        pytest.param(429, {}, RateLimitSeen(status="rejected"), id="a bare refusal"),
        pytest.param(429, {"retry-after": "60"}, RateLimitSeen(status="rejected", resets_at=160), id="from our clock"),
        pytest.param(
            429,
            {"retry-after": "60", "date": DATE},
            RateLimitSeen(status="rejected", resets_at=1_795_183_260),
            id="from the server's clock",
        ),
        pytest.param(
            429,
            {"retry-after": "9", **unified(status="rejected", reset=RESET, representative_claim="five_hour")},
            RateLimitSeen(status="rejected", resets_at=1_800_000_000, window="five_hour"),
            id="the window says more than the wait",
        ),
        pytest.param(
            429,
            {"retry-after": "9", **unified(status="allowed", reset=RESET)},
            RateLimitSeen(status="rejected", resets_at=109),
            id="refused by another limit than the windows'",
        ),
        pytest.param(429, {"x-should-retry": "false"}, RateLimitSeen(status="rejected"), id="not to be tried again"),
        pytest.param(529, {"retry-after": "60"}, None, id="overload is no limit"),
    ],
)
def test_refusal_knows_its_limit(status: int, headers: dict[str, str], expected: RateLimitSeen | None) -> None:
    assert classify(status, headers, b"{}", provider="api.test", now=100.0).rate_limit == expected
