"""A standby takes over with the newest conversation or not at all, and never outlives its window."""

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.fleet.puppets import PATIENCE, Puppet, Stage, bare_stage, stage
from tianting.fleet.drivers.driver import Progressed, PromptTaken, ToolBegan, TurnBegan
from tianting.fleet.store.records import PromptDone
from tianting.fleet.store.store import open_store
from tianting.fleet.verdicts.health import Patience
from tianting.fleet.verdicts.recovery import RestartPolicy
from tianting.fleet.window import Window

pytestmark = pytest.mark.anyio


@pytest.fixture
async def court(tmp_path: Path) -> AsyncGenerator[Stage, None]:
    async with stage(tmp_path) as made:
        with_standby(made)
        made.fleet.reconfigure(made.policy)
        yield made


def with_standby(court: Stage) -> None:
    court.template = structs.replace(court.template, standby=True)


async def stood_by(court: Stage) -> tuple[str, Puppet, Puppet]:
    """A window after its first turn, its process and its standby."""
    name = await court.create()
    await turn(court, name)
    return name, await court.keeper.next(1), await standby_of(court, name)


async def turn(court: Stage, name: str, text: str = "work") -> None:
    done = await court.answer_to(name, await court.fleet.send(name, text))
    assert done.text == text


async def standby_of(court: Stage, name: str) -> Puppet:
    """The standby, once it has shaken hands."""
    with anyio.fail_after(PATIENCE):
        while (pid := court.window(name).standby_id) is None:
            await anyio.sleep(0.001)
    await court.settle()
    assert court.window(name).standby_id == pid
    return next(one for one in court.keeper.puppets if one.held.pid == pid)


def number(puppet: Puppet) -> int:
    return puppet.start.generation


def alive(court: Stage) -> list[Puppet]:
    return [one for one in court.keeper.puppets if one.is_alive]


async def begin_turn(court: Stage, name: str, puppet: Puppet) -> str:
    puppet.answers_prompts = False
    prompt = await court.fleet.send(name, "work")
    await puppet.until(f"prompt {prompt}")
    puppet.says(TurnBegan(), PromptTaken(uuid=prompt))
    await court.settle()
    return prompt


async def test_conversation_is_resumed_beside_and_given_nothing(court: Stage) -> None:
    name, own, standby = await stood_by(court)

    brief = court.driver.briefs[-1]
    assert (brief.conversation_id, brief.resume) == (court.window(name).conversation_id, True)
    assert (standby.heard, court.window(name).generation, alive(court)) == ([], number(own), [own, standby])


async def test_window_without_a_conversation_has_none(court: Stage) -> None:
    await court.create()
    await court.settle()

    assert len(court.keeper.puppets) == 1


async def test_killed_while_idle_goes_on_in_its_standby(court: Stage) -> None:
    name, own, standby = await stood_by(court)

    own.dies()
    window = await court.until(name, "ready") if court.window(name).status != "ready" else court.window(name)
    await court.settle()
    await turn(court, name, "next")

    assert [line.split(" ", 2)[2] for line in standby.heard if line.startswith("prompt")] == ["next"]
    assert (court.window(name).generation, court.window(name).process_id) == (number(standby), standby.held.pid)
    assert window.conversation_id == court.driver.briefs[0].conversation_id


async def test_killed_amid_a_turn_repeats_the_prompt_in_the_standby(court: Stage) -> None:
    name, own, standby = await stood_by(court)
    prompt = await begin_turn(court, name, own)

    own.dies()
    heard = await standby.until("prompt")

    assert (heard.split(" ")[2], heard.split(" ")[1] != prompt) == ("work", True)
    assert await court.answer_to(name, prompt) == PromptDone(uuid=prompt, text="work")


async def test_standby_does_not_know_what_a_tool_did_so_it_is_no_heir(court: Stage) -> None:
    name, own, standby = await stood_by(court)
    prompt = await begin_turn(court, name, own)
    own.says(ToolBegan(call_id="t", name="Bash"))
    await court.settle()

    own.dies()
    next_one = await court.keeper.next(3)
    await court.answer_to(name, prompt)

    assert (standby.is_alive, standby.heard, court.window(name).generation) == (False, [], number(next_one))


async def test_after_each_turn_another_knows_it(court: Stage) -> None:
    name, own, first = await stood_by(court)

    await turn(court, name)
    second = await standby_of(court, name)

    assert (first.is_alive, alive(court)) == (False, [own, second])
    assert number(second) == number(first) + 1


async def test_one_that_still_reads_when_a_turn_begins_is_ended(court: Stage) -> None:
    name = await court.create()
    court.keeper.shakes_hands = False
    await turn(court, name)
    reading = await court.keeper.next(2)

    await begin_turn(court, name, await court.keeper.next(1))

    assert (reading.is_alive, court.window(name).standby_id) == (False, None)


async def test_words_between_turns_make_no_other(court: Stage) -> None:
    _, own, standby = await stood_by(court)

    own.says(Progressed(text="by the way"))
    await court.settle()

    assert alive(court) == [own, standby]


