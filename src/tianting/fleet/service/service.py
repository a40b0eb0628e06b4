"""A fleet behind its door: answers what clients ask, in the door's own words, so that no client knows the fleet inside.

    Door → FleetService.answer → whose window? → WindowManager → the answer as it is shown

Nothing is decided here about windows; what a person may do by accident (destroy what works) is asked for twice.
"""

import logging
import os
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import assert_never

import anyio
import anyio.to_thread

from tianting.fleet.door import words
from tianting.fleet.drivers.driver import Answer, LineRead
from tianting.fleet.ending import log_path
from tianting.fleet.service.feed import Feed
from tianting.fleet.service.figures import ServiceFigures
from tianting.fleet.service.log import open_question, stored_events
from tianting.fleet.service.making import Ground, Making
from tianting.fleet.service.names import window_meant
from tianting.fleet.service.orders import Order, Orders
from tianting.fleet.service.trees import merged, reviewed
from tianting.fleet.store.records import StoredEvent
from tianting.fleet.store.store import Store
from tianting.fleet.verdicts.health import Dead, Health, Stuck, Suspect, Well
from tianting.fleet.window import OVER, Window
from tianting.fleet.windows import NoSuchWindow, WindowManager, WindowState
from tianting.protocol.errors import FleetError, TiantingError
from tianting.protocol.ids import NewId

log = logging.getLogger(__name__)

ENDING = 60.0
"""Seconds in which all windows end in order when the fleet is told to."""
_BEFORE = 100
"""Events of each window that are shown of the past when nobody says how many."""


