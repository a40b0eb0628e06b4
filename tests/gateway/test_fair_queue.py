"""Owners take turns, whatever the number of their windows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.fair_queue import FairQueue


def serve(queue: FairQueue[str], count: int) -> list[str]:
    served = []
    for _ in range(count):
        item = queue.order()[0]
        queue.remove(item[0], item, served=True)
        served.append(item)
    return served


@pytest.mark.parametrize(
    ("pushed", "expected"),
    [
        pytest.param(["a1", "a2", "a3"], ["a1", "a2", "a3"], id="one owner: in order"),
        pytest.param(["a1", "a2", "a3", "b1"], ["a1", "b1", "a2", "a3"], id="who has one is not behind who has three"),
        pytest.param(["a1", "a2", "b1", "b2"], ["a1", "b1", "a2", "b2"], id="in turn"),
    ],
)
def test_turns(pushed: list[str], expected: list[str]) -> None:
    queue: FairQueue[str] = FairQueue()
    for item in pushed:
        queue.push(item[0], item)

    assert serve(queue, len(pushed)) == expected


def test_nobody_saves_up_turns_while_away() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(4):
        queue.push("a", f"a{number}")
    serve(queue, 2)
    for number in range(3):
        queue.push("b", f"b{number}")

    assert serve(queue, 4) == ["b0", "a2", "b1", "a3"]


def test_who_gave_up_is_not_served() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("a", "a1")
    queue.push("a", "a2")
    queue.remove("a", "a1", served=False)
    queue.remove("a", "a9", served=False)
    queue.remove("z", "z1", served=False)

    assert (queue.order(), len(queue), queue.length("a"), queue.length("z")) == (["a2"], 1, 1, 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_no_owner_is_ahead_by_more_than_one_while_others_wait(owners: list[str]) -> None:
    queue: FairQueue[str] = FairQueue()
    for number, owner in enumerate(owners):
        queue.push(owner, f"{owner}{number}")
    rounds = min(owners.count(owner) for owner in set(owners))

    served = [item[0] for item in serve(queue, rounds * len(set(owners)))]

    assert {served.count(owner) for owner in set(owners)} == {rounds}
