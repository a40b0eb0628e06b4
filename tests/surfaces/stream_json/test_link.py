"""A question to the client gets its answer, and only that; whoever stops waiting says so."""

from collections.abc import Callable
from itertools import count
from typing import Any

import anyio
import pytest

from tests.surfaces.stream_json.wires import KeptWire, StuckWire
from tianting.protocol.client_lines import Answered, Refused
from tianting.surfaces.output import OutputClosed
from tianting.surfaces.stream_json.link import ClientGone, ClientRefused, ClientSilent, ControlLink
from tianting.surfaces.stream_json.outlet import Outlet

pytestmark = pytest.mark.anyio

PERMISSION = {"subtype": "can_use_tool", "tool_name": "Bash"}
HOOK = {"subtype": "hook_callback", "callback_id": "hook_0"}
CANCELLED = {"type": "control_cancel_request", "request_id": "q1"}


def link_over(wire: KeptWire) -> tuple[ControlLink, Outlet]:
    numbers = count(1)
    outlet = Outlet(wire)
    return ControlLink(outlet, lambda: f"q{next(numbers)}"), outlet


async def outcome_of(link: ControlLink, when_asked: Callable[[], None], **options: Any) -> Any:
    """What `ask` gives back or raises, when `when_asked` happens while it waits."""
    outcome: Any = None

    async def ask() -> None:
        nonlocal outcome
        try:
            outcome = await link.ask(HOOK, **options)
        except (ClientGone, ClientRefused, ClientSilent) as failure:
            outcome = failure

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            when_asked()
    return outcome


async def test_answer_reaches_the_question_it_belongs_to() -> None:
    wire = KeptWire()
    link, _ = link_over(wire)

    def answer() -> None:
        link.answered(Answered(request_id="never asked", payload=0))
        link.answered(Answered(request_id="q1", payload={"continue": True}))
        link.answered(Answered(request_id="q1", payload="a second answer"))

    assert await outcome_of(link, answer) == {"continue": True}
    link.answered(Answered(request_id="q1", payload="a third answer"))

    assert wire.lines == [{"type": "control_request", "request_id": "q1", "request": HOOK}]
    assert link.open_questions == ()


async def test_refusal_is_raised_with_its_words() -> None:
    link, _ = link_over(KeptWire())

    refusal = await outcome_of(link, lambda: link.answered(Refused(request_id="q1", error="No such hook.")))

    assert isinstance(refusal, ClientRefused)
    assert str(refusal) == "No such hook."


async def test_end_of_the_client_answers_all_questions_and_those_to_come() -> None:
    link, _ = link_over(KeptWire())

    assert isinstance(await outcome_of(link, link.close), ClientGone)
    with pytest.raises(ClientGone):
        await link.ask(HOOK)


@pytest.mark.parametrize("wire", [KeptWire, StuckWire])
async def test_question_that_took_too_long_is_taken_back(wire: type[KeptWire]) -> None:
    wire_ = wire()
    link, outlet = link_over(wire_)

    silence = await outcome_of(link, lambda: None, timeout=0.01)
    with anyio.move_on_after(0.01):
        await outlet.flush()

    assert isinstance(silence, ClientSilent)
    assert wire_.lines[1:] == [CANCELLED]


async def test_cancelled_question_is_taken_back() -> None:
    wire = KeptWire()
    link, outlet = link_over(wire)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.ask, HOOK)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    await outlet.flush()

    assert wire.lines[1:] == [CANCELLED]


async def test_client_that_is_gone_is_no_answer() -> None:
    wire = KeptWire()
    wire.is_gone = True
    link, _ = link_over(wire)

    with pytest.raises(OutputClosed):
        await link.ask(HOOK)


async def test_questions_to_a_person_are_told_before_the_first_and_after_the_last() -> None:
    wire = KeptWire()
    link, _ = link_over(wire)
    told: list[tuple[bool, int]] = []
    link.watch(lambda is_asked: told.append((is_asked, len(wire.lines))))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for request in (HOOK, PERMISSION, PERMISSION):
                tasks.start_soon(link.ask, request)
            await anyio.wait_all_tasks_blocked()
            for question in link.open_questions:
                link.answered(Answered(request_id=question))
                await anyio.wait_all_tasks_blocked()

    assert told == [(True, 1), (False, 3)]


async def test_quiet_is_when_the_last_question_is_settled() -> None:
    link, _ = link_over(KeptWire())
    is_quiet = anyio.Event()

    async def wait() -> None:
        await link.until_quiet()
        is_quiet.set()

    with anyio.fail_after(5):
        await link.until_quiet()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.ask, HOOK)
            tasks.start_soon(link.ask, HOOK)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(wait)
            link.answered(Answered(request_id="q1"))
            await anyio.wait_all_tasks_blocked()
            assert not is_quiet.is_set()
            link.answered(Answered(request_id="q2"))
            await is_quiet.wait()


async def test_question_too_long_for_clients_is_not_asked() -> None:
    wire = KeptWire()
    link, _ = link_over(wire)

    with pytest.raises(ClientRefused, match=r"^The question is too long to be asked: 1,048,\d+ bytes of 1,048,576\.$"):
        await link.ask({**HOOK, "input": "x" * 1_048_500})

    assert (wire.lines, link.open_questions) == ([], ())
