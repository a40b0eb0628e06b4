"""A session logs before it tells, says everything once, and outlives an interrupt."""

from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tianting.agent.dispatch import ToolDispatcher
from tianting.agent.limits import Limits
from tianting.agent.loop import AgentLoop
from tianting.extensions.hooks.port import AgentHooks, BeforeTurn, NoHooks, Source
from tianting.models.scripted import Reply, ScriptedModel, says
from tianting.models.scripted_faults import Fault
from tianting.permissions.decision import Judge
from tianting.permissions.gate import Gate
from tianting.plumbing.clock import SystemClock
from tianting.protocol.content import Text, text_of
from tianting.protocol.deltas import MessageStarted
from tianting.protocol.errors import SessionError
from tianting.protocol.events import Event, NoteAdded, SessionStarted, TurnFinished, TurnReport, TurnStarted
from tianting.protocol.messages import AssistantMessage, Message, UserMessage, note, user_text
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.requests import ModelRequest
from tianting.session.session import Opening, Session
from tianting.tools.read_ledger import FileChange

pytestmark = pytest.mark.anyio

FACTS = SessionStarted(
    session_id="s", cwd="/work/app", model="m", permission_mode="default", tools=(), key_source="none"
)
BRIEFING = note("Project root: /work/app")
SAID = (user_text("Before."), AssistantMessage(id="a", model="m", content=(Text(text="Yes."),)))


class Diary:
    """A recorder that writes into the same list as a listener, and may be full."""

    def __init__(self, entries: list[tuple[str, Event]]) -> None:
        self.entries = entries
        self.is_full = False

    def record(self, event: Event) -> None:
        if self.is_full:
            raise SessionError("The disk is full.")
        self.entries.append(("log", event))


def no_judge() -> Judge:
    raise AssertionError("no tool is called here")


def session_of(
    *replies: Reply,
    log: Diary | None = None,
    history: tuple[Message, ...] = (),
    notices: tuple[UserMessage, ...] = (),
    hooks: AgentHooks | None = None,
    changed_files: Callable[[], tuple[FileChange, ...]] = tuple,
) -> Session:
    gate = Gate(no_judge)
    loop = AgentLoop(
        ScriptedModel(*replies),
        ToolDispatcher((), gate, Limits()),
        limits=Limits(),
        clock=SystemClock(),
        catalogue=ModelCatalogue(),
    )
    numbers = count(1)
    shape = ModelRequest(model="m", system=(), tools=(), messages=(), max_tokens=100)
    opening = Opening(facts=FACTS, shape=shape, history=history, briefing=BRIEFING, notices=notices)
    return Session(
        loop, opening, log=log, new_id=lambda: f"id{next(numbers)}", hooks=hooks, changed_files=changed_files
    )


def listener(entries: list[tuple[str, Event]], name: str) -> Callable[[Event], Awaitable[None]]:
    async def listen(event: Event) -> None:
        entries.append((name, event))

    return listen


