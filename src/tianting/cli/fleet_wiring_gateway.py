"""Where a fleet's gateway listens: at the same port as the one before, since windows outlive their fleet."""

import contextlib
from pathlib import Path

import anyio.abc

from tianting.fleet.ground.isolation import Isolation
from tianting.gateway.gateway import Gateway
from tianting.plumbing.atomic_file import write_atomically
from tianting.protocol.errors import ConfigError


async def begin_gateway(tasks: anyio.abc.TaskGroup, gateway: Gateway, *, socket: Path, note: Path) -> int:
    """Serve, and give back the port: the one that the file `note` names, or a free one. Raises `ConfigError`."""

    async def serve(port: int, *, task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED) -> None:
        await gateway.serve(port=port, unix_socket=socket, task_status=task_status)

    if (before := _noted(note)) is not None:
        with contextlib.suppress(OSError):  # somebody else has it by now
            return int(await tasks.start(serve, before))
    try:
        port = int(await tasks.start(serve, 0))
        write_atomically(note, f"{port}\n".encode(), mode=0o600)
    except OSError as error:
        raise ConfigError(f"The gateway cannot listen: {error.strerror or error}.") from error
    return port


def has_own_loopback(isolation: Isolation) -> bool:
    """Whether windows behind these walls reach the gateway by a relay alone."""
    return isolation.choice != "none" and isolation.network == "gateway"


def _noted(note: Path) -> int | None:
    try:
        return int(note.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
