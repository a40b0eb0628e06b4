"""Many windows kept alive, behind one face: whoever wants an agent asks here, and knows no process, pipe or table.

    async with WindowManager(...) as fleet:        windows of an earlier fleet are taken up, whatever became of them
        window = await fleet.create_window("coder", cwd="/work", owner="ada")
        prompt = await fleet.send(window.window_id, "Mend the tests.")
        answer = await fleet.wait_answer(window.window_id, prompt)

A thin face: each window's life is its own (`life`), and goes on when the caller goes away. Leaving the context ends the
fleet, not the windows: they work on, and the next fleet takes them back.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup
from msgspec import Struct

from tianting.fleet import facts
from tianting.fleet.drivers.driver import Answer, Driver, Prompt, PromptOptions
from tianting.fleet.facts import Ordered
from tianting.fleet.foresight import Foresight, Leaking
from tianting.fleet.ground.resources import Sample
from tianting.fleet.keeping import Keeping, Open
from tianting.fleet.life import Life
from tianting.fleet.pool import Pool
from tianting.fleet.store.records import PromptDone, StoredEvent
from tianting.fleet.taking_over import Found, highest, inventory
from tianting.fleet.templates import FleetPolicy, Template, check_policy, driver_for
from tianting.fleet.verdicts.health import Health
from tianting.fleet.window import OVER, RUNNING, Status, Window
from tianting.fleet.world import World
from tianting.keeper.words import Gone, Held
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

BETWEEN_LOOKS = 5.0
"""Seconds between two looks at the pool while nobody comes."""
MOST_REMEMBERED = 1_000
"""Prompts; an answer to an older one is looked for in the whole log."""

Admit = Callable[[str, Template], None]
"""Raises `FleetError` where this owner may not have a window of this template, and says why."""


class NoSuchWindow(FleetError):
    """It was never created, or is destroyed."""


class FleetFull(FleetError):
    """There are as many windows as there may be; one must be stopped first."""


class WindowState(Struct, frozen=True, kw_only=True):
    """A window as it is shown."""

    window: Window
    open_prompts: int = 0
    """Accepted, and not answered yet."""
    has_standby: bool = False
    """A second process has resumed the conversation, and would take over at once."""
    usage: Sample | None = None
    """What its processes used lately; None before they were looked at."""


class _Resident:
    """A life, and how to end it."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.scope = anyio.CancelScope()


