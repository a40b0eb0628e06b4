"""What ends a turn against its will, as the SDK tells it: limits of the user's, and providers that fail."""

from typing import Any

import pytest
from claude_agent_sdk import Message, ResultError, ResultMessage, query

from tests.end_to_end.sdk_stage import (
    MODEL,
    answering,
    called,
    end_of,
    options,
    over,
    plain,
    remarks,
    said,
    talking,
    unanswered,
)
from tests.end_to_end.stage import Stage
from tianting.models.scripted import Reply, calls, says
from tianting.models.scripted_faults import Fault
from tianting.protocol.usage import Usage

pytestmark = pytest.mark.anyio

LOOK = calls("Bash", call_id="c1", command="true")
DEAR = Usage(input_tokens=500_000, output_tokens=1)


def refusal(status: int, **more: Any) -> Reply:
    return says(fault=Fault(kind="status", status=status, message="No luck.", **more))


async def test_turn_ends_after_so_many_answers(library_stage: Stage) -> None:
    async with talking(library_stage, says("", LOOK), says("Never."), max_turns=1) as talk:
        heard = await talk.ask("Look.")

        assert len(talk.server.requests) == 1
    assert heard[0] == called("c1", "Bash", command="true")
    end = end_of(heard)
    assert (end.subtype, end.is_error, end.terminal_reason) == ("error_max_turns", True, "max_turns")
    assert end.errors == ["Stopped by --max-turns 1."]


async def test_turn_ends_when_the_money_is_spent(library_stage: Stage) -> None:
    dear = Reply(calls=(LOOK,), usage=DEAR)

    async with talking(library_stage, dear, says("Never."), max_budget_usd=0.01) as talk:
        end = end_of(await talk.ask("Look."))

        assert len(talk.server.requests) == 1
    assert end == over(
        None,
        turns=end.num_turns,
        subtype="error_max_budget_usd",
        is_error=True,
        terminal_reason="budget_exhausted",
        stop_reason=end.stop_reason,
        errors=end.errors,
    )


async def test_wrong_key_is_told_at_once(library_stage: Stage) -> None:
    async with talking(library_stage, refusal(401), says("Now?")) as talk:
        heard = await talk.ask("Hello.")

        assert len(talk.server.requests) == 1
        assert (await talk.ask("Again."))[-1] == over("Now?")
    end = end_of(heard)
    assert heard[:-1] == [said(end.result or "", model="<synthetic>", error="authentication_failed")]
    assert (end.subtype, end.is_error, end.api_error_status) == ("success", True, 401)


async def test_wait_that_a_provider_asks_for_is_told_and_kept(library_stage: Stage) -> None:
    async with talking(library_stage, refusal(429, retry_after=1), says("Now.")) as talk:
        await talk.client.query("Hello.")
        everything = await talk.everything()

    [retry] = remarks(everything, "api_retry")
    assert (retry["attempt"], retry["error_status"], retry["error"], retry["retry_delay_ms"]) == (
        *(1, 429),
        *("rate_limit", 1000),
    )
    assert plain(everything[-1]) == over("Now.")


async def test_another_model_answers_for_one_that_is_overloaded(library_stage: Stage) -> None:
    busy = says(fault=Fault(kind="status", status=529, retry_after=0.001), times=3)

    async with talking(library_stage, busy, says("I do."), fallback_model="claude-haiku-4-5") as talk:
        await talk.client.query("Hello.")
        everything = await talk.everything()
        asked = [talk.sent(index)["model"] for index in range(len(talk.server.requests))]

    [fallback] = remarks(everything, "model_fallback")
    assert (fallback["original_model"], fallback["fallback_model"]) == (MODEL, asked[-1])
    assert asked[:3] == [MODEL] * 3
    assert plain(everything[-2]) == said("I do.", model=asked[-1])
    assert plain(everything[-1]) == over("I do.")


async def test_provider_that_stays_overloaded_ends_the_turn(library_stage: Stage) -> None:
    library_stage.environment["CLAUDE_CODE_MAX_RETRIES"] = "1"
    busy = says(fault=Fault(kind="status", status=529, retry_after=0.001), times=2)

    async with talking(library_stage, busy, says("At last.")) as talk:
        first = end_of(await talk.ask("Hello."))
        second = await talk.ask("Again.")

        assert unanswered(talk.sent()) == []
    assert (first.subtype, first.is_error, first.api_error_status) == ("success", True, 529)
    assert second[-1] == over("At last.")


async def test_failure_of_a_query_is_raised_behind_its_result(library_stage: Stage) -> None:
    heard: list[Message] = []

    async def listen() -> None:
        async for message in query(prompt="Hello.", options=options(library_stage)):
            heard.append(message)

    async with answering(library_stage, refusal(401)):
        with pytest.raises(ResultError) as raised:
            await listen()

    assert (raised.value.api_error_status, raised.value.terminal_reason) == (401, "api_error")
    assert isinstance(heard[-1], ResultMessage)