async def test_window_that_is_given_up_leaves_none(court: Stage) -> None:
    court.care(restarts=RestartPolicy(most=0))
    court.fleet.reconfigure(court.policy)
    name, own, _ = await stood_by(court)

    own.dies()
    await court.until(name, "failed")
    await court.settle()

    assert alive(court) == []


async def test_one_that_ended_with_the_keeper_is_no_heir_though_its_pipe_is_open(court: Stage) -> None:
    name, _, standby = await stood_by(court)

    court.keeper.loses(standby)
    court.keeper.breaks()
    new = await court.keeper.next(3)
    await turn(court, name)

    assert court.window(name).generation == number(new)


async def test_one_that_dies_is_followed_by_another_after_the_next_turn(court: Stage) -> None:
    name, own, standby = await stood_by(court)

    standby.dies()
    await court.settle()
    before = (court.window(name).standby_id, alive(court))
    await turn(court, name)

    assert before == (None, [own])
    assert (await standby_of(court, name)).is_alive


async def test_hanging_process_is_replaced_by_its_standby(court: Stage) -> None:
    court.care(patience=Patience(asking_model=60, probe=10))
    court.fleet.reconfigure(court.policy)
    name, own, standby = await stood_by(court)
    prompt = await begin_turn(court, name, own)
    own.answers_probes = own.takes_interrupts = False

    await court.watched(80)

    assert (await standby.until("prompt")).endswith(" work")
    assert (await court.answer_to(name, prompt)).text == "work"
    assert own.is_alive is False


@pytest.mark.parametrize("end", ["stop", "destroy_window"])
async def test_standby_ends_with_its_window(court: Stage, end: str) -> None:
    name, _, _ = await stood_by(court)

    with anyio.fail_after(PATIENCE):
        await getattr(court.fleet, end)(name)
    await court.settle()

    assert alive(court) == []


async def test_person_who_restarts_a_window_gets_a_new_process(court: Stage) -> None:
    name, _, standby = await stood_by(court)

    await court.fleet.restart(name)
    new = await court.keeper.next(3)
    await court.settle()

    assert (court.window(name).generation, standby.is_alive) == (number(new), False)


async def test_other_template_makes_another_standby_or_none(court: Stage) -> None:
    name, own, _ = await stood_by(court)
    court.template = structs.replace(court.template, standby=False)

    court.fleet.reconfigure(court.policy)
    await court.settle()
    at_once = alive(court)
    await turn(court, name)
    await court.settle()

    assert (at_once, alive(court)) == ([own], [own])


async def test_agent_that_cannot_have_one_has_none(court: Stage) -> None:
    court.driver.abilities = structs.replace(court.driver.abilities, standby=False)
    name = await court.create()
    await turn(court, name)
    await court.settle()

    assert len(court.keeper.puppets) == 1


async def test_program_that_is_gone_costs_only_the_standby(court: Stage) -> None:
    name = await court.create()
    court.driver.missing = "There is no program 'x'."
    await turn(court, name)
    await turn(court, name)
    await court.settle()

    assert (court.window(name).status, len(court.keeper.puppets)) == ("ready", 1)


async def test_keeper_takes_both_along(court: Stage) -> None:
    name, _, _ = await stood_by(court)

    court.keeper.breaks()
    new = await court.keeper.next(3)
    await turn(court, name)

    assert court.window(name).generation == number(new)


async def test_one_that_was_ended_before_it_was_started_is_not_left_behind(court: Stage) -> None:
    name = await court.create()
    court.keeper.lets_start = anyio.Event()
    await turn(court, name)
    await court.settle()
    await court.fleet.stop(name)

    court.keeper.lets_start.set()
    late = await court.keeper.next(2)
    await court.settle()

    assert (late.is_alive, court.window(name).status) == (False, "stopped")


async def test_next_fleet_ends_an_earlier_standby_and_has_its_own(tmp_path: Path) -> None:
    async with bare_stage(tmp_path) as court:
        with_standby(court)
        async with court.open_fleet():
            name, own, earlier = await stood_by(court)
        async with court.open_fleet():
            await court.keeper.next(3)
            await court.settle()
            standby = await standby_of(court, name)

            assert (alive(court), number(standby) > number(earlier)) == ([own, standby], True)


async def test_next_fleet_takes_over_what_was_a_standby(tmp_path: Path) -> None:
    async with bare_stage(tmp_path) as court:
        with_standby(court)
        async with court.open_fleet():
            name, own, standby = await stood_by(court)
            own.dies()
            await standby_taken(court, name, standby)
        async with open_store(tmp_path / "fleet.db", court.clock) as store:
            assert await store.mark(name, number(standby)) is not None, "what it has read must not be read again"
        async with court.open_fleet():
            await turn(court, name, "still here")

            assert [line.split(" ", 2)[2] for line in standby.heard if line.startswith("prompt")] == ["still here"]


async def standby_taken(court: Stage, name: str, standby: Puppet) -> Window:
    with anyio.fail_after(PATIENCE):
        while court.window(name).generation != number(standby) or court.window(name).status != "ready":
            await anyio.sleep(0.001)
    return court.window(name)
