"""The policy as arguments of bwrap(1), the program that builds the sandbox on Linux.

Pure: `look` says what stands at a path, and nothing else is asked. Mounts follow each other from short paths to long
ones, so that the longest path that fits decides.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from tianting.sandbox.policy import SandboxPolicy

Kind = Literal["scratch", "writable", "read_only", "hidden"]
Standing = Literal["directory", "file", "link", "missing"]
Look = Callable[[str], Standing]

_RUNTIME = ("/run", "/var/run")
"""Full of sockets of services that run as root: never shown."""
_RESOLVERS = (
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/resolv.conf",
    "/run/resolvconf/resolv.conf",
)
_NEEDED = ("/run/current-system", "/run/opengl-driver")
_SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108 - these names are the subject


class Mount(Struct, frozen=True, kw_only=True):
    """How one path appears inside."""

    path: str
    kind: Kind
    source: str = ""
    """What stands there instead; empty: itself, or nothing for `hidden` and `scratch`."""


def bubblewrap_options(policy: SandboxPolicy, look: Look) -> list[str]:
    """What bwrap is told whatever the command is.

    There is no --new-session: a command that is asked to end must stay reachable by its session. The caller starts
    it in a session without a terminal, and the filter forbids typing into one.
    """
    options = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--die-with-parent", "--cap-drop", "ALL"]
    if policy.network.reach != "all":
        options.append("--unshare-net")
    if not policy.nested_namespaces:
        options.append("--disable-userns")
    for name in policy.unset:
        options += ["--unsetenv", name]
    return [*options, *_file_system(policy, look)]


def options_of_command(*, cwd: str, filter_descriptor: int | None = None) -> list[str]:
    """What it is told of one. `filter_descriptor` holds a seccomp filter."""
    filtered = [] if filter_descriptor is None else ["--seccomp", str(filter_descriptor)]
    return [*filtered, "--chdir", cwd]


def plan(policy: SandboxPolicy, look: Look) -> tuple[Mount, ...]:
    """Every mount over the read-only machine, in order."""
    mounts = {mount.path: mount for mount in _always(policy, look)}
    for path in policy.writable:
        if look(path) in ("directory", "file"):
            mounts[path] = Mount(path=path, kind="writable")
    for path in (*policy.read_only, *policy.unix_sockets):
        if look(path) in ("directory", "file"):
            mounts[path] = Mount(path=path, kind="read_only")
    for path in policy.hidden:
        if look(path) in ("directory", "file"):
            mounts[path] = Mount(path=path, kind="hidden")
    for mount in tuple(mounts.values()):
        # Moved away, a hidden file would lie open for the next command.
        if mount.kind in ("read_only", "hidden"):
            for path in _between(mount.path, mounts):
                mounts.setdefault(path, Mount(path=path, kind="writable"))
    return tuple(sorted(mounts.values(), key=lambda mount: (mount.path.count("/"), mount.path)))


def unprotected(policy: SandboxPolicy, look: Look) -> tuple[str, ...]:
    """Read-only paths that no mount can hold, because nothing (or a link) stands there: watch them instead.

    Where their directory is missing too they are new territory: `git init` must be able to write `.git/config`.
    """
    writable = {path: Mount(path=path, kind="writable") for path in policy.writable}
    return tuple(
        path
        for path in policy.read_only
        if look(path) in ("missing", "link")
        and look(_parent(path)) == "directory"
        and _lies_in(path, writable) is not None
        and policy.files_confined
    )


def _file_system(policy: SandboxPolicy, look: Look) -> list[str]:
    if not policy.files_confined:
        return ["--dev-bind", "/", "/", "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    mounts = plan(policy, look)
    argv = ["--bind" if "/" in policy.writable else "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    # Root's own files there are the kernel's switches, and root inside is still their owner.
    argv += ["--ro-bind", "/proc/sys", "/proc/sys"]
    sealed: list[str] = []
    for mount in mounts:
        if mount.path == "/":
            continue
        argv += _options(mount, look, mounts)
        if mount.kind == "hidden" and look(mount.path) == "directory":
            sealed += ["--remount-ro", mount.path]
    return argv + sealed


def _options(mount: Mount, look: Look, mounts: tuple[Mount, ...]) -> list[str]:
    match mount.kind:
        case "scratch" if mount.source:
            return ["--bind", mount.source, mount.path]
        case "scratch":
            return ["--perms", "1777", "--tmpfs", mount.path]
        case "writable":
            return ["--bind", mount.source or mount.path, mount.path]
        case "read_only":
            return ["--ro-bind", mount.source or mount.path, mount.path]
        case "hidden" if look(mount.path) == "directory":
            # Whoever may see something inside must be able to walk through.
            entered = any(other.path.startswith(f"{mount.path}/") for other in mounts)
            return ["--perms", "0111" if entered else "0000", "--tmpfs", mount.path]
        case "hidden":
            # A device on a mount without devices: opening it is refused, which says more than an empty file.
            return ["--ro-bind", "/dev/null", mount.path]


def _always(policy: SandboxPolicy, look: Look) -> Iterable[Mount]:
    for path in _RUNTIME:
        if look(path) == "directory":
            yield Mount(path=path, kind="hidden")
    kept = (*_NEEDED, *_RESOLVERS) if policy.network.reach == "all" else _NEEDED
    for path in kept:
        if look(path) in ("directory", "file"):
            yield Mount(path=path, kind="read_only")
    for path in _SCRATCH:
        if look(path) == "directory":
            yield Mount(path=path, kind="scratch", source=policy.private_tmp if path == _SCRATCH[0] else "")


def _between(path: str, mounts: dict[str, Mount]) -> Iterable[str]:
    """The directories from a writable mount down to `path`.

    They become mounts too: a plain directory could be renamed, and another one with other content put in its place.
    """
    top = _lies_in(path, mounts)
    if top is None or mounts[top].kind != "writable":
        return
    parent = _parent(path)
    while parent != top:
        yield parent
        parent = _parent(parent)


def _lies_in(path: str, mounts: dict[str, Mount]) -> str | None:
    while path != "/":
        path = _parent(path)
        if path in mounts:
            return path
    return None


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
