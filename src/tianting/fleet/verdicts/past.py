"""What is held against a window, read back from the store: without it each new fleet would begin to count anew, and
restart for ever what an older one was about to give up.

    the log → since when it counts, rests in vain, starts that did not get ready ┐
    the ends of its processes → the crashes among them                           ┴→ recovery.History

Pure. What went wrong within a process that lived on is not counted here.
"""

from collections.abc import Iterable
from functools import reduce

from msgspec import Struct, structs

from tianting.fleet.store.records import Generation, PromptDone, StoredEvent, WindowMoved
from tianting.fleet.verdicts.failures import MEANINGS, Failure
from tianting.fleet.verdicts.recovery import History, RestartPolicy, Resume, noted
from tianting.fleet.window import RUNNING, Status


class Past(Struct, frozen=True, kw_only=True):
    """A window's log, as far as it was read."""

    status: Status = "requested"
    forgiven_at: float = 0.0
    """Unix time at which somebody let it begin again."""
    waits: int = 0
    """As in `History`."""
    unready: int = 0


def read_on(past: Past, events: Iterable[StoredEvent]) -> Past:
    """`past`, and then `events`."""
    return reduce(_after, events, past)


def history(past: Past, processes: Iterable[Generation], policy: RestartPolicy, *, now: float, wall: float) -> History:
    """What counts. `now` in monotonic seconds is the same moment as `wall` in Unix time."""
    known = History(waits=past.waits, unready=past.unready)
    for one in processes:
        if one.ended_at is None or one.ended_at < past.forgiven_at:
            continue
        for kind, meaning in MEANINGS.items():
            if kind == one.failure and meaning.crash:
                at = now - max(0.0, wall - one.ended_at)
                known = noted(known, Failure(kind=kind), Resume(), policy, at)
    return known


def _after(past: Past, stored: StoredEvent) -> Past:
    match stored.event:
        case WindowMoved(status="requested"):
            return Past(forgiven_at=stored.at)
        case WindowMoved(status=status):
            return structs.replace(_moved(past, status), status=status)
        case PromptDone(fault=None, interrupted=False):
            return structs.replace(past, waits=0)
        case _:
            return past


def _moved(past: Past, status: Status) -> Past:
    if status == "parked":
        return structs.replace(past, waits=past.waits + 1)
    if status in RUNNING:
        return structs.replace(past, unready=0)
    was_starting = past.status == "starting" and status == "recovering"
    return structs.replace(past, unready=past.unready + was_starting)
