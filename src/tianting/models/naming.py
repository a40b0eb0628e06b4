"""From the model name a person writes to the provider that serves it.

provider/model     that provider, when it is a known one
claude-…, sonnet   anthropic
gpt-…, o3, codex-… openai
scripted:FILE      a script of replies
"""

import re
from collections.abc import Iterable, Mapping

from tianting.models.provider_profiles import Provider
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import ALIASES, ModelCatalogue

_OPENAI = re.compile(r"gpt-|codex-|o[1-9]")
_SCRIPT = "scripted:"


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
    if _OPENAI.match(model):
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
        candidates = [f"{name}/{rest}" for name in _near(head, providers)]
    else:
        candidates = _near(model, [*ALIASES, *(info.id for info in ModelCatalogue())])
    hint = f" Did you mean {' or '.join(candidates)}?" if candidates else ""
    allowed = ", ".join(providers)
    return f"Nobody serves {model!r}.{hint} Write claude-…, gpt-…, or PROVIDER/MODEL with one of: {allowed}."


def _near(word: str, names: Iterable[str]) -> list[str]:
    """The names most like `word`, at most three. By hand: `difflib` costs the fast path 3 ms."""
    scored = sorted(((_likeness(word.lower(), name), name) for name in names), reverse=True)
    return [name for score, name in scored[:3] if score >= 0.6]


def _likeness(a: str, b: str) -> float:
    """The share of letter pairs that two words have in common (Dice's coefficient)."""
    pairs_a, pairs_b = _pairs(a), _pairs(b)
    return 2 * len(pairs_a & pairs_b) / (len(pairs_a) + len(pairs_b))


def _pairs(word: str) -> set[str]:
    framed = f"^{word}$"
    return {framed[index : index + 2] for index in range(len(framed) - 1)}