class FleetService:
    """What stands behind the door. `end` is set when somebody wants the fleet to end."""

    def __init__(
        self,
        manager: WindowManager,
        store: Store,
        orders: Orders,
        *,
        feed: Feed,
        figures: ServiceFigures,
        ground: Ground,
        new_id: NewId,
    ) -> None:
        self.end = anyio.Event()
        self.is_emptied = False
        """Its windows were ended with it."""
        self._manager = manager
        self._store = store
        self._orders = orders
        self._feed = feed
        self._figures = figures
        self._ground = ground
        self._making = Making(manager, orders, feed=feed, figures=figures, ground=ground, new_id=new_id)
        self._settings_fault = ""

    def welcome(self) -> words.Welcome:
        """Said to each client first."""
        return words.Welcome(
            vocabulary=words.VOCABULARY, version=self._ground.version, pid=os.getpid(), since=self._ground.since
        )

    async def answer(self, ask: words.WindowAsk) -> words.Answer:  # noqa: C901, PLR0911, PLR0912 - one line for each word
        """Do what is asked. Raises `TiantingError`."""
        match ask:
            case words.Create():
                return await self._whole(self._created(ask))
            case words.ListWindows():
                return self._listing()
            case words.Show(window=told):
                return await self._shown(self._meant(told))
            case words.AwaitReady(window=told):
                return await self._shown((await self._manager.ready(self._meant(told))).window_id)
            case words.Send(window=told, text=text):
                return await self._send(self._meant(told), text)
            case words.Interrupt(window=told):
                await self._manager.interrupt(self._meant(told))
            case words.AnswerQuestion():
                await self._answer_question(self._meant(ask.window), ask)
            case words.Stop(window=told):
                await self._manager.stop(self._meant(told))
            case words.Restart(window=told):
                await self._manager.restart(self._meant(told))
            case words.Destroy(window=told, force=force):
                return await self._whole(self._making.destroy(self._meant(told), force=force))
            case words.CheckHealth(window=told):
                return await self._health(told)
            case words.Review(window=told):
                return await reviewed(self._order(self._meant(told)))
            case words.Merge(window=told):
                return await self._whole(merged(self._order(self._meant(told))))
            case words.ReadMetrics():
                return words.Figures(text=self._figures.text(self._windows()).decode())
            case words.Reload():
                await self.reload()
                return words.Done(told="The settings are in force.")
            case words.EndFleet():
                return await self._end()
            case _:
                assert_never(ask)
        return words.Done(window=self._meant(ask.window))

    def stream(self, ask: words.Stream) -> AsyncGenerator[words.Answer, None]:
        """See `Behind`."""
        match ask:
            case words.Watch(every=every):
                return self._watch(max(every, 0.25))
            case words.Follow(window=None):
                return self._follow_all(ask)
            case words.Follow():
                return self._follow_one(ask, self._meant(ask.window or ""))
            case _:
                assert_never(ask)

    async def reload(self) -> None:
        """Take the settings as they are now. Raises `ConfigError`, `FleetError`; then those before stay in force."""
        before = self._orders.settings
        try:
            self._orders.settings = self._ground.read_settings()
            self._manager.reconfigure(self._orders.policy())
        except TiantingError as error:
            self._orders.settings, self._settings_fault = before, str(error)
            raise
        self._settings_fault = ""
        await self._making.renew_spares(before)

    async def reload_quietly(self) -> None:
        """The same where nobody waits for what is wrong: it is logged, and `health` says it."""
        try:
            await self.reload()
        except TiantingError as error:
            log.warning("the settings are not taken: %s", error)
        else:
            log.info("the settings are in force")

    def count_windows(self) -> tuple[Window, ...]:
        """Show how many windows there are in each state; those are followed, too, that the fleet made for itself."""
        windows = self._windows()
        self._figures.show(windows)
        for window in windows:
            self._feed.follow(window.window_id, 0)
        return windows

    def made(self, window_id: str) -> None:
        """A task has got this window."""
        self._making.made(self._manager.get_window_status(window_id).window)

    # One window.

    async def _created(self, ask: words.Create) -> words.Shown:
        window = await self._making.create(ask)
        prompt = await self._manager.send(window.window_id, ask.prompt) if ask.prompt else ""
        return words.Shown(row=self._row(self._manager.get_window_status(window.window_id)), prompt=prompt)

    async def _send(self, window_id: str, text: str) -> words.Accepted:
        before = await self._store.snapshot(window_id)
        prompt = await self._manager.send(window_id, text)
        return words.Accepted(window=window_id, prompt=prompt, after=before.sequence if before else 0)

    async def _answer_question(self, window_id: str, ask: words.AnswerQuestion) -> None:
        question = ask.question
        if question is None:
            window = self._manager.get_window_status(window_id).window
            asked = await open_question(self._store, window_id, window.generation)
            if asked is None:
                raise FleetError(f"Window {window_id[:8]} asks nothing: it is {window.status}.")
            question = asked.question_id
        await self._manager.answer(window_id, question, Answer(allow=ask.allow, text=ask.text))

    # All windows.

    def _listing(self) -> words.Listing:
        rows = tuple(self._row(state) for state in self._manager.list_windows())
        return words.Listing(rows=rows, room=self._orders.settings.most_windows)

    async def _watch(self, every: float) -> AsyncGenerator[words.Answer, None]:
        while True:
            yield self._listing()
            await anyio.sleep(every)

    async def _health(self, told: str | None) -> words.Checked:
        asked = None if told is None else self._meant(told)
        found = await self._manager.health_check(asked)
        shown = tuple(
            self._health_of(window_id, health)
            for window_id, health in found.items()
            if asked is not None or self._status(window_id) != "stopped"
        )
        return words.Checked(windows=shown, settings=self._settings_fault)

    async def _end(self) -> words.Done:
        with anyio.move_on_after(ENDING) as within:
            async with anyio.create_task_group() as tasks:
                for window in self._windows():
                    if window.status not in OVER:
                        tasks.start_soon(self._stopped, window.window_id)
        self.is_emptied = not within.cancelled_caught
        self.end.set()
        left = " Not all windows ended in time." if within.cancelled_caught else ""
        return words.Done(told=f"The fleet ends.{left}")

    async def _stopped(self, window_id: str) -> None:
        try:
            await self._manager.stop(window_id)
        except FleetError as error:
            log.warning("window %s does not stop: %s", window_id, error)

    # What happened.

    async def _follow_one(self, ask: words.Follow, window_id: str) -> AsyncGenerator[words.Answer, None]:
        after = ask.after
        if after is None:
            snapshot = await self._store.snapshot(window_id)
            after = snapshot.sequence if snapshot else 0
        events = self._manager.events(window_id, after) if ask.live else self._past(window_id, after, raw=ask.raw)
        label = self._label(window_id)
        async for stored in events:
            if ask.raw or not isinstance(stored.event, LineRead):
                yield words.Happened(window=window_id, label=label, stored=stored)

    async def _follow_all(self, ask: words.Follow) -> AsyncGenerator[words.Answer, None]:
        if not ask.live:
            async with aclosing(self._all_past(ask)) as past:
                async for happened in past:
                    yield happened
            return
        with self._feed.listener() as news:
            async for each in news:
                if ask.raw or not isinstance(each.stored.event, LineRead):
                    yield words.Happened(window=each.window_id, label=self._label(each.window_id), stored=each.stored)

    async def _all_past(self, ask: words.Follow) -> AsyncGenerator[words.Happened, None]:
        found: list[words.Happened] = []
        for window in self._windows():
            snapshot = await self._store.snapshot(window.window_id)
            after = max(0, snapshot.sequence - _BEFORE) if snapshot else 0
            label = self._label(window.window_id)
            async for stored in self._past(window.window_id, after, raw=ask.raw):
                found.append(words.Happened(window=window.window_id, label=label, stored=stored))
        for happened in sorted(found, key=lambda one: one.stored.at):
            yield happened

    def _past(self, window_id: str, after: int, *, raw: bool) -> AsyncGenerator[StoredEvent, None]:
        return stored_events(self._store, window_id, after, raw=raw)

    # Small answers.

    async def _whole(self, work: Awaitable[words.Answer]) -> words.Answer:
        """To its end, also where the client hangs up: half of it would be left behind."""
        with anyio.CancelScope(shield=True):
            done = await work
        return done  # noqa: RET504 - a scope may end without what is in it, as far as mypy knows

    async def _shown(self, window_id: str) -> words.Shown:
        snapshot = await self._store.snapshot(window_id)
        row = self._row(self._manager.get_window_status(window_id))
        return words.Shown(row=row, last=snapshot.sequence if snapshot else 0)

    def _row(self, state: WindowState) -> words.Row:
        window = state.window
        order = self._orders.of(window)
        template = self._orders.template(window)
        sample = None if window.status in OVER else self._figures.samples.get(window.window_id)
        return words.Row(
            window=window,
            label=order.label if order else "",
            template=order.base.name if order else window.template,
            is_warm=order is not None and order.is_warm,
            model=template.model if template else None,
            open_prompts=state.open_prompts,
            memory=sample.memory if sample else None,
            cpu=sample.cpu if sample else None,
            processes=sample.processes if sample else None,
            branch=order.tree.branch if order and order.tree else "",
            log=str(log_path(self._ground.logs, window.window_id, window.generation)),
        )

    def _health_of(self, window_id: str, health: Health) -> words.Health:
        state, reason = _in_words(health)
        return words.Health(window=window_id, label=self._label(window_id), state=state, reason=reason)

    def _meant(self, told: str) -> str:
        return window_meant(told, {window.window_id: self._label_of(window) for window in self._windows()})

    def _order(self, window_id: str) -> Order | None:
        return self._orders.of(self._manager.get_window_status(window_id).window)

    def _windows(self) -> tuple[Window, ...]:
        return tuple(state.window for state in self._manager.list_windows())

    def _label(self, window_id: str) -> str:
        try:
            return self._label_of(self._manager.get_window_status(window_id).window)
        except NoSuchWindow:
            return ""

    def _label_of(self, window: Window) -> str:
        order = self._orders.of(window)
        return order.label if order else ""

    def _status(self, window_id: str) -> str:
        return self._manager.get_window_status(window_id).window.status


def _in_words(health: Health) -> tuple[words.State, str]:
    match health:
        case Well():
            return "well", ""
        case Suspect(reason=reason):
            return "suspect", reason
        case Stuck(reason=reason):
            return "stuck", reason
        case Dead(reason=reason):
            return "dead", reason
        case _:
            assert_never(health)
