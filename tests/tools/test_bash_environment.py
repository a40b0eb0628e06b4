"""Commands see no model key and nothing that waits for a person."""

import pytest

from tianting.models.provider_profiles import PROVIDERS
from tianting.tools.shell.environment import QUIET, command_environment, without_secrets


@pytest.mark.parametrize(
    "name",
    [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "OPENAI_API_KEY",
        "AZURE_OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "TIANTING_API_KEY",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "openai_api_key",
        *(variable for provider in PROVIDERS.values() for variable in provider.key_variables),
        "FORCE_COLOR",
        "SSH_ASKPASS",
    ],
)
def test_variable_is_taken_away(name: str) -> None:
    assert command_environment({name: "secret"}) == QUIET


@pytest.mark.parametrize("name", ["PATH", "STRIPE_API_KEY", "OPENAI_BASE_URL", "MY_OPENAI_API_KEY_FILE"])
def test_variable_stays(name: str) -> None:
    assert command_environment({name: "value"}) == {name: "value"} | QUIET


def test_own_editor_and_pager_are_replaced() -> None:
    assert command_environment({"EDITOR": "vim", "PAGER": "less", "TERM": "xterm"}) == QUIET


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "npm_token",
        "DB_PASSWORD",
        "API_KEY",
        "TOKEN",
        "X_SECRET",
    ],
)
def test_what_looks_like_a_secret_is_withheld_unless_it_is_named(name: str) -> None:
    environment = {name: "s", "PATH": "/bin"}

    assert without_secrets(environment, (), ()) == {"PATH": "/bin"}
    assert without_secrets(environment, (name,), ()) == environment


@pytest.mark.parametrize("name", ["PATH", "SSH_AUTH_SOCK", "TOKENIZERS_PARALLELISM", "KEYBOARD", "MONKEY", "SECRETARY"])
def test_other_variables_stay(name: str) -> None:
    assert without_secrets({name: "x"}, (), ()) == {name: "x"}


def test_key_of_a_model_is_never_passed() -> None:
    assert without_secrets({"MY_MODEL": "k"}, ("MY_MODEL",), {"MY_MODEL"}) == {}
