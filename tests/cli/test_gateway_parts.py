"""A gateway needs no settings where the environment holds keys, and never mixes the two."""

import pytest

from tianting.cli.gateway_parts import gateway_upstreams, with_keys_at_hand
from tianting.gateway.upstream import Upstream
from tianting.settings.schema import GatewayKeySettings, GatewaySettings


def upstreams(settings: GatewaySettings, environment: dict[str, str]) -> list[tuple[str, str, str | None, list[str]]]:
    """What becomes of both: name, address, header and keys."""

    def told(one: Upstream) -> tuple[str, str, str | None, list[str]]:
        return one.name, one.base_url, one.key_header, [key.secret for key in one.keys]

    return [told(one) for one in gateway_upstreams(with_keys_at_hand(settings, environment), environment)]


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        pytest.param({}, [], id="no key"),
        pytest.param({"ANTHROPIC_API_KEY": "  "}, [], id="empty key"),
        pytest.param(
            {"ANTHROPIC_API_KEY": "k"}, [("anthropic", "https://api.anthropic.com", "x-api-key", ["k"])], id="key"
        ),
        pytest.param(
            {"ANTHROPIC_AUTH_TOKEN": "t", "ANTHROPIC_BASE_URL": "http://127.0.0.1:8080/"},
            [("anthropic", "http://127.0.0.1:8080", "authorization", ["t"])],
            id="token and address",
        ),
        pytest.param(
            {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_AUTH_TOKEN": "t"},
            [("anthropic", "https://api.anthropic.com", "x-api-key", ["k"])],
            id="the key counts before the token",
        ),
        pytest.param(
            {"OPENAI_API_KEY": "o", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
            [("openai", "http://127.0.0.1:9", None, ["o"])],
            id="address with its version",
        ),
    ],
)
def test_keys_at_hand_open_the_door(
    environment: dict[str, str], wanted: list[tuple[str, str, str | None, list[str]]]
) -> None:
    assert upstreams(GatewaySettings(), environment) == wanted


def test_settings_that_name_keys_are_all_there_is() -> None:
    settings = GatewaySettings(keys={"work": GatewayKeySettings(variable="WORK")})

    assert upstreams(settings, {"WORK": "w", "OPENAI_API_KEY": "o"}) == [
        ("anthropic", "https://api.anthropic.com", None, ["w"])
    ]
