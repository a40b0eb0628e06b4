"""What a fleet answers at its door: a real service over windows whose processes are puppets."""

import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import structs

from tests.fleet.puppets import PATIENCE, Stage, bare_stage
from tianting.fleet.door import words
from tianting.fleet.drivers.driver import PersonAsked, PromptTaken, QuestionClosed, TurnBegan, TurnDone
from tianting.fleet.grounds import Grounds
from tianting.fleet.service import feed as service_feed
from tianting.fleet.service.feed import Feed
from tianting.fleet.service.figures import ServiceFigures
from tianting.fleet.service.making import Ground
from tianting.fleet.service.orders import Orders
from tianting.fleet.service.service import FleetService
from tianting.fleet.store.records import PromptDone, WindowMoved
from tianting.fleet.store.store import open_store
from tianting.fleet.templates import FleetPolicy
from tianting.fleet.verdicts.sizing import PoolPolicy
from tianting.fleet.windows import NoSuchWindow, WindowManager
from tianting.fleet.world import World
from tianting.protocol.errors import ConfigError, FleetError
from tianting.protocol.ids import random_uuid
from tianting.telemetry.metrics import FleetMetrics

pytestmark = pytest.mark.anyio

STARTED = ("requested", "starting", "ready")


class House:
    """A service and all that it stands on."""

    def __init__(self, court: Stage) -> None:
        self.court = court
        self.settings: FleetPolicy | ConfigError = court.policy
        self.forgotten: list[str] = []
        self.service: FleetService
        self.feed: Feed

    def read_settings(self) -> FleetPolicy:
        if isinstance(self.settings, ConfigError):
            raise self.settings
        return self.settings

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["House", None]:
        court, place = self.court, self.court.directory
        ids = count(1)
        async with open_store(place / "fleet.db", court.clock) as store, anyio.create_task_group() as tasks:
            orders = Orders(place / "orders.json", self.read_settings())
            world = World(
                store=store,
                clock=court.clock,
                random=lambda: 0.5,
                new_id=random_uuid,
                logs=place,
                grounds=Grounds(place / "windows", {}),
                busy_tree=lambda _: False,
            )
            async with WindowManager(
                world, open_keeper=court.keeper.opened, drivers={"echo": court.driver}, policy=orders.policy()
            ) as court.fleet:
                feed, figures = Feed(court.fleet, tasks), ServiceFigures(FleetMetrics(), court.clock.monotonic)
                ground = Ground(
                    version="1",
                    since=5.0,
                    windows=place / "windows",
                    trees=place / "trees",
                    logs=place,
                    worktrees=lambda _: False,
                    read_settings=self.read_settings,
                    forgotten=self.forgotten.append,
                )
                self.feed = feed
                self.service = FleetService(
                    court.fleet,
                    store,
                    orders,
                    feed=feed,
                    figures=figures,
                    ground=ground,
                    new_id=lambda: f"id{next(ids)}",
                )
                yield self
            tasks.cancel_scope.cancel()

    async def ask(self, ask: words.WindowAsk) -> Any:
        with anyio.fail_after(PATIENCE):
            return await self.service.answer(ask)

    async def create(self, label: str = "first", **more: Any) -> str:
        """A window that is ready."""
        made = await self.ask(words.Create(template="puppet", label=label, **more))
        await self.ask(words.AwaitReady(window=label))
        return str(made.row.window.window_id)

    async def spare(self, but: str = "") -> str:
        """The spare that is ready, another than this one."""
        with anyio.fail_after(PATIENCE):
            while True:
                for row in (await self.ask(words.ListWindows())).rows:
                    if row.window.is_spare and row.window.status == "ready" and row.window.window_id != but:
                        return str(row.window.window_id)
                await self.court.settle(1)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House, None]:
    async with bare_stage(tmp_path) as court, House(court).open() as made:
        yield made


async def test_a_prompt_is_accepted_and_its_answer_is_in_the_log(house: House) -> None:
    window = await house.create()

    accepted = await house.ask(words.Send(window="first", text="hello"))
    told: list[Any] = []
    with anyio.fail_after(PATIENCE):
        async for one in house.service.stream(words.Follow(window="first", after=accepted.after)):
            assert isinstance(one, words.Happened)
            told.append(one.stored.event)
            if isinstance(told[-1], PromptDone):
                break

    assert told[-1] == PromptDone(uuid=accepted.prompt, text="hello")
    assert accepted.window == window


async def test_a_first_prompt_comes_with_the_window(house: House) -> None:
    made = await house.ask(words.Create(template="puppet", label="first", prompt="hello"))

    assert (await house.court.answer_to(made.row.window.window_id, made.prompt)).text == "hello"


