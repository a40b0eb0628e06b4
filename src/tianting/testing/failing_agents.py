"""Drivers named by how their agents fail: for tests of whatever keeps windows alive.

Each drives the echo agent as a real process. The first `times` prompts of a conversation fail in the driver's own way
and all later ones are answered, so a test can watch the failure and the recovery from it. Counted here, in the driver:
a window's next process goes on with the count.
"""

from collections import Counter
from collections.abc import Callable

from msgspec import structs

from tianting.fleet.drivers.driver import Abilities, Agent, Answer, Brief, Launch, Pipe, Prompt, Tell
from tianting.fleet.drivers.echo import echo_driver
from tianting.fleet.drivers.stream_json import StreamJsonDriver


def dying_driver(times: int = 1) -> "FailingDriver":
    """Killed by SIGKILL in the middle of a turn."""
    return FailingDriver("!die", times=times)


def exiting_driver(times: int = 1, *, code: int = 1) -> "FailingDriver":
    """Ends by itself in the middle of a turn."""
    return FailingDriver(f"!exit {code}", times=times)


def stalling_driver(times: int = 1) -> "FailingDriver":
    """Half an answer, and no more; probes are answered, and an interrupt ends it."""
    return FailingDriver("!stall", times=times)


def wedged_driver(times: int = 1) -> "FailingDriver":
    """Stopped: it answers nothing at all, and only a kill ends it."""
    return FailingDriver("!wedge", times=times)


def garbling_driver(times: int = 1, *, lines: int = 10) -> "FailingDriver":
    """Writes what is not its protocol, and answers then."""
    return FailingDriver(f"!garbage {lines}", times=times)


def refused_driver(times: int = 1, *, status: int = 401) -> "FailingDriver":
    """The model's API says no."""
    return FailingDriver(f"!refused {status}", times=times)


def rejected_driver(until: float, times: int = 1) -> "FailingDriver":
    """A usage limit is reached, until a Unix time."""
    return FailingDriver(f"!rejected {until}", times=times)


def asking_driver(times: int = 1, *, tool: str = "Bash") -> "FailingDriver":
    """Waits for a person: no failure, but nothing goes on."""
    return FailingDriver(f"!ask {tool}", times=times)


def slow_driver(seconds: float) -> "FailingDriver":
    """Ready late."""
    return FailingDriver(arguments=("--slow-start", str(seconds)))


def never_ready_driver() -> "FailingDriver":
    """Starts, and says nothing for ever."""
    return FailingDriver(arguments=("--never-ready",))


class FailingDriver:
    """The echo driver, whose agents get `command` in place of the first prompts of each conversation."""

    def __init__(self, command: str = "", *, times: int = 0, arguments: tuple[str, ...] = ()) -> None:
        self._inner: StreamJsonDriver = echo_driver()
        self._command = command
        self._times = times
        self._arguments = arguments
        self._failed: Counter[str] = Counter()

    @property
    def kind(self) -> str:
        """See `Driver`."""
        return self._inner.kind

    @property
    def abilities(self) -> Abilities:
        """See `Driver`."""
        return self._inner.abilities

    def launch(self, brief: Brief) -> Launch:
        """See `Driver`."""
        launch = self._inner.launch(brief)
        return Launch(argv=(*launch.argv, *self._arguments), environment=launch.environment, cwd=launch.cwd)

    async def attach(self, pipe: Pipe, brief: Brief, *, taken_over: bool) -> "FailingAgent":
        """See `Driver`."""
        agent = await self._inner.attach(pipe, brief, taken_over=taken_over)
        return FailingAgent(agent, lambda text: self._said(brief.conversation_id, text))

    def _said(self, conversation_id: str, text: str) -> str:
        if self._failed[conversation_id] >= self._times:
            return text
        self._failed[conversation_id] += 1
        return self._command


class FailingAgent:
    """An agent that is told something else than it should be."""

    def __init__(self, inner: Agent, said: Callable[[str], str]) -> None:
        self._inner = inner
        self._said = said

    async def run(self, tell: Tell) -> None:
        """See `Agent`."""
        await self._inner.run(tell)

    async def prompt(self, prompt: Prompt) -> None:
        """See `Agent`."""
        await self._inner.prompt(structs.replace(prompt, text=self._said(prompt.text)))

    async def interrupt(self) -> None:
        """See `Agent`."""
        await self._inner.interrupt()

    async def answer(self, question_id: str, answer: Answer) -> None:
        """See `Agent`."""
        await self._inner.answer(question_id, answer)

    async def probe(self) -> None:
        """See `Agent`."""
        await self._inner.probe()

    async def leave(self) -> None:
        """See `Agent`."""
        await self._inner.leave()
