"""What each window was ordered to be, kept in a file: a fleet that comes back makes its next process the same way.

An order is a template of its own for one window. Where the settings' template changes, what the order does not say
itself follows; where that one has gone, the window stays as it was made. A window that wants nothing more than the
settings' template has that one, so that it may be one of its spares.
"""

from collections.abc import Iterable
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
from msgspec import Struct, structs

from tianting.fleet.door.words import Choice, Create
from tianting.fleet.ground.workspaces import Share
from tianting.fleet.templates import FleetPolicy, Template
from tianting.fleet.window import Window
from tianting.plumbing.atomic_file import write_atomically
from tianting.protocol.errors import FleetError
from tianting.worktree.separate_records import SeparateTree


class Order(Struct, frozen=True, kw_only=True):
    """One window's. Its name is that of the window's template."""

    name: str
    window: str = ""
    """The window's id, where its template is the settings' own, which other windows have, too."""
    is_warm: bool = False
    """It was ready before it was ordered."""
    base: Template
    """The template that the person named, as it was when the window was made."""
    label: str = ""
    program: str | None = None
    model: str | None = None
    permission_mode: str | None = None
    isolation: Choice | None = None
    passed: tuple[str, ...] = ()
    shared: tuple[Share, ...] = ()
    tree: SeparateTree | None = None
    """Its own worktree."""
    repository: str = ""
    """That the worktree belongs to."""


def order_of(name: str, create: Create, base: Template) -> Order:
    """What `create` asks for."""
    return Order(
        name=name,
        base=base,
        label=create.label,
        program=create.program,
        model=create.model,
        permission_mode=create.permission_mode,
        isolation=create.isolation,
        passed=create.passed,
        shared=create.shared,
    )


def template_of(order: Order, base: Template) -> Template:
    """The template of one window. It has no spares: those are made before anybody orders anything."""
    surroundings = base.surroundings
    return structs.replace(
        base,
        name=order.name,
        program=order.program or base.program,
        model=order.model or base.model,
        permission_mode=order.permission_mode or base.permission_mode,
        isolation=structs.replace(base.isolation, choice=order.isolation or base.isolation.choice),
        surroundings=structs.replace(
            surroundings,
            passed=tuple(dict.fromkeys((*surroundings.passed, *order.passed))),
            shared=tuple(dict.fromkeys((*surroundings.shared, *order.shared))),
            variables={**_ports(order.tree), **surroundings.variables},
        ),
        pool=None,
    )


def says_nothing_more(order: Order, base: Template) -> bool:
    """Whether any window of the template `base` would do."""
    return order.tree is None and template_of(order, base) == structs.replace(base, name=order.name, pool=None)


class Orders:
    """All of one fleet."""

    def __init__(self, path: Path, policy: FleetPolicy) -> None:
        """Reads `path`. Raises `FleetError` where it cannot be read."""
        self.settings = policy
        """What the settings say now."""
        self._path = path
        self._orders = _read(path)
        self._writing = anyio.Lock()

    def policy(self) -> FleetPolicy:
        """What the manager is to know: the settings' templates, and one for each order."""
        ordered = {order.name: template_of(order, self.base_of(order)) for order in self._orders.values()}
        templates = ordered | {template.name: template for template in self.settings.templates}
        return structs.replace(self.settings, templates=tuple(templates.values()))

    def of(self, window: Window) -> Order | None:
        """The order that `window` was made after."""
        return self._orders.get(window.template) or self._orders.get(window.window_id)

    def template(self, window: Window) -> Template | None:
        """What the next process of `window` is made after."""
        order = self.of(window)
        if order is None:  # a spare, or made for tasks
            return next((one for one in self.settings.templates if one.name == window.template), None)
        return template_of(order, self.base_of(order))

    def base_of(self, order: Order) -> Template:
        """As the settings have it now, else as they had it."""
        return next((one for one in self.settings.templates if one.name == order.base.name), order.base)

    async def add(self, order: Order) -> None:
        """Keep `order` from now on. Raises `FleetError` where another has its label, or it cannot be kept."""
        if order.label and any(one.label == order.label for one in self._orders.values()):
            raise FleetError(f"A window is called {order.label!r} already: choose another name.")
        self._orders[order.name] = order
        try:
            await self._write()
        except BaseException:
            del self._orders[order.name]
            raise

    async def settle(self, order: Order, window: Window, *, is_warm: bool) -> None:
        """`window` is made after the base of `order` itself. Raises `FleetError` where that cannot be kept."""
        settled = structs.replace(order, name=window.template, window=window.window_id, is_warm=is_warm)
        del self._orders[order.name]
        self._orders[window.window_id] = settled
        try:
            await self._write()
        except BaseException:
            del self._orders[window.window_id]
            raise

    async def drop(self, order: Order) -> None:
        """Its window is gone."""
        if self._orders.pop(_key(order), None) is not None:
            await self._write()

    async def keep_only(self, windows: Iterable[Window]) -> None:
        """Drop what no window was made after: a fleet ended between the two."""
        kept = tuple(windows)
        there = {window.template for window in kept} | {window.window_id for window in kept}
        for order in [order for key, order in self._orders.items() if key not in there]:
            await self.drop(order)

    async def _write(self) -> None:
        async with self._writing:
            data = msgspec.json.format(msgspec.json.encode(tuple(self._orders.values())), indent=1)
            try:
                await anyio.to_thread.run_sync(lambda: write_atomically(self._path, data, mode=0o600, durable=True))
            except OSError as error:
                raise FleetError(f"{self._path} cannot be written: {error.strerror}.") from None


def _key(order: Order) -> str:
    return order.window or order.name


def _ports(tree: SeparateTree | None) -> dict[str, str]:
    """The block of ports that belongs to the worktree, for whatever listens there."""
    if tree is None:
        return {}
    return {"TIANTING_FIRST_PORT": str(tree.first_port), "TIANTING_PORTS": str(tree.ports)}


def _read(path: Path) -> dict[str, Order]:
    try:
        orders = msgspec.json.decode(path.read_bytes(), type=tuple[Order, ...])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise FleetError(
            f"{path} cannot be read: {error}. Without it nobody knows how its windows were made."
        ) from None
    return {_key(order): order for order in orders}
