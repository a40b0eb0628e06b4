"""The fleet as people run it, a process of its own: what it and its windows weigh, and how it keeps up."""

import math
import os
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from benchmarks.measuring import model_server
from chaos.leftovers import processes_below
from chaos.site import Site, short_directory
from tianting.fleet.door.client import FleetClient
from tianting.fleet.door.words import (
    Accepted,
    AwaitReady,
    Create,
    Done,
    EndFleet,
    Figures,
    Follow,
    Happened,
    ReadMetrics,
    Send,
    Shown,
)
from tianting.fleet.store.records import PromptDone

AT_ONCE = 20
"""Prompts in flight when all windows take their turn; two processors carry no more."""
STREAMING = 50
IDLE = 20.0
"""Seconds over which processor time is measured."""
LIMIT = 120.0
_BUCKET = re.compile(r'^tianting_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
_SCRIPT = {
    "replies": [{"text": "Done."}, {"text": "word " * 300, "chunk": 5, "pause": 0.03}],
    "repeat_last": True,
}
Told = tuple[str, float, tuple[float, ...]]
"""Name, goal, values."""


async def service_figures(windows: int) -> list[Told]:
    """With `windows` native windows alive."""
    with short_directory(keep=False) as root, model_server(_SCRIPT) as (base_url, _log):
        settings = {
            "fleet": {"maxWindows": windows + 8},
            "gateway": {
                "keys": {"main": {"upstream": "anthropic", "variable": "BENCH_KEY", "concurrency": 64}},
                "upstreams": {"anthropic": {"speech": "anthropic", "baseUrl": base_url}},
            },
        }
        site = Site(root, settings, {"BENCH_KEY": "a-key"})
        try:
            site.start()
            async with site.client() as client:
                return await _measured(site, client, windows)
        finally:
            site.put_away()


async def _measured(site: Site, client: FleetClient, windows: int) -> list[Told]:
    work = str(site.tree("work"))
    names = [
        (await client.ask(Create(template="tianting", cwd=work), Shown)).row.window.window_id for _ in range(windows)
    ]
    for name in names:
        with anyio.fail_after(LIMIT):
            await client.ask(AwaitReady(window=name), Shown)
    failed = await _turns(client, names, at_once=AT_ONCE)
    memory = {pid: _pss(pid) for pid in processes_below(site.root)}
    agents = [size for pid, size in memory.items() if pid not in (site.fleet_pid, site.keeper_pid)]
    busy = await _cpu(site.fleet_pid)
    lag = await _lag(client, names[:STREAMING])
    with anyio.move_on_after(LIMIT):
        await client.ask(EndFleet(), Done)
    return [
        (f"of {windows} windows, turns that failed", 0, (float(failed),)),
        (f"memory of {windows} windows and fleet, MB PSS", 2500, (sum(memory.values()),)),
        ("idle native window after a turn, MB PSS", 8, (statistics.median(agents),)),
        (f"fleet process with {windows} windows, MB PSS", 60, (memory[site.fleet_pid],)),
        (f"fleet process with {windows} idle windows, % of a core", 2, (busy,)),
        (f"event loop lag, p99 while {STREAMING} windows stream, ms", 20, (lag,)),
    ]


async def _turns(client: FleetClient, names: Sequence[str], *, at_once: int) -> int:
    """Let each take a turn, and say how many went wrong."""
    limiter, failed = anyio.CapacityLimiter(at_once), list[str]()

    async def turn(name: str) -> None:
        async with limiter:
            if not await _is_answered(client, name):
                failed.append(name)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(turn, name)
    return len(failed)


async def _is_answered(client: FleetClient, name: str) -> bool:
    accepted = await client.ask(Send(window=name, text="Go."), Accepted)
    after = accepted.after
    with anyio.move_on_after(LIMIT):
        while True:  # what has happened, again and again: a live stream could not be left without hanging up
            async for happened in client.stream(Follow(window=name, after=after, live=False), Happened):
                after, event = happened.stored.sequence, happened.stored.event
                if isinstance(event, PromptDone) and event.uuid == accepted.prompt:
                    return event.fault is None
            await anyio.sleep(0.2)
    return False


async def _cpu(pid: int) -> float:
    """Percent of a core over a while."""
    before, began = _seconds(pid), time.monotonic()
    await anyio.sleep(IDLE)
    return (_seconds(pid) - before) / (time.monotonic() - began) * 100


async def _lag(client: FleetClient, names: Sequence[str]) -> float:
    """Milliseconds: the 99th of 100 samples, as Prometheus estimates it from buckets."""
    before = await _buckets(client)
    await _turns(client, names, at_once=len(names))
    counts = {bound: count - before.get(bound, 0) for bound, count in (await _buckets(client)).items()}
    return _quantile(counts, 0.99) * 1e3


async def _buckets(client: FleetClient) -> dict[float, float]:
    text = (await client.ask(ReadMetrics(), Figures)).text
    return {float(bound): float(count) for bound, count in _BUCKET.findall(text)}


def _quantile(counts: Mapping[float, float], share: float) -> float:
    """Within its bucket the samples are taken for evenly spread."""
    wanted = share * max(counts.values())
    below, seen = 0.0, 0.0
    for bound, count in sorted(counts.items()):
        if count >= wanted:
            return below + (bound - below) * (wanted - seen) / (count - seen) if math.isfinite(bound) else below
        below, seen = bound, count
    return below


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> float:
    """Megabytes; 0 where the process has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
