"""The sandbox of one session: joins settings, machine and proxy, so that Bash has one thing to ask.

async with open_sandbox(settings, places, environment) as sandbox:
    wrapped = sandbox.wrap(argv, cwd=..., seconds=...)     for each command; `confinement` tells how to go on
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import structs

from tianting.protocol.errors import ConfigError
from tianting.sandbox.confinement import Confinement, Wrapped, choose
from tianting.sandbox.places import Forbidden, Places, policy_for, with_forbidden
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy
from tianting.sandbox.proxy import Proxy
from tianting.sandbox.settings import SandboxSettings

Forbid = Callable[[], Forbidden]


class CommandSandbox:
    """Confines the commands of one session."""

    def __init__(
        self,
        settings: SandboxSettings,
        confinement: Confinement,
        policy: SandboxPolicy,
        proxy: Proxy | None = None,
        forbidden: Forbid = Forbidden,
    ) -> None:
        self.settings = settings
        self.confinement = confinement
        self.policy = policy
        self._proxy = proxy
        self._forbidden = forbidden

    @property
    def confines(self) -> bool:
        """Whether commands are kept from anything but taking too much."""
        return self.confinement.confines

    @property
    def shortcoming(self) -> str:
        """Why it is no better, in a sentence for a person; empty where nothing is wanting."""
        return self.confinement.abilities.reason

    @property
    def description(self) -> str:
        """What the model must know: what it is not told it tries, and tries again."""
        return _told(self.policy) if self.confines else ""

    def wrap(self, argv: Sequence[str], *, cwd: Path, seconds: float) -> Wrapped:
        """`argv` inside: a command, a hook, a server, whatever a session starts. `wrapped.spawn` starts it.

        Its processor time grows by `seconds`, what it may take: waiting long is no abuse.
        """
        limits = self.policy.limits
        if limits.cpu_time:
            limits = structs.replace(limits, cpu_time=limits.cpu_time + ceil(seconds))
        policy = structs.replace(with_forbidden(self.policy, self._forbidden()), limits=limits)
        return self.confinement.wrap(argv, policy, cwd=cwd, proxy=self._proxy)


@asynccontextmanager
async def open_sandbox(
    settings: SandboxSettings, places: Places, environment: Mapping[str, str], forbidden: Forbid = Forbidden
) -> AsyncGenerator[CommandSandbox, None]:
    """The sandbox that `settings` ask for, with a /tmp of its own that ends with it.

    `forbidden` is asked for each command.

    Raises `ConfigError` where nothing can confine and the settings insist on it.
    """
    confinement = choose(environment, settings.bwrap_path)
    if settings.fail_if_unavailable and not confinement.confines:
        raise ConfigError(
            f"The sandbox is enabled and cannot be built: {confinement.abilities.reason} "
            "Install bubblewrap, or set sandbox.failIfUnavailable to false."
        )
    async with AsyncExitStack() as opened:
        opened.callback(confinement.close)
        scratch = opened.enter_context(TemporaryDirectory(prefix="tianting-", ignore_cleanup_errors=True))
        policy = policy_for(settings, structs.replace(places, private_tmp=scratch))
        proxy = await opened.enter_async_context(Proxy()) if policy.network.reach == "hosts" else None
        yield CommandSandbox(settings, confinement, policy, proxy, forbidden)


def _told(policy: SandboxPolicy) -> str:
    parts = ["Commands run in a sandbox."]
    if policy.files_confined:
        parts.append(
            f"They can write in {', '.join(policy.writable)} and in /tmp, which is their own: "
            "other tools do not see what is in it."
        )
    parts.append(_network(policy.network))
    parts.append("What a command leaves running ends with it: use run_in_background.")
    return " ".join(parts)


def _network(network: NetworkPolicy) -> str:
    match network.reach:
        case "none":
            return "They have no network."
        case "hosts":
            return f"Of the network they reach {', '.join(network.allowed)}, by the proxy that HTTPS_PROXY names."
        case "all":
            return "They share the machine's network."
