"""Reaches the fleet from the command line, and starts it where none runs: nobody should have to know that there is one.

knock → nobody answers? → start one behind us → knock until it answers, or has ended and says why
"""

import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import anyio

from tianting.cli.places import home_directory
from tianting.cli.program import complain
from tianting.fleet.door.client import FleetClient, NoFleet, knock
from tianting.fleet.door.place import make_private, settle
from tianting.protocol.errors import FleetError

_T = TypeVar("_T")

STARTING = 60.0
"""Seconds in which a fleet listens; it takes half of one, and longer with many windows to take up."""
SILENT = 1.5
"""Seconds after which a person is told what is waited for."""
_BETWEEN = 0.03


def call(work: Callable[[FleetClient], Awaitable[_T]]) -> _T:
    """Do `work` with the fleet, which is started if it must be. Raises `FleetError`."""

    async def called() -> _T:
        async with fleet() as client:
            return await work(client)

    return anyio.run(called)


def fleet_home() -> Path:
    """The agent's own directory, whatever directory one looks from."""
    return home_directory(os.environ).absolute()


def door() -> Path:
    """Where the fleet of this person listens. Raises `FleetError`."""
    return settle(fleet_home(), os.environ) / "door"


@asynccontextmanager
async def fleet() -> AsyncGenerator[FleetClient, None]:
    """A connection to the fleet, which is started if none runs. Raises `FleetError`."""
    path = door()
    try:
        async with knock(path) as client:
            yield client
            return
    except NoFleet:
        pass
    await start_fleet()
    async with knock(door()) as client:
        yield client


async def is_serving() -> bool:
    """Whether a fleet answers."""
    try:
        async with knock(door()):
            return True
    except NoFleet:
        return False


async def start_fleet() -> None:
    """Start one in the background, and return when it answers. Raises `FleetError` with its reason otherwise."""
    home = fleet_home()
    make_private(home / "fleet")
    said = home / "fleet" / "start.log"
    started, is_told = time.monotonic(), False
    process = _launch(home, said)
    while time.monotonic() - started < STARTING:
        if await is_serving():
            process.returncode = 0  # it runs on, and that is no oversight
            return
        # One that finds another fleet there ends well, and that other one answers soon.
        if process.poll():
            raise FleetError(f"The fleet did not start: {_last_line(said)}")
        if not is_told and time.monotonic() - started > SILENT:
            is_told = True
            complain("the fleet is starting; its windows are taken up first.")
        await anyio.sleep(_BETWEEN)
    raise FleetError(f"The fleet did not answer within {STARTING:g} s: see {home / 'fleet' / 'fleet.log'}.")


def _launch(home: Path, said: Path) -> "subprocess.Popen[bytes]":
    """A fleet in a session of its own, which outlives us."""
    errors = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tianting", "windows", "serve", "--foreground"],
            cwd="/",
            env={**os.environ, "TIANTING_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    finally:
        os.close(errors)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("tianting: ") if lines else f"it said nothing; see {path.with_name('fleet.log')}."