async def test_log_hears_first_and_listeners_in_their_order() -> None:
    entries: list[tuple[str, Event]] = []
    session = session_of(says("Hello."), log=Diary(entries))
    session.listen(listener(entries, "first"))
    session.listen(listener(entries, "second"))

    report = await session.submit(user_text("Hi."))

    assert [name for name, _ in entries] == ["log", "first", "second"] * (len(entries) // 3)
    told = [event for name, event in entries if name == "first"]
    assert told[:3] == [FACTS, NoteAdded(message=BRIEFING), TurnStarted(uuid="id1", prompt=user_text("Hi."))]
    assert told[-1] == TurnFinished(report=report)
    assert (report.end, report.text) == ("answered", "Hello.")


async def test_briefing_is_given_once() -> None:
    session = session_of(says("One."), says("Two."))
    await session.submit(user_text("1"))
    await session.submit(user_text("2"))

    assert [text_of(message.content) for message in session.history] == [
        text_of(BRIEFING.content), "1", "One.", "2", "Two.",
    ]  # fmt: skip


async def test_announcement_reaches_the_model_before_the_next_prompt_and_once() -> None:
    session = session_of(says("Three."), says("Four."), history=SAID)
    session.announce(note("The files went back."))
    await session.submit(user_text("3"))
    await session.submit(user_text("4"))

    words = [text_of(message.content) for message in session.history[2:]]
    assert words == [text_of(note("The files went back.").content), "3", "Three.", "4", "Four."]


async def test_resumed_session_needs_no_briefing() -> None:
    session = session_of(says("And on."), history=SAID)
    await session.submit(user_text("Go on."))

    assert [text_of(message.content) for message in session.history] == ["Before.", "Yes.", "Go on.", "And on."]


async def test_interrupt_ends_the_turn_and_not_the_session() -> None:
    session = session_of(says("Never whole.", fault=Fault(kind="hang_mid_stream")), says("Whole."))

    first_answer = [True]

    async def interrupt(event: Event) -> None:
        if isinstance(event, MessageStarted) and first_answer:
            first_answer.pop()
            session.interrupt()

    session.interrupt()  # nothing runs, nothing happens
    session.listen(interrupt)
    with anyio.fail_after(5):
        stopped = await session.submit(user_text("Hi."))
        whole = await session.submit(user_text("Again."))

    assert (stopped.end, whole.end, whole.text) == ("interrupted_streaming", "answered", "Whole.")


async def test_prompt_survives_an_interrupt_in_the_first_moment() -> None:
    session = session_of(says("Hello."))

    async def interrupt(event: Event) -> None:
        if isinstance(event, SessionStarted):
            session.interrupt()
            await anyio.lowlevel.checkpoint()

    session.listen(interrupt)
    with anyio.fail_after(5):
        report = await session.submit(user_text("Hi."))

    assert report.end.startswith("interrupted")
    assert user_text("Hi.") in session.history


async def test_full_disk_ends_the_turn() -> None:
    diary = Diary([])
    session = session_of(says("Hello."), says("Again."), log=diary)
    diary.is_full = True
    with pytest.raises(SessionError, match="The disk is full"):
        await session.submit(user_text("Hi."))
    diary.is_full = False

    assert (await session.submit(user_text("Once more."))).end == "answered"


async def test_notices_are_said_once_in_a_new_and_in_a_resumed_conversation() -> None:
    plan = note("Plan mode is on.")
    for history, notes in (((), [BRIEFING, plan]), (SAID, [plan])):
        session = session_of(says("One."), says("Two."), history=history, notices=(plan,))

        await session.submit(user_text("First."))
        await session.submit(user_text("Second."))

        said = [m for m in session.history[len(history) :] if isinstance(m, UserMessage) and m.meta]
        assert said == notes


NOTHING = BeforeTurn()


class Ushers(NoHooks):
    """Hooks at the doors of a session."""

    def __init__(self, *, start: BeforeTurn = NOTHING, prompt: BeforeTurn = NOTHING) -> None:
        self.asked: list[tuple[str, str]] = []
        self._start = start
        self._prompt = prompt

    async def session_started(self, source: Source, model: str) -> BeforeTurn:
        self.asked.append((source, model))
        return self._start

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        self.asked.append(("prompt", prompt))
        return self._prompt

    async def session_ended(self, reason: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.asked.append(("end", reason))


@pytest.mark.parametrize(("history", "source"), [((), "startup"), (SAID, "resume")])
async def test_hooks_are_asked_at_the_start_once_at_each_prompt_and_at_the_end(
    history: tuple[Message, ...], source: str
) -> None:
    hooks = Ushers(start=BeforeTurn(contexts=("Branch main.",)), prompt=BeforeTurn(contexts=("Be kind.",)))
    session = session_of(says("One."), says("Two."), history=history, hooks=hooks)
    for text in "12":
        await session.submit(user_text(text))
    await session.end("other")

    assert hooks.asked == [(source, "m"), ("prompt", "1"), ("prompt", "2"), ("end", "other")]
    said = session.history[len(history) + (0 if history else 1) :]
    notes = [note("Branch main."), note("Be kind.")]
    assert [message for message in said if isinstance(message, UserMessage)] == [
        *notes, user_text("1"), notes[1], user_text("2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "hooks",
    [
        pytest.param(Ushers(prompt=BeforeTurn(blocked="No secrets.", contexts=("x",))), id="the prompt"),
        pytest.param(Ushers(start=BeforeTurn(blocked="No secrets.", contexts=("x",))), id="the session"),
    ],
)
async def test_refused_prompt_reaches_neither_model_nor_transcript(hooks: Ushers) -> None:
    entries: list[tuple[str, Event]] = []
    session = session_of(log=Diary(entries), hooks=hooks)

    report = await session.submit(user_text("My password is 1234."))

    assert report == TurnReport(end="hook_stopped", text="No secrets.", num_turns=0)
    assert [event for _, event in entries] == [FACTS, NoteAdded(message=BRIEFING), TurnFinished(report=report)]
    assert session.history == (BRIEFING,)


async def test_interrupt_while_a_hook_looks_at_the_prompt_ends_the_turn_once() -> None:
    entries: list[tuple[str, Event]] = []

    class Pensive(NoHooks):
        async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
            session.interrupt()
            await anyio.sleep_forever()
            raise AssertionError

    session = session_of(log=Diary(entries), hooks=Pensive())
    with anyio.fail_after(5):
        report = await session.submit(user_text("Hi."))

    assert report.end == "interrupted_streaming"
    assert [event for _, event in entries][2:] == [TurnFinished(report=report)]
    assert session.history == (BRIEFING,)


async def test_hooks_know_the_prompt_by_the_id_of_its_turn() -> None:
    entries: list[tuple[str, Event]] = []
    told: list[str] = []

    class Clerk(NoHooks):
        async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
            told.append(prompt_id)
            return NOTHING

    session = session_of(says("One."), says("Two."), log=Diary(entries), hooks=Clerk())
    for text in "12":
        await session.submit(user_text(text))

    assert told == [event.uuid for _, event in entries if isinstance(event, TurnStarted)]


async def test_what_changed_behind_the_models_back_is_told_before_the_prompt() -> None:
    told: list[tuple[str, bool]] = []
    pending = [(FileChange(path=Path("/work/app/a.py")), FileChange(path=Path("/etc/b"), is_gone=True)), ()]

    class Watcher(NoHooks):
        async def file_changed(self, path: str, *, is_gone: bool) -> None:
            told.append((path, is_gone))

    session = session_of(says("One."), says("Two."), hooks=Watcher(), changed_files=lambda: pending.pop(0))
    for text in "12":
        await session.submit(user_text(text))

    assert told == [("/work/app/a.py", False), ("/etc/b", True)]
    assert [message for message in session.history if isinstance(message, UserMessage)] == [
        BRIEFING,
        note("Changed on disk since you read them: a.py, /etc/b; read them again before you edit."),
        user_text("1"),
        user_text("2"),
    ]


async def test_session_that_never_began_has_no_end() -> None:
    hooks = Ushers()
    await session_of(hooks=hooks).end("other")

    assert hooks.asked == []


async def test_hooks_keep_nobody_who_is_in_a_hurry() -> None:
    class Lingerers(Ushers):
        async def session_ended(self, reason: str) -> None:
            await anyio.sleep_forever()

    session = session_of(says("Hello."), hooks=Lingerers())
    await session.submit(user_text("Hi."))
    session.hurry()
    with anyio.fail_after(5):
        await session.end("other")


async def test_interrupt_while_it_gets_ready_ends_the_turn_and_not_the_session() -> None:
    async def dawdle() -> None:
        session.interrupt()
        await anyio.sleep_forever()

    session = session_of(says("Hello."))
    with anyio.fail_after(5):
        report = await session.submit(user_text("Hi."), get_ready=dawdle)
        again = await session.submit(user_text("Hi."))

    assert (report.end, again.end, session.works) == ("interrupted_tools", "answered", False)


async def test_end_is_told_to_hooks_of_a_session_that_is_cancelled() -> None:
    hooks = Ushers()
    session = session_of(says("Hello."), hooks=hooks)
    await session.submit(user_text("Hi."))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await session.end("other")

    assert hooks.asked[-1] == ("end", "other")