class WindowManager:
    """One fleet. Every method raises `NoSuchWindow` for a window that is not here."""

    def __init__(
        self,
        world: World,
        *,
        open_keeper: Open,
        drivers: Mapping[str, Driver],
        policy: FleetPolicy,
        admit: Admit = lambda _owner, _template: None,
    ) -> None:
        self._world = world
        self._open_keeper = open_keeper
        self._keeping = Keeping(open_keeper, gone=self._gone, compare=self._compare)
        self._drivers = drivers
        self._policy = check_policy(policy)
        self._admit = admit
        self._residents: dict[str, _Resident] = {}
        self._pool = Pool(
            world.clock,
            members=lambda: [one.life for one in self._residents.values()],
            begin=self._begin_spare,
            end=self.destroy_window,
        )
        self._foresight = Foresight()
        self._sent: dict[str, int] = {}
        """Where the log of its window stood when a prompt was sent."""
        self._uneven = anyio.Event()
        """Somebody came, or the policy is another: the pool is looked at."""
        self._is_taken_up = False
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup

    async def __aenter__(self) -> Self:
        link = await self._open_keeper()
        async with AsyncExitStack() as stack:
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            await self._tasks.start(self._keeping.run, link)
            self._tasks.start_soon(self._keep_pool)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if isinstance(error, Exception):  # it is the caller's own: a group would only hide it
            await self._stack.aclose()
            return None
        return await self._stack.__aexit__(kind, error, trace)

    async def create_window(self, template: str, *, cwd: str | None = None, owner: str = "") -> Window:
        """Begin a window after the template of this name. It is there at once, and takes prompts before it is ready.

        Raises `FleetFull`, and `FleetError` for a template that is not there or that this owner may not have.
        """
        made_after = self._policy.template(template)
        self._admit(owner, made_after)
        directory = cwd or made_after.cwd
        if directory is None:
            raise FleetError(f"Template {template!r} has no directory to work in: name one.")
        self._check_room()
        spare = self._pool.claim(made_after) if directory == made_after.cwd else None
        self._uneven.set()
        if spare is None:
            return await self._begin(made_after, directory, owner)
        await self._order(spare, facts.Claim(owner=owner))
        await self._world.store.audit(owner, "claim", window_id=spare, detail=template)
        return self._resident(spare).life.window

    async def destroy_window(self, window_id: str, *, by: str = "") -> None:
        """End a window, and forget all about it but the audit. Its directory stays as it is."""
        resident = self._resident(window_id)
        await self._world.store.audit(by, "destroy", window_id=window_id)
        await self.stop(window_id)
        resident.scope.cancel()
        del self._residents[window_id]
        await self._world.store.forget(window_id)
        resident.life.record.log.end()

    def get_window_status(self, window_id: str) -> WindowState:
        """How a window is, as far as is known; `health_check` asks it."""
        return self._state(self._resident(window_id))

    def list_windows(self, owner: str | None = None) -> tuple[WindowState, ...]:
        """Those of `owner`, or all, the oldest first."""
        every = sorted(
            self._residents.values(), key=lambda one: (one.life.window.created_at, one.life.window.window_id)
        )
        return tuple(self._state(one) for one in every if owner is None or one.life.window.owner == owner)

    async def health_check(self, window_id: str | None = None) -> Mapping[str, Health]:
        """How it is with a window, or with all. Each is also asked for a sign of life, which the next check counts."""
        asked = [window_id] if window_id is not None else list(self._residents)
        found: dict[str, Health] = {}
        for one in asked:
            outcome = await self._order(one, facts.Check())
            if outcome.health is not None:
                found[one] = outcome.health
        return found

    async def send(
        self, window_id: str, text: str, *, uuid: str | None = None, options: PromptOptions | None = None
    ) -> str:
        """Promise an answer to `text`, and give back the name of the promise. From then on it is never lost.

        The same `uuid` a second time changes nothing. Raises `StoreError` where nothing was promised.
        """
        life = self._resident(window_id).life
        prompt = Prompt(text=text, uuid=uuid or self._world.new_id(), options=options)
        await life.taken_up.wait()
        self._remember(prompt.uuid, life.record.log.last)
        # Shielded: what the store has taken must reach the life, also where the caller goes away.
        with anyio.CancelScope(shield=True):
            if await self._world.store.accept(window_id, prompt):
                life.tell(Ordered(order=facts.Send(prompt=prompt), outcome=facts.Outcome()))
        return prompt.uuid

    async def interrupt(self, window_id: str) -> None:
        """End the turn that runs, if one does; its prompt is answered by that."""
        await self._order(window_id, facts.Interrupt())

    async def answer(self, window_id: str, question_id: str, answer: Answer) -> None:
        """Answer what a person is asked. Raises `FleetError` for a question that is not open."""
        await self._order(window_id, facts.Reply(question_id=question_id, answer=answer))

    async def stop(self, window_id: str) -> None:
        """End the process; conversation and prompts stay. Returns when it has ended."""
        await self._order(window_id, facts.Stop())
        await self._until(window_id, OVER)

    async def restart(self, window_id: str, reason: str = "restarted by a person") -> None:
        """Begin a window again that has ended or failed, wake one that is parked, give a new process to another."""
        await self._order(window_id, facts.Restart(reason=reason))

    async def ready(self, window_id: str) -> Window:
        """Wait until it takes prompts. Raises `FleetError` with the reason where it does not come to that."""
        window = await self._until(window_id, RUNNING | OVER)
        if window.status in OVER:
            raise FleetError(f"Window {window_id} is {window.status}. {window.reason}".rstrip())
        return window

    async def recycle(self, window_id: str, reason: str) -> None:
        """Go on in a new process as soon as the window is idle; its conversation stays."""
        await self._order(window_id, facts.Recycle(reason=reason))

    def sampled(self, samples: Sequence[Sample]) -> None:
        """What the windows use was looked at; one that heads for a limit is recycled at its next idle moment."""
        for found in self._foresight.sampled(samples, [one.life.subject for one in self._residents.values()]):
            life = self._residents[found.window_id].life
            if isinstance(found, Leaking):
                life.tell(Ordered(order=facts.Recycle(reason=found.reason), outcome=facts.Outcome()))
            else:
                life.tell(facts.Foreseen(reason=found.reason))

    def reconfigure(self, policy: FleetPolicy) -> None:
        """Be another fleet from now on. Raises `FleetError` for a policy that is wrong, and then nothing changes.

        Patience and limits of restarts change at once, what a process is started with from its next start. A window
        whose template is gone keeps it.
        """
        self._policy = check_policy(policy)
        self._uneven.set()
        by_name = {one.name: one for one in policy.templates}
        for resident in self._residents.values():
            if (template := by_name.get(resident.life.window.template)) is not None:
                resident.life.tell(Ordered(order=facts.Change(template=template), outcome=facts.Outcome()))

    def events(self, window_id: str, after: int = 0) -> AsyncIterator[StoredEvent]:
        """What happened since the event `after`, once and in order, and then what happens; ends with the window."""
        return self._resident(window_id).life.record.log.follow(after)

    async def wait_answer(self, window_id: str, prompt_uuid: str) -> PromptDone:
        """The end of a prompt, also of one that was answered before. The caller has the deadline: a window that is
        stopped or has failed keeps its prompts until somebody restarts it."""
        log_of_it = self._resident(window_id).life.record.log
        async for stored in log_of_it.follow(self._sent.get(prompt_uuid, 0)):
            if isinstance(stored.event, PromptDone) and stored.event.uuid == prompt_uuid:
                return stored.event
        raise NoSuchWindow(f"Window {window_id} was destroyed before it answered.")

    def _remember(self, prompt_uuid: str, last: int) -> None:
        """Nobody who waits for the answer needs to read what was before."""
        self._sent.setdefault(prompt_uuid, last)
        if len(self._sent) > MOST_REMEMBERED:
            del self._sent[next(iter(self._sent))]

    def _check_room(self) -> None:
        """Spares take no place that somebody wants."""
        windows = (one.life.window for one in self._residents.values())
        alive = sum(window.status not in OVER and not self._pool.is_free(window) for window in windows)
        if alive >= self._policy.most_windows:
            raise FleetFull(f"{alive} windows are alive, and there may be no more: stop one, or raise `mostWindows`.")

    async def _begin(self, template: Template, directory: str, owner: str, *, spare: bool = False) -> Window:
        """A window of its own process."""
        now = self._world.clock.now()
        window = Window(
            window_id=self._world.new_id(),
            kind=template.kind,
            template=template.name,
            owner=owner,
            is_spare=spare,
            generation=0,
            cwd=directory,
            created_at=now,
            since=now,
        )
        life = self._settle_in(window, template)
        await self._recorded(life)
        self._tasks.start_soon(self._live, self._residents[window.window_id], None)
        return life.window

    async def _begin_spare(self, template: Template) -> None:
        if template.cwd is not None:
            await self._begin(template, template.cwd, "", spare=True)

    async def _keep_pool(self) -> None:
        """Until cancelled: after each arrival, and from time to time, for demand ends silently."""
        while True:
            self._uneven = anyio.Event()
            try:
                await self._pool.even_out(self._policy)
            except FleetError as error:
                log.warning("the pool cannot be filled: %s", error)
            with anyio.move_on_after(BETWEEN_LOOKS):
                await self._uneven.wait()

    def _settle_in(self, window: Window, template: Template) -> Life:
        """Takes its place before anything is waited for, so that two that come at once cannot have the same."""
        driver = driver_for(window.kind, template, self._drivers)
        life = Life(window, template, driver, world=self._world, keeper=self._keeping)
        self._residents[window.window_id] = _Resident(life)
        return life

    async def _recorded(self, life: Life) -> None:
        window = life.window
        try:
            await self._world.store.record_move(window)
            await self._world.store.audit(window.owner, "create", window_id=window.window_id, detail=window.template)
        except BaseException:
            del self._residents[window.window_id]
            raise

    async def _live(self, resident: _Resident, found: Found | None) -> None:
        with resident.scope:
            await resident.life.run(found)

    def _gone(self, gone: Gone) -> None:
        if (resident := self._residents.get(gone.window)) is not None:
            resident.life.tell(facts.Lost(generation=gone.generation, gone=gone))

    async def _compare(self, running: Sequence[Held], ended: Sequence[Gone]) -> None:
        """A link to a keeper is new: take up windows at first, later find out which have died with the old keeper."""
        if not self._is_taken_up:
            await self._take_up(running, ended)
            self._is_taken_up = True
            return
        there = {(held.window, held.generation) for held in running}
        there |= {(gone.window, gone.generation) for gone in ended}
        for window_id, resident in self._residents.items():
            for generation in resident.life.generations:
                if (window_id, generation) not in there:
                    resident.life.tell(facts.Lost(generation=generation))
        for gone in ended:
            self._gone(gone)

    async def _take_up(self, running: Sequence[Held], ended: Sequence[Gone]) -> None:
        windows = await self._world.store.windows()
        found, numbers = inventory(windows, running, ended), highest((*running, *ended))
        for stray in found.strays:
            self._tasks.start_soon(self._keeping.end_stray, stray)
        for gone in found.forgotten:
            self._tasks.start_soon(self._keeping.forget_stray, gone)
        for window in windows:
            self._take_up_one(window, found.known.get(window.window_id), numbers.get(window.window_id, 0))

    def _take_up_one(self, window: Window, found: Found | None, number: int) -> None:
        try:
            life = self._settle_in(window, self._policy.template(window.template))
        except FleetError as error:
            log.warning("window %s cannot be taken up: %s", window.window_id, error)
            return
        life.record.numbered(number)
        self._tasks.start_soon(self._live, self._residents[life.window.window_id], found)

    async def _order(self, window_id: str, order: facts.Order) -> facts.Outcome:
        return await self._resident(window_id).life.order(order)

    async def _until(self, window_id: str, wanted: frozenset[Status]) -> Window:
        life = self._resident(window_id).life
        while life.window.status not in wanted:
            await life.record.log.changed()
        return life.window

    def _resident(self, window_id: str) -> _Resident:
        resident = self._residents.get(window_id)
        if resident is None:
            raise NoSuchWindow(f"There is no window {window_id!r}.")
        return resident

    def _state(self, resident: _Resident) -> WindowState:
        window = resident.life.window
        usage = self._foresight.usage(window.window_id)
        life = resident.life
        return WindowState(window=window, open_prompts=life.open_prompts, has_standby=life.has_standby, usage=usage)
