"""From settings and environment to the providers and models that can be used."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from tianting.models.provider_profiles import PROVIDERS, Profile, Provider
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import ModelCatalogue, ModelInfo
from tianting.settings.schema import ModelSettings, ProviderSettings, Settings


class Key(Struct, frozen=True, kw_only=True):
    """What opens a provider's door. `value` must reach nothing but request headers."""

    value: str
    source: str
    """The variable it came from, or `none`."""


def known_providers(settings: Settings, environment: Mapping[str, str]) -> dict[str, Provider]:
    """Every provider that can be named, with addresses as environment and settings want them."""
    providers = {name: _at_home(provider, environment) for name, provider in PROVIDERS.items()}
    for name, changes in settings.providers.items():
        providers[name] = _changed(name, providers.get(name), changes)
    return providers


def _at_home(provider: Provider, environment: Mapping[str, str]) -> Provider:
    base_url = environment.get(provider.base_url_variable) if provider.base_url_variable else None
    return structs.replace(provider, base_url=base_url.rstrip("/")) if base_url else provider


def _changed(name: str, provider: Provider | None, changes: ProviderSettings) -> Provider:
    if provider is None:
        if changes.base_url is None:
            raise ConfigError(f"providers.{name}: a new provider needs baseUrl.")
        provider = Provider(name=name, dialect=changes.dialect or "openai-chat", needs_key=False)
    return structs.replace(
        provider,
        dialect=changes.dialect or provider.dialect,
        base_url=(changes.base_url or provider.base_url).rstrip("/"),
        key_variables=(changes.key_variable,) if changes.key_variable else provider.key_variables,
        needs_key=provider.needs_key if changes.needs_key is None else changes.needs_key,
        headers={**provider.headers, **changes.headers},
        longest_silence=changes.longest_silence or provider.longest_silence,
        profile=_adapted(provider.profile, changes.profile, f"providers.{name}.profile"),
    )


def _adapted(profile: Profile, changes: Mapping[str, Any], place: str) -> Profile:
    """`profile` with `changes`, whose names are in camelCase. Raises `ConfigError` that names the field."""
    if not changes:
        return profile
    fields = {_camel_case(field.name): field for field in structs.fields(Profile)}
    read: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in fields:
            raise ConfigError(f"{place}: there is no field {name!r}. Fields: {', '.join(sorted(fields))}.")
        try:
            read[fields[name].name] = msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{place}.{name}: {error}.") from None
    return structs.replace(profile, **read)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def find_key(provider: Provider, environment: Mapping[str, str]) -> Key:
    """The provider's key. Raises `ConfigError` saying which variable to set."""
    for variable in provider.key_variables:
        if value := environment.get(variable, "").strip():
            return Key(value=value, source=variable)
    if provider.needs_key:
        variables = " or ".join(provider.key_variables)
        raise ConfigError(
            f"There is no key for {provider.name}: set {variables}, or try `tianting demo`, which needs none."
        )
    return Key(value="", source="none")


def model_catalogue(settings: Settings) -> ModelCatalogue:
    """The shipped catalogue, with the user's additions."""
    shipped = ModelCatalogue()
    return ModelCatalogue(tuple(_described(shipped.lookup(name), facts) for name, facts in settings.models.items()))


def _described(info: ModelInfo, facts: ModelSettings) -> ModelInfo:
    changes = {field: value for field in facts.__struct_fields__ if (value := getattr(facts, field)) is not None}
    return structs.replace(info, **changes)


def default_model(settings: Settings, environment: Mapping[str, str]) -> str:
    """The model to use where none was named. Raises `ConfigError` when no key tells whose."""
    if chosen := settings.model or environment.get("TIANTING_MODEL"):
        return chosen
    for variables, model in _DEFAULTS:
        if any(environment.get(variable, "").strip() for variable in variables):
            return model
    raise ConfigError(
        "There is no model to ask: set ANTHROPIC_API_KEY or OPENAI_API_KEY, name one with --model "
        "(`tianting models` lists them), or try `tianting demo`, which needs no key."
    )


_DEFAULTS = (
    (("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), "claude-sonnet-5-5"),
    (("OPENAI_API_KEY",), "gpt-6.2-sol"),
)
