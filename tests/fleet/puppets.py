"""A fleet whose processes are puppets in memory: real store, real pipes, no process, and a clock that a test moves.

    async with stage(tmp_path) as court:      court.fleet, court.clock, court.keeper
        puppet = await court.keeper.next()    the process that was started last
        puppet.says(TurnBegan(), …)           as an agent would; `puppet.dies()` as a process would

A puppet that is not told otherwise answers each prompt with its own words.
"""

import random
import socket
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio.abc import TaskGroup

from tianting.fleet.drivers.driver import (
    Abilities,
    AgentEvent,
    Answer,
    Brief,
    DriverError,
    Launch,
    Pipe,
    Progressed,
    Prompt,
    PromptTaken,
    Tell,
    TurnBegan,
    TurnDone,
)
from tianting.fleet.grounds import Grounds
from tianting.fleet.store.records import PromptDone
from tianting.fleet.store.store import open_store
from tianting.fleet.templates import Care, FleetPolicy, Template
from tianting.fleet.window import Window
from tianting.fleet.windows import Admit, WindowManager
from tianting.fleet.world import World
from tianting.keeper.words import Gone, Held, Start
from tianting.protocol.errors import FleetError
from tianting.protocol.ids import random_uuid

PATIENCE = 5
"""Seconds of every wait here."""

_event = msgspec.json.Decoder(AgentEvent)


class MovableClock:
    """Time that a test moves; it also passes a little by itself, so that nothing happens at once."""

    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Puppet:
    """One process. What is written to it is in `heard`."""

    def __init__(self, start: Start, pid: int, ended: Callable[["Puppet", Gone], None]) -> None:
        self.start = start
        self.held = Held(window=start.window, generation=start.generation, pid=pid, started=pid, native=False)
        self.fleets_end, self._own_end = socket.socketpair()
        self.heard: list[str] = []
        self.answers_probes = True
        self.answers_prompts = True
        self.takes_interrupts = True
        self.is_deaf = False
        """It ignores SIGTERM, and the end of its input."""
        self.last_words: tuple[AgentEvent, ...] = ()
        """What it says when it is ended from outside."""
        self.is_alive = True
        self._ended = ended
        self._news = anyio.Event()
        self._own_end.setblocking(False)

    def says(self, *events: AgentEvent) -> None:
        """Write events to the pipe."""
        self.writes(b"".join(msgspec.json.encode(event) + b"\n" for event in events))

    def writes(self, data: bytes) -> None:
        """Write bytes to the pipe."""
        sent = self._own_end.send(data)
        assert sent == len(data), "the pipe is full: let the fleet read"

    def is_ready(self) -> None:
        """Shake hands."""
        self.writes(b"ready\n")

    def closes_its_pipe(self) -> None:
        """Say nothing more, and live on."""
        self._own_end.shutdown(socket.SHUT_WR)

    def dies(self, *, number: int | None = 9, code: int | None = None, oom: bool = False) -> None:
        """End."""
        if not self.is_alive:
            return
        self.is_alive = False
        self._hang_up()
        gone = Gone(
            window=self.start.window,
            generation=self.start.generation,
            pid=self.held.pid,
            exit_code=code,
            signal=None if code is not None else number,
            user_seconds=0.0,
            system_seconds=0.0,
            peak_rss=0,
            oom=oom,
            at=0.0,
        )
        self._ended(self, gone)

    async def until(self, wanted: str) -> str:
        """The first line it hears, or has heard, that begins like this."""
        with anyio.fail_after(PATIENCE):
            while True:
                news = self._news
                if (found := next((line for line in self.heard if line.startswith(wanted)), None)) is not None:
                    return found
                await news.wait()

    async def live(self) -> None:
        """Hear, and do what an agent does."""
        rest = b""
        while self.is_alive:
            try:
                data = self._own_end.recv(65_536)
            except BlockingIOError:
                with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
                    await anyio.wait_readable(self._own_end)
                continue
            except OSError:
                return
            if not data:
                if not self.is_deaf:
                    self.dies(code=0)
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._hear(line.decode())

    def _hear(self, line: str) -> None:
        self.heard.append(line)
        match line.split(" ", 2):
            case ["probe", *_] if self.answers_probes:
                self.writes(b"pong\n")
            case ["prompt", uuid, text] if self.answers_prompts:
                self.answer(uuid, text)
            case ["interrupt", *_] if self.takes_interrupts:
                self.says(TurnDone(interrupted=True))
            case _:
                pass
        news, self._news = self._news, anyio.Event()
        news.set()

    def answer(self, uuid: str, text: str) -> None:
        """A whole turn."""
        self.says(TurnBegan(), PromptTaken(uuid=uuid), Progressed(text=text), TurnDone(text=text))

    def close(self) -> None:
        self.fleets_end.close()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._own_end.fileno() >= 0:
            anyio.notify_closing(self._own_end)
            self._own_end.close()


