"""Makes windows and unmakes them, with all that belongs to one: its order, its worktree, its directories.

directory → worktree → order kept → window → followed        what fails takes back what was done before it
directory → order kept → a spare, or a window like it → followed        where nothing but the template is wanted
window ended → worktree put away → order dropped → directories removed
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from tianting.fleet.door.words import Create, Done
from tianting.fleet.service.feed import Feed
from tianting.fleet.service.figures import ServiceFigures
from tianting.fleet.service.orders import Order, Orders, order_of, says_nothing_more
from tianting.fleet.service.trees import put_away, with_tree
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.window import OVER, Window
from tianting.fleet.windows import FleetFull, WindowManager, WindowState
from tianting.protocol.errors import FleetError
from tianting.protocol.ids import NewId
from tianting.worktree.separate import dirt_of


class Ground(Struct, frozen=True, kw_only=True):
    """Where things are, and who this is."""

    version: str
    since: float
    """Unix time."""
    windows: Path
    """Windows' own directories."""
    trees: Path
    """Windows' own worktrees."""
    logs: Path
    worktrees: Callable[[str], bool]
    """Whether windows of this template get a worktree unasked."""
    read_settings: Callable[[], FleetPolicy]
    """Raises `ConfigError`, `FleetError`."""
    forgotten: Callable[[str], None]
    """Told the id of each window that was destroyed."""


class Making:
    """Of one fleet."""

    def __init__(
        self,
        manager: WindowManager,
        orders: Orders,
        *,
        feed: Feed,
        figures: ServiceFigures,
        ground: Ground,
        new_id: NewId,
    ) -> None:
        self._manager = manager
        self._orders = orders
        self._feed = feed
        self._figures = figures
        self._ground = ground
        self._new_id = new_id

    async def create(self, ask: Create) -> Window:
        """A new window, in a worktree of its own if that is wanted. Where it fails, nothing is left behind."""
        base = self._orders.settings.template(ask.template)
        cwd = _directory(ask.cwd or base.cwd or ask.here)
        order = order_of(f"{ask.template}.{self._new_id()[:8]}", ask, base)
        if ask.worktree is not None or self._ground.worktrees(ask.template):
            order = await with_tree(order, self._ground.trees, repository=cwd, branch=ask.worktree or "")
        try:
            window = await self._ordered(order, cwd, base)
        except BaseException:
            await put_away(order, force=True)
            raise
        self.made(window)
        return window

    def made(self, window: Window) -> None:
        """Somebody has got this window: follow it, and count where it came from."""
        self._feed.follow(window.window_id, 0)
        if any(one.name == window.template and one.pool is not None for one in self._orders.settings.templates):
            self._figures.claimed(window)

    async def destroy(self, window_id: str, *, force: bool) -> Done:
        """End it, and forget all about it. Raises `FleetError` where something would be lost, unless `force`d."""
        state = self._manager.get_window_status(window_id)
        order = self._orders.of(state.window)
        if not force:
            await _refuse_loss(state, order)
        await self._manager.destroy_window(window_id)
        told = await put_away(order, force=True) if order is not None else ""
        self._figures.forget(window_id)
        self._ground.forgotten(window_id)
        if order is not None:
            await self._orders.drop(order)
        await anyio.to_thread.run_sync(lambda: shutil.rmtree(self._ground.windows / window_id, ignore_errors=True))
        return Done(window=window_id, told=told)

    async def renew_spares(self, before: FleetPolicy) -> None:
        """The settings are others than `before`: spares that were made after those make way for new ones."""
        changed = {one.name for one in self._orders.settings.templates if one not in before.templates}
        windows = (state.window for state in self._manager.list_windows())
        for window in [one for one in windows if one.is_spare and one.template in changed and one.status not in OVER]:
            await self._manager.destroy_window(window.window_id, by="settings")
        self._manager.reconfigure(self._orders.policy())  # the pool looks at once at what is missing

    async def _ordered(self, order: Order, cwd: str, base: Template) -> Window:
        await self._orders.add(order)
        try:
            if base.pool is not None and cwd == base.cwd and says_nothing_more(order, base):
                return await self._any_of(order, base)
            self._manager.reconfigure(self._orders.policy())
            return await self._manager.create_window(order.name, cwd=order.tree.path if order.tree else cwd)
        except FleetFull as full:
            await self._orders.drop(order)
            most = self._orders.settings.most_windows
            raise FleetFull(
                f"{most} windows are alive, and there may be no more: stop one, or raise maxWindows."
            ) from full
        except BaseException:
            await self._orders.drop(order)
            raise

    async def _any_of(self, order: Order, base: Template) -> Window:
        """One of the template's spares where one is ready, else a window like them."""
        spares = {state.window.window_id for state in self._manager.list_windows() if state.window.is_spare}
        window = await self._manager.create_window(base.name)
        try:
            await self._orders.settle(order, window, is_warm=window.window_id in spares)
        except BaseException:
            await self._manager.destroy_window(window.window_id)
            raise
        return window


def _directory(told: str) -> str:
    if not told:
        raise FleetError("The template has no directory: name one with --cwd.")
    if not Path(told).is_dir():
        raise FleetError(f"There is no directory {told}: name one that exists with --cwd.")
    return told


async def _refuse_loss(state: WindowState, order: Order | None) -> None:
    window = state.window
    if window.status in ("busy", "waiting") or state.open_prompts:
        raise FleetError(
            f"Window {window.window_id[:8]} is {window.status} and owes an answer: wait for it, or use --force."
        )
    if order is None or order.tree is None or not Path(order.tree.path).is_dir():
        return
    if await dirt_of(order.tree):
        raise FleetError(
            f"Its worktree {order.tree.path} has work that is nowhere else: look at it with `tianting windows diff"
            f" {window.window_id[:8]}`, merge it, or --force, which keeps the worktree."
        )
