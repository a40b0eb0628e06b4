"""A window's states, and which may follow which: without it every part of the fleet would have its own idea of alive.

    requested → starting → ready ⇄ busy ⇄ waiting
                            ↑ ↓ parked   recovering → starting
    anything → stopping → stopped        recovering → failed

Pure. An impossible move is a bug here, never a fact about the world, so it raises.
"""

from typing import Literal

from msgspec import Struct, structs

Status = Literal[
    "requested", "starting", "ready", "busy", "waiting", "parked", "recovering", "stopping", "stopped", "failed"
]

_MOVES: dict[Status, frozenset[Status]] = {
    "requested": frozenset({"starting", "stopping", "failed"}),
    "starting": frozenset({"ready", "busy", "waiting", "recovering", "stopping", "failed"}),
    "ready": frozenset({"busy", "parked", "recovering", "stopping"}),
    "busy": frozenset({"ready", "waiting", "parked", "recovering", "stopping"}),
    "waiting": frozenset({"busy", "ready", "parked", "recovering", "stopping"}),
    "parked": frozenset({"ready", "busy", "recovering", "stopping"}),
    "recovering": frozenset({"starting", "parked", "stopping", "failed"}),
    "stopping": frozenset({"stopped", "failed"}),
    "stopped": frozenset({"requested"}),
    "failed": frozenset({"requested", "stopping"}),
}

RUNNING: frozenset[Status] = frozenset({"ready", "busy", "waiting", "parked"})
"""A process is there and has shaken hands."""
OVER: frozenset[Status] = frozenset({"stopped", "failed"})


class ImpossibleMove(Exception):
    """A transition that no fact can justify."""


class Window(Struct, frozen=True, kw_only=True):
    """One live agent with its conversation, as the fleet knows it. What happens makes a new one."""

    window_id: str
    kind: str
    """Which driver: `tianting`, `claude`, `codex`, `acp`, `tmux`, `echo`."""
    template: str = ""
    """Name of what it was made after; a fleet that comes back starts it by this again."""
    owner: str = ""
    """Who it belongs to, for quotas and fairness; empty is the machine's user."""
    is_spare: bool = False
    """Started before anybody asked for it; nobody's yet."""
    generation: int = 1
    """Counts processes. What an older one says or is told is dropped, so that it never meets its successor."""
    status: Status = "requested"
    reason: str = ""
    """Why it is in this status, in one line for a person."""
    since: float = 0.0
    """Unix time of the last move."""
    conversation_id: str = ""
    cwd: str = ""
    process_id: int | None = None
    process_started: float | None = None
    """Start time of the process in seconds since boot: with the pid it names a process for good."""
    standby_id: int | None = None
    """Process of its standby, if it has one."""
    standby_started: float | None = None
    parked_until: float | None = None
    """Unix time at which a limit is over."""
    created_at: float = 0.0
    last_heartbeat: float = 0.0
    """Unix time of the last proof that the agent answers."""
    question: str | None = None
    """What a person is being asked, while `waiting`."""


def moved(window: Window, status: Status, at: float, reason: str = "") -> Window:
    """`window` in its new status. Raises `ImpossibleMove`."""
    if status not in _MOVES[window.status]:
        raise ImpossibleMove(f"{window.window_id}: {window.status} → {status} ({reason or 'no reason given'})")
    until = window.parked_until if status == "parked" else None
    question = window.question if status == "waiting" else None
    return structs.replace(window, status=status, since=at, reason=reason, parked_until=until, question=question)


def may_move(window: Window, status: Status) -> bool:
    """Whether `moved` would not raise."""
    return status in _MOVES[window.status]


def reborn(window: Window, at: float, reason: str = "", *, generation: int | None = None) -> Window:
    """The next generation, about to start: nothing that its predecessor says counts any more.

    `generation` is that of a process which has been kept ready.
    """
    return structs.replace(
        moved(window, "starting", at, reason),
        generation=window.generation + 1 if generation is None else generation,
        process_id=None,
        process_started=None,
    )
