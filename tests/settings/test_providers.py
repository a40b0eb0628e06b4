"""Which provider, which key, which model, from settings and environment."""

import pytest
from msgspec import structs

from tianting.models.provider_profiles import PROVIDERS, Provider
from tianting.protocol.errors import ConfigError
from tianting.settings.providers import Key, default_model, find_key, known_providers, model_catalogue
from tianting.settings.schema import ModelSettings, ProviderSettings, Settings


def test_environment_moves_a_provider() -> None:
    providers = known_providers(Settings(), {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9/"})

    assert providers["anthropic"].base_url == "http://127.0.0.1:9"
    assert providers["openai"] == PROVIDERS["openai"]


def test_settings_add_a_provider_and_change_another() -> None:
    settings = Settings(
        providers={
            "mine": ProviderSettings(base_url="http://box:8000/v1/", key_variable="MY_KEY"),
            "anthropic": ProviderSettings(headers={"x-team": "a"}),
        }
    )

    providers = known_providers(settings, {})

    assert providers["mine"] == Provider(
        name="mine",
        dialect="openai-chat",
        base_url="http://box:8000/v1",
        key_variables=("MY_KEY",),
        needs_key=False,
    )
    assert providers["anthropic"].headers == {"x-team": "a"}


def test_settings_adapt_a_provider_s_habits() -> None:
    changes = ProviderSettings(
        longest_silence=7.5, profile={"maxTokensField": "max_completion_tokens", "images": "none"}
    )

    provider = known_providers(Settings(providers={"vllm": changes}), {})["vllm"]

    expected = structs.replace(PROVIDERS["vllm"].profile, max_tokens_field="max_completion_tokens", images="none")
    assert (provider.profile, provider.longest_silence) == (expected, 7.5)


@pytest.mark.parametrize(
    ("profile", "complaint"),
    [
        pytest.param(
            {"maxTokenField": "max_tokens"},
            r"providers\.mine\.profile: there is no field 'maxTokenField'\. Fields: argsAsObject, .*, toolIds",
            id="unknown",
        ),
        pytest.param(
            {"images": "all"}, r"providers\.mine\.profile\.images: Invalid enum value 'all'\.", id="wrong value"
        ),
    ],
)
def test_wrong_habits_are_named(profile: dict[str, str], complaint: str) -> None:
    settings = Settings(providers={"mine": ProviderSettings(base_url="http://box/v1", profile=profile)})

    with pytest.raises(ConfigError, match=complaint):
        known_providers(settings, {})


def test_new_provider_needs_an_address() -> None:
    with pytest.raises(ConfigError, match=r"providers\.mine: a new provider needs baseUrl"):
        known_providers(Settings(providers={"mine": ProviderSettings()}), {})


@pytest.mark.parametrize(
    ("provider", "environment", "expected"),
    [
        pytest.param("anthropic", {"ANTHROPIC_API_KEY": " k "}, Key(value="k", source="ANTHROPIC_API_KEY"), id="key"),
        pytest.param(
            "anthropic", {"ANTHROPIC_AUTH_TOKEN": "t"}, Key(value="t", source="ANTHROPIC_AUTH_TOKEN"), id="token"
        ),
        pytest.param(
            "anthropic",
            {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_AUTH_TOKEN": "t"},
            Key(value="k", source="ANTHROPIC_API_KEY"),
            id="one of both",
        ),
        pytest.param("ollama", {}, Key(value="", source="none"), id="none needed"),
    ],
)
def test_key_is_found(provider: str, environment: dict[str, str], expected: Key) -> None:
    assert find_key(PROVIDERS[provider], environment) == expected


def test_missing_key_names_the_variable_and_the_demo() -> None:
    with pytest.raises(ConfigError) as caught:
        find_key(PROVIDERS["openai"], {"OPENAI_API_KEY": ""})

    assert str(caught.value) == (
        "There is no key for openai: set OPENAI_API_KEY, or try `tianting demo`, which needs none."
    )


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        pytest.param(Settings(model="opus"), {"OPENAI_API_KEY": "k"}, "opus", id="settings"),
        pytest.param(Settings(), {"TIANTING_MODEL": "ollama/qwen3"}, "ollama/qwen3", id="variable"),
        pytest.param(Settings(), {"ANTHROPIC_AUTH_TOKEN": "k"}, "claude-sonnet-5-5", id="key of Anthropic"),
        pytest.param(Settings(), {"OPENAI_API_KEY": "k"}, "gpt-6.2-sol", id="key of OpenAI"),
    ],
)
def test_default_model(settings: Settings, environment: dict[str, str], expected: str) -> None:
    assert default_model(settings, environment) == expected


def test_without_any_key_there_is_no_default() -> None:
    with pytest.raises(ConfigError, match="tianting demo"):
        default_model(Settings(), {})


def test_settings_describe_a_model() -> None:
    catalogue = model_catalogue(Settings(models={"qwen3": ModelSettings(context_window=32_000, input_price=0.5)}))

    described = catalogue.lookup("qwen3")
    assert (described.context_window, described.input_price, described.family) == (32_000, 0.5, "open")