async def test_a_question_is_answered_once(house: House) -> None:
    await house.create()
    puppet = await house.court.keeper.next()
    puppet.answers_prompts = False
    accepted = await house.ask(words.Send(window="first", text="work"))
    await puppet.until("prompt")
    puppet.says(
        TurnBegan(), PromptTaken(uuid=accepted.prompt), PersonAsked(question_id="q", kind="approval", tool="Bash")
    )
    await house.court.until(accepted.window, "waiting")

    await house.ask(words.AnswerQuestion(window="first", allow=True))
    heard = await puppet.until("answer")
    puppet.says(QuestionClosed(question_id="q"), TurnDone(text="done"))
    await house.court.until(accepted.window, "ready")

    assert heard == "answer q True"
    with pytest.raises(FleetError, match="asks nothing: it is ready"):
        await house.ask(words.AnswerQuestion(window="first", allow=True))


async def test_a_window_that_works_is_destroyed_by_force_alone(house: House) -> None:
    window = await house.create()
    puppet = await house.court.keeper.next()
    puppet.answers_prompts = False
    await house.ask(words.Send(window="first", text="work"))
    await house.court.until(window, "busy")

    with pytest.raises(FleetError, match="owes an answer"):
        await house.ask(words.Destroy(window="first"))
    await house.ask(words.Destroy(window="first", force=True))

    assert house.forgotten == [window]
    with pytest.raises(NoSuchWindow):
        await house.ask(words.Show(window="first"))


async def test_health_of_what_is_stopped_is_told_when_asked_for(house: House) -> None:
    await house.create("first")
    await house.create("second")
    await house.ask(words.Stop(window="second"))

    every = await house.ask(words.CheckHealth())
    one = await house.ask(words.CheckHealth(window="second"))

    assert [(found.label, found.state) for found in every.windows] == [("first", "well")]
    assert [(found.label, found.state) for found in one.windows] == [("second", "dead")]


async def test_wrong_settings_are_refused_whole_and_health_says_so(house: House) -> None:
    house.settings = ConfigError("line 3")

    with pytest.raises(ConfigError, match="line 3"):
        await house.ask(words.Reload())
    await house.service.reload_quietly()
    wrong = (await house.ask(words.CheckHealth())).settings
    house.settings = structs.replace(house.court.policy, most_windows=3)
    await house.service.reload_quietly()

    assert (wrong, (await house.ask(words.CheckHealth())).settings) == ("line 3", "")
    assert (await house.ask(words.ListWindows())).room == 3


async def test_who_wants_nothing_special_gets_a_spare(house: House) -> None:
    house.settings = FleetPolicy(templates=(structs.replace(house.court.template, pool=PoolPolicy(spares=1)),))
    await house.ask(words.Reload())

    first = await house.spare()
    made = await house.ask(words.Create(template="puppet", label="first"))
    second = await house.spare()
    special = await house.ask(words.Create(template="puppet", label="special", model="big"))

    assert (made.row.window.window_id, made.row.window.status, made.row.is_warm) == (first, "ready", True)
    assert (special.row.window.window_id != second, special.row.is_warm) == (True, False)
    assert (await house.ask(words.ReadMetrics())).text.count(
        'pool_claims_total{outcome="warm",template="puppet"} 1.0'
    ) == 1


async def test_a_name_that_is_taken_costs_no_spare(house: House) -> None:
    house.settings = FleetPolicy(templates=(structs.replace(house.court.template, pool=PoolPolicy(spares=1)),))
    await house.ask(words.Reload())
    await house.create("first", model="big")
    spare = await house.spare()

    with pytest.raises(FleetError, match="called 'first' already"):
        await house.ask(words.Create(template="puppet", label="first"))

    assert await house.spare() == spare


async def test_spares_follow_their_template(house: House) -> None:
    pool = structs.replace(house.court.template, pool=PoolPolicy(spares=1))
    house.settings = FleetPolicy(templates=(pool,))
    await house.ask(words.Reload())
    old = await house.spare()

    house.settings = FleetPolicy(templates=(structs.replace(pool, model="new"),))
    await house.ask(words.Reload())
    new = await house.spare(but=old)

    assert house.court.driver.briefs[-1].model == "new"
    assert [row.window.window_id for row in (await house.ask(words.ListWindows())).rows] == [new]


async def test_a_full_fleet_says_what_to_do(house: House) -> None:
    house.settings = structs.replace(house.court.policy, most_windows=1)
    await house.ask(words.Reload())
    await house.create()

    with pytest.raises(FleetError, match="raise maxWindows"):
        await house.ask(words.Create(template="puppet", label="second"))
    assert len((await house.ask(words.ListWindows())).rows) == 1


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        pytest.param({"cwd": "/nowhere/at/all"}, "There is no directory", id="no directory"),
        pytest.param({"template": "other"}, "There is no template 'other'", id="no template"),
    ],
)
async def test_what_cannot_be_made_is_said(more: dict[str, Any], complaint: str, house: House) -> None:
    with pytest.raises(FleetError, match=complaint):
        await house.ask(words.Create(**{"template": "puppet", **more}))


