"""From settings to what a gateway is made of: keys read from where they are, addresses, quotas."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from tianting.gateway.quotas import Quota
from tianting.gateway.upstream import Key, KeyLimits, Upstream
from tianting.protocol.errors import ConfigError
from tianting.settings.schema import GatewayKeySettings, GatewayQuotaSettings, GatewaySettings, GatewayUpstreamSettings

_KNOWN = (
    Upstream(name="anthropic", speech="anthropic", base_url="https://api.anthropic.com", keys=()),
    Upstream(name="openai", speech="openai", base_url="https://api.openai.com", keys=()),
)


class _AtHand(Struct, frozen=True):
    """Variables that hold a key and an address, as agents read them."""

    upstream: Literal["anthropic", "openai"]
    key: str
    address: str
    key_header: Literal["x-api-key", "authorization"] | None = None


_AT_HAND = (
    _AtHand("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "x-api-key"),
    _AtHand("anthropic", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "authorization"),
    _AtHand("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
)


def with_keys_at_hand(settings: GatewaySettings, environment: Mapping[str, str]) -> GatewaySettings:
    """`settings`, or where they name no key those that the environment holds: whoever has one needs no settings."""
    if settings.keys:
        return settings
    keys: dict[str, GatewayKeySettings] = {}
    upstreams = dict(settings.upstreams)
    for found in _AT_HAND:
        name = found.upstream
        if name in keys or not environment.get(found.key, "").strip():
            continue
        keys[name] = GatewayKeySettings(upstream=name, variable=found.key)
        at_home = next(known.base_url for known in _KNOWN if known.name == name)
        base_url = environment.get(found.address, "").strip().rstrip("/").removesuffix("/v1") or at_home
        upstreams.setdefault(name, GatewayUpstreamSettings(speech=name, base_url=base_url, key_header=found.key_header))
    return structs.replace(settings, keys=keys, upstreams=upstreams)


def gateway_upstreams(settings: GatewaySettings, environment: Mapping[str, str]) -> tuple[Upstream, ...]:
    """The upstreams that have keys. Raises `ConfigError` that names the key which is wrong, and never shows it."""
    known = {upstream.name: upstream for upstream in _KNOWN}
    for name, told in settings.upstreams.items():
        known[name] = Upstream(
            name=name, speech=told.speech, base_url=told.base_url, keys=(), key_header=told.key_header
        )
    for name, found in settings.keys.items():
        if found.upstream not in known:
            raise ConfigError(f"gateway.keys.{name}: there is no upstream {found.upstream!r} in gateway.upstreams.")
        upstream = known[found.upstream]
        key = Key(name=name, secret=_secret(name, found, environment), limits=_limits(found))
        known[found.upstream] = structs.replace(upstream, keys=(*upstream.keys, key))
    return tuple(upstream for upstream in known.values() if upstream.keys)


def gateway_quotas(settings: GatewaySettings) -> dict[str, tuple[Quota, ...]]:
    """The quotas by owner."""
    return {owner: tuple(map(_quota, told)) for owner, told in settings.quotas.items()}


def _secret(name: str, found: GatewayKeySettings, environment: Mapping[str, str]) -> str:
    place = f"gateway.keys.{name}"
    if (found.variable is None) == (found.file is None):
        raise ConfigError(f"{place}: name either a `variable` or a `file` that holds the key.")
    if found.variable is not None:
        secret, source = environment.get(found.variable, "").strip(), found.variable
    else:
        secret, source = _from_file(place, Path(str(found.file)).expanduser()), str(found.file)
    if not secret:
        raise ConfigError(f"{place}: {source} is empty.")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigError(f"{place}: what {source} holds is no key.")
    return secret


def _from_file(place: str, path: Path) -> str:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{place}: others can read {path}. Run `chmod 600 {path}`.")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: {path} cannot be read: {getattr(error, 'strerror', 'it is no text')}.") from None


def _limits(found: GatewayKeySettings) -> KeyLimits:
    return KeyLimits(
        concurrency=found.concurrency or KeyLimits().concurrency,
        requests_per_minute=found.requests_per_minute,
        tokens_per_minute=found.tokens_per_minute,
    )


def _quota(told: GatewayQuotaSettings) -> Quota:
    return Quota(requests=told.requests, tokens=told.tokens, usd=told.usd, span=told.hours * 3600)
