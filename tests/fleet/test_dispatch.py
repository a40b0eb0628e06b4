"""Tasks come to windows that suit them, wait where none does, and end exactly once, whatever becomes of a window."""

import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

import anyio
import pytest
from msgspec import structs

from tests.fleet.desk import SHARED, Desk
from tianting.fleet.dispatching import dispatch, errand
from tianting.fleet.dispatching.backlog import DispatchPolicy
from tianting.fleet.drivers.driver import Fault
from tianting.fleet.store.records import StoreError
from tianting.fleet.tasks import FleetBusy, NoSuchTask, TaskDone
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio

Mended = Callable[[Desk, str], None]
NO_ROOM = "every window is busy, and there is no room for another"
TREE = "somebody works in its work tree"


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    """Two windows at a time."""
    async with Desk(windows=2).open() as made:
        yield made


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> Mended:
    """Lets one method fail once; the pauses before the next try take no time."""
    monkeypatch.setattr(dispatch, "_BETWEEN_TRIES", 0.0)
    monkeypatch.setattr(errand, "_BETWEEN_TRIES", 0.0)

    def fail_once(desk: Desk, what: str) -> None:
        place: Any = desk.windows if hasattr(desk.windows, what) else desk.store
        works = getattr(place, what)

        async def fails(*values: Any, **named: Any) -> None:
            if what == "keep_task" and values[0].waits:  # a task that is not accepted is no promise
                await works(*values, **named)
                return
            monkeypatch.setattr(place, what, works)
            raise StoreError("The disk is full.")

        monkeypatch.setattr(place, what, fails)

    return fail_once


async def test_task_is_done_in_a_window_of_its_own(desk: Desk) -> None:
    await desk.submit("one")
    await desk.answer("w1")

    assert await desk.outcome("one") == TaskDone(window_id="w1", text="done: one")
    assert (desk.running, desk.waiting) == ({}, {})


async def test_who_comes_when_all_windows_work_waits_for_the_first_that_ends(desk: Desk) -> None:
    for text in ("one", "two", "three"):
        await desk.submit(text)
    assert desk.waiting == {"three": NO_ROOM}

    await desk.answer("w2")

    assert desk.running == {"one": "w1", "three": "w3"}
    assert desk.windows.rooms["w2"].window.status == "stopped"


async def test_conversation_goes_on_in_its_window(desk: Desk) -> None:
    await desk.submit("one", conversation="ticket 7")
    await desk.submit("two", conversation="ticket 7")
    assert desk.waiting == {"two": "its conversation is busy"}

    await desk.answer("w1")

    assert desk.running == {"two": "w1"}


async def test_agents_own_name_of_a_conversation_is_known(desk: Desk) -> None:
    await desk.submit("one")
    await desk.answer("w1")

    await desk.submit("two", conversation="talk of w1")

    assert desk.running == {"two": "w1"}


async def test_conversation_of_another_owner_is_another(desk: Desk) -> None:
    await desk.submit("one", conversation="main", owner="ada")
    await desk.answer("w1")

    await desk.submit("two", conversation="main", owner="bob")
    await desk.submit("three", conversation="main", owner="ada")

    assert desk.running == {"two": "w2", "three": "w1"}


async def test_window_that_rests_is_started_again_for_its_conversation(desk: Desk) -> None:
    await desk.submit("one", conversation="main")
    await desk.answer("w1")
    await desk.passes(desk.policy.rest_after)
    assert desk.windows.rooms["w1"].window.status == "stopped"

    await desk.submit("two", conversation="main")

    assert desk.running == {"two": "w1"}


async def test_no_two_work_in_one_tree(desk: Desk) -> None:
    await desk.submit("one", work_tree="/a", owner="ada")
    await desk.submit("two", work_tree="/a", owner="bob")
    await desk.submit("three", work_tree="/b", owner="bob")
    assert (desk.running, desk.waiting) == ({"one": "w1", "three": "w2"}, {"two": TREE})

    await desk.answer("w1")

    assert desk.running == {"three": "w2", "two": "w3"}


async def test_task_waits_for_a_person_who_works_in_its_tree(desk: Desk) -> None:
    theirs = await desk.windows.create_window("other", cwd="/a")
    await desk.windows.send(theirs.window_id, "mine")

    await desk.submit("one", work_tree="/a")
    assert desk.waiting == {"one": TREE}
    await desk.answer(theirs.window_id)

    assert desk.running == {"one": "w2"}


