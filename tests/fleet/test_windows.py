"""The fleet's face: who may have a window, what becomes of the windows of an earlier fleet, and what followers see."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NoReturn

import anyio
import pytest
from msgspec import structs

from tests.fleet.puppets import PATIENCE, Stage, bare_stage, stage
from tianting.fleet import record
from tianting.fleet.drivers.driver import (
    Fault,
    Limited,
    PersonAsked,
    PromptTaken,
    Standing,
    ToolBegan,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.store.records import StoredEvent, StoreError, WindowMoved
from tianting.fleet.store.store import Store
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.verdicts.interrupted import NOTE
from tianting.fleet.windows import FleetFull, NoSuchWindow
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def court(tmp_path: Path) -> AsyncGenerator[Stage, None]:
    async with stage(tmp_path) as made:
        yield made


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncGenerator[Stage, None]:
    """No fleet yet: the test opens one after the other."""
    async with bare_stage(tmp_path) as made:
        yield made


async def numbers_of(court: Stage, name: str, count: int, after: int = 0) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    with anyio.fail_after(PATIENCE):
        async for stored in court.fleet.events(name, after):
            found.append(stored)
            if len(found) == count:
                break
    return found


async def test_full_fleet_refuses_also_those_that_come_at_once(court: Stage) -> None:
    court.most_windows = 3
    court.fleet.reconfigure(court.policy)
    refused: list[FleetError] = []

    async def create() -> None:
        try:
            await court.fleet.create_window("puppet")
        except FleetFull as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(create)

    assert (len(court.fleet.list_windows()), len(refused)) == (3, 7)
    assert str(refused[0]).startswith("3 windows are alive")


async def test_stopped_window_makes_room(court: Stage) -> None:
    court.most_windows = 1
    court.fleet.reconfigure(court.policy)
    name = await court.create()

    with anyio.fail_after(PATIENCE):
        await court.fleet.stop(name)

    assert (await court.fleet.create_window("puppet")).status in {"requested", "starting"}


async def test_windows_are_listed_by_owner(court: Stage) -> None:
    mine = await court.create()
    other = (await court.fleet.create_window("puppet", owner="bob")).window_id

    assert [one.window.window_id for one in court.fleet.list_windows("bob")] == [other]
    assert {one.window.window_id for one in court.fleet.list_windows()} == {mine, other}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        pytest.param("nothing", "There is no template 'nothing'. Templates: puppet.", id="unknown template"),
    ],
)
async def test_wrong_wish_is_refused(court: Stage, template: str, said: str) -> None:
    with pytest.raises(FleetError) as caught:
        await court.fleet.create_window(template)

    assert str(caught.value) == said
    assert court.fleet.list_windows() == ()


async def test_window_without_a_directory_is_refused(court: Stage) -> None:
    court.template = structs.replace(court.template, cwd=None)
    court.fleet.reconfigure(court.policy)

    with pytest.raises(FleetError, match="has no directory to work in"):
        await court.fleet.create_window("puppet")


async def test_every_method_knows_its_windows(court: Stage) -> None:
    with pytest.raises(NoSuchWindow):
        court.fleet.get_window_status("w9")
    with pytest.raises(NoSuchWindow):
        await court.fleet.send("w9", "hello")
    with pytest.raises(NoSuchWindow):
        await court.fleet.destroy_window("w9")
    with pytest.raises(NoSuchWindow):
        await court.fleet.health_check("w9")


async def test_destroyed_window_is_gone_and_its_followers_end(court: Stage) -> None:
    name = await court.create()
    followed: list[StoredEvent] = []

    async def follow() -> None:
        async for stored in court.fleet.events(name):
            followed.append(stored)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await court.settle()
            await court.fleet.destroy_window(name, by="ada")

    assert not court.keeper.puppets[-1].is_alive
    moves = [one.event.status for one in followed if isinstance(one.event, WindowMoved)]
    assert moves == ["requested", "starting", "ready", "stopping", "stopped"]
    with pytest.raises(NoSuchWindow):
        court.fleet.get_window_status(name)


async def test_followers_see_each_event_once_from_wherever_they_begin(court: Stage) -> None:
    name = await court.create()
    for number in range(300):
        court.keeper.puppets[-1].says(TurnBegan(), TurnDone(text=str(number)))
        await court.settle(1)
    with anyio.fail_after(PATIENCE):
        every = await numbers_of(court, name, 603)

    late = await numbers_of(court, name, 13, after=590)

    assert [one.sequence for one in every] == list(range(1, 604))
    assert [one.sequence for one in late] == list(range(591, 604))


async def test_wrong_policy_changes_nothing(court: Stage) -> None:
    twice = FleetPolicy(templates=(court.template, court.template))

    with pytest.raises(FleetError, match="Two templates are called 'puppet'"):
        court.fleet.reconfigure(twice)

    assert await court.create()


async def test_next_fleet_finds_what_happened_meanwhile(bare: Stage) -> None:
    async with bare.open_fleet():
        name = await bare.create()
        puppet = bare.keeper.puppets[-1]
        puppet.answers_prompts = False
        prompt = await bare.fleet.send(name, "work")
        await puppet.until("prompt")
    puppet.answer(prompt, "while nobody listened")

    async with bare.open_fleet():
        assert (await bare.answer_to(name, prompt)).text == "while nobody listened"
        assert bare.window(name).generation == 1


async def test_next_fleet_knows_what_a_process_was_in_the_middle_of(bare: Stage) -> None:
    async with bare.open_fleet():
        name = await bare.create()
        puppet = bare.keeper.puppets[-1]
        puppet.answers_prompts = False
        prompt = await bare.fleet.send(name, "work")
        await puppet.until("prompt")
        puppet.says(TurnBegan(), PromptTaken(uuid=prompt), TurnDone(cost_usd=0.0))
        await bare.answer_to(name, prompt)
        second = await bare.fleet.send(name, "more")
        await puppet.until(f"prompt {second}")
        puppet.says(TurnBegan(), PromptTaken(uuid=second), PersonAsked(question_id="q1", kind="approval", tool="Bash"))
        await bare.until(name, "waiting")

    async with bare.open_fleet():
        await bare.settle()

        assert bare.driver.briefs[-1].standing == Standing(in_turn=True, open_questions=("q1",))
        assert bare.window(name).status == "waiting"
        assert puppet.heard == [f"prompt {prompt} work", f"prompt {second} more"]


async def test_prompt_that_was_promised_and_not_given_is_given(bare: Stage) -> None:
    async with bare.open_fleet():
        name = await bare.create()
        puppet = bare.keeper.puppets[-1]
        puppet.answers_prompts = False
        first = await bare.fleet.send(name, "one")
        await puppet.until("prompt")
        second = await bare.fleet.send(name, "two")
    puppet.answer(first, "1")
    puppet.answers_prompts = True

    async with bare.open_fleet():
        assert (await bare.answer_to(name, second)).text == "two"


@pytest.mark.parametrize(
    ("said", "repeats"),
    [
        pytest.param((), "work", id="nothing had happened"),
        pytest.param((ToolBegan(call_id="t", name="Bash"),), NOTE, id="a tool had run"),
    ],
)
async def test_process_that_died_meanwhile_is_followed(bare: Stage, said: tuple[ToolBegan, ...], repeats: str) -> None:
    async with bare.open_fleet():
        name = await bare.create()
        puppet = bare.keeper.puppets[-1]
        puppet.answers_prompts = False
        prompt = await bare.fleet.send(name, "work")
        await puppet.until("prompt")
        puppet.says(TurnBegan(), PromptTaken(uuid=prompt))
        await bare.settle()
    if said:
        puppet.says(*said)
    puppet.dies()

    async with bare.open_fleet():
        assert (await bare.answer_to(name, prompt)).text == repeats
        assert bare.window(name).generation == 2


async def test_process_that_was_not_ready_is_ended_and_started_again(bare: Stage) -> None:
    bare.keeper.shakes_hands = False
    async with bare.open_fleet():
        name = (await bare.fleet.create_window("puppet")).window_id
        await bare.keeper.next(1)
        await bare.settle()
    bare.keeper.shakes_hands = True

    async with bare.open_fleet():
        assert (await bare.until(name, "ready")).generation == 2
        assert [puppet.is_alive for puppet in bare.keeper.puppets] == [False, True]


async def test_stop_that_was_cut_off_is_finished(bare: Stage) -> None:
    bare.care(grace=30)

    async with bare.open_fleet():
        name = await bare.create()
        bare.keeper.puppets[-1].is_deaf = True
        with anyio.move_on_after(0.05):
            await bare.fleet.stop(name)
        assert bare.window(name).status == "stopping"

    async with bare.open_fleet():
        await bare.until(name, "stopped")
        assert not bare.keeper.puppets[-1].is_alive


async def test_stopped_windows_stay_stopped(bare: Stage) -> None:
    async with bare.open_fleet():
        name = await bare.create()
        with anyio.fail_after(PATIENCE):
            await bare.fleet.stop(name)

    async with bare.open_fleet():
        await bare.settle()
        assert (bare.window(name).status, len(bare.keeper.puppets)) == ("stopped", 1)


async def test_parked_window_wakes_under_the_next_fleet(bare: Stage) -> None:
    async with bare.open_fleet():
        name = await bare.create()
        puppet = bare.keeper.puppets[-1]
        puppet.answers_prompts = False
        prompt = await bare.fleet.send(name, "work")
        await puppet.until("prompt")
        until = bare.clock.time + 600
        limited = Limited(cause="rate_limit", until=until)
        puppet.says(PromptTaken(uuid=prompt), limited, TurnDone(fault=Fault(message="", status=429)))
        await bare.until(name, "parked")
    puppet.answers_prompts = True

    async with bare.open_fleet():
        await bare.settle()
        before = bare.window(name).status
        await bare.passes(700)

        assert before == "parked"
        assert (await bare.answer_to(name, prompt)).text == "work"


async def test_processes_that_nobody_knows_are_ended(bare: Stage) -> None:
    async with bare.open_fleet():
        await bare.create()
    stray = bare.keeper.puppets[-1]
    (bare.directory / "fleet.db").unlink()

    async with bare.open_fleet():
        await bare.settle()

        assert not stray.is_alive
        assert bare.fleet.list_windows() == ()


async def test_keeper_that_dies_is_replaced_and_conversations_go_on(court: Stage) -> None:
    name = await court.create()
    puppet = court.keeper.puppets[-1]
    puppet.answers_prompts = False
    prompt = await court.fleet.send(name, "work")
    await puppet.until("prompt")

    court.keeper.breaks()

    assert (await court.answer_to(name, prompt)).text == "work"
    assert court.driver.briefs[-1].conversation_id == court.window(name).conversation_id


async def test_window_whose_template_is_gone_keeps_the_others_from_nothing(bare: Stage) -> None:
    async with bare.open_fleet():
        await bare.create()
    bare.template = structs.replace(bare.template, name="other")

    async with bare.open_fleet():
        await bare.settle()
        window = await bare.fleet.create_window("other")

        assert window.template == "other"


async def test_admission_is_asked_first(tmp_path: Path) -> None:
    def refuse(owner: str, _: Template) -> None:
        raise FleetError(f"{owner} has no windows left.")

    async with bare_stage(tmp_path) as made:
        made.admit = refuse
        async with made.open_fleet():
            with pytest.raises(FleetError, match="ada has no windows left"):
                await made.create()
            assert made.fleet.list_windows() == ()


async def test_driver_that_is_missing_is_said(court: Stage) -> None:
    court.template = structs.replace(court.template, kind="codex")
    court.fleet.reconfigure(court.policy)

    with pytest.raises(FleetError, match="no driver for agents of the kind 'codex'"):
        await court.fleet.create_window("puppet")


async def test_who_waits_for_an_answer_of_a_destroyed_window_is_told(court: Stage) -> None:
    name = await court.create()
    court.keeper.puppets[-1].answers_prompts = False
    prompt = await court.fleet.send(name, "work")

    async def destroy() -> None:
        await court.settle()
        await court.fleet.destroy_window(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(destroy)
        with anyio.fail_after(PATIENCE), pytest.raises(NoSuchWindow, match="destroyed before it answered"):
            await court.fleet.wait_answer(name, prompt)


async def test_fleet_without_a_keeper_does_not_begin(bare: Stage) -> None:
    async def nobody() -> NoReturn:
        raise FleetError("No keeper answers.")

    bare.keeper.opened = nobody  # type: ignore[method-assign]

    with pytest.raises(FleetError, match="No keeper answers"):
        async with bare.open_fleet():
            pass


async def test_window_that_cannot_be_stored_is_not_created(court: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: object, __: object) -> int:
        raise StoreError("The disk of the store is full.")

    monkeypatch.setattr(Store, "record_move", full)

    with pytest.raises(StoreError):
        await court.fleet.create_window("puppet")

    assert court.fleet.list_windows() == ()


async def test_words_wait_for_a_store_that_is_full_and_none_is_lost(
    court: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "_BETWEEN_TRIES", 0.001)
    name = await court.create()
    prompt = await court.fleet.send(name, "one")
    await court.answer_to(name, prompt)
    whole, failures = Store.append, iter([True, True, False])

    async def full_for_a_while(store: Store, *told: Any, **more: Any) -> range:
        if next(failures, False):
            raise StoreError("The disk of the store is full.")
        return await whole(store, *told, **more)

    monkeypatch.setattr(Store, "append", full_for_a_while)

    second = await court.fleet.send(name, "two")

    assert (await court.answer_to(name, second)).text == "two"