class PuppetKeeper:
    """Keeps puppets instead of processes. `opened` gives links to it, one at a time."""

    def __init__(self, tasks: TaskGroup) -> None:
        self.keeper_pid = 1
        self.puppets: list[Puppet] = []
        self.refuses_to_start = False
        self.shakes_hands = True
        self.lets_start = anyio.Event()
        self.lets_start.set()
        self.prepare: Callable[[Puppet], None] = lambda _: None
        """Called with each new puppet before it hears anything."""
        self._running: dict[tuple[str, int], Puppet] = {}
        self._gone: dict[tuple[str, int], Gone] = {}
        self._tasks = tasks
        self._pids = 100
        self._news = anyio.Event()
        self._link: PuppetLink | None = None

    async def opened(self) -> "PuppetLink":
        self._link = PuppetLink(self)
        return self._link

    def breaks(self) -> None:
        """The keeper dies with all its processes, and another takes its place."""
        for puppet in list(self._running.values()):
            puppet.is_alive = False
            puppet.close()
        self._running.clear()
        self._gone.clear()
        if self._link is not None:
            self._link.is_over.set()

    def loses(self, puppet: Puppet) -> None:
        """It ends untold, and its pipe stays open: something that it has started holds it."""
        del self._running[puppet.start.window, puppet.start.generation]

    async def next(self, number: int | None = None) -> Puppet:
        """The puppet that was started last, or the one of this number, from 1."""
        with anyio.fail_after(PATIENCE):
            while len(self.puppets) < (number or 1):
                await self._news.wait()
        return self.puppets[number - 1 if number else -1]

    def begin(self, start: Start) -> tuple[Held, socket.socket]:
        if self.refuses_to_start:
            raise FleetError("The keeper has no processes left.")
        self._pids += 1
        puppet = Puppet(start, self._pids, self._ended)
        self.prepare(puppet)
        self._running[start.window, start.generation] = puppet
        self.puppets.append(puppet)
        self._tasks.start_soon(puppet.live)
        if self.shakes_hands:
            puppet.is_ready()
        news, self._news = self._news, anyio.Event()
        news.set()
        return puppet.held, puppet.fleets_end.dup()

    def of(self, window: str, generation: int) -> Puppet:
        return next(p for p in self.puppets if (p.start.window, p.start.generation) == (window, generation))

    def roster(self) -> tuple[list[Held], list[Gone]]:
        return [puppet.held for puppet in self._running.values()], list(self._gone.values())

    def forget(self, window: str, generation: int) -> None:
        if self._gone.pop((window, generation), None) is None:
            raise FleetError("It is not known here.")
        self.of(window, generation).close()

    def end(self, window: str, generation: int, grace: float) -> None:
        puppet = self._running.get((window, generation))
        if puppet is not None:
            if puppet.last_words:
                puppet.says(*puppet.last_words)
            puppet.dies(number=9 if puppet.is_deaf or grace == 0 else 15)

    def _ended(self, puppet: Puppet, gone: Gone) -> None:
        name = (puppet.start.window, puppet.start.generation)
        self._running.pop(name, None)
        self._gone[name] = gone
        if self._link is not None:
            self._link.told.append(gone)
            self._link.news.set()


class PuppetLink:
    """`keeping.Link`."""

    def __init__(self, keeper: PuppetKeeper) -> None:
        self.is_over = anyio.Event()
        self.told: deque[Gone] = deque()
        self.news = anyio.Event()
        self._keeper = keeper

    @property
    def exits(self) -> AsyncIterator[Gone]:
        return self._exits()

    async def _exits(self) -> AsyncIterator[Gone]:
        while True:
            while self.told:
                yield self.told.popleft()
            self.news = anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._until_over, tasks)
                await self.news.wait()
                tasks.cancel_scope.cancel()
            if self.is_over.is_set():
                return

    async def _until_over(self, tasks: TaskGroup) -> None:
        await self.is_over.wait()
        tasks.cancel_scope.cancel()

    async def run(self) -> None:
        await self.is_over.wait()

    async def roster(self) -> tuple[list[Held], list[Gone]]:
        return self._keeper.roster()

    async def start(self, start: Start) -> tuple[Held, socket.socket]:
        await self._keeper.lets_start.wait()
        return self._keeper.begin(start)

    async def take(self, window: str, generation: int) -> socket.socket:
        return self._keeper.of(window, generation).fleets_end.dup()

    async def end(self, window: str, generation: int, *, grace: float) -> None:
        await anyio.lowlevel.checkpoint()
        self._keeper.end(window, generation, grace)

    async def forget(self, window: str, generation: int) -> None:
        self._keeper.forget(window, generation)

    async def close(self) -> None:
        self.is_over.set()


class PuppetDriver:
    """Speaks to puppets. What it can do is told; `launch` fails where `missing` says why."""

    kind = "echo"

    def __init__(self, abilities: Abilities | None = None) -> None:
        self.abilities = abilities or Abilities(
            resume=True, standby=True, interrupt=True, approvals=True, usage=True, probe=True
        )
        self.missing: str | None = None
        self.briefs: list[Brief] = []

    def launch(self, brief: Brief) -> Launch:
        self.briefs.append(brief)
        if self.missing is not None:
            raise DriverError(self.missing)
        return Launch(argv=("puppet",), environment=brief.environment, cwd=brief.cwd)

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> "PuppetAgent":
        agent = PuppetAgent(pipe)
        if taken_over:
            self.briefs.append(brief)
        else:
            await agent.shake_hands()
        return agent


