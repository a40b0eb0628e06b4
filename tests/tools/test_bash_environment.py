"""Commands see no model key and nothing that waits for a person."""

import pytest

from tianting.models.provider_profiles import PROVIDERS
from tianting.tools.shell.environment import QUIET, command_environment


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
