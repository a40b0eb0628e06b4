"""Who belongs to whom when a fleet comes back."""

import pytest
from msgspec import structs

from tianting.fleet.taking_over import Inventory, highest, inventory
from tianting.fleet.window import Window
from tianting.keeper.words import Gone, Held

WINDOW = Window(window_id="w", kind="echo", generation=2, status="ready", process_id=7)
HELD = Held(window="w", generation=2, pid=7, started=1, native=False)
GONE = Gone(
    window="w",
    generation=2,
    pid=7,
    exit_code=0,
    signal=None,
    user_seconds=0.0,
    system_seconds=0.0,
    peak_rss=0,
    oom=False,
    at=0.0,
)
STRAY = Inventory(known={}, strays=(HELD,), forgotten=())
NONE = Inventory(known={}, strays=(), forgotten=())


@pytest.mark.parametrize(
    ("windows", "running", "ended", "expected"),
    [
        pytest.param([WINDOW], [HELD], [], Inventory(known={"w": HELD}, strays=(), forgotten=()), id="it runs"),
        pytest.param([WINDOW], [], [GONE], Inventory(known={"w": GONE}, strays=(), forgotten=()), id="it has ended"),
        pytest.param([WINDOW], [], [], NONE, id="it is gone without a trace"),
        pytest.param([], [HELD], [], STRAY, id="nobody's"),
        pytest.param([], [], [GONE], Inventory(known={}, strays=(), forgotten=(GONE,)), id="the end of nobody's"),
        pytest.param([structs.replace(WINDOW, generation=3)], [HELD], [], STRAY, id="of an older generation"),
        pytest.param([structs.replace(WINDOW, process_id=8)], [HELD], [], STRAY, id="another pid"),
        pytest.param([structs.replace(WINDOW, status="stopped")], [HELD], [], STRAY, id="of a window that is over"),
        pytest.param(
            [structs.replace(WINDOW, status="starting", process_id=None)],
            [HELD],
            [],
            Inventory(known={"w": HELD}, strays=(), forgotten=()),
            id="started, and nobody noted the pid",
        ),
    ],
)
def test_inventory(windows: list[Window], running: list[Held], ended: list[Gone], expected: Inventory) -> None:
    assert inventory(windows, running, ended) == expected


def test_numbers_of_strays_are_not_given_again() -> None:
    standby = HELD._replace(generation=HELD.generation + 3)

    assert highest([standby, GONE, HELD]) == {"w": standby.generation}
