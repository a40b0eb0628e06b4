"""A network of its own for a real agent and its scripted model: nothing that either does can leave it."""

import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import anyio
import msgspec

from tests.fleet.drivers.pipes import ProcessPipe, running
from tianting.models.scripted import Reply, Script

PORT = 8080
"""In a network that nobody else is in, any will do."""


class Offline:
    """A scripted model that is listening, and the way into its network."""

    def __init__(self, server: ProcessPipe, log: Path, way_in: tuple[str, ...]) -> None:
        self.base_url = f"http://127.0.0.1:{PORT}"
        self._server = server
        self._log = log
        self._way_in = way_in

    def inside(self, argv: Sequence[str]) -> tuple[str, ...]:
        """`argv`, as it is to be started to be in this network."""
        return (*self._way_in, *argv)

    def requests(self) -> list[dict[str, Any]]:
        """The bodies of the requests so far."""
        return [msgspec.json.decode(line)["body"] for line in self._log.read_bytes().splitlines()]


@contextlib.asynccontextmanager
async def offline(folder: Path, *replies: Reply, repeat_last: bool = True) -> AsyncIterator[Offline]:
    """Play `replies` in a network with nothing but itself."""
    script, log = folder / "script.yaml", folder / "requests.jsonl"
    script.write_bytes(msgspec.json.encode(Script(replies=replies, repeat_last=repeat_last)))
    serve = [sys.executable, "-m", "tianting.testing.model_server", str(script), f"--port={PORT}", f"--log={log}"]
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    alone = ["unshare", *user, "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    async with running([*alone, *serve], environment, folder) as server:
        with anyio.fail_after(10):
            while b"\n" not in await server.receive():
                pass
        user_in = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        enter = (shutil.which("nsenter") or "nsenter", f"--target={server.process.pid}", *user_in, "--net", "--")
        yield Offline(server, log, enter)
