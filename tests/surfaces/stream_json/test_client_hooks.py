"""Questions to hooks of the client go over its pipe, and no failure of the pipe is taken for an answer."""

from typing import Any

import anyio
import pytest

from tests.surfaces.stream_json.wires import KeptWire
from tianting.extensions.hooks.callbacks import HookQuestion
from tianting.extensions.hooks.schema import CallbackFailed, CallbackSilent
from tianting.protocol.client_lines import Answered, Refused
from tianting.surfaces.stream_json.client_hooks import asking_over
from tianting.surfaces.stream_json.link import ControlLink
from tianting.surfaces.stream_json.outlet import Outlet

pytestmark = pytest.mark.anyio
QUESTION = HookQuestion(callback_id="hook_0", input={"hook_event_name": "Stop"})


async def test_question_and_answer_go_over_the_pipe() -> None:
    wire = KeptWire()
    link = ControlLink(Outlet(wire), lambda: "q1")
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await asking_over(link)(QUESTION))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await wire.until()
            link.answered(Answered(request_id="q1", payload={"continue": True}))

    assert wire.lines[0]["request"] == {
        "subtype": "hook_callback",
        "callback_id": "hook_0",
        "input": {"hook_event_name": "Stop"},
    }
    assert answers == [{"continue": True}]


async def test_error_of_the_client_is_a_failure() -> None:
    wire = KeptWire()
    link = ControlLink(Outlet(wire), lambda: "q1")

    async def ask() -> None:
        with pytest.raises(CallbackFailed, match="No such hook"):
            await asking_over(link)(QUESTION)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await wire.until()
            link.answered(Refused(request_id="q1", error="No such hook"))


@pytest.mark.parametrize("is_reading", [True, False])
async def test_client_that_is_gone_is_silent(is_reading: bool) -> None:
    wire = KeptWire()
    link = ControlLink(Outlet(wire), lambda: "q1")
    if is_reading:
        link.close()
    else:
        wire.is_gone = True

    with pytest.raises(CallbackSilent):
        await asking_over(link)(QUESTION)
