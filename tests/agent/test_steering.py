"""What is posted is handed out once, by priority and then by arrival; what was withdrawn never; nothing is lost."""

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tianting.agent.steering import Inbox, Posted, Priority
from tianting.protocol.messages import user_text

pytestmark = pytest.mark.anyio


def posted(uuid: str, priority: Priority = "next") -> Posted:
    return Posted(uuid=uuid, message=user_text(uuid), priority=priority)


def inbox_of(*waiting: Posted) -> Inbox:
    inbox = Inbox()
    for one in waiting:
        inbox.post(one)
    return inbox


MIXED = (posted("a", "later"), posted("b"), posted("c", "now"), posted("d"), posted("e", "now"))


async def test_running_turn_takes_what_cannot_wait_for_another_turn() -> None:
    inbox = inbox_of(*MIXED)

    assert inbox.waiting() == ("c", "e", "b", "d", "a")
    assert [one.uuid for one in inbox.drain()] == ["c", "e", "b", "d"]
    assert (inbox.drain(), inbox.waiting()) == ((), ("a",))


async def test_turns_begin_with_what_comes_first_until_the_inbox_is_closed_and_empty() -> None:
    inbox = inbox_of(*MIXED)
    inbox.close()

    with anyio.fail_after(5):
        prompts = [await inbox.next_prompt() for _ in range(6)]

    assert [one.uuid if one else None for one in prompts] == ["c", "e", "b", "d", "a", None]


@pytest.mark.parametrize("ends", [False, True])
async def test_whoever_waits_hears_of_a_message_and_of_the_end(ends: bool) -> None:
    inbox = Inbox()
    heard: list[Posted | None] = []

    async def wait() -> None:
        heard.append(await inbox.next_prompt())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            inbox.close() if ends else inbox.post(posted("a"))

    assert heard == [None if ends else posted("a")]


async def test_withdrawn_message_wakes_nobody_up_for_nothing() -> None:
    inbox = Inbox()
    heard: list[Posted | None] = []

    async def wait() -> None:
        heard.append(await inbox.next_prompt())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            inbox.post(posted("a"))
            assert inbox.withdraw("a")
            await anyio.wait_all_tasks_blocked()
            inbox.post(posted("b"))

    assert heard == [posted("b")]


async def test_whoever_stops_waiting_takes_nothing_along() -> None:
    inbox = Inbox()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await inbox.next_prompt()
    inbox.post(posted("a"))

    assert await inbox.next_prompt() == posted("a")


async def test_closed_inbox_takes_nothing_in() -> None:
    inbox = inbox_of(posted("a"))
    inbox.close()

    with pytest.raises(anyio.ClosedResourceError):
        inbox.post(posted("b"))
    assert inbox.waiting() == ("a",)


async def test_what_reached_nobody_comes_back_to_its_place() -> None:
    inbox = inbox_of(*MIXED)
    first, *others = inbox.drain()
    inbox.post(posted("f", "now"))
    inbox.restore(others)

    assert inbox.waiting() == ("e", "f", "b", "d", "a")
    assert first == posted("c", "now")


async def test_all_that_waits_can_be_withdrawn_and_what_was_taken_cannot() -> None:
    inbox = inbox_of(*MIXED)
    inbox.drain()

    assert (inbox.withdraw("c"), inbox.withdraw_all(), inbox.withdraw("a")) == (False, ("a",), False)


class InboxMachine(RuleBasedStateMachine):
    """Anything in any order, beside a list for each priority."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox()
        self.model: dict[Priority, list[Posted]] = {"now": [], "next": [], "later": []}
        self.posted = 0
        self.ended: list[str] = []
        """Handed out or withdrawn."""

    @rule(priority=st.sampled_from(["now", "next", "later"]))
    def post(self, priority: Priority) -> None:
        self.posted += 1
        one = posted(str(self.posted), priority)
        self.inbox.post(one)
        self.model[priority].append(one)

    @rule(back=st.integers(0, 3))
    def drain(self, back: int) -> None:
        taken = self.inbox.drain()
        assert list(taken) == self.model["now"] + self.model["next"]
        kept = taken[len(taken) - min(back, len(taken)) :]
        self.inbox.restore(kept)
        self.ended += [one.uuid for one in taken if one not in kept]
        for priority in self.model:
            self.model[priority] = [one for one in self.model[priority] if one in kept or priority == "later"]

    @rule()
    def begin_a_turn(self) -> None:
        if self.inbox.waiting():
            first = anyio.run(self.inbox.next_prompt)
            assert first == self.expected[0]
            self.forget(first.uuid)

    @rule(number=st.integers(1, 20))
    def withdraw(self, number: int) -> None:
        waits = str(number) in self.inbox.waiting()
        assert self.inbox.withdraw(str(number)) == waits
        if waits:
            self.forget(str(number))

    @rule()
    def withdraw_all(self) -> None:
        for uuid in self.inbox.withdraw_all():
            self.forget(uuid)
        assert self.expected == []

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        waiting = list(self.inbox.waiting())
        assert waiting == [one.uuid for one in self.expected]
        assert sorted(waiting + self.ended, key=int) == [str(number + 1) for number in range(self.posted)]

    @property
    def expected(self) -> list[Posted]:
        return self.model["now"] + self.model["next"] + self.model["later"]

    def forget(self, uuid: str) -> None:
        self.ended.append(uuid)
        for waiting in self.model.values():
            waiting[:] = [one for one in waiting if one.uuid != uuid]


TestInbox = InboxMachine.TestCase
TestInbox.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
