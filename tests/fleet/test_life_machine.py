"""Whatever is commanded and whatever fails, in any order: no impossible move, no lost prompt, no answer twice.

Each example is a list of deeds, done one after the other to a fleet of puppets. In the end everything works again, and
then each promise must be kept.
"""

import logging
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.fleet.puppets import PATIENCE, Puppet, Stage, bare_stage
from tianting.fleet.drivers.driver import (
    Fault,
    Limited,
    PersonAsked,
    PromptTaken,
    QuestionClosed,
    ToolBegan,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.store.records import PromptDone, StoredEvent, WindowMoved
from tianting.fleet.window import OVER, Window, may_move
from tianting.protocol.errors import FleetError

Deed = Callable[["Play"], Awaitable[None]]


class Play:
    """One example: a stage, one window, and what was promised."""

    def __init__(self, court: Stage, name: str) -> None:
        self.court = court
        self.name = name
        self.promised: list[str] = []

    @property
    def puppet(self) -> Puppet | None:
        generation = self.court.window(self.name).generation
        alive = [one for one in self.court.keeper.puppets if one.is_alive and one.start.generation == generation]
        return alive[-1] if alive else None

    @property
    def standby(self) -> Puppet | None:
        pid = self.court.window(self.name).standby_id
        alive = [one for one in self.court.keeper.puppets if one.is_alive and one.held.pid == pid]
        return alive[-1] if alive else None

    def says(self, *events: object) -> None:
        if self.puppet is not None:
            self.puppet.says(*events)  # type: ignore[arg-type]

    def handed(self) -> str:
        """Uuid of what the process heard last; one that nobody gave if it heard nothing."""
        heard = [line for line in self.puppet.heard if line.startswith("prompt")] if self.puppet else []
        return heard[-1].split(" ", 2)[1] if heard else "nothing"


async def sends(play: Play) -> None:
    play.promised.append(await play.court.fleet.send(play.name, "work"))


async def takes(play: Play) -> None:
    if (uuid := play.handed()) != "nothing":
        play.says(TurnBegan(), PromptTaken(uuid=uuid))


async def acts(play: Play) -> None:
    play.says(ToolBegan(call_id="t", name="Bash"))


async def asks(play: Play) -> None:
    play.says(PersonAsked(question_id="q", kind="approval", tool="Bash"))


async def closes(play: Play) -> None:
    play.says(QuestionClosed(question_id="q"))


async def finishes(play: Play) -> None:
    play.says(TurnDone(text="done"))


async def is_limited(play: Play) -> None:
    limited = Limited(cause="rate_limit", until=play.court.clock.time + 60)
    play.says(limited, TurnDone(fault=Fault(message="429", status=429)))


async def fails(play: Play) -> None:
    play.says(TurnDone(fault=Fault(message="it went wrong")))


async def dies(play: Play) -> None:
    if play.puppet is not None:
        play.puppet.dies()


async def standby_dies(play: Play) -> None:
    if play.standby is not None:
        play.standby.dies()


async def hangs(play: Play) -> None:
    if play.puppet is not None:
        play.puppet.answers_probes = play.puppet.takes_interrupts = False


async def interrupts(play: Play) -> None:
    await play.court.fleet.interrupt(play.name)


async def restarts(play: Play) -> None:
    await play.court.fleet.restart(play.name)


async def recycles(play: Play) -> None:
    await play.court.fleet.recycle(play.name, "it is old")


async def stops(play: Play) -> None:
    await play.court.fleet.stop(play.name)


async def minutes_pass(play: Play) -> None:
    await play.court.passes(301)
    await play.court.watched(5)


async def keeper_dies(play: Play) -> None:
    play.court.keeper.breaks()


DEEDS: tuple[Deed, ...] = (
    *(sends, sends, takes, takes, acts, asks, closes, finishes, finishes, is_limited, fails, dies, dies, hangs),
    *(interrupts, restarts, recycles, stops, minutes_pass, minutes_pass, keeper_dies, standby_dies),
)
TURN: tuple[Deed, ...] = (sends, takes, finishes)

Acts = st.lists(st.lists(st.sampled_from(DEEDS), max_size=8), min_size=1, max_size=3)
"""Between two acts the fleet dies."""


@given(acts=Acts, standby=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_promises_are_kept(acts: list[list[Deed]], standby: bool) -> None:
    with tempfile.TemporaryDirectory() as directory, watched_log() as bugs:
        log = anyio.run(play_through, Path(directory), acts, standby)

    assert bugs == []
    moves_are_possible(log)


async def play_through(directory: Path, acts: list[list[Deed]], standby: bool) -> list[StoredEvent]:
    with anyio.fail_after(60):
        async with bare_stage(directory) as court:
            court.template = structs.replace(court.template, standby=standby)
            court.keeper.prepare = silent
            async with court.open_fleet():
                play = Play(court, await court.create())
                await perform(play, acts[0])
            for act in acts[1:]:
                async with court.open_fleet():
                    await perform(play, act)
            async with court.open_fleet():
                return await in_the_end(play)


def silent(puppet: Puppet) -> None:
    puppet.answers_prompts = False


async def perform(play: Play, deeds: list[Deed]) -> None:
    for deed in deeds:
        try:
            with anyio.fail_after(PATIENCE):
                await deed(play)
        except FleetError:  # it made no sense then, and says so
            pass
        await play.court.settle(5)


async def in_the_end(play: Play) -> list[StoredEvent]:
    """Everything works again: each promise is kept, exactly once."""
    court = play.court
    court.keeper.prepare = lambda _: None
    await court.settle()
    if court.window(play.name).status not in OVER:
        with anyio.fail_after(PATIENCE):
            await court.fleet.stop(play.name)
    await court.fleet.restart(play.name)
    for promise in play.promised:
        await court.answer_to(play.name, promise)
    log = await whole_log(play)
    done = [stored.event.uuid for stored in log if isinstance(stored.event, PromptDone)]
    assert sorted(done) == sorted(play.promised)
    return log


async def whole_log(play: Play) -> list[StoredEvent]:
    """All that happened to the window until it is destroyed, which is now, and nothing of it is left."""
    log: list[StoredEvent] = []

    async def follow() -> None:
        async for stored in play.court.fleet.events(play.name):
            log.append(stored)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await play.court.settle()
        assert play.court.fleet.get_window_status(play.name).open_prompts == 0
        await play.court.fleet.destroy_window(play.name)
    await play.court.settle()
    assert [one.start.generation for one in play.court.keeper.puppets if one.is_alive] == []
    return log


def moves_are_possible(log: list[StoredEvent]) -> None:
    status = Window(window_id="w", kind="echo")
    for stored in log:
        if isinstance(stored.event, WindowMoved) and stored.sequence > 1:
            assert may_move(status, stored.event.status), (status.status, stored.event.status)
            status = Window(window_id="w", kind="echo", status=stored.event.status)
    assert [stored.sequence for stored in log] == list(range(1, len(log) + 1))
    generations = [stored.generation for stored in log]
    assert generations == sorted(generations)


class watched_log:  # noqa: N801 - used like a function
    """What the boundaries of a life catch is a bug."""

    def __enter__(self) -> list[str]:
        self.bugs: list[str] = []
        self.handler = _Bugs(self.bugs)
        logging.getLogger("tianting.fleet").addHandler(self.handler)
        return self.bugs

    def __exit__(self, *_: object) -> None:
        logging.getLogger("tianting.fleet").removeHandler(self.handler)


class _Bugs(logging.Handler):
    def __init__(self, bugs: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.bugs = bugs

    def emit(self, record: logging.LogRecord) -> None:
        self.bugs.append(self.format(record))


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param([[sends, takes, dies], [finishes]], id="dies, and the fleet with it"),
        pytest.param([[sends, takes, is_limited, keeper_dies], [minutes_pass]], id="parked without a keeper"),
        pytest.param([[sends, takes, hangs, minutes_pass], [stops]], id="hangs, and is stopped by the next fleet"),
        pytest.param([[sends, takes, stops]], id="stopped amid a turn"),
        pytest.param([[restarts, sends, stops]], id="stopped with a prompt that was not taken"),
        pytest.param([[dies, sends, dies, recycles]], id="recycled while it recovers"),
        pytest.param([[*TURN, sends, takes, dies, finishes], [*TURN, dies]], id="its standby steps in"),
        pytest.param([[*TURN, keeper_dies, *TURN, standby_dies, dies]], id="standby and keeper die"),
    ],
)
@pytest.mark.parametrize("standby", [False, True])
def test_known_stories(acts: list[list[Deed]], standby: bool) -> None:
    with tempfile.TemporaryDirectory() as directory, watched_log() as bugs:
        moves_are_possible(anyio.run(play_through, Path(directory), acts, standby))

    assert bugs == []
