"""A client drives a session: prompts become turns, requests are answered meanwhile, and every end is an orderly one."""

from typing import Any

import anyio
import pytest

from tests.surfaces.stream_json.stage import PERMISSION, on_stage
from tests.surfaces.stream_json.wires import StuckWire
from tianting.extensions.hooks.port import BeforeTurn, NoHooks
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.content import text_of
from tianting.protocol.messages import AssistantMessage

pytestmark = pytest.mark.anyio

HANG = says("Thinking about it.", fault=Fault(kind="hang_mid_stream"))


class NoSecondPrompt(NoHooks):
    """Lets one prompt through."""

    async def prompt_submitted(self, prompt: str, prompt_id: str) -> BeforeTurn:
        return BeforeTurn() if prompt == "First." else BeforeTurn(blocked="One is enough.")


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    response = {"subtype": "success", "request_id": question["request_id"], "response": {"behavior": "allow"}}
    return {"type": "control_response", "response": response}


async def test_prompts_become_turns_one_after_the_other() -> None:
    async with on_stage(says("One."), says("Two.")) as stage:
        stage.prompt("1")
        await stage.wire.until(type="result")
        stage.prompt("2")

    assert stage.code == 0
    assert stage.kinds() == ["system/init", "assistant", "result"] * 2
    assert [line["result"] for line in stage.wire.lines if line["type"] == "result"] == ["One.", "Two."]


async def test_state_and_prompt_are_told_in_the_order_in_which_clients_wait_for_them() -> None:
    async with on_stage(says("", calls("Ask", text="-")), says("Done."), tells_state=True) as stage:
        stage.prompt("Go.", uuid="p")
        [question] = await stage.wire.until(type="control_request")
        stage.say(answer_to(question))

    assert stage.kinds() == [
        "p queued",
        "state running",
        "p started",
        "system/init",
        "assistant",
        "state requires_action",
        "question can_use_tool",
        "state running",
        "user",
        "assistant",
        "result",
        "p completed",
        "state idle",
    ]
    assert question["request"] == PERMISSION


async def test_prompt_of_a_running_turn_steers_it_unless_it_may_come_later() -> None:
    async with on_stage(says("", calls("Ask", text="-")), says("Both."), says("All.")) as stage:
        stage.prompt("First.", uuid="a")
        [question] = await stage.wire.until(type="control_request")
        stage.prompt("Later.", uuid="c", priority="later")
        stage.prompt("Second.", uuid="b")
        stage.say(answer_to(question))

    assert [kind for kind in stage.kinds() if (kind[0] in "abc" and kind[1] == " ") or kind == "result"] == [
        *("a queued", "a started", "c queued", "b queued", "b started"),
        *("result", "a completed", "b completed"),
        *("c started", "result", "c completed"),
    ]


async def test_what_asks_nothing_is_only_remembered() -> None:
    async with on_stage(says("I know.")) as stage:
        stage.prompt("The build is red.", uuid="a", shouldQuery=False)
        stage.prompt("Do you know?")

    remembered = ["a queued", "a started", "system/init", "result", "a completed"]
    assert stage.kinds() == [*remembered, "system/init", "assistant", "result"]
    assert [text_of(message.content) for message in stage.session.history] == [
        "The build is red.",
        "Do you know?",
        "I know.",
    ]


async def test_interrupt_ends_the_stream_and_the_next_turn_works() -> None:
    async with on_stage(HANG, says("Here.")) as stage:
        stage.prompt("1")
        await stage.wire.until(type="system", subtype="init")
        await anyio.wait_all_tasks_blocked()
        stage.request("interrupt")
        [stopped] = await stage.wire.until(type="result")
        stage.prompt("2")

    assert (stopped["subtype"], stopped["terminal_reason"]) == ("error_during_execution", "aborted_streaming")
    assert await stage.answer() == {"subtype": "success", "request_id": "r1", "response": {"still_queued": []}}
    assert isinstance(stage.session.history[-1], AssistantMessage)
    assert stage.code == 0


