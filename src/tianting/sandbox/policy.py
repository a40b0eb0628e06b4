"""What a command may touch, as one value: without it each mechanism would have an opinion of its own."""

from typing import Literal

from msgspec import Struct

Reach = Literal["none", "hosts", "all"]


class ResourceLimits(Struct, frozen=True, kw_only=True, rename="camel"):
    """How much a command may use. Zero means no limit."""

    memory: int = 512_000_000
    """Bytes, of the command and everything it started together where control groups work, else of each process."""
    cpu_time: int = 30
    """Seconds of processor time of each process. Waiting costs none."""
    processes: int = 100
    """Processes and threads at a time."""


class NetworkPolicy(Struct, frozen=True, kw_only=True):
    """Whom a command may reach."""

    reach: Reach = "none"
    """`hosts` goes through our proxy and nowhere else; `all` shares the machine's network, loopback included."""
    allowed: tuple[str, ...] = ()
    """With `hosts`: patterns as `domains.permits` reads them."""
    denied: tuple[str, ...] = ()
    """With `hosts`: win over `allowed`."""


class SandboxPolicy(Struct, frozen=True, kw_only=True):
    """The whole machine is readable but for `hidden`, and nothing is writable but `writable`.

    All paths are absolute with links resolved (`places.policy_for` sees to it). The longest path that fits decides;
    at the same path hidden wins over read-only, and read-only over writable.
    """

    writable: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    """Protected parts of writable directories, existing or not; and exceptions from hidden ones."""
    hidden: tuple[str, ...] = ()
    """Cannot be read: opening one says permission denied."""
    private_tmp: str = ""
    """The directory that stands at /tmp, so that files live on between commands; empty: a new one each time."""
    network: NetworkPolicy = NetworkPolicy()
    unix_sockets: tuple[str, ...] = ()
    """Paths of sockets that may be reached. With any, every socket that can be seen may be: the kernel cannot tell."""
    all_unix_sockets: bool = False
    files_confined: bool = True
    """False leaves the file system as it is."""
    nested_namespaces: bool = False
    """Whether commands may make user namespaces of their own."""
    unset: tuple[str, ...] = ()
    """Names of environment variables that commands do not get."""
    limits: ResourceLimits = ResourceLimits()
