"""What a fleet costs, and how soon it helps: windows from their wish to their end, their deaths, and its own appetite.

    python -m benchmarks.fleet [--windows N] [--rounds N]

Real Claude Code and Codex take part where `$TIANTING_REAL_AGENTS` names the directory that npm installed them into.
"""

import argparse
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct

from benchmarks.fleet_place import fleet_in
from benchmarks.fleet_service import service_figures
from benchmarks.measuring import model_server
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.store.records import WindowMoved
from tianting.fleet.templates import Care, Template
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.fleet.windows import WindowManager

LIMIT = 60.0
"""Seconds of every wait."""
STALL = 1.0
"""Seconds of patience in the scenario of stalls."""
SPARES = 4
_ANSWER = {"replies": [{"text": "Done."}], "repeat_last": True}
_HANGS = {
    "replies": [{"text": "Done."}, {"text": "Half of it.", "fault": {"kind": "hang_mid_stream"}}, {"text": "Done."}],
    "repeat_last": True,
}


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    goal: float
    """At most."""
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Half are no more."""
        return statistics.median(self.values)


def main() -> None:
    """Measure all, and print each figure beside its goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=200, help="alive at the same time")
    parser.add_argument("--rounds", type=int, default=10, help="of what is short")
    told = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    print(f"{'':<52}{'median':>9}{'most':>9}{'goal':>9}")
    anyio.run(_print_all, told.windows, told.rounds)


async def _print_all(windows: int, rounds: int) -> None:
    async for figure in fleet_figures(windows, rounds):
        met = "" if figure.median <= figure.goal else "  missed"
        print(f"{figure.name:<52}{figure.median:>9.1f}{max(figure.values):>9.1f}{figure.goal:>9.1f}{met}", flush=True)


async def fleet_figures(windows: int, rounds: int) -> AsyncIterator[Figure]:
    """All scenarios, one after the other."""
    for figure in await _in_place(_ANSWER, partial(_native, rounds)):
        yield figure
    for figure in await _in_place(_HANGS, _stall):
        yield figure
    for kind, program in _real_agents(os.environ).items():
        yield (await _in_place(_ANSWER, partial(_real, kind, program)))[0]
    for name, goal, values in await service_figures(windows):
        yield Figure(name=name, goal=goal, values=values)


async def _in_place(
    script: dict[str, object], scenario: Callable[[str, Path], Awaitable[list[Figure]]]
) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="fleet-") as name, model_server(script) as (base_url, _log):
        (Path(name) / "work").mkdir()
        return await scenario(base_url, Path(name))


async def _native(rounds: int, base_url: str, place: Path) -> list[Figure]:
    warm = PoolPolicy(spares=SPARES, min=SPARES, max=4 * SPARES)
    templates = (_template("cold", base_url, place), _template("warm", base_url, place, pool=warm))
    async with fleet_in(place, *templates) as fleet:
        cold, names = await _started(fleet, "cold", rounds)
        noticed, answered = await _killed(fleet, names)
        destroyed = [await _timed(partial(fleet.destroy_window, name)) for name in names]
        started, _ = await _started(fleet, "warm", rounds, before=lambda: _spare_is_ready(fleet))
    return [
        _figure("native window, request to ready, cold, ms", 50, cold),
        _figure("native window, request to ready, warm pool, ms", 15, started),
        _figure("exit noticed, ms", 20, noticed),
        _figure("kill -9 to an answered next turn, native, ms", 300, answered),
        _figure("destroy, ms", 100, destroyed),
    ]


async def _stall(base_url: str, place: Path) -> list[Figure]:
    """How much later than its patience allows a window goes on."""
    care = Care(patience=Patience(streaming=STALL, shortest=STALL / 2))
    over: list[float] = []
    async with fleet_in(place, _template("cold", base_url, place, care=care)) as fleet:
        for _ in range(3):
            window = (await fleet.create_window("cold")).window_id
            await _ask(fleet, window)
            over.append(await _timed(partial(_ask, fleet, window)) - STALL * 1e3)
    return [_figure("stall noticed and continued, beyond the patience, ms", 1000, over)]


