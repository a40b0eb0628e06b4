"""What changes while a session runs: its model, its mode, what is said to it, what happens beside its turns."""

from collections.abc import Callable, Sequence

import anyio
import pytest
from msgspec import structs

from tests.session.test_session import BRIEFING, FACTS, SAID, Diary, listener, session_of
from tianting.agent.briefing import PLAN_MODE, PLAN_MODE_LEFT
from tianting.agent.loop import STEERED
from tianting.agent.steering import Posted
from tianting.extensions.hooks.port import BeforeTurn, NoHooks
from tianting.models.scripted import Reply, says
from tianting.protocol.content import text_of
from tianting.protocol.deltas import MessageStarted
from tianting.protocol.events import (
    Event,
    HooksAsked,
    NoteAdded,
    PermissionMode,
    PermissionModeChanged,
    PromptDelivered,
    SessionStarted,
    TurnStarted,
)
from tianting.protocol.messages import Message, UserMessage, note, user_text
from tianting.protocol.usage import Usage
from tianting.session.session import Listener, Session

pytestmark = pytest.mark.anyio


class Screener(NoHooks):
    """Refuses prompts that hold a password, and has something to say to the others."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        self.asked.append((prompt_id, prompt))
        return BeforeTurn(blocked="No passwords.") if "1234" in prompt else BeforeTurn(contexts=(f"Of {prompt_id}.",))


def at_first(kind: type[Event], deed: Callable[[], None]) -> Listener:
    """A listener that does `deed` once."""
    deeds = [deed]

    async def listen(event: Event) -> None:
        if isinstance(event, kind) and deeds:
            deeds.pop()()

    return listen


async def submit(session: Session, *prompts: str) -> None:
    with anyio.fail_after(5):
        for prompt in prompts:
            await session.submit(user_text(prompt))


def spoken(history: Sequence[Message]) -> list[str]:
    return [text_of(message.content) for message in history]


async def test_prompt_keeps_the_id_it_came_with() -> None:
    entries: list[tuple[str, Event]] = []
    session = session_of(says("Hello."), says("Hello."), log=Diary(entries))
    with anyio.fail_after(5):
        await session.submit(user_text("Hi."), uuid="theirs")
        await session.submit(user_text("Hi."))

    assert [event.uuid for _, event in entries if isinstance(event, TurnStarted)] == ["theirs", "id1"]


async def test_steering_passes_the_hooks_of_prompts_and_is_logged_under_its_id() -> None:
    entries: list[tuple[str, Event]] = []
    hooks = Screener()
    session = session_of(says(""), says("Hello."), log=Diary(entries), hooks=hooks)

    def interject() -> None:
        for uuid, words in (("a", "In blue."), ("b", "My password is 1234.")):
            session.inbox.post(Posted(uuid=uuid, message=user_text(words)))

    session.listen(at_first(MessageStarted, interject))
    await submit(session, "Hi.")

    assert hooks.asked == [("id1", "Hi."), ("a", "In blue."), ("b", "My password is 1234.")]
    assert [event for _, event in entries if isinstance(event, PromptDelivered | HooksAsked)] == [
        HooksAsked(messages=("A hook kept from the model what was said while it worked: No passwords.",)),
        PromptDelivered(uuid="a", message=user_text("In blue.")),
    ]
    assert session.history[1:] == (
        note("Of id1."), user_text("Hi."), note("Of a."), user_text("In blue."), note(STEERED), session.history[-1],
    )  # fmt: skip
    assert session.inbox.waiting() == ()


async def test_announcement_in_a_turn_reaches_the_model_before_the_next_request() -> None:
    session = session_of(says(""), says("Hello."))
    session.listen(at_first(MessageStarted, lambda: session.announce(note("The job ended."))))

    await submit(session, "Hi.")

    assert spoken(session.history)[1:] == ["Hi.", text_of(note("The job ended.").content), "Hello."]


async def test_facts_and_shape_that_change_in_a_turn_hold_from_the_next_request_and_turn() -> None:
    entries: list[tuple[str, Event]] = []
    session = session_of(says(""), says("One."), says("Two."), log=Diary(entries))

    def change() -> None:
        session.restate(structs.replace(session.facts, model="other"))
        session.reshape(structs.replace(session.shape, model="other"))

    session.listen(at_first(MessageStarted, change))
    await submit(session, "1", "2")

    assert [event.model for _, event in entries if isinstance(event, SessionStarted)] == ["m", "other"]
    assert [event.model for _, event in entries if isinstance(event, MessageStarted)] == ["m", "other", "other"]
    assert (session.facts.model, session.shape.model) == ("other", "other")


@pytest.mark.parametrize(
    ("modes", "notes"),
    [
        pytest.param(["plan"], [PLAN_MODE], id="in"),
        pytest.param(["plan", "default"], [], id="in and out before the model heard of it"),
        pytest.param(["acceptEdits", "bypassPermissions"], [], id="modes the model need not know"),
        pytest.param(["plan", "plan"], [PLAN_MODE], id="twice"),
    ],
)
async def test_model_is_told_of_plan_mode_once(modes: list[PermissionMode], notes: list[UserMessage]) -> None:
    entries: list[tuple[str, Event]] = []
    session = session_of(says("Hello."), log=Diary(entries))
    for mode in modes:
        await session.change_mode(mode)
    await submit(session, "Hi.")

    changes = [PermissionModeChanged(mode=mode) for mode in modes]
    facts = structs.replace(FACTS, permission_mode=modes[-1])
    told = [NoteAdded(message=message) for message in [BRIEFING, *notes]]
    assert [event for _, event in entries][: len(modes) + 1 + len(told)] == [*changes, facts, *told]
    assert session.facts == facts


async def test_model_is_told_in_the_turn_that_plan_mode_ended() -> None:
    session = session_of(says("A plan."), says(""), says("Done."), history=SAID)
    await session.change_mode("plan")
    await submit(session, "Plan.")

    async def approve(event: Event) -> None:
        if isinstance(event, MessageStarted) and session.facts.permission_mode == "plan":
            await session.change_mode("acceptEdits")

    session.listen(approve)
    await submit(session, "Do it.")

    assert spoken(session.history[2:]) == [
        text_of(PLAN_MODE.content), "Plan.", "A plan.", "Do it.", text_of(PLAN_MODE_LEFT.content), "Done.",
    ]  # fmt: skip


async def test_what_happens_between_turns_is_logged_and_told() -> None:
    entries: list[tuple[str, Event]] = []
    session = session_of(log=Diary(entries))
    session.listen(listener(entries, "first"))
    await session.tell(HooksAsked(messages=("Look.",)))

    assert entries == [("log", HooksAsked(messages=("Look.",))), ("first", HooksAsked(messages=("Look.",)))]


async def test_usage_of_the_newest_answer_tells_how_full_the_context_is() -> None:
    session = session_of(
        Reply(text="Hello.", usage=Usage(input_tokens=7)), Reply(text="Hm.", usage=Usage(input_tokens=9))
    )
    before = session.last_usage
    await submit(session, "Hi.", "And?")

    assert (before, session.last_usage) == (None, Usage(input_tokens=9))
