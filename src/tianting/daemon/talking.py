"""Keeps conversations with agents going: one window each, woken when it is asked, put to sleep when it is not.

    ask → its turn → a window that lives → promised → followed to the end, within its time

Different conversations never wait for each other. What was promised is answered, also by a daemon that comes later.
"""

import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from msgspec import Struct, structs

from tianting.daemon.asking import follow, hopeless
from tianting.daemon.conversations import Asked, Book, Conversation
from tianting.daemon.outcomes import Outcome, Tell
from tianting.daemon.words import Ask, ConversationStatus
from tianting.fleet.drivers.driver import PromptOptions
from tianting.fleet.window import OVER, Window
from tianting.fleet.windows import NoSuchWindow, WindowManager
from tianting.plumbing.clock import Clock
from tianting.protocol.errors import FleetError

log = logging.getLogger(__name__)

Last = Callable[[str], Awaitable[int]]
"""The number of a window's newest event."""


class TalkPolicy(Struct, frozen=True, kw_only=True):
    """How many conversations are kept, and how."""

    most_awake: int = 16
    """With a process at a time. A Codex takes 100 MB."""
    sleeps_after: float = 1_800.0
    """Seconds without a question, after which a conversation needs no process."""
    forgotten_after: float = 30 * 86_400.0
    """Seconds without a question."""
    patience: float = 600.0
    """Seconds for an answer, where the client does not say."""
    looked_after: float = 30.0
    """Seconds between two looks at who could sleep."""
    letting_go: float = 5.0
    """Seconds that a turn has to end in which took too long."""


