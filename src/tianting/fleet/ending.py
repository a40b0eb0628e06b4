"""Gathers what is known of the end of a process, for `failures.classify`: its exit, its last words, its directory."""

import os
from pathlib import Path

import anyio.to_thread

from tianting.fleet.course import Course
from tianting.fleet.drivers.driver import DriverError, Fault
from tianting.fleet.process import Process
from tianting.fleet.verdicts.failures import Ended, Failure, classify
from tianting.fleet.verdicts.health import Hang
from tianting.fleet.window import Window

_TAIL = 8_192
"""Bytes of standard error that are looked at."""
_LINES = 20


def log_path(logs: Path, window_id: str, generation: int) -> Path:
    """Where a process writes its standard error."""
    return logs / f"{window_id}.{generation}.log"


async def failure_of(process: Process, course: Course, window: Window, *, hang: Hang | None, logs: Path) -> Failure:
    """What the end of a process means. One that we cut off says nothing by the way it ended."""
    log = log_path(logs, window.window_id, process.generation)
    lines, cwd_exists = await anyio.to_thread.run_sync(_look, log, window.cwd)
    if process.error is not None and process.agent is None:
        lines = lines or (str(process.error),)  # what the agent said itself is nearer to the cause
    gone = None if process.is_cut else process.gone
    ended = Ended(
        exit_code=gone.exit_code if gone else None,
        signal=gone.signal if gone else None,
        oom=process.gone.oom if process.gone else False,
        was_ready=process.agent is not None,
        in_turn=course.in_turn,
        ended_by=hang or "itself",
        fault=_fault(process, course),
        stderr=lines,
        garbled=course.garbled,
        cwd_exists=cwd_exists,
    )
    return classify(ended)


def _fault(process: Process, course: Course) -> Fault | None:
    error = process.error
    return error.fault if isinstance(error, DriverError) and error.fault is not None else course.fault


def _look(log: Path, cwd: str) -> tuple[tuple[str, ...], bool]:
    return _last_lines(log), os.path.isdir(cwd)  # noqa: PTH112 - a string as the window has it


def _last_lines(log: Path) -> tuple[str, ...]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return tuple(file.read().decode(errors="replace").splitlines()[-_LINES:])
    except OSError:  # it never wrote any
        return ()