class PuppetAgent:
    """Lines in, events out."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._pong = anyio.Event()
        self._first: list[bytes] = []

    async def shake_hands(self) -> None:
        data = await self._pipe.receive()
        if not data.startswith(b"ready\n"):
            raise DriverError("It said something else than ready." if data else "It ended before it was ready.")
        self._first = data.splitlines()[1:]

    async def run(self, tell: Tell) -> None:
        for line in self._first:
            await self._take(line, tell)
        while data := await self._pipe.receive():
            for line in data.splitlines():
                await self._take(line, tell)

    async def _take(self, line: bytes, tell: Tell) -> None:
        if line == b"pong":
            self._pong.set()
        elif line != b"ready":
            await tell(_event.decode(line))

    async def prompt(self, prompt: Prompt) -> None:
        if prompt.text == "!refuse":
            raise DriverError("The agent refuses this.")
        await self._pipe.send(f"prompt {prompt.uuid} {prompt.text}\n".encode())

    async def interrupt(self) -> None:
        await self._pipe.send(b"interrupt\n")

    async def answer(self, question_id: str, answer: Answer) -> None:
        await self._pipe.send(f"answer {question_id} {answer.allow}\n".encode())

    async def probe(self) -> None:
        self._pong = anyio.Event()
        await self._pipe.send(b"probe\n")
        await self._pong.wait()

    async def leave(self) -> None:
        await self._pipe.finish()


class Stage:
    """All that a test touches."""

    def __init__(self, directory: Path, keeper: PuppetKeeper) -> None:
        self.directory = directory
        self.keeper = keeper
        self.clock = MovableClock()
        self.driver = PuppetDriver()
        self.work = directory / "work"
        self.work.mkdir(exist_ok=True)
        self.template = Template(name="puppet", kind="echo", cwd=str(self.work))
        self.most_windows = 8
        self.admit: Admit = lambda _owner, _template: None
        self.fleet: WindowManager

    def care(self, **more: Any) -> None:
        """Look after windows like this."""
        self.template = msgspec.structs.replace(self.template, care=Care(**more))

    @asynccontextmanager
    async def open_fleet(self) -> AsyncGenerator[WindowManager, None]:
        """A fleet over this stage's store and keeper; the next one takes its windows back."""
        logs = self.directory / "logs"
        logs.mkdir(exist_ok=True)
        async with open_store(self.directory / "fleet.db", self.clock) as store:
            world = World(
                store=store,
                clock=self.clock,
                random=random.Random(7).random,
                new_id=random_uuid,
                logs=logs,
                grounds=Grounds(self.directory / "windows", {}),
                busy_tree=lambda _: False,
            )
            async with WindowManager(
                world,
                open_keeper=self.keeper.opened,
                drivers={"echo": self.driver},
                policy=self.policy,
                admit=self.admit,
            ) as self.fleet:
                yield self.fleet

    @property
    def policy(self) -> FleetPolicy:
        return FleetPolicy(templates=(self.template,), most_windows=self.most_windows)

    async def passes(self, seconds: float) -> None:
        """Jump over time, as a machine does that sleeps, and have everybody look."""
        self.clock.time += seconds
        self.fleet.reconfigure(self.policy)
        await self.settle()

    async def watched(self, seconds: int) -> None:
        """Let time pass second by second, and have everybody look each time."""
        for _ in range(seconds):
            self.clock.time += 1
            self.fleet.reconfigure(self.policy)
            await self.settle(4)

    async def settle(self, turns: int = 20) -> None:
        """Let everything happen that follows from what has happened."""
        for _ in range(turns):
            await anyio.sleep(0.001)

    async def create(self) -> str:
        """A window that is ready."""
        with anyio.fail_after(PATIENCE):
            window = await self.fleet.create_window("puppet", owner="ada")
            await self.fleet.ready(window.window_id)
        return window.window_id

    def window(self, name: str) -> Window:
        return self.fleet.get_window_status(name).window

    async def until(self, name: str, *statuses: str) -> Window:
        """Wait until the window has one of these."""
        with anyio.fail_after(PATIENCE):
            while self.window(name).status not in statuses:
                await anyio.sleep(0.001)
        return self.window(name)

    async def answer_to(self, name: str, prompt: str) -> PromptDone:
        with anyio.fail_after(PATIENCE):
            return await self.fleet.wait_answer(name, prompt)


@asynccontextmanager
async def stage(directory: Path) -> AsyncGenerator[Stage, None]:
    """A stage with a fleet that is open."""
    async with bare_stage(directory) as made, made.open_fleet():
        yield made


@asynccontextmanager
async def bare_stage(directory: Path) -> AsyncGenerator[Stage, None]:
    """A stage, and no fleet yet."""
    async with anyio.create_task_group() as tasks:
        keeper = PuppetKeeper(tasks)
        try:
            yield Stage(directory, keeper)
        finally:
            for puppet in keeper.puppets:
                puppet.is_alive = False
                puppet.close()
            tasks.cancel_scope.cancel()
