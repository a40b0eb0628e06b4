"""The environment commands run in: a program that asks, pages, paints or opens an editor would hang a command for ever,
and a key that a command can read is a key that an instruction hidden in some file can send away.
"""

import re
from collections.abc import Mapping

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
_MODEL_KEY = re.compile(
    r"(ANTHROPIC|AZURE_OPENAI|CEREBRAS|COHERE|DASHSCOPE|DEEPSEEK|FIREWORKS|GEMINI|GOOGLE|GROQ|MISTRAL|MOONSHOT|OPENAI"
    r"|OPENROUTER|TIANTING|TOGETHER|XAI|ZAI|ZHIPUAI)(_[A-Z]+)?_(API_KEY|AUTH_TOKEN)|CLAUDE_CODE_OAUTH_TOKEN"
)


def command_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without model keys, and with everything interactive switched off."""
    kept = {name: value for name, value in environment.items() if name not in _LOUD and not _MODEL_KEY.fullmatch(name)}
    return kept | QUIET
