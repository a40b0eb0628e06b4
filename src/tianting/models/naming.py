"""From the model name a person writes to the provider that serves it.

provider/model     that provider, when it is a known one
claude-…, sonnet   anthropic
gpt-…, o3, codex-… openai
scripted:FILE      a script of replies
"""

import re
from collections.abc import Mapping

from tianting.models.provider_profiles import Provider
from tianting.plumbing.near_names import nearest
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import ALIASES, ModelCatalogue

_OPENAI = r"gpt-|codex-|o[1-9]"
_SCRIPT = "scripted:"
_ALIKE = 0.6


def resolve(model: str, providers: Mapping[str, Provider]) -> tuple[Provider, str]:
    """Find who serves `model`, and what the model is called there. For a script the second part is the file.

    Raises `ConfigError` for a name nobody serves; it says what is allowed.
    """
    if model.startswith(_SCRIPT):
        return Provider(name="scripted", dialect="scripted", needs_key=False), model.removeprefix(_SCRIPT)
    head, slash, rest = model.partition("/")
    if slash and head in providers:
        if not rest:
            raise ConfigError(f"{model!r} names a provider and no model: write {head}/MODEL.")
        return providers[head], rest
    if model in ALIASES or model.startswith("claude-"):
        return _known("anthropic", providers, model), ALIASES.get(model, model)
    if re.match(_OPENAI, model):
        return _known("openai", providers, model), model
    raise ConfigError(_unknown(model, providers))


def _known(name: str, providers: Mapping[str, Provider], model: str) -> Provider:
    try:
        return providers[name]
    except KeyError:
        raise ConfigError(f"{model!r} is served by {name!r}, which is not among the providers.") from None


def _unknown(model: str, providers: Mapping[str, Provider]) -> str:
    head, slash, rest = model.partition("/")
    if slash:
        candidates = [f"{name}/{rest}" for name in nearest(head, providers, at_least=_ALIKE, most=3)]
    else:
        known = [*ALIASES, *(info.id for info in ModelCatalogue())]
        candidates = nearest(model, known, at_least=_ALIKE, most=3)
    hint = f" Did you mean {' or '.join(candidates)}?" if candidates else ""
    allowed = ", ".join(providers)
    return f"Nobody serves {model!r}.{hint} Write claude-…, gpt-…, or PROVIDER/MODEL with one of: {allowed}."
