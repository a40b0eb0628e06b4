"""Whatever is asked and whatever fails, in any order: no task lost, none done twice, no tree with two at work, and
nobody has less than his share.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet.desk import SHARED, Desk
from tianting.fleet.dispatching.dispatch import TaskState
from tianting.fleet.window import OVER

Deed = Callable[[Desk, int], Awaitable[None]]

OWNERS = ("ada", "bob")
TREES = (None, None, "/a", "/b")
TALKS = (None, None, "main", "side")
KEYS = ("", "k")


async def submits(desk: Desk, number: int) -> None:
    wish = {"work_tree": TREES[number % 4], "conversation": TALKS[number // 4 % 4], "key": KEYS[number // 16 % 2]}
    await desk.submit(f"task {len(desk.tickets)}", OWNERS[number // 32 % 2], **wish)


async def answers(desk: Desk, number: int) -> None:
    if busy := [name for name, room in desk.windows.rooms.items() if room.window.status == "busy"]:
        await desk.answer(busy[number % len(busy)])


async def fails(desk: Desk, number: int) -> None:
    if alive := _alive(desk):
        await desk.fails(alive[number % len(alive)])


async def dies(desk: Desk, number: int) -> None:
    """Its process; the next one goes on with the prompt."""
    if busy := [room for room in desk.windows.rooms.values() if room.window.status == "busy"]:
        room = busy[number % len(busy)]
        room.moves("recovering", desk.clock.now())
        await desk.settle()
        room.moves("ready", desk.clock.now())
        desk.windows.works_on(room)
        await desk.settle()


async def is_destroyed(desk: Desk, number: int) -> None:
    if names := list(desk.windows.rooms):
        await desk.windows.destroy_window(names[number % len(names)])
        await desk.settle()


async def cancels(desk: Desk, number: int) -> None:
    if desk.tickets:
        await desk.cancel(list(desk.tickets)[number % len(desk.tickets)])


async def rests(desk: Desk, number: int) -> None:
    await desk.passes(desk.policy.rest_after * (number % 2 + 1))


async def works_for_a_person(desk: Desk, number: int) -> None:
    if alive := _alive(desk):
        await desk.windows.send(alive[number % len(alive)], "a person's")
        await desk.settle()


DEEDS: Sequence[Deed] = (
    submits, submits, submits, submits, answers, answers, answers, fails, dies, is_destroyed, cancels, rests,
    works_for_a_person,
)  # fmt: skip


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 63)), max_size=25),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=80, deadline=None)
def test_every_task_ends_once_and_alone_in_its_tree(fleets: list[list[tuple[Deed, int]]]) -> None:
    async def play() -> None:
        desk = Desk(windows=2, most_by_key={"k": 1}, patience=1e9)
        for deeds in fleets:
            async with desk.open():
                for deed, number in deeds:
                    await deed(desk, number)
                    check(desk)
        async with desk.open():
            await finish(desk)

    anyio.run(play)


def check(desk: Desk) -> None:
    """What must hold at any time."""
    running = [one for one in desk.dispatcher.open_tasks() if one.window_id]
    windows = Counter(one.window_id for one in running)
    assert set(windows.values()) <= {1}, "two tasks in one window"
    places = Counter(_works_in(one, desk) for one in running if one.window_id in desk.windows.rooms)
    assert all(times == 1 for place, times in places.items() if place != SHARED), "two in one tree"
    assert sum(one.kept.task.key == "k" for one in running) <= 1
    given = Counter(text for text, _ in desk.windows.given if text != "a person's")
    troubled = {kept.task.text for kept in desk.store.kept.values() if kept.troubles}
    assert {text for text, times in given.items() if times > 1} <= troubled, "done twice"
    assert max(given.values(), default=0) <= 2
    ours = [one for one in desk.windows.rooms.values() if one.window.status not in OVER]
    assert len(ours) <= 2, "more windows than there may be"


async def finish(desk: Desk) -> None:
    """From now on everything works."""
    for _ in range(300):
        if not desk.dispatcher.open_tasks():
            break
        await answers(desk, 0)
        check(desk)
    assert desk.dispatcher.open_tasks() == ()
    assert all(kept.done is not None for kept in desk.store.kept.values())
    assert {kept.task.text for kept in desk.store.kept.values()} == set(desk.tickets)


@given(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([1.0, 2.0, 3.0]), min_size=2),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_who_always_has_something_to_do_gets_his_share(weights: dict[str, float], chance: Random) -> None:
    async def play() -> None:
        async with Desk(windows=1, weights=weights).open() as desk:
            wishes = [owner for owner in weights for _ in range(12)]
            chance.shuffle(wishes)
            for number, owner in enumerate(wishes):
                await desk.submit(f"{owner}{number}", owner)
            for _ in range(12):
                await desk.answer(next(iter(desk.running.values())))
            # The first began before there was anybody to share with.
            served = Counter(text[0] for text, _ in desk.windows.given[1:])
            had = {owner: served[owner] / weight for owner, weight in weights.items()}
            assert max(had.values()) - min(had.values()) <= 2.0

    anyio.run(play)


def _alive(desk: Desk) -> list[str]:
    return [name for name, room in desk.windows.rooms.items() if room.window.status not in OVER]


def _works_in(one: TaskState, desk: Desk) -> str:
    """A conversation goes on where its window is, whatever tree a later task of it names."""
    return desk.windows.rooms[one.window_id].window.cwd