async def test_the_past_of_all_windows_is_in_the_order_of_time(house: House) -> None:
    await house.create("first")
    house.court.clock.time += 5
    await house.create("second")

    with anyio.fail_after(PATIENCE):
        told = [one async for one in house.service.stream(words.Follow(live=False))]

    moves = [
        (one.label, one.stored.event.status)
        for one in told
        if isinstance(one, words.Happened) and isinstance(one.stored.event, WindowMoved)
    ]
    assert moves == [(name, status) for name in ("first", "second") for status in ("requested", "starting", "ready")]


async def test_the_fleet_ends_with_its_windows(house: House) -> None:
    await house.create()

    ended = await house.ask(words.EndFleet())

    assert (ended.told, house.service.end.is_set(), house.service.is_emptied) == ("The fleet ends.", True, True)
    assert [row.window.status for row in (await house.ask(words.ListWindows())).rows] == ["stopped"]


async def test_a_watch_begins_at_once(house: House) -> None:
    await house.create()

    with anyio.fail_after(PATIENCE):
        listing = await anext(house.service.stream(words.Watch(every=60)))

    assert isinstance(listing, words.Listing)
    assert [row.label for row in listing.rows] == ["first"]


async def test_windows_without_a_worktree_have_nothing_to_merge(house: House) -> None:
    await house.create()

    for ask in (words.Review(window="first"), words.Merge(window="first")):
        with pytest.raises(FleetError, match="no worktree of its own"):
            await house.ask(ask)
    assert house.service.welcome().since == 5.0


async def test_work_in_a_worktree_is_merged_and_the_tree_goes_with_its_window(house: House) -> None:
    shop = house.court.directory / "shop"
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")

    def commits(place: Path, message: str) -> None:
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", message], cwd=place, check=True, timeout=10)

    subprocess.run([*git, "init", "-q", "-b", "main", str(shop)], check=True, timeout=10)
    commits(shop, "first")
    await house.create(cwd=str(shop), worktree="mend")
    row = (await house.ask(words.Show(window="first"))).row
    commits(Path(row.window.cwd), "mended")
    with pytest.raises(FleetError, match="nowhere else"):
        await house.ask(words.Destroy(window="first"))

    review = await house.ask(words.Review(window="first"))
    merged = await house.ask(words.Merge(window="first"))
    destroyed = await house.ask(words.Destroy(window="first"))

    assert (row.branch, review.branch, review.base, len(review.commits)) == ("mend", "mend", "main", 1)
    assert merged.told.startswith("mend is in main now")
    assert (destroyed.told.endswith("is removed."), Path(row.window.cwd).exists()) == (True, False)


async def test_all_windows_are_followed_those_to_come_included(house: House) -> None:
    told: list[tuple[str, str]] = []
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:

            async def follow() -> None:
                async for one in house.service.stream(words.Follow()):
                    if isinstance(one, words.Happened) and isinstance(one.stored.event, WindowMoved):
                        told.append((one.label, one.stored.event.status))
                        if told[-1] == ("second", "ready"):
                            return

            tasks.start_soon(follow)
            await house.court.settle()
            await house.create("first")
            await house.create("second")

    assert sorted(told) == sorted((name, status) for name in ("first", "second") for status in STARTED)


async def test_whoever_cannot_keep_up_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_feed, "UNHEARD", 1)
    feed = house.feed
    with feed.listener() as news:
        await house.create()
        house.service.count_windows()
        with anyio.fail_after(PATIENCE):
            heard = [one.stored.sequence async for one in news]

    assert heard == [1]


async def test_windows_made_for_tasks_are_counted_like_others(house: House) -> None:
    house.settings = FleetPolicy(templates=(structs.replace(house.court.template, pool=PoolPolicy(spares=1)),))
    await house.ask(words.Reload())
    await house.spare()

    window = await house.court.fleet.create_window("puppet")
    house.service.made(window.window_id)

    figures = (await house.ask(words.ReadMetrics())).text
    assert 'tianting_pool_claims_total{outcome="warm",template="puppet"} 1.0' in figures


async def test_deeds_name_the_window_that_was_meant(house: House) -> None:
    window = await house.create()

    deeds = (words.Interrupt(window="first"), words.Restart(window="first"), words.Stop(window="first"))
    assert [(await house.ask(deed)).window for deed in deeds] == [window] * 3
