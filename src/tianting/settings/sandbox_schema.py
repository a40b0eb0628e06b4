"""What a settings file may say about the sandbox: the keys, without what they mean for a command."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Port = Annotated[int, Meta(ge=1, le=65_535)]


class NetworkSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which hosts a confined command reaches."""

    allowed_domains: tuple[str, ...] = ()
    """Hosts, or `*.example.org`."""
    denied_domains: tuple[str, ...] = ()
    """Win over allowed ones."""
    strict_allowlist: bool | None = None
    """Hosts that are not named are refused, and nobody is asked."""
    allow_managed_domains_only: bool | None = None
    allow_unix_sockets: tuple[str, ...] = ()
    allow_all_unix_sockets: bool | None = None
    allow_local_binding: bool | None = None
    allow_mach_lookup: tuple[str, ...] = ()
    http_proxy_port: Port | None = None
    socks_proxy_port: Port | None = None
    tls_terminate: dict[str, Any] | None = None


class FilesystemSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which files a confined command reads and writes."""

    allow_write: tuple[str, ...] = ()
    deny_write: tuple[str, ...] = ()
    deny_read: tuple[str, ...] = ()
    allow_read: tuple[str, ...] = ()
    """Exceptions from `denyRead`."""
    allow_managed_read_paths_only: bool | None = None
    disabled: bool | None = None


class SandboxSettings(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How commands are confined. Lists of all levels are joined."""

    enabled: bool | None = None
    fail_if_unavailable: bool | None = None
    """Run nothing where this machine has no sandbox."""
    auto_allow_bash_if_sandboxed: bool | None = None
    """A confined command runs unasked."""
    allow_unsandboxed_commands: bool | None = None
    """A command may ask to run outside."""
    excluded_commands: tuple[str, ...] = ()
    """Commands that run outside."""
    network: NetworkSettings = NetworkSettings()
    filesystem: FilesystemSettings = FilesystemSettings()
    credentials: dict[str, Any] = {}
    ignore_violations: dict[str, Any] = {}
    enable_weaker_nested_sandbox: bool | None = None
    allow_nested_user_namespaces: bool | None = None
    enable_weaker_network_isolation: bool | None = None
    allow_apple_events: bool | None = None
    ripgrep: dict[str, Any] | None = None
    bwrap_path: str | None = None
    socat_path: str | None = None
