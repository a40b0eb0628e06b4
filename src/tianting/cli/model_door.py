"""From a model's name to a client that answers, with retries and a fallback around it.

    Fallback(Retrying(first), Fallback(Retrying(second), …))

Only the dialect that is asked for is imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from tianting.cli.tuning import tuning
from tianting.models.client import ModelClient
from tianting.models.naming import resolve
from tianting.models.provider_profiles import Provider
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import Family, ModelCatalogue, ModelInfo
from tianting.settings.providers import Key, find_key, known_providers
from tianting.settings.schema import Settings

if TYPE_CHECKING:
    from tianting.models.http.api import HttpApi, Timeouts

MAX_RETRIES = 10
"""Where settings say nothing: about three minutes of waiting."""


class ModelDoor(Struct, frozen=True, kw_only=True):
    """A model that can be asked."""

    client: ModelClient
    info: ModelInfo
    """What is known of it; its `id` is what goes into requests."""
    family: Family
    key_source: str
    provider: str
    """Who serves it, and other models at the same address."""


def open_model(
    name: str, fallback: str | None, settings: Settings, environment: Mapping[str, str], catalogue: ModelCatalogue
) -> ModelDoor:
    """Open `name`, and those of `fallback`, parted by commas, each behind the one before. Raises `ConfigError`."""
    first = _open_one(name, settings, environment, catalogue)
    following, _, rest = (fallback or "").strip(", ").partition(",")
    if not following:
        return first
    from tianting.models.fallback import FallbackModel

    second = open_model(following.strip(), rest, settings, environment, catalogue)
    client = FallbackModel(first.client, second.client, fallback_model=second.info.id)
    return structs.replace(first, client=client)


def _open_one(name: str, settings: Settings, environment: Mapping[str, str], catalogue: ModelCatalogue) -> ModelDoor:
    provider, model = resolve(name, known_providers(settings, environment))
    if provider.dialect == "scripted":
        return _scripted(model, catalogue)
    key = find_key(provider, environment)
    info = catalogue.lookup(model)
    tuned = tuning(environment)
    patient = structs.replace(provider, longest_silence=tuned.longest_silence or provider.longest_silence)
    client = _retrying(
        _dialect(patient, key, catalogue), settings.max_retries if tuned.max_retries is None else tuned.max_retries
    )
    return ModelDoor(client=client, info=info, family=info.family, key_source=key.source, provider=provider.name)


def _scripted(path: str, catalogue: ModelCatalogue) -> ModelDoor:
    from tianting.models.script_file import load_script
    from tianting.models.scripted import ScriptedModel

    script = load_script(Path(path).expanduser())
    client = ScriptedModel(*script.replies, repeat_last=script.repeat_last)
    info = structs.replace(catalogue.lookup("scripted"), family="claude")
    return ModelDoor(client=client, info=info, family="claude", key_source="none", provider="scripted")


def _retrying(client: ModelClient, max_retries: int | None) -> ModelClient:
    from random import random

    import anyio

    from tianting.models.retrying import RetryingModel
    from tianting.plumbing.backoff import Backoff

    times = MAX_RETRIES if max_retries is None else max_retries
    return RetryingModel(client, backoff=Backoff(), max_retries=times, sleep=anyio.sleep, random=random)


def _api(provider: Provider, key: Key) -> "HttpApi":
    from tianting.models.http.api import HttpApi

    auth = {} if not key.value else {provider.key_header: _key_text(provider, key)}
    return HttpApi(
        provider.base_url,
        {**auth, **provider.headers},
        timeouts=_timeouts(provider),
        secret=key.value or None,
        key_source=key.source,
    )


def _timeouts(provider: Provider) -> "Timeouts":
    """Pings keep a stream alive three times as long as silence would."""
    from tianting.models.http.api import Timeouts

    return Timeouts(silence=provider.longest_silence, ceiling=3 * provider.longest_silence)


def _key_text(provider: Provider, key: Key) -> str:
    return f"Bearer {key.value}" if provider.key_header == "authorization" else key.value


def _dialect(provider: Provider, key: Key, catalogue: ModelCatalogue) -> ModelClient:
    if not provider.base_url:
        raise ConfigError(f"{provider.name} has no address: set {provider.base_url_variable} to its base URL.")
    match provider.dialect:
        case "anthropic":
            from tianting.models.anthropic.client import open_anthropic

            return open_anthropic(
                provider.base_url,
                key.value,
                catalogue,
                bearer=key.source == "ANTHROPIC_AUTH_TOKEN" or provider.key_header == "authorization",
                key_source=key.source,
                headers=provider.headers,
                timeouts=_timeouts(provider),
            )
        case "openai-responses":
            from tianting.models.responses.client import ResponsesModel

            return ResponsesModel(_api(provider, key), catalogue=catalogue)
        case "openai-chat":
            from tianting.models.chat.client import ChatModel

            return ChatModel(_api(provider, key), provider.profile, catalogue=catalogue)
        case "scripted":
            raise AssertionError("scripts are opened before")
