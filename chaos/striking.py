"""Carries the plan out: each fault meets a real process or a real stream, and is entered into the ledger as it does."""

import os
import signal
import time
from collections.abc import Sequence

import anyio

from chaos.answering import Answering
from chaos.ledger import Ledger
from chaos.leftovers import keeper_of
from chaos.plan import STORM, Strike
from chaos.site import Site
from tianting.fleet.door.words import Accepted, Send
from tianting.models.scripted_faults import FaultKind
from tianting.protocol.errors import FleetError

LEAK = 10
"""Megabytes a second."""
_FOUND = 5.0
"""Seconds in which a window's process is found to be struck; it may just be without one."""


class Striker:
    """Of one run."""

    def __init__(self, site: Site, model: Answering, ledger: Ledger, windows: Sequence[str]) -> None:
        self.keepers: set[int] = set()
        """Marks of the keepers that there were."""
        self.missed: list[str] = []
        self._site = site
        self._model = model
        self._ledger = ledger
        self._windows = windows

    async def run(self, strikes: Sequence[Strike]) -> None:
        """Each at its time. Returns when the last was carried out."""
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for strike in strikes:
                await anyio.sleep(max(0.0, began + strike.at - time.monotonic()))
                tasks.start_soon(self._strike, strike)

    async def _strike(self, strike: Strike) -> None:
        match strike.fault:
            case "kill agent":
                await self._signal(strike, signal.SIGKILL)
            case "stop agent":
                await self._signal(strike, signal.SIGSTOP)
            case "hang stream":
                self._arm(strike, "hang_mid_stream")
            case "break stream":
                self._arm(strike, "disconnect")
            case "leak":
                await self._leak(strike)
            case "429 storm":
                await self._storm(strike, 429)
            case "529 storm":
                await self._storm(strike, 529)
            case "kill fleet":
                self._met(strike)
                self._site.kill_fleet()
                self._site.start()
            case "kill keeper":
                self._met(strike)
                self._site.kill_keeper()

    async def _signal(self, strike: Strike, number: signal.Signals) -> None:
        with anyio.move_on_after(_FOUND):
            while True:
                pid = await self._process(strike.window)
                if pid is not None and self._strike_process(strike, pid, number):
                    return
                await anyio.sleep(0.1)
        self.missed.append(f"{strike.fault} {strike.window}")

    def _strike_process(self, strike: Strike, pid: int, number: signal.Signals) -> bool:
        keeper = keeper_of(pid)
        met_at = time.monotonic()
        if not self._site.signal(pid, number):
            return False
        if keeper is not None:
            self.keepers.add(keeper)
        self._ledger.struck(strike.fault, (strike.window,), met_at)
        return True

    async def _process(self, window: str) -> int | None:
        try:
            return (await self._site.row(window)).window.process_id
        except FleetError:
            return None

    def _arm(self, strike: Strike, kind: FaultKind) -> None:
        def struck(window: str) -> None:
            self._ledger.struck(strike.fault, (window,), time.monotonic())

        self._model.arm(strike.window, kind, struck)

    async def _leak(self, strike: Strike) -> None:
        try:
            await self._site.ask(Send(window=strike.window, text=f"!leak {LEAK}"), Accepted)
        except FleetError as error:
            self.missed.append(f"{strike.fault} {strike.window}: {error}")
            return
        self._ledger.struck(strike.fault, (strike.window,), time.monotonic())

    async def _storm(self, strike: Strike, status: int) -> None:
        """Recovery is counted from its end."""
        self._model.storm(status, time.monotonic() + STORM)
        await anyio.sleep(STORM)
        self._met(strike)

    def _met(self, strike: Strike) -> None:
        self._ledger.struck(strike.fault, self._windows, time.monotonic())


def load() -> str:
    """How busy the machine was, for whoever reads the figures."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