async def test_interrupt_takes_open_questions_back_before_it_is_answered() -> None:
    async with on_stage(says("", calls("Ask", text="-"))) as stage:
        stage.prompt("1")
        await stage.wire.until(type="control_request")
        stage.request("interrupt")
        await stage.wire.until(type="result")

    kinds = stage.kinds()
    assert kinds.index("control_cancel_request") < kinds.index("success r1")
    assert stage.code == 1


async def test_interrupt_between_turns_has_nothing_to_do() -> None:
    async with on_stage() as stage:
        stage.request("interrupt")
        await stage.answer()

    assert stage.kinds() == ["success r1"]
    assert stage.code == 0


@pytest.mark.parametrize(
    ("cancel_queued", "response", "told"),
    [
        pytest.param(
            False, {"still_queued": ["b"]}, ["a completed", "b started", "b completed"], id="the next follows"
        ),
        pytest.param(
            True, {"still_queued": [], "cancelled": ["b"]}, ["b cancelled", "a completed"], id="nothing follows"
        ),
    ],
)
async def test_interrupt_says_what_still_waits(cancel_queued: bool, response: dict[str, Any], told: list[str]) -> None:
    async with on_stage(HANG, says("Next.")) as stage:
        stage.prompt("1", uuid="a")
        await stage.wire.until(type="system", subtype="init")
        await anyio.wait_all_tasks_blocked()
        stage.prompt("2", uuid="b")
        stage.request("interrupt", cancel_queued=cancel_queued)

    assert (await stage.answer())["response"] == response
    assert [kind for kind in stage.kinds() if kind[:2] in {"a ", "b "}][3:] == told


async def test_prompt_can_be_taken_back_until_a_turn_has_it() -> None:
    async with on_stage(HANG) as stage:
        stage.prompt("1", uuid="a")
        await stage.wire.until(type="system", subtype="init")
        stage.prompt("2", uuid="b")
        stage.request("cancel_async_message", "r1", message_uuid="b")
        stage.request("cancel_async_message", "r2", message_uuid="a")
        stage.request("interrupt", "r3")

    assert (await stage.answer("r1"))["response"] == {"cancelled": True, "message_uuid": "b"}
    assert (await stage.answer("r2"))["response"] == {"cancelled": False, "message_uuid": "a"}
    assert "b started" not in stage.kinds()


async def test_prompt_that_comes_twice_is_worked_on_once() -> None:
    async with on_stage(says("Once.")) as stage:
        stage.prompt("1", uuid="a")
        await stage.wire.until(type="result")
        stage.prompt("1", uuid="a")

    assert stage.kinds().count("result") == 1


async def test_session_rests_only_when_nothing_waits() -> None:
    async with on_stage(says("One."), says("Two."), tells_state=True) as stage:
        stage.prompt("1")
        stage.prompt("2", priority="later")

    assert [kind for kind in stage.kinds() if kind.startswith("state")] == ["state running", "state idle"]
    assert stage.kinds().count("result") == 2


async def test_end_of_input_lets_the_turn_finish_and_leaves_no_question_open() -> None:
    async with on_stage(says("", calls("Ask", text="-")), says("Nobody answered.")) as stage:
        stage.prompt("1")
        await stage.wire.until(type="control_request")

    assert stage.code == 0
    assert stage.kinds()[-1] == "result"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(says("Fine."), 0, id="an answer"),
        pytest.param(says(fault=Fault(kind="status", status=401)), 1, id="an error"),
    ],
)
async def test_exit_code_is_that_of_the_last_turn(reply: Reply, code: int) -> None:
    async with on_stage(reply) as stage:
        stage.prompt("1")

    assert stage.code == code


async def test_no_prompt_is_no_failure() -> None:
    async with on_stage() as stage:
        pass

    assert (stage.code, stage.wire.lines) == (0, [])


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(b"hello\n", "A line on standard input is no JSON", id="no JSON"),
        pytest.param(b'{"type":"user"', "A line on standard input is no JSON", id="half a line"),
        pytest.param(b"x" * 2_000 + b"\n", "A line on standard input has more than 1,000 bytes.", id="endless line"),
        pytest.param(b"x" * 2_000, "A line on standard input has more than 1,000 bytes.", id="endless half line"),
    ],
)
async def test_line_that_is_none_ends_the_session_in_order(data: bytes, complaint: str) -> None:
    async with on_stage(HANG, longest_line=1_000) as stage:
        stage.prompt("1", uuid="a")
        await stage.wire.until(type="system", subtype="init")
        await anyio.wait_all_tasks_blocked()
        stage.prompt("2", uuid="b", priority="later")
        stage.input.write(data)

    assert stage.failure is not None
    assert complaint in str(stage.failure)
    assert [kind for kind in stage.kinds() if kind in {"b cancelled", "result"}] == ["b cancelled", "result"]


