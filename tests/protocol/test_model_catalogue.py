"""What is known of models, and what is assumed of the others."""

import pytest

from tianting.protocol.model_catalogue import ALIASES, Family, ModelCatalogue, ModelInfo
from tianting.protocol.usage import Usage


@pytest.mark.parametrize(
    ("name", "family", "window"),
    [
        pytest.param("claude-sonnet-5-5", "claude", 1_000_000, id="known"),
        pytest.param("claude-haiku-4-5-20251001", "claude", 200_000, id="dated"),
        pytest.param("claude-next-9", "claude", 200_000, id="unknown Claude"),
        pytest.param("gpt-6.1-sol-mini", "gpt", 1_050_000, id="suffixed"),
        pytest.param("gpt-5.9-codex", "codex", 128_000, id="tuned for code"),
        pytest.param("gpt-oss-120b", "open", 128_000, id="open weights"),
        pytest.param("openai/gpt-oss-20b", "open", 128_000, id="with a vendor before it"),
        pytest.param("gemini-4-argon", "gemini", 128_000, id="Gemini"),
        pytest.param("qwen3-coder:30b", "open", 128_000, id="anything else"),
    ],
)
def test_lookup(name: str, family: Family, window: int) -> None:
    info = ModelCatalogue().lookup(name)

    assert (info.id, info.family, info.context_window) == (name, family, window)


def test_every_alias_is_known() -> None:
    known = {info.id for info in ModelCatalogue()}
    assert set(ALIASES.values()) <= known


def test_cost_counts_each_kind_of_token_once() -> None:
    info = ModelInfo(id="m", input_price=10, output_price=50)
    usage = Usage(
        input_tokens=1_000_000,
        output_tokens=1_000_000,
        cache_read_input_tokens=1_000_000,
        cache_creation_input_tokens=2_000_000,
        cache_creation_1h_input_tokens=1_000_000,
    )

    assert info.cost_usd(usage) == pytest.approx(10 + 50 + 1 + 12.5 + 20)


def test_own_price_of_the_cache_wins() -> None:
    info = ModelInfo(id="m", input_price=10, cache_read_price=0.25)

    assert info.cost_usd(Usage(cache_read_input_tokens=1_000_000)) == pytest.approx(0.25)


def test_user_adds_to_the_catalogue() -> None:
    mine = ModelInfo(id="claude-sonnet-5-5", input_price=1.0)

    assert ModelCatalogue((mine,)).lookup("claude-sonnet-5-5") == mine
