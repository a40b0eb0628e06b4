"""A whole fleet for a test: real store, real keeper, echo agents; and what tests ask of it, in few words."""

import os
import random
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from tianting.fleet.drivers.driver import Driver, PromptTaken
from tianting.fleet.drivers.echo import echo_driver
from tianting.fleet.grounds import Grounds
from tianting.fleet.keeper_link import KeeperLink, launch_keeper
from tianting.fleet.keeping import Open
from tianting.fleet.store.records import PromptDone
from tianting.fleet.store.store import open_store
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.window import Window
from tianting.fleet.windows import WindowManager
from tianting.fleet.world import World
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import FleetError
from tianting.protocol.ids import random_uuid

PATIENCE = 20
"""Seconds of every wait here."""
IMAGE = "image_for_tests:run"


def echo_template(directory: Path, **more: Any) -> Template:
    """Echo windows that work in `directory`."""
    work = directory / "work"
    work.mkdir(exist_ok=True)
    return Template(**{"name": "echo", "kind": "echo", "cwd": str(work), **more})


async def end_keeper(directory: Path) -> None:
    """End the keeper of this test, and with it all windows."""
    try:
        link = await KeeperLink.open(directory / "keeper" / "socket")
    except FleetError:
        return
    await link.close()
    with suppress(ProcessLookupError):
        os.kill(link.keeper_pid, signal.SIGTERM)
    await gone(link.keeper_pid)


async def gone(pid: int) -> None:
    """Wait until no process has this number."""
    with anyio.fail_after(PATIENCE):
        while is_alive(pid):
            await anyio.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Zombies are not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat[stat.rindex(")") + 2] not in "ZX"


async def connect(directory: Path, image: str = IMAGE) -> KeeperLink:
    """The keeper of this test, started if it is not there."""
    place = directory / "keeper" / "socket"
    try:
        return await KeeperLink.open(place)
    except FleetError:
        await launch_keeper(place, image=image, environment=keeper_environment())
        return await KeeperLink.open(place)


def keeper_environment() -> Mapping[str, str]:
    """Finds the image beside the keeper's own tests."""
    image = Path(__file__).parent.parent / "keeper"
    return {**os.environ, "PYTHONPATH": str(image)}


@asynccontextmanager
async def fleet_in(
    directory: Path,
    *templates: Template,
    drivers: Mapping[str, Driver] | None = None,
    most_windows: int = 64,
    open_keeper: Open | None = None,
) -> AsyncGenerator[WindowManager, None]:
    """A fleet that lives in `directory`; the next one there finds its windows."""
    logs = directory / "logs"
    logs.mkdir(exist_ok=True)
    async with open_store(directory / "fleet.db", SystemClock()) as store:
        world = World(
            store=store,
            clock=SystemClock(),
            random=random.Random(7).random,
            new_id=random_uuid,
            logs=logs,
            grounds=Grounds(directory / "windows", {"PATH": os.environ["PATH"]}),
            busy_tree=lambda _: False,
        )
        policy = FleetPolicy(templates=templates or (echo_template(directory),), most_windows=most_windows)
        async with WindowManager(
            world,
            open_keeper=open_keeper or (lambda: connect(directory)),
            drivers=drivers or {"echo": echo_driver()},
            policy=policy,
        ) as fleet:
            yield fleet


async def ask(fleet: WindowManager, window: Window | str, text: str) -> PromptDone:
    """Send and wait."""
    name = window if isinstance(window, str) else window.window_id
    with anyio.fail_after(PATIENCE):
        return await fleet.wait_answer(name, await fleet.send(name, text))


async def until_busy(fleet: WindowManager, window_id: str) -> Window:
    """Wait until the agent has taken its prompt."""
    with anyio.fail_after(PATIENCE):
        async for stored in fleet.events(window_id):
            if isinstance(stored.event, PromptTaken) and stored.generation == state(fleet, window_id).generation:
                break
    return state(fleet, window_id)


def state(fleet: WindowManager, window_id: str) -> Window:
    """The window as it is."""
    return fleet.get_window_status(window_id).window


def pid_of(fleet: WindowManager, window_id: str) -> int:
    """Of the window's process."""
    pid = state(fleet, window_id).process_id
    assert pid is not None
    return pid
