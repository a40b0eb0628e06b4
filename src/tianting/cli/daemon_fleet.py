"""The fleet behind a daemon: store, keeper, windows and conversations. Loaded when the daemon listens already."""

import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from msgspec import structs

from tianting import __version__
from tianting.cli.daemon_archiving import keep_archiving
from tianting.cli.daemon_places import DaemonPlaces, DaemonWish
from tianting.cli.fleet_wiring_keeper import IMAGE, FleetKeeper
from tianting.cli.windows_policy import fleet_policy, retention
from tianting.cli.windows_reload import read_fleet_settings
from tianting.daemon.conversations import Book
from tianting.daemon.talking import Talk, TalkPolicy
from tianting.fleet.door.place import make_private
from tianting.fleet.drivers.codex import CodexDriver
from tianting.fleet.drivers.driver import Driver
from tianting.fleet.drivers.stream_json import TIANTING, StreamJsonDriver
from tianting.fleet.ground.isolation import Isolator
from tianting.fleet.ground.workspaces import Wanted
from tianting.fleet.grounds import Grounds
from tianting.fleet.service.watch import ServiceWatch
from tianting.fleet.store.store import Store, open_store
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.windows import WindowManager
from tianting.fleet.world import World
from tianting.plumbing.clock import SystemClock
from tianting.protocol.ids import random_uuid
from tianting.sandbox.abilities import find_abilities
from tianting.settings.schema import FleetSettings

NO_IMAGE = "tianting.daemon.no_image:run"
MOST_WINDOWS = 1_000
"""Conversations that are kept; how many of them have a process is `TalkPolicy`'s."""
_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "TIANTING_CODEX_SOCKET", "TIANTING_CODEX_CONVERSATION")


@asynccontextmanager
async def open_fleet(
    places: DaemonPlaces, environment: Mapping[str, str], wish: DaemonWish
) -> AsyncGenerator[Talk, None]:
    """Take up what an earlier daemon had, and end the keeper at the end. Raises `FleetError`, `ConfigError`."""
    agent = wish.agent
    told = read_fleet_settings(places.home).fleet
    template = agent_template(told, agent, environment)
    clock = SystemClock()
    for directory in (places.state / "windows", places.state / "agents"):
        make_private(directory)
    keeper = FleetKeeper(places.run / agent / "keeper", environment, IMAGE if template.kind == "tianting" else NO_IMAGE)
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        store = await stack.enter_async_context(open_store(places.state / "fleet.db", clock, retention(told.retention)))
        stack.push_async_callback(_ended, keeper)
        watch = ServiceWatch(clock, places.state / "windows")
        world = _world(places, environment, store, watch, template)
        policy = FleetPolicy(templates=(template,), most_windows=MOST_WINDOWS)
        fleet = WindowManager(world, open_keeper=keeper.open, drivers=_drivers(), policy=policy)
        await stack.enter_async_context(fleet)
        watch.windows = lambda: [state.window for state in fleet.list_windows()]
        tasks.start_soon(watch.watch_work)

        async def last(window_id: str) -> int:
            snapshot = await store.snapshot(window_id)
            return 0 if snapshot is None else snapshot.sequence

        talk = Talk(fleet, Book(places.book), template=agent, last=last, clock=clock, policy=TalkPolicy())
        tasks.start_soon(talk.tidy)
        if wish.archive_every is not None:
            tasks.start_soon(keep_archiving, places, environment, wish.archive_every)
        yield talk


def agent_template(told: FleetSettings, agent: str, environment: Mapping[str, str]) -> Template:
    """The settings' own, or one whose agent finds all that it finds when its person starts it."""
    template = fleet_policy(told).template(agent)
    if agent in told.templates:
        return template
    passed = tuple(name for name in environment if name not in _OURS)
    own = Wanted(passed=passed, shared=("home", "claude", "codex", "tianting"))
    return structs.replace(template, surroundings=own)


def _world(
    places: DaemonPlaces, environment: Mapping[str, str], store: Store, watch: ServiceWatch, template: Template
) -> World:
    state, isolator = places.state, None
    if template.isolation.choice != "none":
        home = environment.get("HOME", "/")
        isolator = Isolator(find_abilities(environment), state=state, home=home, gateway=None)
    return World(
        store=store,
        clock=SystemClock(),
        random=random.random,
        new_id=random_uuid,
        logs=state / "agents",
        grounds=Grounds(state / "windows", environment, isolator=isolator),
        busy_tree=watch.is_busy,
    )


def _drivers() -> dict[str, Driver]:
    return {"codex": CodexDriver(__version__), "tianting": StreamJsonDriver(TIANTING)}


async def _ended(keeper: FleetKeeper) -> None:
    with anyio.CancelScope(shield=True):
        await keeper.ended()
