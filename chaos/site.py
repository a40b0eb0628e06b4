"""A fleet of its own as a real program: home, settings, work trees, and the process that serves, to be killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec

from chaos.leftovers import has_in_environment
from tianting.fleet.door.client import FleetClient, NoFleet, knock
from tianting.fleet.door.place import run_directory
from tianting.fleet.door.words import Ask, Row, Show, Shown
from tianting.protocol.errors import FleetError

_T = TypeVar("_T")

LISTENING = 60.0
"""Seconds in which a fleet that was started answers."""
_BETWEEN = 0.05
_KEPT = ("PATH", "LANG", "PYTHONPATH")


class Site:
    """One home with one fleet."""

    def __init__(self, root: Path, settings: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        """`variables` are added to the environment of the fleet: keys, for example."""
        self.root = root
        self.home = root / "home" / ".tianting"
        self.trees = root / "trees"
        runtime = root / "run"
        for directory in (self.home, self.trees, runtime):
            directory.mkdir(parents=True, mode=0o700)
        (self.home / "settings.json").write_bytes(msgspec.json.encode(settings))
        self._environment = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "HOME": str(root / "home"),
            "TIANTING_HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(runtime),
            **variables,
        }
        self._run = run_directory(self.home, self._environment)
        self._fleet: subprocess.Popen[bytes] | None = None

    @property
    def door(self) -> Path:
        """Where the fleet listens."""
        return self._run / "door"

    @property
    def fleet_pid(self) -> int:
        """The process that serves."""
        assert self._fleet is not None
        return self._fleet.pid

    @property
    def keeper_pid(self) -> int:
        """The process that has the windows. Raises `OSError`, `ValueError` where there is none."""
        return int((self._run / "keeper" / "socket.lock").read_text())

    def tree(self, name: str) -> Path:
        """A work tree of this name: an empty git repository, made if it is missing."""
        tree = self.trees / name
        if not tree.exists():
            subprocess.run(["git", "init", "-q", str(tree)], check=True, env=self._environment)
        return tree

    def start(self) -> None:
        """Start the fleet; the windows of the one before are taken up."""
        command = [sys.executable, "-P", "-m", "tianting", "windows", "serve", "--foreground"]
        with (self.root / "fleet.err").open("ab") as errors:
            self._fleet = subprocess.Popen(
                command,
                cwd="/",
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def kill_fleet(self) -> None:
        """Without a word; nothing of it is left when this returns."""
        if self._fleet is not None:
            self._fleet.kill()
            self._fleet.wait()

    def kill_keeper(self) -> None:
        """Likewise, and with it all windows."""
        with contextlib.suppress(OSError, ValueError):
            self.signal(self.keeper_pid, signal.SIGKILL)

    def signal(self, pid: int, number: signal.Signals) -> bool:
        """Send a signal to a process of this site, and to no other that may have its number by now."""
        with contextlib.suppress(ProcessLookupError):
            held = os.pidfd_open(pid)
            try:
                if has_in_environment(pid, self.root):
                    signal.pidfd_send_signal(held, number)
                    return True
            finally:
                os.close(held)
        return False

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncGenerator[FleetClient, None]:
        """A connection, waited for. Raises `FleetError` when the fleet does not listen in time."""
        deadline = time.monotonic() + LISTENING
        while True:
            try:
                async with knock(self.door) as client:
                    yield client
                    return
            except NoFleet:
                if time.monotonic() > deadline:
                    raise
            await anyio.sleep(_BETWEEN)

    async def ask(self, ask: Ask, wanted: type[_T]) -> _T:
        """One answer over a connection of its own. Raises `FleetError`."""
        async with self.client() as client:
            try:
                return await client.ask(ask, wanted)
            except FleetError as error:  # not through the connection's task group, which would wrap it
                refused = error
        raise refused

    async def row(self, window: str) -> Row:
        """How a window is. Raises `FleetError`."""
        return (await self.ask(Show(window=window), Shown)).row

    async def ended(self, patience: float) -> None:
        """Wait for the end of the fleet and its keeper; what does not end is left to be counted."""
        with anyio.move_on_after(patience):
            while self._fleet is not None and self._fleet.poll() is None:
                await anyio.sleep(_BETWEEN)
            while self._has_keeper():
                await anyio.sleep(_BETWEEN)

    def _has_keeper(self) -> bool:
        try:
            return has_in_environment(self.keeper_pid, self.root)
        except (OSError, ValueError):
            return False

    def put_away(self) -> None:
        """End by force what is left."""
        self.kill_fleet()
        self.kill_keeper()


@contextlib.contextmanager
def short_directory(*, keep: bool) -> Iterator[Path]:
    """Short, since the path of a Unix socket may have a hundred bytes; removed at the end unless it is to be kept."""
    made = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield made
    finally:
        if not keep:
            shutil.rmtree(made, ignore_errors=True)
