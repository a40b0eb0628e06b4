"""A daemon's process: in the foreground, or in the background behind a guard that starts it again."""

import os
import sys
import traceback
from collections.abc import Callable

import anyio
from msgspec import structs

from tianting.cli.daemon_places import DaemonPlaces, DaemonWish
from tianting.cli.daemon_wiring import DaemonWiring
from tianting.daemon.detach import READY, Say, detached
from tianting.daemon.guard import BUG, stand_guard
from tianting.protocol.errors import TiantingError


def serve_here(places: DaemonPlaces, wish: DaemonWish, ready: Callable[[], None]) -> None:
    """Until a signal ends it. Raises what it ends of."""
    anyio.run(DaemonWiring(places, dict(os.environ), wish).serve, ready)


def serve_behind(places: DaemonPlaces, wish: DaemonWish) -> str | None:
    """In the background, behind a guard. None once clients can connect, else why they cannot."""

    def work(say: Say) -> int:
        return stand_guard(lambda: _serve(places, wish, say))

    return detached(work)


def _serve(places: DaemonPlaces, wish: DaemonWish, say: Say) -> int:
    try:
        wish = structs.replace(wish, guard=os.getppid())
        serve_here(places, wish, lambda: say(READY))
    except Exception as error:  # the last boundary of this process: its guard decides by the code
        cause = _first_cause(error)
        if not isinstance(cause, TiantingError | OSError):
            _note_bug(places)
            say(f"{type(cause).__name__}: {cause}\n".encode())
            return BUG
        say(f"{cause}\n".encode())
        return 1
    return 0


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _note_bug(places: DaemonPlaces) -> None:
    try:
        with places.log.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    except OSError:
        traceback.print_exc(file=sys.stderr)
