"""One window through all that can happen to its process: what was promised is answered once, or said to be left."""

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import anyio
import pytest
from msgspec import structs

from tests.fleet.puppets import PATIENCE, Puppet, Stage, stage
from tianting.fleet.drivers.driver import (
    Answer,
    Fault,
    Limited,
    PersonAsked,
    Progressed,
    PromptTaken,
    QuestionClosed,
    ToolBegan,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.store.records import PromptDone, StoredEvent
from tianting.fleet.verdicts.health import Dead, Patience, Stuck, Well
from tianting.fleet.verdicts.interrupted import NOTE
from tianting.fleet.verdicts.ladder import LadderPatience
from tianting.fleet.verdicts.parking import ParkPolicy
from tianting.fleet.verdicts.recovery import RestartPolicy
from tianting.protocol.errors import FleetError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def court(tmp_path: Path) -> AsyncGenerator[Stage, None]:
    async with stage(tmp_path) as made:
        yield made


async def silent(court: Stage) -> tuple[str, Puppet]:
    """A ready window whose agent answers when the test says so."""
    name = await court.create()
    puppet = court.keeper.puppets[-1]
    puppet.answers_prompts = False
    return name, puppet


async def at_work(court: Stage, text: str = "work") -> tuple[str, Puppet, str]:
    """A window whose agent has taken a prompt."""
    name, puppet = await silent(court)
    prompt = await court.fleet.send(name, text)
    await puppet.until("prompt")
    puppet.says(TurnBegan(), PromptTaken(uuid=prompt))
    await court.settle()
    return name, puppet, prompt


def uuid_in(line: str) -> str:
    return line.split(" ", 2)[1]


async def test_prompts_are_handed_over_one_at_a_time(court: Stage) -> None:
    name, puppet = await silent(court)

    first = await court.fleet.send(name, "one")
    second = await court.fleet.send(name, "two")
    await puppet.until("prompt")
    await court.settle()
    heard = list(puppet.heard)
    puppet.answer(first, "1")
    await puppet.until(f"prompt {second}")
    puppet.answer(second, "2")

    assert heard == [f"prompt {first} one"]
    assert await court.answer_to(name, first) == PromptDone(uuid=first, text="1")
    assert await court.answer_to(name, second) == PromptDone(uuid=second, text="2")


async def test_same_prompt_is_accepted_once(court: Stage) -> None:
    name, puppet = await silent(court)

    for _ in range(2):
        await court.fleet.send(name, "one", uuid="p1")
    await puppet.until("prompt")
    puppet.answer("p1", "1")
    await court.answer_to(name, "p1")
    await court.settle()

    assert puppet.heard == ["prompt p1 one"]


async def test_turn_that_began_by_itself_answers_nothing(court: Stage) -> None:
    name, puppet = await silent(court)
    prompt = await court.fleet.send(name, "work")
    await puppet.until("prompt")

    puppet.says(TurnBegan(), TurnDone(text="a task in the background is done"))
    puppet.answer(prompt, "mine")

    assert (await court.answer_to(name, prompt)).text == "mine"


async def test_killed_before_a_tool_ran_repeats_the_prompt_in_the_same_conversation(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    conversation = court.window(name).conversation_id

    puppet.dies()
    again = await court.keeper.next(2)
    heard = await again.until("prompt")

    assert heard.endswith(" work")
    assert uuid_in(heard) != prompt, "an agent that has taken a prompt skips its uuid"
    assert (court.driver.briefs[-1].conversation_id, court.driver.briefs[-1].resume) == (conversation, True)
    assert await court.answer_to(name, prompt) == PromptDone(uuid=prompt, text="work")


async def test_killed_before_it_took_the_prompt_gets_it_again_by_the_same_name(court: Stage) -> None:
    name, puppet = await silent(court)
    prompt = await court.fleet.send(name, "work")
    await puppet.until("prompt")

    puppet.dies()
    again = await court.keeper.next(2)

    assert await again.until("prompt") == f"prompt {prompt} work"
    assert await court.answer_to(name, prompt) == PromptDone(uuid=prompt, text="work")


async def test_killed_after_a_tool_ran_goes_on_with_a_note(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    puppet.says(ToolBegan(call_id="t1", name="Bash"))
    await court.settle()

    puppet.dies()
    again = await court.keeper.next(2)

    assert (await again.until("prompt")).endswith(NOTE)
    assert (await court.answer_to(name, prompt)).text == NOTE


async def test_prompt_that_ended_three_processes_is_left(court: Stage) -> None:
    def deadly(puppet: Puppet) -> None:
        puppet.answers_prompts = False

    court.keeper.prepare = deadly
    name = await court.create()
    prompt = await court.fleet.send(name, "poison")
    for number in (1, 2, 3):
        puppet = await court.keeper.next(number)
        puppet.says(PromptTaken(uuid=uuid_in(await puppet.until("prompt"))))
        await court.settle()
        puppet.dies()
        await court.settle()
        await court.passes(120)

    done = await court.answer_to(name, prompt)

    assert done.fault == Fault(message="3 processes ended while they worked on this prompt.", code="left")
    await court.until(name, "ready")


async def test_answer_that_was_written_before_the_end_is_read(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)

    puppet.says(TurnDone(text="just in time"))
    puppet.dies()

    assert (await court.answer_to(name, prompt)).text == "just in time"
    await court.keeper.next(2)
    assert (await court.until(name, "ready")).generation == 2


async def test_interrupt_answers_the_prompt(court: Stage) -> None:
    name, _, prompt = await at_work(court)

    await court.fleet.interrupt(name)

    assert await court.answer_to(name, prompt) == PromptDone(uuid=prompt, interrupted=True)


async def test_person_is_asked_and_answers(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    puppet.says(PersonAsked(question_id="q1", kind="approval", tool="Bash"))
    waiting = await court.until(name, "waiting")

    await court.fleet.answer(name, "q1", Answer(allow=True))
    heard = await puppet.until("answer")
    puppet.says(QuestionClosed(question_id="q1"), TurnDone(text="done"))

    assert (waiting.question, heard) == ("Bash", "answer q1 True")
    assert (await court.answer_to(name, prompt)).text == "done"
    with pytest.raises(FleetError, match="does not ask 'q1'"):
        await court.fleet.answer(name, "q1", Answer(allow=True))


async def test_who_waits_for_a_person_is_never_stuck(court: Stage) -> None:
    name, puppet, _ = await at_work(court)
    puppet.says(PersonAsked(question_id="q1", kind="approval", tool="Bash"))
    await court.until(name, "waiting")

    for _ in range(3):
        await court.passes(86_400)

    assert (court.window(name).status, court.window(name).generation) == ("waiting", 1)


async def test_limit_parks_and_the_prompt_is_answered_later(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    until = court.clock.time + 600
    puppet.says(Limited(cause="rate_limit", until=until), TurnDone(fault=Fault(message="429 rate limited", status=429)))
    parked = await court.until(name, "parked")
    puppet.answers_prompts = True

    await court.passes(700)

    assert parked.parked_until is not None
    assert until <= parked.parked_until <= until + 30
    assert (await court.answer_to(name, prompt)).text == "work"
    assert court.window(name).generation == 1


async def test_usage_limit_waits_for_a_person_unless_its_owner_allowed_more(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    until = court.clock.time + 600
    fault = Fault(message="You've hit your session limit.", status=429)
    puppet.says(Limited(cause="usage_limit", until=until), TurnDone(fault=fault))
    parked = await court.until(name, "parked")
    puppet.answers_prompts = True

    await court.passes(100_000)
    still = court.window(name).status
    await court.fleet.restart(name)

    assert (parked.parked_until, still) == (None, "parked")
    assert (await court.answer_to(name, prompt)).text == "work"


async def test_usage_limit_ends_by_itself_where_its_owner_allowed_it(court: Stage) -> None:
    court.care(restarts=RestartPolicy(parking=ParkPolicy(wakes=True)))
    await court.passes(0)
    name, puppet, prompt = await at_work(court)
    fault = Fault(message="You've hit your session limit.", status=429)
    puppet.says(Limited(cause="usage_limit", until=court.clock.time + 600), TurnDone(fault=fault))
    await court.until(name, "parked")
    puppet.answers_prompts = True

    await court.passes(700)

    assert (await court.answer_to(name, prompt)).text == "work"


async def test_process_that_dies_while_parked_is_followed_when_it_wakes(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    puppet.says(
        Limited(cause="rate_limit", until=court.clock.time + 600), TurnDone(fault=Fault(message="", status=429))
    )
    await court.until(name, "parked")
    puppet.dies()
    await court.settle()

    status = court.window(name).status
    await court.passes(700)

    assert status == "parked"
    assert (await court.answer_to(name, prompt)).text == "work"
    assert court.window(name).generation == 2


async def test_wrong_key_is_told_and_a_new_process_goes_on_with_the_right_one(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    later = await court.fleet.send(name, "later")
    fault = Fault(message="invalid x-api-key", status=401)

    puppet.says(TurnDone(fault=fault))
    told = await court.answer_to(name, prompt)
    parked = await court.until(name, "parked")
    await court.passes(100_000)
    still = court.window(name).status
    await court.fleet.restart(name)

    assert told == PromptDone(uuid=prompt, fault=fault)
    assert (parked.generation, parked.parked_until, still) == (1, None, "parked")
    assert parked.reason == (
        "The provider refused the key or the login (invalid x-api-key). "
        "Log in or set a valid key, then restart the window."
    )
    assert (await court.answer_to(name, later)).text == "later"
    assert court.window(name).generation == 2


async def test_a_refused_prompt_stops_no_other(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    fault = Fault(message="prompt is too long", status=400)
    puppet.answers_prompts = True

    puppet.says(TurnDone(fault=fault))

    assert await court.answer_to(name, prompt) == PromptDone(uuid=prompt, fault=fault)
    assert (await court.until(name, "ready")).generation == 1
    assert (await court.answer_to(name, await court.fleet.send(name, "/compact"))).text == "/compact"


async def test_fallback_model_takes_over_at_a_limit(court: Stage) -> None:
    court.template = structs.replace(court.template, model="large", fallback_model="small")
    court.care(restarts=RestartPolicy(successors=("model",)))
    await court.passes(0)
    name, puppet, prompt = await at_work(court)

    puppet.says(TurnDone(fault=Fault(message="overloaded", status=529)))

    assert (await court.answer_to(name, prompt)).text == "work"
    assert [brief.model for brief in court.driver.briefs] == ["large", "small"]


async def test_agent_that_refuses_a_prompt_is_asked_again_and_then_left(court: Stage) -> None:
    name, _ = await silent(court)

    prompt = await court.fleet.send(name, "!refuse")
    await court.until(name, "parked")
    await court.passes(120)
    await court.until(name, "busy")
    await court.until(name, "parked", "ready")
    await court.passes(120)

    done = await court.answer_to(name, prompt)
    assert done.fault is not None
    assert done.fault.code == "left"


async def test_stall_is_interrupted_and_the_prompt_repeated(court: Stage) -> None:
    court.care(patience=Patience(asking_model=60))
    await court.passes(0)
    name, puppet, prompt = await at_work(court)

    puppet.answers_prompts = True
    await court.watched(61)

    assert (await court.answer_to(name, prompt)).text == "work"
    assert "interrupt" in puppet.heard
    assert court.window(name).generation == 1


async def test_wedge_is_killed_once_its_tree_is_safe(court: Stage) -> None:
    court.care(patience=Patience(asking_model=60, probe=10))
    await court.passes(0)
    name, puppet, prompt = await at_work(court)
    puppet.answers_probes = puppet.takes_interrupts = False

    await court.watched(80)

    assert not puppet.is_alive
    assert (await court.answer_to(name, prompt)).text == "work"
    assert court.window(name).generation == 2


async def test_turn_that_a_wedged_agent_ends_while_it_is_killed_is_no_answer(court: Stage) -> None:
    court.care(patience=Patience(asking_model=60, probe=10))
    await court.passes(0)
    name, puppet, prompt = await at_work(court)
    puppet.answers_probes = puppet.takes_interrupts = False
    puppet.last_words = (TurnDone(interrupted=True),)

    await court.watched(80)

    assert (await court.answer_to(name, prompt)).text == "work"


async def test_turn_that_ends_with_its_process_is_worked_on_after_the_restart(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    puppet.last_words = (TurnDone(interrupted=True),)

    await court.fleet.restart(name)

    assert (await court.answer_to(name, prompt)).text == "work"
    assert court.window(name).generation == 2


async def test_window_that_cannot_be_saved_is_held_and_not_killed(court: Stage) -> None:
    court.care(patience=Patience(asking_model=60, probe=10), ladder=LadderPatience(saving=5))
    (court.work / ".git").write_text("this is no repository")
    await court.passes(0)
    name, puppet, _ = await at_work(court)
    puppet.answers_probes = puppet.takes_interrupts = False

    await court.watched(80)

    assert puppet.is_alive
    assert "could not be saved" in court.window(name).reason


async def test_idle_window_that_answers_no_probe_is_replaced(court: Stage) -> None:
    name, puppet = await silent(court)
    puppet.answers_probes = False

    await court.watched(75)

    assert not puppet.is_alive
    assert (await court.until(name, "ready")).generation == 2


async def test_idle_window_proves_that_it_lives(court: Stage) -> None:
    name, puppet = await silent(court)

    await court.passes(61)
    await puppet.until("probe")
    await court.settle()

    assert court.window(name).last_heartbeat == court.clock.time


async def test_missing_program_fails_at_once_and_says_what_to_do(court: Stage) -> None:
    court.driver.missing = "There is no program 'claude'. Install it."

    window = await court.fleet.create_window("puppet")
    failed = await court.until(window.window_id, "failed")

    assert "There is no program 'claude'" in failed.reason
    with pytest.raises(FleetError, match="is failed"):
        await court.fleet.ready(window.window_id)


async def test_window_that_never_gets_ready_fails(court: Stage) -> None:
    def fails(puppet: Puppet) -> None:
        puppet.writes(b"usage: agent [--help]\n")
        puppet.dies(code=2)

    court.keeper.shakes_hands = False
    court.keeper.prepare = fails
    window = await court.fleet.create_window("puppet")
    for _ in range(3):
        await court.passes(120)

    failed = await court.until(window.window_id, "failed")

    assert "2 starts in a row did not get ready" in failed.reason


async def test_failed_window_keeps_its_prompt_until_it_is_restarted(court: Stage) -> None:
    court.driver.missing = "There is no program."
    name = (await court.fleet.create_window("puppet")).window_id
    await court.until(name, "failed")
    prompt = await court.fleet.send(name, "work")
    court.driver.missing = None

    await court.fleet.restart(name)

    assert (await court.answer_to(name, prompt)).text == "work"


async def test_sixth_crash_in_a_quarter_of_an_hour_is_given_up(court: Stage) -> None:
    name = await court.create()
    for number in range(1, 7):
        puppet = await court.keeper.next(number)
        await court.until(name, "ready")
        puppet.dies(code=1)
        await court.settle()
        await court.passes(65)

    failed = await court.until(name, "failed")

    assert "5 restarts in 15 minutes were not enough" in failed.reason
    assert len(court.keeper.puppets) == 6


async def test_keeper_that_cannot_start_anything_is_asked_again_a_few_times(court: Stage) -> None:
    court.keeper.refuses_to_start = True
    name = (await court.fleet.create_window("puppet")).window_id
    for _ in range(4):
        await court.passes(120)

    assert "no processes left" in (await court.until(name, "failed")).reason


async def test_stop_ends_in_order_and_restart_goes_on(court: Stage) -> None:
    name = await court.create()
    conversation = court.window(name).conversation_id
    first = await court.fleet.send(name, "one")
    await court.answer_to(name, first)

    with anyio.fail_after(PATIENCE):
        await court.fleet.stop(name)
        await court.fleet.stop(name)
    stopped = court.window(name)
    second = await court.fleet.send(name, "two")
    await court.fleet.restart(name)

    assert stopped.status == "stopped"
    assert (await court.answer_to(name, second)).text == "two"
    assert court.window(name).conversation_id == conversation


async def test_deaf_agent_is_ended_when_its_grace_is_over(court: Stage) -> None:
    court.care(grace=0.05)
    await court.passes(0)
    name = await court.create()
    court.keeper.puppets[-1].is_deaf = True

    with anyio.fail_after(PATIENCE):
        await court.fleet.stop(name)

    assert not court.keeper.puppets[-1].is_alive


async def test_recycled_window_goes_on_when_it_is_idle(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)

    await court.fleet.recycle(name, "memory is at its limit")
    await court.settle()
    before = court.window(name).generation
    puppet.says(TurnDone(text="done"))
    await court.answer_to(name, prompt)
    again = await court.keeper.next(2)

    assert before == 1
    assert not puppet.is_alive
    assert again.is_alive
    assert (await court.until(name, "ready")).generation == 2


async def test_lost_conversation_begins_anew_where_that_is_allowed(court: Stage) -> None:
    court.care(restarts=RestartPolicy(fresh_when_missing=True))
    await court.passes(0)
    name, puppet, prompt = await at_work(court)

    puppet.says(
        TurnDone(fault=Fault(message="No conversation found with session ID: 1", code="error_during_execution"))
    )

    assert (await court.answer_to(name, prompt)).text == "work"
    first, second = court.driver.briefs
    assert (second.resume, first.conversation_id != second.conversation_id) == (False, True)


async def test_late_word_of_a_predecessor_is_dropped(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    puppet.dies()
    again = await court.keeper.next(2)
    await again.until("prompt")

    numbers = [s.generation async for s in _so_far(court, name)]

    assert numbers == sorted(numbers)
    assert (await court.answer_to(name, prompt)).text == "work"


async def _so_far(court: Stage, name: str) -> AsyncIterator[StoredEvent]:
    async for stored in court.fleet.events(name):
        yield stored
        if stored.sequence >= 8:
            return


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        pytest.param(0, Well, id="just taken"),
        pytest.param(70, Stuck, id="beyond patience"),
    ],
)
async def test_health_check_says_how_it_is(court: Stage, silence: int, expected: type) -> None:
    court.care(patience=Patience(asking_model=60), ladder=LadderPatience(interrupting=600))
    await court.passes(0)
    name, puppet, _ = await at_work(court)
    puppet.takes_interrupts = False
    await court.watched(silence)

    health = await court.fleet.health_check(name)

    assert isinstance(health[name], expected)


async def test_health_check_of_a_window_without_a_process(court: Stage) -> None:
    name = await court.create()
    with anyio.fail_after(PATIENCE):
        await court.fleet.stop(name)

    assert await court.fleet.health_check() == {name: Dead(reason="it is stopped")}


async def test_progress_is_no_stall(court: Stage) -> None:
    court.care(patience=Patience(streaming=60))
    await court.passes(0)
    name, puppet, _ = await at_work(court)

    for _ in range(5):
        puppet.says(Progressed(text="."))
        await court.watched(25)

    assert "interrupt" not in puppet.heard
    assert court.window(name).status == "busy"


async def test_driver_with_a_bug_costs_its_own_window_alone(court: Stage, caplog: pytest.LogCaptureFixture) -> None:
    name, puppet = await silent(court)
    other = await court.create()

    puppet.writes(b'{"type": "nothing that any driver knows"}\n')
    await court.keeper.next(3)

    assert "the driver of" in caplog.text
    assert (await court.until(name, "ready")).generation == 2
    assert court.window(other).generation == 1


async def test_agent_that_closes_its_pipe_and_stays_is_ended(court: Stage) -> None:
    name, puppet = await silent(court)

    puppet.closes_its_pipe()
    await court.keeper.next(2)

    assert not puppet.is_alive
    assert (await court.until(name, "ready")).generation == 2


async def test_handshake_has_a_deadline(court: Stage) -> None:
    court.care(patience=Patience(starting=0.05))
    court.keeper.shakes_hands = False
    await court.passes(0)
    name = (await court.fleet.create_window("puppet")).window_id
    await court.keeper.next(2)

    failed = await court.until(name, "failed")

    assert "It was not ready within 0.05 s" in failed.reason


async def test_prompt_of_a_parked_window_can_be_answered_by_a_restart_alone_once(court: Stage) -> None:
    name, puppet, prompt = await at_work(court)
    puppet.says(
        Limited(cause="rate_limit", until=court.clock.time + 600), TurnDone(fault=Fault(message="", status=429))
    )
    await court.until(name, "parked")
    puppet.answers_prompts = True

    await court.fleet.restart(name)
    await court.answer_to(name, prompt)
    await court.passes(700)

    assert court.window(name).status == "ready"
    assert sum(line.startswith("prompt") for line in puppet.heard) == 2