async def test_tasks_work_side_by_side_where_their_template_sends_them(desk: Desk) -> None:
    await desk.submit("one")
    await desk.submit("two")
    await desk.submit("three", work_tree=SHARED)

    assert (desk.running, desk.waiting) == ({"one": "w1", "two": "w2"}, {"three": TREE})


async def test_persons_window_is_asked_for_its_conversation_and_never_stopped_for_room(desk: Desk) -> None:
    theirs = await desk.windows.create_window("other", owner="ada")
    await desk.submit("one", conversation=theirs.conversation_id)
    await desk.answer(theirs.window_id)
    for text in ("two", "three", "four"):
        await desk.submit(text)

    assert desk.running == {"two": "w2", "three": "w3"}
    assert desk.windows.rooms[theirs.window_id].window.status == "ready"


async def test_full_fleet_is_asked_again_when_a_window_ends(desk: Desk) -> None:
    theirs = await desk.windows.create_window("other")
    desk.windows.most = 1
    await desk.submit("one")
    assert desk.waiting == {"one": NO_ROOM}

    await desk.windows.stop(theirs.window_id)
    await desk.settle()

    assert desk.running == {"one": "w2"}


async def test_pool_of_a_template_is_not_exceeded(desk: Desk) -> None:
    desk.templates["py"] = structs.replace(desk.templates["py"], pool=PoolPolicy(max=1))

    await desk.submit("one")
    await desk.submit("two")

    assert desk.waiting == {"two": NO_ROOM}


async def test_keys_and_owners_have_a_most() -> None:
    async with Desk(most_by_key={"k": 1}, most_by_owner=2).open() as desk:
        await desk.submit("one", key="k")
        await desk.submit("two", key="k")
        await desk.submit("three")
        await desk.submit("four")

        assert desk.running == {"one": "w1", "three": "w2"}
        assert desk.waiting == {
            "two": "2 tasks of its owner are being done",
            "four": "2 tasks of its owner are being done",
        }
        await desk.answer("w2")
        await desk.answer("w3")
        assert desk.waiting == {"two": "1 turns of its key are running"}


async def test_turns_are_shared_by_weight() -> None:
    async with Desk(windows=1, weights={"bob": 2.0}).open() as desk:
        await desk.submit("first")
        for number in range(4):
            await desk.submit(f"ada {number}", owner="ada")
            await desk.submit(f"bob {number}", owner="bob")

        for _ in range(9):
            await desk.answer(next(iter(desk.running.values())))

        order = [text.split()[0] for text, _ in desk.windows.given]
        assert order == ["first", "bob", "bob", "ada", "bob", "bob", "ada", "ada", "ada"]


async def test_window_that_fails_gives_its_task_back_once(desk: Desk) -> None:
    await desk.submit("one")
    await desk.fails("w1")
    assert (desk.running, list(desk.windows.rooms)) == ({"one": "w2"}, ["w2"])

    await desk.fails("w2", "again")

    fault = Fault(message="Its window failed: again", code="window_failed")
    assert await desk.outcome("one") == TaskDone(window_id="w2", fault=fault)


async def test_conversations_own_window_is_tried_again_when_it_has_failed(desk: Desk) -> None:
    await desk.submit("one", conversation="main")

    await desk.fails("w1")
    await desk.answer("w1")

    assert await desk.outcome("one") == TaskDone(window_id="w1", text="done: one")
    assert desk.windows.given == [("one", "w1")]


async def test_destroyed_window_ends_its_task(desk: Desk) -> None:
    await desk.submit("one")

    await desk.windows.destroy_window("w1")

    fault = Fault(message="Its window was destroyed before it answered.", code="destroyed")
    assert await desk.outcome("one") == TaskDone(window_id="w1", fault=fault)


async def test_refused_window_ends_its_task(desk: Desk) -> None:
    desk.windows.refuses = "Ada has no windows left."

    await desk.submit("one")

    assert await desk.outcome("one") == TaskDone(fault=Fault(message="Ada has no windows left.", code="refused"))


async def test_bug_ends_one_task_and_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: str, __: int = 0) -> None:
        raise KeyError("a bug")

    await desk.submit("one")
    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr(desk.windows, "events", breaks)
        await desk.submit("two")
    await desk.answer("w1")

    fault = Fault(message="The fleet has a bug; its log says more.", code="bug")
    assert await desk.outcome("two") == TaskDone(window_id="w2", fault=fault)
    assert await desk.outcome("one") == TaskDone(window_id="w1", text="done: one")