async def _real(kind: str, program: str, base_url: str, place: Path) -> list[Figure]:
    """One kill for each window: the second restart waits on purpose."""
    async with fleet_in(place, _real_template(kind, program, base_url, place)) as fleet:
        names = []
        for _ in range(3):
            names.append((await fleet.create_window(kind)).window_id)
            await _ask(fleet, names[-1])
        _, answered = await _killed(fleet, names)
    goal = {"claude": 1200, "codex": 500}[kind]
    return [_figure(f"kill -9 to an answered next turn, {kind}, ms", goal, answered)]


async def _started(
    fleet: WindowManager, template: str, rounds: int, *, before: Callable[[], Awaitable[None]] | None = None
) -> tuple[list[float], list[str]]:
    times, names = [], []
    for _ in range(rounds):
        if before is not None:
            await before()
        began = time.perf_counter()
        names.append((await fleet.create_window(template)).window_id)
        await fleet.ready(names[-1])
        times.append((time.perf_counter() - began) * 1e3)
        await _ask(fleet, names[-1])
    return times, names


async def _killed(fleet: WindowManager, names: list[str]) -> tuple[list[float], list[float]]:
    noticed, answered = [], []
    for name in names:
        window = fleet.get_window_status(name).window
        assert window.process_id is not None
        killed_at = time.time()
        os.kill(window.process_id, signal.SIGKILL)
        answered.append(await _timed(partial(_ask, fleet, name)))
        noticed.append((await _recovering_at(fleet, name) - killed_at) * 1e3)
    return noticed, answered


async def _recovering_at(fleet: WindowManager, name: str) -> float:
    async for stored in fleet.events(name):
        if isinstance(stored.event, WindowMoved) and stored.event.status == "recovering":
            return stored.at
    raise SystemExit("a kill was not noticed")


async def _spare_is_ready(fleet: WindowManager) -> None:
    with anyio.fail_after(LIMIT):
        while not any(one.window.is_spare and one.window.status == "ready" for one in fleet.list_windows()):
            await anyio.sleep(0.01)


async def _ask(fleet: WindowManager, name: str) -> None:
    with anyio.fail_after(LIMIT):
        # A failure in the script comes once for each conversation, known by how it opens.
        done = await fleet.wait_answer(name, await fleet.send(name, f"Go, {name}."))
    if done.fault is not None or "Done" not in done.text:
        raise SystemExit(f"a turn failed: {done}")


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1e3


def _template(
    name: str, base_url: str, place: Path, *, pool: PoolPolicy | None = None, care: Care | None = None
) -> Template:
    variables = {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": "a-key"}
    return Template(
        name=name,
        kind="tianting",
        cwd=str(place / "work"),
        surroundings=Wanted(variables=variables),
        pool=pool,
        care=care or Care(),
    )


def _real_template(kind: str, program: str, base_url: str, place: Path) -> Template:
    variables = {
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "a-key",
        "OPENAI_BASE_URL": f"{base_url}/v1",
        "OPENAI_API_KEY": "a-key",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # it talks to its model alone
        "NO_PROXY": "127.0.0.1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    told = {"name": kind, "kind": kind, "program": program, "cwd": str(place / "work")}
    return msgspec.convert({**told, "surroundings": {"variables": variables}}, Template)


def _real_agents(environment: Mapping[str, str]) -> dict[str, str]:
    place = environment.get("TIANTING_REAL_AGENTS")
    if not place:
        return {}
    found = {kind: Path(place, "node_modules", ".bin", kind) for kind in ("claude", "codex")}
    return {kind: str(path) for kind, path in found.items() if path.exists()}


def _figure(name: str, goal: float, values: list[float]) -> Figure:
    return Figure(name=name, goal=goal, values=tuple(values))


if __name__ == "__main__":
    main()
