"""Which window takes a task."""

from collections import Counter
from random import Random

import pytest
from msgspec import structs

from tianting.fleet.verdicts.scheduler import (
    Admit,
    Candidate,
    Create,
    Place,
    Placement,
    Room,
    Shed,
    Task,
    Wait,
    admission,
    place,
)

TASK = Task(task_id="t1", owner="ann", template="py")
FULL = Room(may_create=False)
NO_ROOM = "every window is busy, and there is no room for another"


def task(**more: str) -> Task:
    return structs.replace(TASK, **more)


def window(name: str, **more: object) -> Candidate:
    return structs.replace(Candidate(window_id=name, template="py"), **more)


def lowest() -> float:
    return 0.0


@pytest.mark.parametrize(
    ("wanted", "windows", "room", "expected"),
    [
        pytest.param(TASK, [], Room(), Create(), id="the first"),
        pytest.param(TASK, [], FULL, Wait(reason=NO_ROOM), id="no room for a first"),
        pytest.param(TASK, [window("a")], Room(), Place(window_id="a"), id="a spare"),
        pytest.param(TASK, [window("a", free=False)], Room(), Create(), id="busy"),
        pytest.param(TASK, [window("a", template="js")], Room(), Create(), id="another template"),
        pytest.param(TASK, [window("a", owner="bob")], FULL, Wait(reason=NO_ROOM), id="another owner's"),
        pytest.param(
            TASK, [window("a", conversation_id="c1")], Room(), Create(), id="one that talks of something else"
        ),
        pytest.param(TASK, [window("a", worktree="/w")], Room(), Create(), id="one in somebody's work tree"),
        pytest.param(
            TASK,
            [window("a", load=0.9), window("b", load=0.2)],
            Room(),
            Place(window_id="b"),
            id="the better of two",
        ),
        pytest.param(
            task(conversation_id="c1"),
            [window("a"), window("b", owner="ann", conversation_id="c1", template="js", load=9)],
            Room(),
            Place(window_id="b"),
            id="its conversation, whatever else",
        ),
        pytest.param(
            task(conversation_id="c1"),
            [window("a"), window("b", conversation_id="c1", free=False)],
            Room(),
            Wait(reason="its conversation is busy"),
            id="no second writer for a conversation",
        ),
        pytest.param(
            task(conversation_id="c1"), [window("a")], Room(), Place(window_id="a"), id="its conversation is asleep"
        ),
        pytest.param(
            task(worktree="/w"),
            [window("a"), window("b", worktree="/w", load=5), window("c", worktree="/w", load=4)],
            Room(),
            Place(window_id="c"),
            id="its work tree",
        ),
        pytest.param(
            task(worktree="/w"),
            [window("b", worktree="/w"), window("c", worktree="/w", template="js", free=False)],
            Room(),
            Wait(reason="somebody works in its work tree"),
            id="no two at work in one tree",
        ),
        pytest.param(
            task(worktree="/w"),
            [window("a"), window("b", worktree="/w", conversation_id="c9")],
            Room(),
            Create(),
            id="nobody fits in its work tree, and a spare cannot move there",
        ),
        pytest.param(
            task(key="k"),
            [window("a")],
            Room(running_by_key={"k": 4}, most_by_key={"k": 4}),
            Wait(reason="4 turns of its key are running"),
            id="its key is busy",
        ),
        pytest.param(
            task(key="k"),
            [window("a")],
            Room(running_by_key={"k": 3, "l": 9}, most_by_key={"k": 4}),
            Place(window_id="a"),
            id="its key has room",
        ),
        pytest.param(
            task(key="k"), [window("a")], Room(most_by_key={"k": 1}), Place(window_id="a"), id="its key is unused"
        ),
        pytest.param(
            task(key="l"), [window("a")], Room(running_by_key={"l": 99}), Place(window_id="a"), id="a key without limit"
        ),
    ],
)
def test_place(wanted: Task, windows: list[Candidate], room: Room, expected: Placement) -> None:
    assert place(wanted, windows, room, lowest) == expected


def test_two_choices_are_even_and_the_same_for_the_same_chance() -> None:
    windows = [window(f"w{number}") for number in range(10)]

    def spread(seed: int) -> Counter[str]:
        random, load = Random(seed), Counter[str]()
        for _ in range(1_000):
            seen = [structs.replace(one, load=float(load[one.window_id])) for one in windows]
            chosen = place(TASK, seen, Room(), random.random)
            assert isinstance(chosen, Place)
            load[chosen.window_id] += 1
        return load

    assert spread(7) == spread(7)
    assert max(spread(7).values()) - min(spread(7).values()) <= 8


def test_chance_may_pick_any_two_and_never_one_twice() -> None:
    windows = [window("a", load=2), window("b", load=1), window("c", load=0)]
    almost_one = 1 - 1e-12

    picked = {
        place(TASK, windows, Room(), iter([first, second]).__next__)
        for first in (0.0, 0.5, almost_one)
        for second in (0.0, 0.6, almost_one)
    }

    assert picked == {Place(window_id="b"), Place(window_id="c")}, "the worst of three never wins against another"


@pytest.mark.parametrize(
    ("waiting", "rate", "expected"),
    [
        pytest.param(10**6, 0.0, Admit(), id="nothing is known yet"),
        pytest.param(20, 2.0, Admit(), id="just in time"),
        pytest.param(60, 2.0, Shed(retry_after=20.0), id="longer than anybody would wait"),
        pytest.param(21, 2.0, Shed(retry_after=1.0), id="not at once"),
    ],
)
def test_admission(waiting: int, rate: float, expected: Admit | Shed) -> None:
    assert admission(waiting, rate, 10.0, lowest) == expected


def test_who_is_refused_does_not_come_back_together() -> None:
    assert admission(60, 2.0, 10.0, lambda: 0.5) == Shed(retry_after=25.0)