async def test_client_that_dies_ends_the_tools_of_the_turn() -> None:
    async with on_stage(says("", calls("Never", text="-"))) as stage:
        stage.prompt("1")
        await stage.began.wait()
        stage.wire.is_gone = True

    assert stage.ended
    assert stage.code == 1
    assert stage.failure is None


async def test_client_that_is_gone_before_an_answer_ends_the_session_quietly() -> None:
    async with on_stage() as stage:
        stage.wire.is_gone = True
        stage.request("mcp_status")
        await anyio.wait_all_tasks_blocked()

    assert stage.code == 1
    assert stage.failure is None


async def test_prompts_that_are_too_many_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianting.surfaces.stream_json.prompts.MOST_WAITING", 1)
    async with on_stage(HANG) as stage:
        stage.prompt("1", uuid="a")
        await stage.wire.until(type="system", subtype="init")
        await anyio.wait_all_tasks_blocked()
        stage.prompt("2", uuid="b")
        stage.prompt("3", uuid="c")
        stage.request("interrupt", cancel_queued=True)

    [refusal] = [line for line in stage.wire.lines if line.get("subtype") == "informational"]
    assert refusal["content"] == "A prompt was not taken: 1 wait already. Send it again later."
    assert [kind for kind in stage.kinds() if kind[:2] in {"b ", "c "}] == ["b queued", "c cancelled", "b cancelled"]


async def test_prompt_that_a_hook_keeps_from_a_running_turn_is_cancelled() -> None:
    async with on_stage(says("", calls("Ask", text="-")), says("Done."), hooks=NoSecondPrompt()) as stage:
        stage.prompt("First.", uuid="a")
        [question] = await stage.wire.until(type="control_request")
        stage.prompt("Second.", uuid="b")
        stage.say(answer_to(question))

    assert [kind for kind in stage.kinds() if kind[:2] == "b "] == ["b queued", "b cancelled"]


async def test_request_that_is_being_worked_on_is_answered_before_the_end() -> None:
    async with on_stage() as stage:
        stage.request("mcp_reconnect", serverName="a")
        stage.input.close()
        await anyio.wait_all_tasks_blocked()
        stage.controls.hold.set()

    assert stage.kinds() == ["success r1"]


async def test_last_answers_wait_for_a_client_that_sleeps() -> None:
    wire = StuckWire()
    async with on_stage(wire=wire) as stage:
        stage.request("mcp_status", "1")
        await anyio.wait_all_tasks_blocked()
        stage.request("mcp_status", "2")
        stage.input.close()
        await anyio.wait_all_tasks_blocked()
        was_over = stage.code is not None
        wire.let_go()

    assert stage.kinds() == ["success 1", "success 2"]
    assert not was_over


async def test_question_between_turns_leaves_the_session_at_rest() -> None:
    async with on_stage(tells_state=True) as stage, anyio.create_task_group() as tasks:
        tasks.start_soon(stage.connection.link.ask, PERMISSION)
        [question] = await stage.wire.until(type="control_request")
        stage.say(answer_to(question))

    assert stage.kinds() == ["question can_use_tool"]


async def test_turn_that_waits_for_a_change_asks_nothing_after_a_broken_line() -> None:
    async with on_stage() as stage:
        stage.request("set_model", model="slow")
        stage.prompt("1", uuid="a")
        await anyio.wait_all_tasks_blocked()
        stage.input.write(b"broken\n")
        await anyio.wait_all_tasks_blocked()
        stage.controls.hold.set()

    ended = ["system/init", "user", "result", "a completed"]
    assert stage.kinds() == ["a queued", "a started", *ended, "success r1"]
    assert stage.model.seen == []
    assert stage.failure is not None
