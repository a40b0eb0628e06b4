"""What the headless protocol costs: the figures of one program that is driven by lines."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.contestants import Contestant
from benchmarks.conversation import Conversation, conversation
from benchmarks.measuring import model_server

DELTAS = 20_000
TURNS = 500
_FEW = 50
PAUSE = 3.0
"""Seconds in which an idle program is watched."""
_INITIALIZE = {"subtype": "initialize", "hooks": None}
_ALIVE = {"subtype": "mcp_status"}

Figure = tuple[str, float]


def protocol_figures(one: Contestant, command: list[str]) -> Iterator[Figure]:
    """Each figure with its name."""
    yield from _small_steps(one, command)
    yield from _deltas(one, command)
    yield from _many_turns(one, command)


def _small_steps(one: Contestant, command: list[str]) -> Iterator[Figure]:
    stalled = {"text": "Hello.", "delay": 1.0}
    with model_server({"replies": [{"text": "Hello."}, stalled]}) as (base_url, _log):
        begun = time.perf_counter()
        with conversation(one.filled(command, base_url), one.environment(base_url)) as talk:
            talk.ask(_INITIALIZE)
            yield "start to the answer to initialize, ms", (time.perf_counter() - begun) * 1e3
            talk.turn("Hello?")
            yield "mcp_status, at rest, µs", statistics.median(talk.ask(_ALIVE) for _ in range(50)) * 1e6
            yield "wake-ups a second, at rest", _wake_ups(talk)
            talk.begin("Hello?")
            yield "mcp_status, model silent, µs", statistics.median(talk.ask(_ALIVE) for _ in range(50)) * 1e6


def _wake_ups(talk: Conversation) -> float:
    before = talk.wake_ups()
    time.sleep(PAUSE)
    return (talk.wake_ups() - before) / PAUSE


def _deltas(one: Contestant, command: list[str]) -> Iterator[Figure]:
    long = {"text": "word " * DELTAS, "chunk": 5}
    with (
        model_server({"replies": [{"text": "Hello."}, long]}) as (base_url, _log),
        conversation(one.filled(command, base_url), one.environment(base_url)) as talk,
    ):
        talk.turn("Hello?")
        before = talk.cpu()
        talk.turn("At length?")
        yield "CPU of a delta that is passed on, µs", (talk.cpu() - before) / DELTAS * 1e6


def _many_turns(one: Contestant, command: list[str]) -> Iterator[Figure]:
    with (
        model_server({"replies": [{"times": TURNS, "text": "Hello."}]}) as (base_url, log),
        conversation(one.filled(command, base_url), one.environment(base_url)) as talk,
    ):
        sent = [_sent(talk) for _ in range(_FEW)]
        grown_from = talk.memory_mb()
        sent += [_sent(talk) for _ in range(TURNS - _FEW)]
        taken = _line_to_request(sent, log)
        yield f"user line to request, 2-{_FEW} of {TURNS}, ms", statistics.median(taken[1:_FEW]) * 1e3
        yield f"user line to request, {TURNS - _FEW + 1}-{TURNS}, ms", statistics.median(taken[-_FEW:]) * 1e3
        yield f"memory growth over {TURNS} prompts, MB", talk.memory_mb() - grown_from


def _sent(talk: Conversation) -> int:
    moment = time.monotonic_ns()
    talk.turn("Hello?")
    return moment


def _line_to_request(sent: list[int], log: Path) -> list[float]:
    """Seconds for each prompt."""
    requests = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    arrived = [request["arrived_ns"] for request in requests if _is_for_an_answer(request)]
    return [(there - here) / 1e9 for here, there in zip(sent, arrived, strict=True)]


def _is_for_an_answer(request: dict[str, Any]) -> bool:
    return bool(request["method"] == "POST" and "count_tokens" not in request["path"])
