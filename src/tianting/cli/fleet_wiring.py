"""Joins the parts of a fleet: store, keeper, gateway, windows, figures and door. Nothing here decides.

    door held → store → gateway → windows taken up → figures → settings watched → door open → … → closed in reverse

Whatever ends this process, the windows work on, and the next fleet takes them up.
"""

import random
import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct

from tianting import __version__
from tianting.cli.fleet_wiring_gateway import begin_gateway, has_own_loopback
from tianting.cli.fleet_wiring_keeper import FleetKeeper
from tianting.cli.gateway_parts import gateway_quotas, gateway_upstreams, with_keys_at_hand
from tianting.cli.windows_passes import RENEWED, WindowPasses, fleet_secret, let_in
from tianting.cli.windows_policy import fleet_policy, retention
from tianting.cli.windows_reload import watch_settings
from tianting.fleet.dispatching.dispatch import Dispatcher
from tianting.fleet.dispatching.seating import Surroundings
from tianting.fleet.door.door import Door
from tianting.fleet.door.place import held_door, make_private, remember, settle
from tianting.fleet.drivers.acp import AcpDriver
from tianting.fleet.drivers.codex import CodexDriver
from tianting.fleet.drivers.driver import Driver
from tianting.fleet.drivers.echo import echo_driver
from tianting.fleet.drivers.stream_json import CLAUDE, TIANTING, StreamJsonDriver
from tianting.fleet.drivers.tmux import terminal_drivers
from tianting.fleet.ground.isolation import Isolator
from tianting.fleet.ground.resources import Sample
from tianting.fleet.grounds import Grounds
from tianting.fleet.service.feed import Feed
from tianting.fleet.service.figures import ServiceFigures
from tianting.fleet.service.history import HistoryFigures
from tianting.fleet.service.making import Ground
from tianting.fleet.service.orders import Orders
from tianting.fleet.service.service import FleetService
from tianting.fleet.service.tasks import TaskDesk
from tianting.fleet.service.watch import ServiceWatch
from tianting.fleet.store.store import Store, open_store
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.window import Window
from tianting.fleet.windows import WindowManager
from tianting.fleet.world import World
from tianting.gateway.gateway import Gateway
from tianting.gateway.ledger import Ledger
from tianting.plumbing.clock import SystemClock
from tianting.protocol.errors import ConfigError
from tianting.protocol.ids import random_uuid
from tianting.sandbox.abilities import find_abilities
from tianting.settings.providers import model_catalogue
from tianting.settings.schema import Settings
from tianting.telemetry.exposition import listen, serve_metrics
from tianting.telemetry.metrics import FleetMetrics

SHOWN_EVERY = 5.0
"""Seconds between two counts of the windows by state, for whoever fetches the figures."""


class FleetPlaces(Struct, frozen=True, kw_only=True):
    """Where a fleet keeps what it has."""

    home: Path
    """The agent's own: `~/.tianting`."""
    run: Path
    """Sockets."""

    @property
    def state(self) -> Path:
        """All that must outlive the process."""
        return self.home / "fleet"

    @property
    def door(self) -> Path:
        """Where clients connect."""
        return self.run / "door"

    @property
    def gateway(self) -> Path:
        """The gateway's socket; alone in its directory, because isolated windows see that."""
        return self.run / "gateway" / "socket"

    @property
    def windows(self) -> Path:
        """The windows' own directories."""
        return self.state / "windows"

    @property
    def trees(self) -> Path:
        """The windows' own worktrees."""
        return self.state / "trees"

    @property
    def logs(self) -> Path:
        """What agents write to standard error."""
        return self.state / "logs"


def fleet_places(home: Path, environment: Mapping[str, str]) -> FleetPlaces:
    """Those of the fleet that belongs to `home`. Raises `FleetError`."""
    return FleetPlaces(home=home, run=settle(home, environment))


