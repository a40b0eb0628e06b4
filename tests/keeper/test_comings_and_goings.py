"""However windows are started, ended, forgotten and taken back, the roster is what happened. Real processes."""

import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.keeper.conftest import PATIENCE, KeptWindows, connected, end_keeper, launch, read_line, write
from tianting.keeper.words import Gone, Held


class ComingsAndGoings(RuleBasedStateMachine):
    """One keeper; windows are generations of one window, counted on."""

    running = Bundle("running")
    gone = Bundle("gone")

    def __init__(self) -> None:
        super().__init__()
        self.last = 0
        self.expected: dict[int, str] = {}
        self.held: dict[int, Held] = {}
        self._exits = ExitStack()
        self._portal: BlockingPortal = self._exits.enter_context(start_blocking_portal())
        self._directory = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="keeper-")))
        self._portal.call(launch, self._directory)
        self._windows = self._connect()

    def teardown(self) -> None:
        self._fleet.close()
        self._portal.call(end_keeper, self._windows.link.keeper_pid)
        self._exits.close()

    @rule(target=running, native=st.booleans())
    def start(self, native: bool) -> int:
        self.last += 1
        argv = ("echo",) if native else ("cat",)
        self._call(self._start, argv, native)
        self.expected[self.last] = "running"
        return self.last

    @rule(target=gone, generation=consumes(running))
    def end(self, generation: int) -> int:
        self._call(self._end, generation)
        self.expected[generation] = "ended by TERM"
        return generation

    @rule(target=gone, generation=consumes(running))
    def close_input(self, generation: int) -> int:
        self._call(self._finish, generation)
        self.expected[generation] = "ended by itself"
        return generation

    @rule(target=gone, generation=consumes(running))
    def kill(self, generation: int) -> int:
        self._call(self._kill, generation)
        self.expected[generation] = "killed"
        return generation

    @rule(generation=consumes(gone))
    def forget(self, generation: int) -> None:
        self._call(self._windows.link.forget, "w", generation)
        del self.expected[generation]

    @rule()
    def come_back(self) -> None:
        self._fleet.close()
        self._windows = self._connect()

    @rule(generation=running, words=st.binary(min_size=1, max_size=50).filter(lambda data: b"\n" not in data))
    def speak(self, generation: int, words: bytes) -> None:
        assert self._call(self._echoed, generation, words + b"\n") == words + b"\n"

    @invariant()
    def roster_is_what_happened(self) -> None:
        running, ended = self._call(self._windows.link.roster)
        seen = {held.generation: "running" for held in running} | {gone.generation: _how(gone) for gone in ended}
        assert seen == self.expected
        assert {held.generation: held for held in running} == {
            generation: self.held[generation] for generation, state in self.expected.items() if state == "running"
        }

    def _connect(self) -> KeptWindows:
        self._fleet = ExitStack()
        return self._fleet.enter_context(
            self._portal.wrap_async_context_manager(connected(self._directory, ends=False))
        )

    def _call(self, function: Any, *arguments: Any) -> Any:
        return self._portal.call(function, *arguments)

    async def _start(self, argv: tuple[str, ...], native: bool) -> None:
        self.held[self.last], _ = await self._windows.start(*argv, generation=self.last, native=native)

    async def _end(self, generation: int) -> None:
        await self._windows.link.end("w", generation, grace=PATIENCE)
        await self._windows.end_of(self.held[generation])

    async def _kill(self, generation: int) -> None:
        await self._windows.link.signal("w", generation, signal.SIGKILL)
        await self._windows.end_of(self.held[generation])

    async def _finish(self, generation: int) -> None:
        (await self._windows.take(generation)).shutdown(1)
        await self._windows.end_of(self.held[generation])

    async def _echoed(self, generation: int, words: bytes) -> bytes:
        pipe = await self._windows.take(generation)
        await write(pipe, words)
        with anyio.fail_after(PATIENCE):
            return await read_line(pipe)


def _how(gone: Gone) -> str:
    return {0: "ended by itself", -signal.SIGTERM: "ended by TERM", -signal.SIGKILL: "killed"}[
        gone.exit_code if gone.exit_code is not None else -(gone.signal or 0)
    ]


TestComingsAndGoings = ComingsAndGoings.TestCase
TestComingsAndGoings.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
