"""From a name to a model that can be asked, and every way that fails before a request."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tianting.cli.model_door import open_model
from tianting.models.anthropic.client import AnthropicModel
from tianting.models.fallback import FallbackModel
from tianting.models.retrying import RetryingModel
from tianting.models.scripted import ScriptedModel
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.settings.schema import ProviderSettings, Settings

BOX = Settings(providers={"box": ProviderSettings(base_url="http://box:1/v1", key_variable="BOX_KEY")})


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        pytest.param(
            "sonnet", {"ANTHROPIC_API_KEY": "k"}, ("claude-sonnet-5-5", "claude", "ANTHROPIC_API_KEY"), id="A"
        ),
        pytest.param(
            "claude-opus-5-5",
            {"ANTHROPIC_AUTH_TOKEN": "k"},
            ("claude-opus-5-5", "claude", "ANTHROPIC_AUTH_TOKEN"),
            id="token",
        ),
        pytest.param("gpt-6.2-sol", {"OPENAI_API_KEY": "k"}, ("gpt-6.2-sol", "gpt", "OPENAI_API_KEY"), id="responses"),
        pytest.param("ollama/qwen3", {}, ("qwen3", "open", "none"), id="local"),
        pytest.param("box/some", {"BOX_KEY": "k"}, ("some", "open", "BOX_KEY"), id="of the settings"),
        pytest.param("box/some", {}, ("some", "open", "none"), id="of the settings, without a key"),
    ],
)
def test_model_is_opened(name: str, environment: dict[str, str], expected: tuple[str, str, str]) -> None:
    door = open_model(name, None, BOX, environment, ModelCatalogue())

    assert isinstance(door.client, RetryingModel)
    assert (door.info.id, door.family, door.key_source) == expected


def test_fallback_stands_behind_the_first() -> None:
    environment = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}

    door = open_model("opus", "gpt-6.2-sol", Settings(), environment, ModelCatalogue())

    assert isinstance(door.client, FallbackModel)
    assert door.info.id == "claude-opus-5-5"


def test_each_fallback_stands_behind_the_one_before() -> None:
    keys = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}

    door = open_model("opus", "gpt-6.2-sol, haiku,", Settings(), keys, ModelCatalogue())

    assert isinstance(door.client, FallbackModel)
    assert isinstance(door.client._second, FallbackModel)
    assert (door.client._fallback_model, door.client._second._fallback_model) == ("gpt-6.2-sol", "claude-haiku-5-5")


def test_variables_stand_above_the_settings() -> None:
    variables = {"ANTHROPIC_API_KEY": "k", "CLAUDE_CODE_MAX_RETRIES": "2", "API_TIMEOUT_MS": "5000"}

    door = open_model("opus", None, Settings(max_retries=7), variables, ModelCatalogue())

    assert isinstance(door.client, RetryingModel)
    assert isinstance(door.client._inner, AnthropicModel)
    assert (door.client._max_retries, door.client._inner._api._timeouts.silence) == (2, 5.0)


def test_script_is_played_without_retries(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("replies: [{text: Hello.}]")

    door = open_model(f"scripted:{path}", None, Settings(), {}, ModelCatalogue())

    assert isinstance(door.client, ScriptedModel)
    assert (door.info.id, door.family, door.key_source) == ("scripted", "claude", "none")


@pytest.mark.parametrize(
    ("name", "environment", "complaint"),
    [
        pytest.param(
            "opus", {}, "There is no key for anthropic: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN", id="key"
        ),
        pytest.param(
            "azure/gpt", {"AZURE_OPENAI_API_KEY": "k"}, "azure has no address: set AZURE_OPENAI_BASE_URL", id="url"
        ),
        pytest.param("nobody/x", {}, "Nobody serves 'nobody/x'", id="provider"),
        pytest.param("scripted:/gone.yaml", {}, "/gone.yaml: cannot be read: No such file", id="script"),
        pytest.param(
            "opus", {"ANTHROPIC_API_KEY": "k\u2026"}, "The key in ANTHROPIC_API_KEY holds characters", id="odd key"
        ),
    ],
)
def test_what_can_be_known_before(name: str, environment: Mapping[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        open_model(name, None, Settings(), environment, ModelCatalogue())


def test_fallback_that_cannot_be_opened_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match="There is no key for openai"):
        open_model("opus", "gpt-6.2-sol", Settings(), {"ANTHROPIC_API_KEY": "k"}, ModelCatalogue())