async def test_task_that_was_withdrawn_before_a_fleet_died_ends_with_the_next() -> None:
    desk = Desk(windows=1)
    async with desk.open():
        await desk.submit("one")
        await desk.submit("two")
    name = desk.tickets["two"].task_id
    desk.store.kept[name] = structs.replace(desk.store.kept[name], withdrawn=True)

    async with desk.open():
        assert (desk.running, desk.waiting) == ({"one": "w1"}, {})
        assert await (await desk.dispatcher.ticket(name)).outcome() == TaskDone(cancelled=True)


async def test_failed_turn_is_told(desk: Desk) -> None:
    await desk.submit("one")

    await desk.answer("w1", text="", fault=Fault(message="no key"))

    assert await desk.outcome("one") == TaskDone(window_id="w1", fault=Fault(message="no key"))


async def test_waiting_task_is_withdrawn(desk: Desk) -> None:
    for text in ("one", "two", "three"):
        await desk.submit(text)

    await desk.cancel("three")
    await desk.answer("w1")

    assert await desk.outcome("three") == TaskDone(cancelled=True)
    assert desk.windows.given == [("one", "w1"), ("two", "w2")]


async def test_turn_of_a_task_is_interrupted(desk: Desk) -> None:
    await desk.submit("one")

    await desk.cancel("one")

    assert await desk.outcome("one") == TaskDone(window_id="w1", text="done: one", cancelled=True)


async def test_task_is_interrupted_when_its_turn_begins_later(desk: Desk) -> None:
    await desk.submit("one", conversation="main")
    await desk.answer("w1")
    await desk.windows.stop("w1")
    desk.windows.rooms["w1"].moves("parked", 0.0)
    desk.windows.rooms["w1"].moves("ready", 0.0)
    theirs = await desk.windows.send("w1", "mine")
    assert theirs
    await desk.answer("w1")
    await desk.submit("two", conversation="main")
    desk.windows.rooms["w1"].moves("starting", 0.0)  # its process died, and the next one is coming
    await desk.cancel("two")
    assert desk.running == {"two": "w1"}

    await desk.windows.restart("w1")

    assert (await desk.outcome("two")).cancelled


async def test_withdrawn_task_is_not_given_back(desk: Desk) -> None:
    await desk.submit("one")
    desk.windows.rooms["w1"].moves("starting", 0.0)
    await desk.cancel("one")

    await desk.fails("w1")

    assert (await desk.outcome("one")).cancelled
    assert desk.windows.given == [("one", "w1")]


async def test_ended_task_stays_as_it_is(desk: Desk) -> None:
    await desk.submit("one")
    await desk.answer("w1")
    done = await desk.outcome("one")

    await desk.cancel("one")

    assert await (await desk.dispatcher.ticket(desk.tickets["one"].task_id)).outcome() == done
    with pytest.raises(NoSuchTask):
        await desk.dispatcher.cancel("nothing")


@pytest.mark.parametrize(
    ("template", "cwd", "said"),
    [
        pytest.param("rb", SHARED, "There is no template 'rb'.", id="no template"),
        pytest.param("py", None, "Template 'py' has no directory to work in: name a work tree.", id="no directory"),
    ],
)
async def test_wrong_task_is_refused(desk: Desk, template: str, cwd: str | None, said: str) -> None:
    desk.templates["py"] = structs.replace(desk.templates["py"], cwd=cwd)

    with pytest.raises(FleetError) as caught:
        await desk.submit("one", template=template)

    assert str(caught.value) == said
    assert desk.store.kept == {}


async def test_task_whose_template_is_taken_away_waits_for_it(desk: Desk) -> None:
    for text in ("one", "two", "three"):
        await desk.submit(text)
    template = desk.templates.pop("py")
    await desk.answer("w1")
    assert desk.waiting == {"three": "There is no template 'py'."}

    desk.templates["py"] = template
    await desk.passes(0)

    assert desk.running == {"two": "w2", "three": "w3"}


