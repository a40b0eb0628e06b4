"""The environment commands run in: a program that asks, pages, paints or opens an editor would hang a command for ever,
and a key that a command can read is a key that an instruction hidden in some file can send away.
"""

import re
from collections.abc import Collection, Mapping

from tianting.models.provider_profiles import PROVIDERS

QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "EDITOR": "true",
    "GIT_EDITOR": "true",
    "GIT_MERGE_AUTOEDIT": "no",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "MANPAGER": "cat",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "PIP_NO_INPUT": "1",
    "PYTHONUNBUFFERED": "1",  # what a stopped or a background program said must be there to read
    "TERM": "dumb",
    "VISUAL": "true",
}
_LOUD = frozenset({"CLICOLOR_FORCE", "FORCE_COLOR", "GIT_ASKPASS", "SSH_ASKPASS", "SUDO_ASKPASS"})
_KEY_VARIABLES = frozenset(name for provider in PROVIDERS.values() for name in provider.key_variables)
_OTHER_KEY = re.compile(
    r"(ANTHROPIC|CEREBRAS|COHERE|FIREWORKS|OPENAI|TIANTING|TOGETHER)(_[A-Z]+)?_(API_KEY|AUTH_TOKEN|CUSTOM_HEADERS)"
    r"|CLAUDE_CODE_OAUTH_TOKEN|AWS_BEARER_TOKEN_BEDROCK"
)
"""What opens the door of a model we have no profile of, or another agent's."""

_LOOKS_SECRET = re.compile(
    r"(.*_)?(API_?KEY|ACCESS_?KEY(_ID)?|SECRET(_ACCESS)?(_?KEY)?|PRIVATE_?KEY|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)"
)


def without_secrets(environment: Mapping[str, str], passed: Collection[str], keys: Collection[str]) -> dict[str, str]:
    """`environment` without what looks like a secret, but for what a person `passed` by name.

    `keys` are the variables that hold keys of models, whatever they are called; those are never passed.
    """
    return {
        name: value
        for name, value in environment.items()
        if name not in keys and (name in passed or _LOOKS_SECRET.fullmatch(name.upper()) is None)
    }


def command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without model keys, and with everything interactive switched off."""
    kept = {name: value for name, value in environment.items() if name not in _LOUD and not _is_key(name.upper())}
    return kept | QUIET


def _is_key(name: str) -> bool:
    return name in _KEY_VARIABLES or _OTHER_KEY.fullmatch(name) is not None
