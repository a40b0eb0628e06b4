"""Keeps many windows at work while everything fails, and says what was lost: nothing, if the fleet keeps its word.

    python -m chaos.run [--seed N] [--duration SECONDS] [--windows N]

plan → fleet, model and windows → talkers and striker side by side → calm → count → exit code 1 for a broken promise

Real Claude Code and Codex take part where `$TIANTING_REAL_AGENTS` names the directory that npm installed them into.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct

from benchmarks.forecast import quality
from benchmarks.memory_series import series
from chaos.answering import Answering
from chaos.ledger import Ledger
from chaos.leftovers import DRAFT, doubled_notes, draft, lost_drafts, lost_notes, orphans
from chaos.plan import Strike, plan
from chaos.report import Found, promises, report
from chaos.site import Site, short_directory
from chaos.striking import Striker, load
from chaos.talking import Talker
from tianting.fleet.door.words import Create, Done, EndFleet, Listing, ListWindows, Shown
from tianting.models.scripted import Script
from tianting.protocol.errors import FleetError
from tianting.testing.model_server import ServerOptions, serve

SETTLING = 90.0
"""Seconds in which what was promised may still be kept when the faults are over."""
ENDING = 60.0
"""Seconds in which a fleet ends with its windows."""
REAL = 2
"""Windows of each real agent."""
FORECASTS = 400
"""Generated processes, half of them leaking, for the figures of the forecast."""
_PATIENCE = {"askingModel": 45, "streaming": 8, "probe": 5, "starting": 60}
"""Seconds; short, so that a short run sees many stalls."""
_LEAKY_MEMORY = 400_000_000


class Cast(Struct, frozen=True, kw_only=True):
    """Who takes part, by the names of their templates."""

    native: tuple[str, ...]
    leaky: tuple[str, ...]
    real: tuple[tuple[str, str], ...]
    """Names and kinds."""

    @property
    def templates(self) -> dict[str, str]:
        """By window."""
        native = dict.fromkeys(self.native, "native")
        return {**native, **dict.fromkeys(self.leaky, "leaky"), **dict(self.real)}


def main() -> int:
    """Run once. 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds of faults; it takes a little longer")
    parser.add_argument("--windows", type=int, default=50, help="native ones")
    parser.add_argument("--keep", action="store_true", help="leave logs and store where they are")
    told = parser.parse_args()
    programs = _real_agents(os.environ)
    cast = Cast(
        native=tuple(f"n{number:02}" for number in range(told.windows)),
        leaky=tuple(f"e{number:02}" for number in range(max(1, told.windows // 10))),
        real=tuple((f"{kind[:2]}{number}", kind) for kind in programs for number in range(REAL)),
    )
    print(f"seed {told.seed}, {told.duration:g} s, {len(cast.templates)} windows; {load()}", flush=True)
    with short_directory(keep=told.keep) as root:
        if told.keep:
            print(f"in {root}", flush=True)
        broken = anyio.run(_run, root, cast, programs, told.seed, told.duration)
    print(_forecast(told.seed))
    return int(broken)


async def _run(root: Path, cast: Cast, programs: Mapping[str, str], seed: int, duration: float) -> bool:
    """Whether a promise was broken."""
    model, ledger = Answering(time.monotonic), Ledger()
    async with serve(Script(replies=()), options=ServerOptions(order=model)) as server:
        site = Site(root, _settings(server.base_url, programs), {"CHAOS_KEY": "a-key", "CHAOS_KEY_2": "another-key"})
        try:
            site.start()
            trees = await _windows(site, cast)
            talkers = _talkers(site, cast, ledger, seed)
            striker = Striker(site, model, ledger, tuple(cast.templates))
            strikes = plan(seed, duration, (*cast.native, *(name for name, _ in cast.real)), cast.leaky)
            await _play(talkers, striker, strikes, duration)
            found = await _found(site, trees, ledger, striker.keepers)
        finally:
            site.put_away()
    refused = [line for talker in talkers for line in talker.refused]
    print(report(ledger, found, sum(talker.unacknowledged for talker in talkers)))
    print(f"\n{len(striker.missed)} faults met nobody, {len(refused)} prompts were refused; {load()}")
    for line in [*striker.missed, *refused][:10]:
        print(f"  {line}")
    return not all(one.kept for one in promises(ledger, found))


async def _windows(site: Site, cast: Cast) -> dict[str, Path]:
    """Make all windows, each with a work tree that holds what nobody has committed."""
    trees: dict[str, Path] = {}
    for window, template in cast.templates.items():
        trees[window] = site.tree(window)
        (trees[window] / DRAFT).write_text(draft(window), encoding="utf-8")
        await site.ask(Create(template=template, label=window, cwd=str(trees[window])), Shown)
    return trees


def _talkers(site: Site, cast: Cast, ledger: Ledger, seed: int) -> list[Talker]:
    pause = len(cast.templates) / 6  # about a dozen prompts a second, however many windows there are
    return [
        Talker(site, window, ledger, writes=template == "native", pause=pause, seed=seed)
        for window, template in cast.templates.items()
    ]


async def _play(talkers: Sequence[Talker], striker: Striker, strikes: Sequence[Strike], duration: float) -> None:
    """Ask and strike for `duration`, then wait for what was promised."""
    async with anyio.create_task_group() as tasks:
        for talker in talkers:
            tasks.start_soon(talker.run)
        with anyio.move_on_after(duration):
            await striker.run(strikes)
            await anyio.sleep_forever()
        for talker in talkers:
            talker.leave()
        with anyio.move_on_after(SETTLING):
            for talker in talkers:
                await talker.has_left.wait()
        tasks.cancel_scope.cancel()


async def _found(site: Site, trees: Mapping[str, Path], ledger: Ledger, keepers: set[int]) -> Found:
    """End the fleet in order, and look what is left."""
    failed = await _failed(site)
    with anyio.move_on_after(ENDING):
        try:
            await site.ask(EndFleet(), Done)
        except FleetError as error:
            failed.append(f"the fleet did not end in order: {error}")
    await site.ended(ENDING)
    written: dict[str, list[str]] = {}
    for turn in ledger.turns.values():
        if turn.writes and turn.is_right:
            written.setdefault(turn.window, []).append(turn.number)
    return Found(
        orphans=orphans(site.root, keepers),
        lost_files=lost_drafts(trees),
        lost_notes=[number for window, numbers in written.items() for number in lost_notes(trees[window], numbers)],
        doubled_notes=[number for tree in trees.values() for number in doubled_notes(tree)],
        failed_windows=failed,
    )


async def _failed(site: Site) -> list[str]:
    try:
        rows = (await site.ask(ListWindows(), Listing)).rows
    except FleetError as error:
        return [f"the fleet does not answer at the end: {error}"]
    bad = [row for row in rows if row.window.status in ("failed", "parked")]
    return [f"{row.label} is {row.window.status}: {row.window.reason}" for row in bad]


def _settings(base_url: str, programs: Mapping[str, str]) -> dict[str, Any]:
    offline = {  # a real agent talks to its model alone
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    templates: dict[str, Any] = {
        "native": {"kind": "tianting", "permissionMode": "bypassPermissions", "patience": _PATIENCE},
        "leaky": {"kind": "echo", "patience": _PATIENCE, "limits": {"memory": _LEAKY_MEMORY}},
    }
    for kind, program in programs.items():
        templates[kind] = {"kind": kind, "program": program, "environment": offline, "patience": _PATIENCE}
    upstreams = {
        "anthropic": {"speech": "anthropic", "baseUrl": base_url},
        "openai": {"speech": "openai", "baseUrl": base_url},
    }
    keys = {
        "first": {"upstream": "anthropic", "variable": "CHAOS_KEY"},
        "second": {"upstream": "anthropic", "variable": "CHAOS_KEY_2"},
        "openai": {"upstream": "openai", "variable": "CHAOS_KEY"},
    }
    return {"fleet": {"maxWindows": 256, "templates": templates}, "gateway": {"keys": keys, "upstreams": upstreams}}


def _real_agents(environment: Mapping[str, str]) -> dict[str, str]:
    """Programs by kind; none where nobody says where they are."""
    place = environment.get("TIANTING_REAL_AGENTS")
    if not place:
        return {}
    found = {kind: Path(place, "node_modules", ".bin", kind) for kind in ("claude", "codex")}
    return {kind: str(path) for kind, path in found.items() if path.exists()}


def _forecast(seed: int) -> str:
    made = quality(series(seed, FORECASTS))
    found = f"precision {made.precision:.3f}, recall {made.recall:.3f}"
    return f"forecast of {FORECASTS} processes, half of them leaking: {found}"


if __name__ == "__main__":
    sys.exit(main())
