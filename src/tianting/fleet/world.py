"""What the lives of all windows need of the world outside, in one value: they differ by nothing but their windows."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tianting.fleet.grounds import Grounds
from tianting.fleet.store.store import Store
from tianting.fleet.window import Window
from tianting.plumbing.clock import Clock
from tianting.protocol.ids import NewId


class World(Struct, frozen=True, kw_only=True):
    """Nothing here decides."""

    store: Store
    clock: Clock
    random: Callable[[], float]
    """A number in [0, 1)."""
    new_id: NewId
    logs: Path
    """Directory of what agents write to standard error."""
    grounds: Grounds
    busy_tree: Callable[[Window], bool]
    """Whether its tools have worked lately, as far as anybody has seen."""
