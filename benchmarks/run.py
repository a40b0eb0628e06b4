"""Measures every contestant in turn, again and again, and prints medians side by side.

    python -m benchmarks.run [--runs N] [--only NAME] [--agents FILE]

The machine may be noisy: alternating runs share its moods, and medians forget the worst of them.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio

from benchmarks.contestants import Contestant, ShellTool, read_contestants
from benchmarks.decisions import decision_times
from benchmarks.fleet import fleet_figures
from benchmarks.measuring import Run, duration, interrupted, model_server, run
from benchmarks.protocol import protocol_figures
from benchmarks.sandboxed import command_times

PROMPT = "Run `true` as often as you are told."
DELTAS = 20_000
LONG = 500
WINDOWS = 200
Figures = dict[str, dict[str, list[float]]]


def main() -> None:
    """Run the benchmarks that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="runs of each short scenario")
    parser.add_argument("--only", choices=list(_SCENARIOS), help="one scenario")
    parser.add_argument("--agents", type=Path, default=Path(__file__).parent / "agents.toml")
    given = parser.parse_args()
    contestants = read_contestants(given.agents)
    figures: Figures = defaultdict(lambda: defaultdict(list))
    for name, scenario in _SCENARIOS.items():
        if given.only in (None, name):
            scenario(contestants, given.runs, figures)
    if not figures:
        raise SystemExit("Nothing was measured: none of the programs is installed. `make bench` puts ours on the PATH.")
    print(table(figures, list(contestants)))


def measure_version(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Time `--version`."""
    for _ in range(runs * 2):
        for name, one in contestants.items():
            if one.version is not None:
                figures["--version, ms"][name].append(duration(one.filled(one.version, "")) * 1e3)


def measure_start(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Time from start to the first request."""
    for _ in range(runs):
        for name, one in contestants.items():
            figures["start to first request, ms"][name].append(_play(one, [_last()]).first_request * 1e3)


def measure_turns(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Fifty turns of one trivial shell command each."""
    for _ in range(max(runs // 2, 1)):
        for name, one, shell in _with_tools(contestants):
            played = _play(one, [_turn(shell, 50), _last()])
            figures["turn with a shell command, ms"][name].append(statistics.median(played.turns) * 1e3)
            figures["CPU of 50 such turns, s"][name].append(played.cpu)
            figures["peak memory, MB"][name].append(played.peak_mb)
            figures["first request, kB"][name].append(played.request_bytes / 1e3)


def measure_interrupt(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Ctrl-C while a command runs: how long until the program has ended."""
    for _ in range(runs):
        for name, one, shell in _with_tools(contestants):
            call = {"tool": shell.tool, "input": {shell.argument: "touch begun; sleep 30"}}
            with model_server({"replies": [{"calls": [call]}]}) as (base_url, _log):
                taken = interrupted(one.filled(one.command, base_url, PROMPT), one.environment(base_url), "begun")
            figures["interrupt to the end, ms"][name].append(taken * 1e3)


def measure_deltas(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Processor time of one streamed delta: a long answer less a short one."""
    for _ in range(max(runs // 2, 1)):
        for name, one, _shell in _with_tools(contestants):
            short, long = _play(one, [_last()]), _play(one, [_last("word " * DELTAS, chunk=5)])
            figures["CPU of a streamed delta, µs"][name].append((long.cpu - short.cpu) / DELTAS * 1e6)


def measure_long(contestants: dict[str, Contestant], _runs: int, figures: Figures) -> None:
    """Five hundred turns: does it get slower or larger?"""
    for name, one, shell in _with_tools(contestants):
        played = _play(one, [_turn(shell, LONG), _last()])
        first, last = statistics.median(played.turns[:10]), statistics.median(played.turns[-10:])
        figures[f"turns 1-10 of {LONG}, ms"][name].append(first * 1e3)
        figures[f"turns {LONG - 9}-{LONG}, ms"][name].append(last * 1e3)
        early = played.memory_mb[len(played.memory_mb) // 10]
        figures[f"memory growth over {LONG} turns, MB"][name].append(max(played.memory_mb) - early)


def measure_protocol(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Driven by lines: how soon it answers, and what a delta, a pause and five hundred turns cost."""
    for _ in range(max(runs // 2, 1)):
        for name, one in contestants.items():
            if one.stream is not None:
                for figure, value in protocol_figures(one, one.stream):
                    figures[figure][name].append(value)


def measure_permissions(contestants: dict[str, Contestant], _runs: int, figures: Figures) -> None:
    """Decide whether calls may run: of our judge alone, inside this process."""
    if "tianting" in contestants:
        for name, taken in decision_times():
            figures[f"decision: {name}, µs"]["tianting"].append(taken * 1e6)


def measure_sandbox(contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Run a command that does nothing: bare, behind bubblewrap alone, and as our commands run."""
    if "tianting" in contestants:
        for name, taken in command_times(runs * 10):
            figures[f"`true` {name}, ms"]["tianting"].append(taken * 1e3)


def measure_fleet(_contestants: dict[str, Contestant], runs: int, figures: Figures) -> None:
    """Windows, from their wish to their end: of our fleet alone, each figure with its goal."""

    async def measure() -> None:
        async for figure in fleet_figures(WINDOWS, runs):
            figures[f"{figure.name} (goal {figure.goal:g})"]["tianting"].extend(figure.values)

    anyio.run(measure)


_SCENARIOS: dict[str, Callable[[dict[str, Contestant], int, Figures], None]] = {
    "version": measure_version,
    "start": measure_start,
    "turns": measure_turns,
    "interrupt": measure_interrupt,
    "deltas": measure_deltas,
    "long": measure_long,
    "protocol": measure_protocol,
    "permissions": measure_permissions,
    "sandbox": measure_sandbox,
    "fleet": measure_fleet,
}


def _play(one: Contestant, replies: list[dict[str, Any]]) -> Run:
    with model_server({"replies": replies}) as (base_url, log):
        return run(one.filled(one.command, base_url, PROMPT), one.environment(base_url), log)


def _with_tools(contestants: dict[str, Contestant]) -> Iterable[tuple[str, Contestant, ShellTool]]:
    return [(name, one, one.shell) for name, one in contestants.items() if one.shell is not None]


def _turn(shell: ShellTool, times: int) -> dict[str, Any]:
    # The output differs each time, so that no agent takes it for a loop.
    return {"times": times, "calls": [{"tool": shell.tool, "input": {shell.argument: "echo $RANDOM$RANDOM"}}]}


def _last(text: str = "Done.", chunk: int = 20) -> dict[str, Any]:
    return {"text": text, "chunk": chunk}


def table(figures: Figures, names: list[str]) -> str:
    """Medians, one row a figure, one column a contestant; the spread is the middle half of the runs."""
    width = max(map(len, figures))
    lines = [" " * width + "".join(f"{name:>24}" for name in names)]
    for figure, by_name in figures.items():
        cells = "".join(f"{_cell(by_name.get(name)):>24}" for name in names)
        lines.append(f"{figure:<{width}}{cells}")
    return "\n".join(lines)


def _cell(values: list[float] | None) -> str:
    if not values:
        return "-"
    median = statistics.median(values)
    if len(values) < 4:
        return f"{median:.1f}"
    low, _, high = statistics.quantiles(values, n=4)
    return f"{median:.1f} ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    main()
