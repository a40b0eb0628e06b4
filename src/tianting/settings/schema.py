"""What a settings file may say. Names on the wire are those that other agents' files use, in camelCase."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from tianting.protocol.events import PermissionMode
from tianting.protocol.messages import Dialect
from tianting.protocol.model_catalogue import Family
from tianting.protocol.requests import Effort


class PermissionSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Rules about calls."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    default_mode: PermissionMode | None = None
    additional_directories: tuple[str, ...] = ()


class ProviderSettings(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A provider that is added, or whose address or key is changed."""

    dialect: Dialect | None = None
    base_url: str | None = None
    key_variable: str | None = None
    """The environment variable that holds the key. Keys themselves have no place in a file."""
    needs_key: bool | None = None
    headers: dict[str, str] = {}
    longest_silence: Annotated[float, Meta(gt=0)] | None = None
    """Seconds until an answer that does not come, or stops coming, is asked for again."""
    profile: dict[str, Any] = {}
    """Habits of an imitator of Chat Completions that differ: fields of `Profile`, in camelCase."""


class ModelSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """What the catalogue does not know of a model, or knows wrong. Prices in USD per million tokens."""

    family: Family | None = None
    context_window: int | None = None
    max_output: int | None = None
    input_price: float | None = None
    output_price: float | None = None
    cache_read_price: float | None = None
    images: bool | None = None


class Settings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One file, or several merged. Keys that we do not know are left alone: the file may serve another agent, too."""

    model: str | None = None
    fallback_model: str | None = None
    effort_level: Effort | None = None
    max_retries: Annotated[int, Meta(ge=0, le=100)] | None = None
    """How often a request that failed in passing is sent again; ten times unless told."""
    env: dict[str, str] = {}
    """Variables for this program and the commands it runs."""
    permissions: PermissionSettings = PermissionSettings()
    providers: dict[str, ProviderSettings] = {}
    models: dict[str, ModelSettings] = {}
