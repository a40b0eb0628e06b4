"""From settings and a work tree to a policy: the secrets everybody has are hidden without anybody listing them."""

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, structs

from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy
from tianting.sandbox.settings import SandboxSettings

SECRETS = (
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".tianting",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/hub",
    ".config/op",
    ".config/rclone",
    ".docker/config.json",
    ".docker/run",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude.json",
    ".claude/.credentials.json",
    ".codex/auth.json",
    ".gem/credentials",
    ".git-credentials",
    ".local/share/keyrings",
    ".m2/settings.xml",
    ".mozilla",
    ".netrc",
    ".npmrc",
    ".password-store",
    ".pgpass",
    ".pypirc",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
    ".yarnrc.yml",
    "*.key",
    "*.pem",
    "id_*",
)
"""Hidden, below the home directory."""
PROTECTED = (
    ".git/hooks",
    ".git/config",
    ".gitmodules",
    ".githooks",
    ".husky",
    ".pre-commit-config.yaml",
    ".envrc",
    ".mcp.json",
    ".tianting",
    ".claude",
    ".vscode",
    ".idea",
    ".devcontainer",
)
"""Read-only in every writable directory: what is written there runs later, or steers the agent, outside the sandbox."""


class Places(Struct, frozen=True, kw_only=True):
    """Where this session works."""

    home: str
    roots: tuple[str, ...]
    """The work tree first, then additional directories; all writable."""
    protected: tuple[str, ...] = PROTECTED
    """Relative to each root."""
    git_directory: str = ""
    """Of a repository that the work tree is only a part of, or linked to: commits are written there. Empty for none."""
    private_tmp: str = ""
    """An existing directory of this session for /tmp; see `SandboxPolicy.private_tmp`."""
    hidden: tuple[str, ...] = ()
    """Directories of our own that commands must not see."""
    readable: tuple[str, ...] = ()
    """Directories of our own that commands must see, although they lie in hidden ones."""


class Forbidden(Struct, frozen=True, kw_only=True):
    """Places that somebody else than the settings of the sandbox denies. Absolute, links resolved."""

    hidden: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()


def with_forbidden(policy: SandboxPolicy, forbidden: Forbidden) -> SandboxPolicy:
    """`policy`, and what is forbidden besides.

    Read-only are only those that could be written: in a hidden place such a mount would show what it is to protect.
    """
    hiding = structs.replace(policy, hidden=_sorted({*policy.hidden, *forbidden.hidden}))
    read_only = [path for path in forbidden.read_only if _nearest(path, hiding) in policy.writable]
    return structs.replace(hiding, read_only=_sorted({*policy.read_only, *read_only}))


def policy_for(settings: SandboxSettings, places: Places) -> SandboxPolicy:
    """What `settings` say for `places`. Looks at the file system to resolve links and patterns."""
    files, network = settings.filesystem, settings.network
    exceptions = _expand((*files.allow_read, *files.allow_write, *places.readable), places)
    secrets = _expand((*(f"~/{name}" for name in SECRETS), *places.hidden), places) - exceptions
    return SandboxPolicy(
        writable=_sorted(_expand((*places.roots, *_git_directory(places), *files.allow_write), places)),
        read_only=_sorted(
            _expand(files.deny_write, places)
            | _protected(places)
            | _expand((*files.allow_read, *places.readable), places)
        ),
        hidden=_sorted(secrets | _expand((*files.deny_read, *settings.credentials.files), places)),
        private_tmp=places.private_tmp and str(Path(places.private_tmp).resolve()),
        network=NetworkPolicy(
            reach="hosts" if network.allowed_domains else "none",
            allowed=network.allowed_domains,
            denied=network.denied_domains,
        ),
        unix_sockets=_sorted(_expand(network.allow_unix_sockets, places)),
        all_unix_sockets=network.allow_all_unix_sockets,
        files_confined=not files.disabled,
        nested_namespaces=settings.allow_nested_user_namespaces,
        unset=settings.credentials.env_vars,
        limits=settings.limits,
    )


def _protected(places: Places) -> set[str]:
    """The last part is not resolved: a link there must not be exchanged either."""
    paths = [Path(root, name) for root in places.roots for name in places.protected]
    # Of a linked work tree it is a file that says where git finds its hooks.
    paths += [path for root in places.roots if (path := Path(root, ".git")).is_file()]
    paths += [Path(place, name) for place in _git_directory(places) for name in ("hooks", "config")]
    return {str(path.parent.resolve() / path.name) for path in paths}


def _nearest(path: str, policy: SandboxPolicy) -> str:
    """The place of `policy` that decides about `path`; empty where none does."""
    named = {*policy.writable, *policy.read_only, *policy.hidden}
    while path not in named and path not in ("", "/"):
        path = path.rpartition("/")[0]
    return "" if path in policy.hidden or path in policy.read_only else path


def _git_directory(places: Places) -> tuple[str, ...]:
    return (places.git_directory,) if places.git_directory else ()


def _expand(patterns: Iterable[str], places: Places) -> set[str]:
    return {str(path.resolve()) for pattern in patterns for path in _matches(_absolute(pattern, places))}


def _matches(path: Path) -> Iterable[Path]:
    return path.parent.glob(path.name) if "*" in path.name else [path]


def _absolute(path: str, places: Places) -> Path:
    if path == "~" or path.startswith("~/"):
        return Path(places.home + path[1:])
    return Path(places.roots[0], path.replace("//", "/", 1))


def _sorted(paths: set[str]) -> tuple[str, ...]:
    return tuple(sorted(paths))
