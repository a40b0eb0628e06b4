"""Every request gets one reply, from memory where it can, and a bug ends nobody else."""

import json
import os
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from msgspec import structs

from tests.daemon.talks import PlayedTalks, desk_of, never, piecemeal
from tianting.daemon import desk as desk_module
from tianting.daemon.desk import Desk
from tianting.daemon.outcomes import Outcome, Tell
from tianting.daemon.peers import Peer
from tianting.daemon.words import Ask, Delta, Reply

pytestmark = pytest.mark.anyio

ME = Peer(pid=os.getpid(), conversation="mine")


async def reply_of(desk: Desk, **fields: object) -> Reply:
    async def unheard(_: Delta) -> None:
        return

    with anyio.fail_after(5):
        return await desk.answer(json.dumps(fields).encode(), ME, unheard, clients=1)


async def test_question_goes_to_the_clients_own_conversation_and_directory() -> None:
    talks = PlayedTalks()

    reply = await reply_of(desk_of(talks), command="/codex-ask hello", id="7")

    assert reply == Reply(success=True, response="hello", conversation="mine", id="7")
    assert talks.asked == [(Ask(question="hello", id="7"), "mine", str(Path.cwd()))]


async def test_question_goes_where_it_is_told_to() -> None:
    talks = PlayedTalks()

    await reply_of(desk_of(talks), command="/codex-ask hello", conversation="shared", cwd="/tmp")

    [(_, name, cwd)] = talks.asked
    assert (name, cwd) == ("shared", "/tmp")


async def test_outcome_without_an_answer_is_an_error() -> None:
    async def fail(_question: Ask, _tell: Tell) -> Outcome:
        return Outcome(error="It broke.", declined=1)

    reply = await reply_of(desk_of(PlayedTalks(fail)), command="/codex-ask hello")

    assert reply == Reply(success=False, error="It broke.", conversation="mine", declined=1)


async def test_pieces_are_told_only_if_wanted() -> None:
    told: list[Delta] = []

    async def tell(delta: Delta) -> None:
        told.append(delta)

    desk = desk_of(PlayedTalks(piecemeal))
    await desk.answer(b'{"command":"/codex-ask a b"}', ME, tell, clients=1)
    await desk.answer(b'{"command":"/codex-ask c d","stream":true}', ME, tell, clients=1)

    assert told == [Delta(delta="c"), Delta(delta="d")]


async def test_status_is_told_while_the_fleet_is_loading() -> None:
    reply = await reply_of(desk_of(None), command="/codex-status")

    assert (reply.success, reply.response) == (True, "starting")


async def test_status_counts() -> None:
    desk = desk_of(PlayedTalks())
    await reply_of(desk, command="/codex-ask hello")

    status = (await reply_of(desk, command="/codex-status")).status

    assert status is not None
    assert (status.state, status.asked, status.answered, status.failed, status.clients) == ("ready", 1, 1, 0, 1)
    assert status.memory > 1_000_000
    assert status.descriptors > 2


async def test_question_waits_for_the_fleet() -> None:
    desk, talks, replies = desk_of(None), PlayedTalks(), list[Reply]()

    async def ask() -> None:
        replies.append(await reply_of(desk, command="/codex-ask hello"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        desk.open(talks)

    assert [reply.response for reply in replies] == ["hello"]


async def test_fleet_that_does_not_come_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "LOADING", 0.01)

    reply = await reply_of(desk_of(None), command="/codex-ask hello")

    assert reply.error == "The daemon is still starting: ask again, and see `tianting daemon logs`."


@pytest.mark.parametrize(
    ("command", "response", "changed"),
    [
        pytest.param("/codex-config", "effort: default", {}, id="effort now"),
        pytest.param("/codex-config high", "effort: high", {"effort": "high"}, id="effort"),
        pytest.param("/codex-config default", "effort: default", {"effort": None}, id="effort as configured"),
        pytest.param("/codex-reasoning on", "reasoning: on", {"reasoning": True}, id="reasoning"),
        pytest.param("/codex-final_only off", "final_only: off", {"final_only": False}, id="final only"),
        pytest.param("/codex-final_only", "final_only: on", {}, id="final only now"),
    ],
)
async def test_wishes_are_kept(command: str, response: str, changed: dict[str, object]) -> None:
    talks = PlayedTalks()

    reply = await reply_of(desk_of(talks), command=command)

    assert reply == Reply(success=True, response=response, conversation="mine")
    began = PlayedTalks().conversation("mine", str(Path.cwd()))
    assert talks.known == ({"mine": structs.replace(began, **changed)} if changed else {})


async def test_who_holds_is_named() -> None:
    held: list[int] = []

    reply = await reply_of(desk_of(PlayedTalks(), held.append), command="/codex-hold")

    assert (reply.success, held) == (True, [os.getpid()])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(RuntimeError("a bug"), "The daemon has a bug", id="bug"),
        pytest.param(OSError(28, "No space left on device"), "The system says: No space left on device.", id="disk"),
    ],
)
async def test_what_breaks_is_said(error: Exception, told: str) -> None:
    async def break_(_question: Ask, _tell: Tell) -> Outcome:
        raise error

    reply = await reply_of(desk_of(PlayedTalks(break_)), command="/codex-ask x", id="9")

    assert (reply.success, reply.id) == (False, "9")
    assert told in (reply.error or "")


async def test_cancelled_question_gets_no_reply() -> None:
    with anyio.move_on_after(0.01) as scope:
        await reply_of(desk_of(PlayedTalks(never)), command="/codex-ask x")

    assert scope.cancelled_caught
