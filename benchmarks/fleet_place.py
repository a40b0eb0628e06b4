"""A whole fleet inside a measuring program: real store, real keeper, and as little between us and it as can be."""

import os
import random
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tianting import __version__
from tianting.fleet.drivers.codex import CodexDriver
from tianting.fleet.drivers.driver import Driver
from tianting.fleet.drivers.stream_json import CLAUDE, TIANTING, StreamJsonDriver
from tianting.fleet.grounds import Grounds
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.fleet.store.store import open_store
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.windows import WindowManager
from tianting.fleet.world import World
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import FleetError
from tianting.protocol.ids import random_uuid

IMAGE = "tianting.cli.warm:run"
_DRIVERS: Mapping[str, Driver] = {
    driver.kind: driver for driver in (StreamJsonDriver(TIANTING), StreamJsonDriver(CLAUDE), CodexDriver(__version__))
}


@asynccontextmanager
async def fleet_in(directory: Path, *templates: Template) -> AsyncGenerator[WindowManager, None]:
    """A fleet that lives in `directory`, and ends with its windows."""
    (directory / "logs").mkdir()
    async with open_store(directory / "fleet.db", SystemClock()) as store:
        world = World(
            store=store,
            clock=SystemClock(),
            random=random.random,
            new_id=random_uuid,
            logs=directory / "logs",
            grounds=Grounds(directory / "windows", {"PATH": os.environ["PATH"]}),
            busy_tree=lambda _: False,
        )
        policy = FleetPolicy(templates=templates, most_windows=256)
        keeper: list[int] = []

        async def open_keeper() -> KeeperLink:
            link = await _connect(directory / "keeper" / "socket")
            keeper.append(link.keeper_pid)
            return link

        try:
            async with WindowManager(world, open_keeper=open_keeper, drivers=_DRIVERS, policy=policy) as fleet:
                yield fleet
        finally:
            os.kill(keeper[-1], signal.SIGTERM)


async def _connect(place: Path) -> KeeperLink:
    try:
        return await KeeperLink.open(place)
    except FleetError:
        await launch_keeper(place, image=IMAGE, environment=dict(os.environ))
        return await KeeperLink.open(place)