class FleetWiring:
    """One fleet, from its start to its end."""

    def __init__(
        self, places: FleetPlaces, environment: Mapping[str, str], read_settings: Callable[[], Settings]
    ) -> None:
        """`read_settings` raises `ConfigError`, now or later."""
        self._places = places
        self._environment = environment
        self._read_settings = read_settings
        self._settings = read_settings()
        self._clock = SystemClock()
        self._keeper = FleetKeeper(places.run / "keeper" / "socket", environment)

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until a client or a signal ends it; `ready` is called when clients can connect.

        Raises `DoorTaken` where another fleet serves this home, and `FleetError`, `ConfigError`, `OSError`.
        """
        places = self._places
        for directory in (places.state, places.run, places.windows, places.logs, places.trees):
            make_private(directory)
        with held_door(places.door):
            remember(places.home, places.run)
            async with self._running() as service:
                ready()
                await _ended(service)
                is_emptied = service.is_emptied
            if is_emptied:
                self._keeper.end()

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[FleetService, None]:
        places, clock = self._places, self._clock
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            opened = open_store(places.state / "fleet.db", clock, retention(self._settings.fleet.retention))
            store = await stack.enter_async_context(opened)
            stack.callback(self._keeper.hang_up)
            orders = Orders(places.state / "orders.json", fleet_policy(self._settings.fleet))
            windows = await store.windows()
            await orders.keep_only(windows)
            passes = await self._passes(stack, tasks, orders, windows)
            watch = ServiceWatch(clock, places.windows)
            manager = await stack.enter_async_context(self._manager(store, orders, passes, watch))
            feed = Feed(manager, tasks)
            metrics = FleetMetrics()
            figures = ServiceFigures(metrics, clock.monotonic)
            service = self._service(manager, store, orders, feed=feed, figures=figures, passes=passes)
            await _begin_watching(tasks, manager, store, feed, figures, watch)
            await self._show_figures(tasks, figures)
            if passes is not None:
                tasks.start_soon(_keep_renewing, passes, manager)
            tasks.start_soon(watch_settings, places.home, service.reload_quietly)
            dispatcher = await stack.enter_async_context(self._dispatcher(manager, store, orders, service, figures))
            desk = TaskDesk(service, dispatcher, _templates_of(orders), figures.shed)
            history = HistoryFigures(metrics, store, clock.now())
            tasks.start_soon(_keep_showing, service, desk, figures, history)
            await tasks.start(Door(desk).serve, places.door)
            yield service

    def _manager(self, store: Store, orders: Orders, passes: WindowPasses | None, watch: ServiceWatch) -> WindowManager:
        environment, places = self._environment, self._places
        isolator = Isolator(
            find_abilities(environment),
            state=places.state,
            home=environment.get("HOME", "/"),
            gateway=places.gateway if passes else None,
        )
        own, gateway = (self._without_keys(), passes.variables) if passes else (environment, None)
        grounds = Grounds(places.windows, own, isolator=isolator, gateway=gateway)
        world = World(
            store=store,
            clock=self._clock,
            random=random.random,
            new_id=random_uuid,
            logs=places.logs,
            grounds=grounds,
            busy_tree=watch.is_busy,
        )
        return WindowManager(world, open_keeper=self._keeper.open, drivers=_drivers(), policy=orders.policy())

    def _service(
        self,
        manager: WindowManager,
        store: Store,
        orders: Orders,
        *,
        feed: Feed,
        figures: ServiceFigures,
        passes: WindowPasses | None,
    ) -> FleetService:
        places = self._places
        ground = Ground(
            version=__version__,
            since=self._clock.now(),
            windows=places.windows,
            trees=places.trees,
            logs=places.logs,
            worktrees=self._wants_worktree,
            read_settings=self._reread,
            forgotten=passes.revoke if passes else lambda _: None,
        )
        return FleetService(manager, store, orders, feed=feed, figures=figures, ground=ground, new_id=random_uuid)

    def _without_keys(self) -> dict[str, str]:
        """Keys that the gateway has are nobody else's, whatever they are called and whoever passes them on."""
        keys = {key.variable for key in with_keys_at_hand(self._settings.gateway, self._environment).keys.values()}
        return {name: value for name, value in self._environment.items() if name not in keys}

    def _dispatcher(
        self, manager: WindowManager, store: Store, orders: Orders, service: FleetService, figures: ServiceFigures
    ) -> Dispatcher:
        def load(window_id: str) -> float:
            sample = figures.samples.get(window_id)
            return 0.0 if sample is None else float(sample.memory)

        around = Surroundings(
            clock=self._clock,
            random=random.random,
            new_id=random_uuid,
            template=_templates_of(orders),
            load=load,
            made=service.made,
        )
        return Dispatcher(manager, store, around)

    def _wants_worktree(self, template: str) -> bool:
        told = self._settings.fleet.templates.get(template)
        return told is not None and told.worktree

    def _reread(self) -> FleetPolicy:
        settings = self._read_settings()
        policy = fleet_policy(settings.fleet)
        self._settings = settings
        return policy

    async def _passes(
        self, stack: AsyncExitStack, tasks: TaskGroup, orders: Orders, windows: Sequence[Window]
    ) -> WindowPasses | None:
        """The gateway, where there are keys for it."""
        settings, places = self._settings, self._places
        door = with_keys_at_hand(settings.gateway, self._environment)
        if not (settings.fleet.gateway and door.keys):
            return None
        make_private(places.gateway.parent)
        ledger_path = places.home / "gateway" / "ledger.sqlite"
        ledger_path.parent.mkdir(mode=0o700, exist_ok=True)
        ledger = stack.enter_context(closing(Ledger(ledger_path)))
        gateway = Gateway(
            upstreams=gateway_upstreams(door, self._environment),
            ledger=ledger,
            quotas=gateway_quotas(door),
            catalogue=model_catalogue(settings),
        )
        secret = fleet_secret(places.state / "gateway.secret")
        let_in(gateway, secret, windows)
        port = await begin_gateway(tasks, gateway, socket=places.gateway, note=places.state / "gateway.port")

        def is_cut_off(window: Window) -> bool:
            template = orders.template(window)
            return template is not None and has_own_loopback(template.isolation)

        return WindowPasses(gateway, secret, port, is_cut_off=is_cut_off)

    async def _show_figures(self, tasks: TaskGroup, figures: ServiceFigures) -> None:
        doors: list[Path | int] = [self._places.run / "metrics"]
        if self._settings.fleet.metrics_port is not None:
            doors.append(self._settings.fleet.metrics_port)
        for door in doors:
            try:
                listener = await listen(door)
            except OSError as error:
                raise ConfigError(f"Metrics cannot be served at {door}: {error.strerror}.") from None
            tasks.start_soon(serve_metrics, listener, figures.registry)


