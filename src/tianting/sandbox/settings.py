"""The `sandbox` part of settings.json: without it each room would read these keys in its own way.

Keys and meaning are those of Claude Code's settings, so that a team's file serves both; `limits` and `hooks` are ours.
Paths: `/abs` or `//abs`, `~/in/home`, anything else relative to the project's root; the last part may hold `*`.
"""

from msgspec import Struct, field

from tianting.sandbox.policy import ResourceLimits

WITHOUT_EFFECT = frozenset(
    {
        "network.allowManagedDomainsOnly",
        "network.allowMachLookup",
        "network.httpProxyPort",
        "network.socksProxyPort",
        "network.tlsTerminate",
        "filesystem.allowManagedReadPathsOnly",
        "credentials.awsPairs",
        "ignoreViolations",
        "enableWeakerNestedSandbox",
        "enableWeakerNetworkIsolation",
        "allowAppleEvents",
        "ripgrep",
        "socatPath",
    }
)
"""Keys of other agents that change nothing here; none of them would make the sandbox stricter."""


class NetworkSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """`sandbox.network`. Without allowed domains there is no network at all."""

    allowed_domains: tuple[str, ...] = ()
    """`example.org`, `*.example.org` (everything below it), `*`; `host:port` for one port."""
    denied_domains: tuple[str, ...] = ()
    """The same forms; they win over allowed ones."""
    strict_allowlist: bool = False
    """Refuse an unlisted host without asking. Nobody is asked here yet, so it is always so."""
    allow_unix_sockets: tuple[str, ...] = ()
    """Paths of sockets that commands may talk to."""
    allow_all_unix_sockets: bool = False
    allow_local_binding: bool = False
    """Commands may always listen on their own loopback: it is not the machine's."""


class FilesystemSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """`sandbox.filesystem`. The longest path that fits decides; at the same path a denial wins."""

    allow_write: tuple[str, ...] = ()
    deny_write: tuple[str, ...] = ()
    deny_read: tuple[str, ...] = ()
    allow_read: tuple[str, ...] = ()
    """Exceptions from `deny_read` and from the secrets that are hidden anyway."""
    disabled: bool = False
    """Leave files as they are; network and limits stay confined."""


class CredentialSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """`sandbox.credentials`: more secrets than the ones known by name."""

    files: tuple[str, ...] = ()
    env_vars: tuple[str, ...] = ()


class SandboxSettings(Struct, frozen=True, kw_only=True, rename="camel"):
    """`sandbox` as it stands in a settings file."""

    enabled: bool = False
    fail_if_unavailable: bool = False
    """Refuse to start where nothing can confine; otherwise each command asks."""
    auto_allow_bash_if_sandboxed: bool = True
    allow_unsandboxed_commands: bool = True
    """Whether `dangerouslyDisableSandbox` may ask a person at all."""
    excluded_commands: tuple[str, ...] = ()
    """Programs that run outside, because they cannot work inside; they ask."""
    network: NetworkSettings = NetworkSettings()
    filesystem: FilesystemSettings = FilesystemSettings()
    credentials: CredentialSettings = CredentialSettings()
    allow_nested_user_namespaces: bool = False
    """Let a command build sandboxes of its own (browsers do). Widens what it can ask of the kernel."""
    hooks: bool = False
    """Whether hooks that are commands run inside, too."""
    bwrap_path: str = ""
    limits: ResourceLimits = field(default_factory=ResourceLimits)