async def test_who_would_wait_too_long_is_told_when_to_come_again() -> None:
    async with Desk(windows=1, patience=60.0).open() as desk:
        await desk.submit("slow")
        desk.clock.time += 50
        await desk.answer("w1")
        for number in range(3):
            await desk.submit(f"task {number}")

        with pytest.raises(FleetBusy) as caught:
            await desk.submit("one too many")

        assert (
            str(caught.value) == f"2 tasks wait before this one: try again in {caught.value.retry_after:.0f} seconds."
        )
        assert 40 <= caught.value.retry_after <= 60
        await desk.submit("of another owner", owner="bob")


async def test_queue_has_an_end() -> None:
    async with Desk(windows=1, most_waiting=1).open() as desk:
        await desk.submit("one")
        await desk.submit("two")

        with pytest.raises(FleetBusy):
            await desk.submit("three")


async def test_full_disk_refuses_and_keeps_what_it_has_promised(desk: Desk) -> None:
    await desk.submit("one")
    desk.store.is_full = True

    with pytest.raises(StoreError):
        await desk.submit("two")

    assert (desk.running, desk.waiting) == ({"one": "w1"}, {})


@pytest.mark.parametrize("what", ["create_window", "snapshot", "keep_task", "stop", "interrupt", "destroy_window"])
async def test_what_the_disk_or_a_window_refuses_is_tried_again(desk: Desk, what: str, mended: Mended) -> None:
    mended(desk, what)

    for text in ("one", "two", "three"):
        await desk.submit(text)
    await desk.fails("w1")
    await desk.cancel("two")

    with anyio.fail_after(5):
        while "three" not in {text for text, _ in desk.windows.given}:
            await desk.settle()
    assert {text for text, _ in desk.windows.given} == {"one", "two", "three"}


async def test_next_dispatcher_goes_on_with_everything() -> None:
    desk = Desk(windows=2)
    async with desk.open():
        await desk.submit("before", conversation="main")
        await desk.answer("w1")
        for text in ("one", "two", "three"):
            await desk.submit(text)
        await desk.submit("four", conversation="main")
        assert desk.running == {"one": "w2", "two": "w3"}
    desk.windows.ends("w2")  # while nobody looks

    async with desk.open():
        assert desk.running == {"two": "w3", "three": "w4"}
        await desk.answer("w3")
        await desk.answer("w4")
        await desk.answer("w1")

    texts = [text for text, _ in desk.windows.given]
    assert sorted(texts) == ["before", "four", "one", "three", "two"]
    assert all(kept.done is not None for kept in desk.store.kept.values())


async def test_next_dispatcher_starts_windows_that_were_stopped_with_the_fleet() -> None:
    desk = Desk(windows=2)
    async with desk.open():
        await desk.submit("one")
        desk.dispatcher.hold()
        await desk.windows.stop("w1")
        await desk.submit("two")
        assert desk.running == {"one": "w1"}

    async with desk.open():
        assert desk.running == {"one": "w1", "two": "w2"}
        assert desk.windows.given == [("one", "w1"), ("two", "w2")]


async def test_prompt_to_a_window_that_is_let_go_is_answered(desk: Desk) -> None:
    await desk.submit("one")
    await desk.answer("w1")
    room = desk.windows.rooms["w1"]

    desk.clock.time += desk.policy.rest_after
    desk.dispatcher.reconfigure(desk.policy)
    await desk.windows.send("w1", "mine")
    await desk.settle()

    assert room.window.status in {"ready", "busy"}


async def test_window_that_was_made_in_vain_takes_the_next_task(desk: Desk) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(desk.submit, "one")
        while not desk.waiting:
            await anyio.lowlevel.checkpoint()
        tasks.start_soon(desk.dispatcher.cancel, next(iter(desk.store.kept)))
    await desk.settle()
    assert (await desk.outcome("one")).cancelled

    await desk.submit("two")

    assert [window for _, window in desk.windows.given] == [*desk.windows.rooms]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param(DispatchPolicy(windows=0), "Tasks need 1 window at least", id="no windows"),
        pytest.param(DispatchPolicy(weights={"ada": 0.0}), "The weight of 'ada'", id="no weight"),
        pytest.param(DispatchPolicy(patience=0.0), "must be above 0 seconds", id="no patience"),
    ],
)
async def test_wrong_policy_is_refused_whole(desk: Desk, policy: DispatchPolicy, said: str) -> None:
    with pytest.raises(FleetError, match=said):
        desk.dispatcher.reconfigure(policy)

    await desk.submit("one")
    assert desk.running == {"one": "w1"}
