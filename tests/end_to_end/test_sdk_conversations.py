"""Conversations as the Agent SDK leads them: one question, many turns, words that come in pieces or in between."""

from collections.abc import AsyncIterator

import pytest
from claude_agent_sdk import Message, StreamEvent, SystemMessage, ThinkingBlock, query

from tests.end_to_end.sdk_stage import (
    agree,
    answered,
    answering,
    called,
    options,
    over,
    plain,
    ran,
    results,
    run,
    said,
    spoken,
    talking,
    unanswered,
)
from tests.end_to_end.stage import Line, Stage, body, until
from tianting.models.scripted import Reply, calls, says

pytestmark = pytest.mark.anyio


async def test_query_gives_every_message_of_the_turn(library_stage: Stage) -> None:
    library_stage.write("note.txt", "Tea at five.\n")
    read = calls("Read", call_id="c1", file_path="note.txt")

    heard, [_, second] = await run(
        library_stage, "When is tea?", says("Looking.", read, thinking="A note?"), says("At five.")
    )

    assert heard[:3] == [
        said(ThinkingBlock(thinking="A note?", signature="scripted")),
        said("Looking."),
        called("c1", "Read", file_path="note.txt"),
    ]
    assert heard[4:] == [said("At five."), over("At five.", turns=2)]
    assert "Tea at five." in results(second)[0]["content"]


async def test_later_turn_remembers_the_earlier(library_stage: Stage) -> None:
    async with talking(library_stage, says("Hello, Ann."), says("You are Ann.")) as talk:
        first = await talk.ask("I am Ann.")
        second = await talk.ask("Who am I?")

        assert first == [said("Hello, Ann."), over("Hello, Ann.")]
        assert second == [said("You are Ann."), over("You are Ann.")]
        assert spoken(talk.sent()) == [("user", "I am Ann."), ("assistant", "Hello, Ann."), ("user", "Who am I?")]


async def test_prompts_come_from_a_stream_one_turn_each(library_stage: Stage) -> None:
    async def prompts() -> AsyncIterator[Line]:
        yield {"type": "user", "message": {"role": "user", "content": "One."}, "parent_tool_use_id": None}
        await until(lambda: heard)
        yield {"type": "user", "message": {"role": "user", "content": "Two."}, "parent_tool_use_id": None}

    heard: list[Message] = []

    async with answering(library_stage, says("First."), says("Second.")) as server:
        given = options(library_stage, can_use_tool=agree)
        async for message in query(prompt=prompts(), options=given):
            heard += [] if isinstance(message, SystemMessage) else [plain(message)]

        assert heard == [
            said("First."),
            over("First."),
            said("Second."),
            over("Second."),
        ]
        assert spoken(body(server)) == [("user", "One."), ("assistant", "First."), ("user", "Two.")]


async def test_partial_messages_come_in_the_order_of_the_stream(library_stage: Stage) -> None:
    call = calls("Bash", call_id="c1", command="true")
    reply = says("Well.", call, thinking="Hm.")

    async with talking(library_stage, reply, says("Done."), include_partial_messages=True) as talk:
        heard = await talk.ask("Go.")

    kinds = [message.event["type"] if isinstance(message, StreamEvent) else plain(message) for message in heard]
    block = ["content_block_start", "content_block_delta"]
    assert kinds == [
        "message_start",
        *(*block, "content_block_delta", said(ThinkingBlock(thinking="Hm.", signature="scripted"))),
        *("content_block_stop", *block, said("Well."), "content_block_stop", *block, "content_block_delta"),
        *(called("c1", "Bash", command="true"), "content_block_stop", "message_delta", "message_stop"),
        answered("c1", "exit 0, no output", ran("")),
        *("message_start", *block, said("Done."), "content_block_stop", "message_delta", "message_stop"),
        over("Done.", turns=2),
    ]


async def test_words_said_while_a_tool_runs_follow_its_result(library_stage: Stage) -> None:
    wait = calls("Bash", call_id="c1", command="touch begun; until [ -e go ]; do sleep 0.01; done")
    project = library_stage.project

    async with talking(library_stage, says("", wait), says("Both done."), allowed_tools=["Bash"]) as talk:
        await talk.client.query("Do this.")
        await until((project / "begun").exists)
        await talk.client.query("And that.")
        await talk.client.get_mcp_status()  # answered in order, so the words have arrived
        (project / "go").touch()
        heard = await talk.hear()

        [*_, last] = talk.sent()["messages"]
        assert heard[-2:] == [said("Both done."), over("Both done.", turns=2)]
        assert [block.get("text") for block in last["content"]][:2] == [None, "And that."]
        assert unanswered(talk.sent()) == []


@pytest.mark.parametrize(
    "text", [pytest.param("x" * (3 << 19), id="long"), pytest.param("\u4e2d\u0001" * (1 << 18), id="escaped")]
)
async def test_no_line_is_too_long_for_the_sdk(library_stage: Stage, text: str) -> None:
    write = calls("Write", call_id="c1", file_path="big.txt", content=text)
    replies = (Reply(text=text, chunk=1 << 16), Reply(calls=(write,), chunk=1 << 16), says("Done."))
    more = {"extra_args": {"replay-user-messages": None}, "allowed_tools": ["Write"]}

    async with talking(library_stage, *replies, **more) as talk:
        await talk.ask(text)
        heard = await talk.ask("Write it.")

        assert heard[-1] == over("Done.", turns=2)
        assert (library_stage.project / "big.txt").read_text() == text
        assert spoken(talk.sent())[0] == ("user", text)


async def test_call_too_long_to_be_asked_about_is_refused(library_stage: Stage) -> None:
    write = calls("Write", call_id="c1", file_path="big.txt", content="x" * (3 << 19))
    replies = (Reply(calls=(write,), chunk=1 << 16), says("In parts, then."))

    async with talking(library_stage, *replies, can_use_tool=agree) as talk:
        heard = await talk.ask("Write it.")

        [result] = results(talk.sent())
        assert "The question is too long to be asked" in result["content"]
        assert heard[-2] == said("In parts, then.")
        assert not (library_stage.project / "big.txt").exists()