class Talk:
    """All conversations of one daemon. Run `tidy` beside."""

    def __init__(
        self, fleet: WindowManager, book: Book, *, template: str, last: Last, clock: Clock, policy: TalkPolicy
    ) -> None:
        self._fleet = fleet
        self._book = book
        self._template = template
        self._last = last
        self._clock = clock
        self._policy = policy
        self._turns: dict[str, anyio.Lock] = {}
        self._waking = anyio.Lock()

    async def ask(self, question: Ask, name: str, cwd: str, tell: Tell) -> Outcome:
        """Have `question` answered in the conversation `name`; one that begins works in `cwd`.

        Never raises `FleetError`: what went wrong is the outcome's.
        """
        patience = question.timeout or self._policy.patience
        started: list[str] = []
        try:
            with anyio.move_on_after(patience):
                async with self._turn_of(name):
                    return await self._ask(question, name, cwd, tell, started)
            for window_id in started:
                await self._let_go(window_id)
        except (FleetError, OSError) as error:
            return Outcome(error=str(error))
        return Outcome(error=f"No answer came within {patience:g} s; the conversation goes on. Give it more `timeout`.")

    def conversation(self, name: str, cwd: str) -> Conversation:
        """The one of this name, as it is or as it would begin."""
        known = self._book.get(name)
        return known or Conversation(name=name, cwd=cwd, created_at=self._clock.now(), used_at=self._clock.now())

    def change(self, conversation: Conversation) -> None:
        """Have it like this from the next question on. Raises `OSError`."""
        self._book.put(conversation)

    def shown(self) -> tuple[ConversationStatus, ...]:
        """All of them, the last used first."""
        every = sorted(self._book, key=lambda one: one.used_at, reverse=True)
        return tuple(self._shown(one) for one in every)

    async def tidy(self) -> None:
        """Put to sleep and forget what nobody uses, until cancelled."""
        while True:
            await anyio.sleep(self._policy.looked_after)
            for one in self._book:
                try:
                    await self._tidy_one(one)
                except (FleetError, OSError) as error:
                    log.warning("conversation %s could not be tidied: %s", one.name, error)

    async def sleep(self) -> None:
        """End all processes in order; the conversations stay."""
        async with anyio.create_task_group() as tasks:
            for state in self._fleet.list_windows():
                if state.window.status not in OVER:
                    tasks.start_soon(self._stop, state.window.window_id)

    async def _ask(self, question: Ask, name: str, cwd: str, tell: Tell, started: list[str]) -> Outcome:
        conversation = await self._awake(self.conversation(name, cwd))
        asked = _again(question, conversation) or await self._promise(question, conversation)
        started.append(conversation.window_id)
        window = self._fleet.get_window_status(conversation.window_id).window
        if (why := hopeless(window, self._clock.now())) is not None:  # it failed before there was anything to follow
            return Outcome(error=why)
        outcome = await follow(
            self._fleet, conversation.window_id, asked.prompt, asked.after, tell=tell, clock=self._clock
        )
        if outcome.error is None:
            latest = self.conversation(name, cwd)
            self._book.put(structs.replace(latest, answers=latest.answers + 1))
        return _worded(outcome, self.conversation(name, cwd))

    async def _promise(self, question: Ask, conversation: Conversation) -> Asked:
        """From here on it is answered, whatever happens."""
        window_id = conversation.window_id
        prompt = _prompt_id(window_id, question.id or str(uuid.uuid4()))
        asked = Asked(prompt=prompt, after=await self._last(window_id))
        latest = self._latest(conversation)
        self._book.put(structs.replace(latest, used_at=self._clock.now(), asked=latest.remembered(asked)))
        options = PromptOptions(effort=latest.effort, reasoning=latest.reasoning)
        await self._fleet.send(window_id, question.question, uuid=prompt, options=options)
        return asked

    def _latest(self, conversation: Conversation) -> Conversation:
        """As it is now: somebody may have wished for something else while it was waited for."""
        return self._book.get(conversation.name) or conversation

    async def _awake(self, conversation: Conversation) -> Conversation:
        """With a window that has a process, or is about to."""
        async with self._waking:
            window = self._windows().get(conversation.window_id)
            if window is not None and window.status == "failed" and not conversation.answers:
                await self._fleet.destroy_window(window.window_id)  # it never came to be: what was asked is not asked
                window = None
            if window is None:
                return await self._begin(conversation)
            if window.status in OVER:
                await self._make_room()
                await self._fleet.restart(window.window_id, "somebody asks")
            elif window.status == "parked":
                await self._fleet.restart(window.window_id, "somebody asks again")
            return conversation

    async def _begin(self, conversation: Conversation) -> Conversation:
        if not Path(conversation.cwd).is_dir():
            raise FleetError(f"{conversation.cwd} is no directory: name another as `cwd`.")
        await self._make_room()
        window = await self._fleet.create_window(self._template, cwd=conversation.cwd)
        begun = structs.replace(self._latest(conversation), window_id=window.window_id, answers=0, asked=())
        self._book.put(begun)
        return begun

    async def _make_room(self) -> None:
        """Put the one to sleep that was used the longest ago. Raises `FleetError` where all are at work."""
        awake = [one for one in self._book if self._is_awake(one)]
        if len(awake) < self._policy.most_awake:
            return
        idle = [one for one in awake if not self._is_busy(one)]
        if not idle:
            raise FleetError(f"{len(awake)} conversations are at work, and there may be no more: ask again later.")
        await self._fleet.stop(min(idle, key=lambda one: one.used_at).window_id)

    async def _tidy_one(self, one: Conversation) -> None:
        unused = self._clock.now() - one.used_at
        if self._is_busy(one):
            return
        if unused > self._policy.forgotten_after:
            if one.window_id in self._windows():
                await self._fleet.destroy_window(one.window_id)
            self._book.drop(one.name)
        elif unused > self._policy.sleeps_after and self._is_awake(one):
            await self._fleet.stop(one.window_id)

    async def _let_go(self, window_id: str) -> None:
        """End a turn that nobody waits for any more."""
        with anyio.move_on_after(self._policy.letting_go, shield=True):
            await self._fleet.interrupt(window_id)

    async def _stop(self, window_id: str) -> None:
        try:
            await self._fleet.stop(window_id)
        except FleetError as error:
            log.warning("window %s could not be stopped: %s", window_id, error)

    @asynccontextmanager
    async def _turn_of(self, name: str) -> AsyncGenerator[None, None]:
        """One question of a conversation at a time, in the order in which they came."""
        lock = self._turns.setdefault(name, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not lock.statistics().tasks_waiting:
                self._turns.pop(name, None)

    def _windows(self) -> dict[str, Window]:
        return {state.window.window_id: state.window for state in self._fleet.list_windows()}

    def _window(self, one: Conversation) -> Window | None:
        try:
            return self._fleet.get_window_status(one.window_id).window
        except NoSuchWindow:
            return None

    def _is_awake(self, one: Conversation) -> bool:
        window = self._window(one)
        return window is not None and window.status not in OVER

    def _is_busy(self, one: Conversation) -> bool:
        return one.name in self._turns

    def _shown(self, one: Conversation) -> ConversationStatus:
        window = self._window(one)
        return ConversationStatus(
            name=one.name,
            status="asleep" if window is None or window.status == "stopped" else window.status,
            cwd=one.cwd,
            effort=one.effort or "default",
            reasoning=one.reasoning,
            final_only=one.final_only,
            answers=one.answers,
            used_at=one.used_at,
            pid=window.process_id if window is not None and window.status not in OVER else None,
        )


def _again(question: Ask, conversation: Conversation) -> Asked | None:
    """Where this very question was asked before."""
    if question.id is None:
        return None
    prompt = _prompt_id(conversation.window_id, question.id)
    return next((one for one in conversation.asked if one.prompt == prompt), None)


def _prompt_id(window_id: str, question_id: str) -> str:
    """The fleet's name of a question: no two clients have the same, and a client that asks again has."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{window_id}/{question_id}"))


def _worded(outcome: Outcome, conversation: Conversation) -> Outcome:
    text = outcome.text if conversation.final_only else outcome.said
    return structs.replace(outcome, text=text, reasoning=outcome.reasoning if conversation.reasoning else "")
