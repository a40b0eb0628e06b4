"""How windows look in a terminal: rows and lines, made of what the fleet says and nothing else. Pure."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from tianting.fleet.door.words import Happened, Row
from tianting.fleet.drivers.driver import (
    ContextFilled,
    Garbled,
    Limited,
    PersonAsked,
    ToolBegan,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.store.records import Forewarned, PromptDone, WindowMoved
from tianting.plumbing.printable import printable

SHORT_ID = 8
"""Characters of an id that are shown; a beginning of it is enough for every command."""
COLOURS: Mapping[str, str] = {
    "ready": "green",
    "busy": "cyan",
    "waiting": "yellow",
    "parked": "magenta",
    "recovering": "yellow",
    "failed": "red",
}
_HEADS = ("ID", "NAME", "TEMPLATE", "STATUS", "FOR", "OWED", "MEMORY", "CPU", "DIRECTORY")
_WHY = 100
"""Characters of a reason in a table; `show` has all of it."""
_FIGURES = frozenset({"FOR", "OWED", "MEMORY", "CPU"})


def table(rows: Sequence[Row], now: float, *, home: str = "") -> list[list[str]]:
    """Cells, the heads first, each column as wide as it must be. `home` is shown as `~`."""
    cells = [list(_HEADS), *(_cells(row, now, home) for row in rows)]
    if not any(row.label for row in rows):
        cells = [[cell for head, cell in zip(_HEADS, line, strict=True) if head != "NAME"] for line in cells]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    heads = cells[0]
    return [
        [
            cell.rjust(width) if head in _FIGURES else cell.ljust(width)
            for cell, width, head in zip(line, widths, heads, strict=True)
        ]
        for line in cells
    ]


def why(row: Row) -> str:
    """What a person should know of a window that is not simply at work or at rest."""
    window = row.window
    if window.status == "waiting" and window.question:
        return printable(f"asks: {window.question}", _WHY)
    if window.status in ("parked", "recovering", "failed"):
        return printable(window.reason, _WHY)
    return ""


def facts(row: Row) -> dict[str, Any]:
    """A window for a program."""
    window = row.window
    use = {"memory": row.memory, "cpu": row.cpu, "processes": row.processes}
    return {
        "window_id": window.window_id,
        "name": row.label,
        "template": row.template,
        "warm": row.is_warm,
        "spare": window.is_spare,
        "kind": window.kind,
        "status": window.status,
        "reason": window.reason,
        "generation": window.generation,
        "process_id": window.process_id,
        "created_at": window.created_at,
        "since": window.since,
        "last_heartbeat": window.last_heartbeat,
        "parked_until": window.parked_until,
        "question": window.question,
        "open_prompts": row.open_prompts,
        "resource_usage": None if row.memory is None else use,
        "model": row.model,
        "cwd": window.cwd,
        "branch": row.branch,
        "owner": window.owner,
        "conversation_id": window.conversation_id,
        "log": row.log,
    }


def event_line(happened: Happened) -> str:
    """One event on one line; empty for those that only a machine wants to see."""
    told = _told(happened)
    if not told:
        return ""
    at = time.strftime("%H:%M:%S", time.localtime(happened.stored.at))
    name = happened.label or happened.window[:SHORT_ID]
    return printable(f"{at}  {name:<{SHORT_ID}}  {happened.stored.generation:>3}  {told}", 400)


def duration(seconds: float) -> str:
    """`7s`, `12m`, `3h`, `5d`."""
    seconds = max(0.0, seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def size(count: int | None) -> str:
    """`7.5M`."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "K", "M"):
        if amount < 1000:
            return f"{amount:.0f}{unit}" if amount >= 10 or unit == "B" else f"{amount:.1f}{unit}"
        amount /= 1024
    return f"{amount:.1f}G"


def _cells(row: Row, now: float, home: str) -> list[str]:
    window = row.window
    return [
        window.window_id[:SHORT_ID],
        printable(row.label, 20),
        printable(row.template, 16),
        window.status,
        duration(now - window.since),
        str(row.open_prompts or "-"),
        size(row.memory),
        "-" if row.cpu is None else f"{row.cpu:.0%}",
        printable(_short(window.cwd, home), 60),
    ]


def _short(path: str, home: str) -> str:
    return f"~{path[len(home) :]}" if home and (path == home or path.startswith(f"{home}/")) else path


def _told(happened: Happened) -> str:  # noqa: C901, PLR0911 - one for each kind of event
    match happened.stored.event:
        case WindowMoved(status=status, reason=reason, question=question):
            more = question or reason
            return f"{status}: {more}" if more else status
        case TurnBegan():
            return "begins a turn"
        case ToolBegan(name=name):
            return f"runs {name}"
        case PersonAsked(tool=tool, text=text):
            return f"asks: {tool or text}"
        case Limited(cause=cause):
            return f"is limited: {cause.replace('_', ' ')}"
        case ContextFilled(tokens=tokens, window=window):
            return f"context: {tokens:,}{f' of {window:,}' if window else ''} tokens"
        case Forewarned(reason=reason):
            return f"warns: {reason}"
        case Garbled(sample=sample):
            return f"is not understood: {sample}"
        case TurnDone(fault=fault, interrupted=interrupted):
            return f"turn failed: {fault.message}" if fault else "turn interrupted" if interrupted else "turn done"
        case PromptDone(fault=fault, text=text):
            return f"no answer: {fault.message}" if fault else f"answers: {text}"
        case _:
            return ""