async def _ended(service: FleetService) -> None:
    """Until a client or a signal ends it. SIGHUP reads the settings again."""
    async with anyio.create_task_group() as tasks:

        async def hear_signals() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
                async for number in signals:
                    if number != signal.SIGHUP:
                        service.end.set()
                        return
                    await service.reload_quietly()

        tasks.start_soon(hear_signals)
        await service.end.wait()
        tasks.cancel_scope.cancel()


async def _begin_watching(
    tasks: TaskGroup, manager: WindowManager, store: Store, feed: Feed, figures: ServiceFigures, watch: ServiceWatch
) -> None:
    """Count from now on what happens in the windows that there are, and in those to come."""

    def windows() -> list[Window]:
        return [state.window for state in manager.list_windows()]

    kinds: dict[str, str] = {}

    def kind_of(window_id: str) -> str:
        kinds.update((window.window_id, window.kind) for window in windows() if window.window_id not in kinds)
        return kinds.get(window_id, "")

    def used(samples: Sequence[Sample]) -> None:
        figures.sampled(samples)
        manager.sampled(samples)

    watch.windows = windows
    for window in windows():
        snapshot = await store.snapshot(window.window_id)
        feed.follow(window.window_id, snapshot.sequence if snapshot else 0)
    tasks.start_soon(figures.listen, feed, kind_of)
    tasks.start_soon(watch.watch_work)
    tasks.start_soon(watch.watch_use, used)
    tasks.start_soon(figures.watch_lag)


async def _keep_renewing(passes: WindowPasses, manager: WindowManager) -> None:
    while True:
        passes.renew(state.window for state in manager.list_windows())
        await anyio.sleep(RENEWED)


async def _keep_showing(
    service: FleetService, desk: TaskDesk, figures: ServiceFigures, history: HistoryFigures
) -> None:
    while True:
        figures.show_queue(desk.waiting)
        await history.look(service.count_windows())
        await anyio.sleep(SHOWN_EVERY)


def _templates_of(orders: Orders) -> Callable[[str], Template]:
    """Those of the settings as they are whenever somebody asks."""

    def find(name: str) -> Template:
        return orders.settings.template(name)

    return find


def _drivers() -> dict[str, Driver]:
    drivers: tuple[Driver, ...] = (
        StreamJsonDriver(TIANTING),
        StreamJsonDriver(CLAUDE),
        CodexDriver(__version__),
        AcpDriver(__version__),
        echo_driver(),
    )
    return {**{driver.kind: driver for driver in drivers}, **terminal_drivers()}
