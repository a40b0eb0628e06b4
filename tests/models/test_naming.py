"""Which provider a name means is a table."""

import pytest

from tianting.models.naming import resolve
from tianting.models.provider_profiles import PROVIDERS, Provider
from tianting.protocol.errors import ConfigError

MINE = Provider(name="mine", dialect="openai-chat", base_url="http://localhost:9/v1")
KNOWN = {**PROVIDERS, "mine": MINE}


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        pytest.param("claude-opus-5-5", "anthropic", "claude-opus-5-5", id="claude"),
        pytest.param("sonnet", "anthropic", "claude-sonnet-5-5", id="alias"),
        pytest.param("gpt-6-sol", "openai", "gpt-6-sol", id="gpt"),
        pytest.param("o3", "openai", "o3", id="o-series"),
        pytest.param("codex-mini-latest", "openai", "codex-mini-latest", id="codex"),
        pytest.param("ollama/qwen3:8b", "ollama", "qwen3:8b", id="provider and model"),
        pytest.param("openrouter/openai/gpt-6-sol", "openrouter", "openai/gpt-6-sol", id="slash in the model's name"),
        pytest.param("anthropic/claude-opus-5", "anthropic", "claude-opus-5", id="provider said anyway"),
        pytest.param("mine/tiny", "mine", "tiny", id="provider of the user"),
    ],
)
def test_resolve(model: str, provider: str, name: str) -> None:
    assert resolve(model, KNOWN) == (KNOWN[provider], name)


def test_script_is_its_own_provider() -> None:
    provider, file = resolve("scripted:/tmp/a/b.yaml", KNOWN)

    assert (provider.name, provider.dialect, provider.needs_key, file) == (
        "scripted",
        "scripted",
        False,
        "/tmp/a/b.yaml",
    )


@pytest.mark.parametrize(
    ("model", "said"),
    [
        pytest.param("qwen3", "Nobody serves 'qwen3'. Write claude-…", id="nobody's"),
        pytest.param("sonet", "Did you mean sonnet?", id="mistyped alias"),
        pytest.param("clude-opus-5-5", "claude-opus-5-5", id="mistyped model"),
        pytest.param("olama/qwen3", "Did you mean ollama/qwen3?", id="mistyped provider"),
        pytest.param("meta/llama", "PROVIDER/MODEL with one of: anthropic, openai,", id="unknown provider"),
        pytest.param("ollama/", "'ollama/' names a provider and no model: write ollama/MODEL.", id="no model"),
        pytest.param("", "Nobody serves ''.", id="nothing"),
    ],
)
def test_unknown_names(model: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(model, KNOWN)

    assert said in str(caught.value)


def test_provider_of_a_bare_name_may_be_missing() -> None:
    with pytest.raises(ConfigError, match="served by 'openai', which is not among the providers"):
        resolve("gpt-6-sol", {"mine": MINE})


def test_every_provider_can_be_asked() -> None:
    for name, provider in PROVIDERS.items():
        assert provider.name == name
        assert provider.base_url or provider.base_url_variable
        assert provider.key_variables or not provider.needs_key
