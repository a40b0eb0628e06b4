"""Whatever is done in whatever order, the fleet starting anew in between: the store knows what a simple model knows."""

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tianting.fleet.drivers.driver import Progressed, Prompt
from tianting.fleet.intake import Mark
from tianting.fleet.store.records import StoreError
from tianting.fleet.store.store import Store, open_store
from tianting.fleet.window import Window
from tianting.plumbing.clock import SystemClock

WINDOWS = st.sampled_from(["w1", "w2"])
UUIDS = st.sampled_from(["a", "b", "c"])
GENERATIONS = st.integers(1, 3)


class StoreMachine(RuleBasedStateMachine):
    """Each step opens the store anew, as a fleet does that was killed after the last one."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="tianting-test-")
        self.logs: dict[str, list[str]] = {}
        self.prompts: dict[str, tuple[str, int | None, bool]] = {}
        self.marks: dict[tuple[str, int], Mark] = {}

    def teardown(self) -> None:
        self.place.cleanup()

    def within(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            with anyio.fail_after(20):
                async with open_store(Path(self.place.name, "store.db"), SystemClock()) as store:
                    return await work(store)

        return anyio.run(run)

    @rule(window=WINDOWS, generation=GENERATIONS)
    def move(self, window: str, generation: int) -> None:
        number = self.within(
            lambda store: store.record_move(Window(window_id=window, kind="echo", generation=generation))
        )
        self.logs.setdefault(window, []).append("move")
        assert number == len(self.logs[window])

    @rule(window=WINDOWS, uuid=UUIDS)
    def accept(self, window: str, uuid: str) -> None:
        new = self.within(lambda store: store.accept(window, Prompt(text=uuid, uuid=uuid)))
        assert new == (uuid not in self.prompts)
        self.prompts.setdefault(uuid, (window, None, False))

    @rule(
        window=WINDOWS,
        generation=GENERATIONS,
        texts=st.lists(st.text(max_size=5), max_size=3),
        delivered=st.sets(UUIDS),
        answered=st.sets(UUIDS),
        number=st.integers(0, 9),
    )
    def append(
        self, window: str, generation: int, texts: list[str], delivered: set[str], answered: set[str], number: int
    ) -> None:
        async def work(store: Store) -> bool:
            try:
                await store.append(
                    window,
                    generation,
                    [Progressed(text=text) for text in texts],
                    mark=Mark(number=number),
                    delivered=sorted(delivered),
                    answered=sorted(answered),
                )
            except StoreError:
                return False
            return True

        stored = self.within(work)
        assert stored == (window in self.logs)
        if stored:
            self.logs[window] += texts
            self.marks[window, generation] = Mark(number=number)
            self._deliver(delivered, generation)
            self._answer(answered)

    @rule(window=WINDOWS)
    def forget(self, window: str) -> None:
        self.within(lambda store: store.forget(window))
        self.logs.pop(window, None)
        self.marks = {name: mark for name, mark in self.marks.items() if name[0] != window}
        self.prompts = {uuid: prompt for uuid, prompt in self.prompts.items() if prompt[0] != window}

    @invariant()
    def knows_what_the_model_knows(self) -> None:
        if not hasattr(self, "place"):
            return

        async def look(store: Store) -> None:
            for window in ("w1", "w2"):
                page = await store.events(window)
                assert [getattr(stored.event, "text", "move") for stored in page.events] == self.logs.get(window, [])
                pending = {entry.prompt.uuid: entry.delivered_to for entry in await store.pending(window)}
                assert pending == {
                    uuid: generation
                    for uuid, (owner, generation, answered) in self.prompts.items()
                    if owner == window and not answered
                }
                for generation in (1, 2, 3):
                    assert await store.mark(window, generation) == self.marks.get((window, generation))

        self.within(look)

    def _deliver(self, uuids: set[str], generation: int) -> None:
        for uuid in uuids & set(self.prompts):
            window, before, answered = self.prompts[uuid]
            self.prompts[uuid] = (window, before if answered else generation, answered)

    def _answer(self, uuids: set[str]) -> None:
        for uuid in uuids & set(self.prompts):
            self.prompts[uuid] = (*self.prompts[uuid][:2], True)


TestStorePromises = StoreMachine.TestCase
TestStorePromises.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
