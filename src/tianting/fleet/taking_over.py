"""Compares what the store remembers with what the keeper holds: without it a fleet that comes back would start windows
twice, and leave processes alive that belong to nobody.

    both know it, by window, generation, pid and start time    taken over, or its end is read
    the store alone                                            it is gone; its conversation is resumed
    the keeper alone                                           ended

Pure.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from tianting.fleet.window import OVER, Window
from tianting.keeper.words import Gone, Held

Found = Held | Gone


class Inventory(Struct, frozen=True, kw_only=True):
    """What is there."""

    known: Mapping[str, Found]
    """By window; a window that is not here has no process."""
    strays: tuple[Held, ...]
    """Processes that no window owns."""
    forgotten: tuple[Gone, ...]
    """Ends that concern nobody any more."""


def inventory(windows: Iterable[Window], running: Sequence[Held], ended: Sequence[Gone]) -> Inventory:
    """What belongs to whom."""
    wanted = {window.window_id: window for window in windows}
    mine = [held for held in running if _is_of(held, wanted.get(held.window))]
    done = [gone for gone in ended if _is_of(gone, wanted.get(gone.window))]
    return Inventory(
        known={**{gone.window: gone for gone in done}, **{held.window: held for held in mine}},
        strays=tuple(held for held in running if held not in mine),
        forgotten=tuple(gone for gone in ended if gone not in done),
    )


def highest(found: Iterable[Found]) -> Mapping[str, int]:
    """The highest generation of each window, strays included: only above it numbers are free."""
    return {one.window: one.generation for one in sorted(found, key=lambda one: one.generation)}


def _is_of(found: Found, window: Window | None) -> bool:
    """A window that is over owns nothing; a pid that is not known yet is not compared."""
    if window is None or window.status in OVER or window.generation != found.generation:
        return False
    return window.process_id is None or window.process_id == found.pid
