"""Conversations that the SDK takes up again: where they stopped, elsewhere, or earlier."""

import msgspec
import pytest
from claude_agent_sdk import AssistantMessage, ClaudeSDKClient, Message, ResultError, ResultMessage, UserMessage, query

from tests.end_to_end.sdk_stage import answering, options, spoken, talking
from tests.end_to_end.stage import Stage
from tianting.models.scripted import calls, says

pytestmark = pytest.mark.anyio

SESSION = "5d000000-0000-4000-8000-000000000001"
ONE = [("user", "One?"), ("assistant", "One."), ("user", "Two?"), ("assistant", "Two.")]


async def said_twice(stage: Stage) -> list[Message]:
    """A conversation of two turns, each in a process of its own."""
    heard: list[Message] = []
    async with answering(stage, says("One."), says("Two.")):
        heard += [message async for message in query(prompt="One?", options=options(stage, session_id=SESSION))]
        heard += [message async for message in query(prompt="Two?", options=options(stage, resume=SESSION))]
    return heard


async def test_session_is_taken_up_by_its_id(library_stage: Stage) -> None:
    await said_twice(library_stage)

    async with talking(library_stage, says("Three."), resume=SESSION) as talk:
        await talk.client.query("Three?")
        end = (await talk.everything())[-1]

        assert spoken(talk.sent()) == [*ONE, ("user", "Three?")]
    assert isinstance(end, ResultMessage)
    assert (end.session_id, library_stage.transcript.stem) == (SESSION, SESSION)


async def test_newest_session_is_continued(library_stage: Stage) -> None:
    await said_twice(library_stage)

    async with talking(library_stage, says("Three."), continue_conversation=True) as talk:
        await talk.ask("Three?")

        assert spoken(talk.sent()) == [*ONE, ("user", "Three?")]
    assert library_stage.transcript.stem == SESSION


async def test_fork_leaves_the_original_as_it_was(library_stage: Stage) -> None:
    await said_twice(library_stage)
    before = library_stage.transcript.read_bytes()

    async with talking(library_stage, says("Three."), resume=SESSION, fork_session=True) as talk:
        await talk.client.query("Three?")
        end = (await talk.everything())[-1]

        assert spoken(talk.sent()) == [*ONE, ("user", "Three?")]
    original, fork = library_stage.transcripts()
    assert isinstance(end, ResultMessage)
    assert (original.read_bytes() == before, fork.stem) == (True, end.session_id)
    assert end.session_id != SESSION


async def test_what_came_after_a_message_is_forgotten(library_stage: Stage) -> None:
    heard = await said_twice(library_stage)
    first = next(message for message in heard if isinstance(message, AssistantMessage))

    async with talking(library_stage, says("Other."), resume=SESSION, resume_session_at=first.uuid) as talk:
        await talk.ask("Other?")

        assert spoken(talk.sent()) == [*ONE[:2], ("user", "Other?")]


async def test_message_has_one_uuid_for_the_client_and_in_the_transcript(library_stage: Stage) -> None:
    look = calls("Bash", command="true")

    async with talking(library_stage, says("Look.", look, thinking="Hm."), says("Done.")) as talk:
        await talk.client.query("Go.")
        heard = [message for message in await talk.everything() if isinstance(message, AssistantMessage | UserMessage)]

    lines = [msgspec.json.decode(line) for line in library_stage.transcript.read_bytes().splitlines()]
    kept = [line["uuid"] for line in lines if line["type"] == "assistant" or line.get("sourceToolAssistantUUID")]
    assert [message.uuid for message in heard] == kept
    assert len(set(kept)) == 5


async def test_unknown_session_is_an_error(library_stage: Stage) -> None:
    async with answering(library_stage):
        with pytest.raises(ResultError, match=SESSION):
            await ClaudeSDKClient(options(library_stage, resume=SESSION)).connect()
