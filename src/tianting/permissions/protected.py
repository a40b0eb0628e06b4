"""The files whose change would hand over the machine: what runs by itself later, what steers the agent, the system.

Writing there is asked about even where edits are allowed. A rule lifts that only if it names the place.
"""

import re
from typing import Literal

from tianting.permissions.paths import is_within

_DIRECTORIES = frozenset(
    {
        ".git", ".vscode", ".idea", ".husky", ".cargo", ".devcontainer", ".yarn", ".mvn", ".claude", ".tianting",
        ".ssh", ".gnupg", ".githooks",
    }
)  # fmt: skip
_FILES = frozenset(
    {
        ".gitconfig", ".gitmodules", ".gitattributes", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout",
        ".bash_aliases", ".profile", ".zshrc", ".zprofile", ".zshenv", ".zlogin", ".zlogout", ".kshrc", ".cshrc",
        ".tcshrc", ".login", ".inputrc", ".envrc", ".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml", ".bunfig.toml",
        ".bazelrc", ".pre-commit-config.yaml", ".devcontainer.json", ".ripgreprc", "pyrightconfig.json", ".mcp.json",
        ".claude.json",
    }
)  # fmt: skip
_FILE_FORMS = re.compile(r"\.pnp\..+|\.?lefthook(-local)?\.(ya?ml|toml|json)|lefthook.*|.+-wrapper\.properties")
_PAIRS = ((".config", "git"), (".config", "fish"))
_SYSTEM = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/private/etc", "/proc", "/root",
    "/run", "/sbin", "/sys", "/usr", "/var", "/Library", "/System", "/Applications",
)  # fmt: skip
_FREE = ("/var/tmp", "/dev/shm", "/dev/pts", "/run/user", "/run/shm")  # noqa: S108
_HOMES = ("/home", "/Users")

Protection = Literal["protected", "system"]


def protection(path: str, *, home: str, directories: tuple[str, ...]) -> tuple[Protection, str] | None:
    """Why a change of `path` (normal, absolute) must be asked about, and the name that a rule must name to lift it."""
    inside = next((directory for directory in directories if is_within(path, directory)), None)
    if inside is None and (place := _system_place(path, home)):
        return "system", place
    # A project that itself lies below `.claude` must still be workable.
    own = inside.count("/") + 1 if inside is not None and inside != "/" else 1
    name = _protected_name([part.lower() for part in path.split("/")[own:]])
    return ("protected", name) if name else None


def _protected_name(parts: list[str]) -> str:
    for index, part in enumerate(parts):
        following = parts[index + 1] if index + 1 < len(parts) else ""
        if part in _DIRECTORIES and not (part == ".claude" and following == "worktrees"):
            return part
        if (part, following) in _PAIRS:
            return f"{part}/{following}"
    last = parts[-1] if parts else ""
    return last if last in _FILES or _FILE_FORMS.fullmatch(last) else ""


def _system_place(path: str, home: str) -> str:
    if path == "/":
        return "/"
    if is_within(path, home) or any(is_within(path, free) for free in _FREE):
        return ""
    for place in (*_SYSTEM, *_HOMES):
        if is_within(path, place):
            return place
    return ""
