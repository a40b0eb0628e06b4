"""What the SDK changes and asks in a session that runs: model, mode, files, context."""

import pytest
from claude_agent_sdk import UserMessage

from tests.end_to_end.sdk_stage import MODEL, end_of, over, said, talking
from tests.end_to_end.stage import Stage
from tianting.models.scripted import Reply, calls, says
from tianting.protocol.compatible_version import COMPATIBLE_VERSION
from tianting.protocol.usage import Usage

pytestmark = pytest.mark.anyio


async def test_next_turn_is_another_models(library_stage: Stage) -> None:
    async with talking(library_stage, says("One."), says("Two."), says("Three.")) as talk:
        first = await talk.ask("Who?")
        await talk.client.set_model("claude-haiku-4-5")
        second = await talk.ask("And now?")
        await talk.client.set_model(None)
        await talk.ask("And again?")

        assert (first[0], second[0]) == (said("One."), said("Two.", model=talk.sent(1)["model"]))
        assert [talk.sent(index)["model"] for index in range(3)] == [MODEL, talk.sent(1)["model"], MODEL]
        assert talk.sent(1)["model"].startswith("claude-haiku-4-5")
        with pytest.raises(Exception, match="no-such-model"):
            await talk.client.set_model("no-such-model")


async def test_mode_counts_from_the_next_call(library_stage: Stage) -> None:
    first, second = (calls("Write", file_path=f"{name}.txt", content="x") for name in "ab")

    async with talking(library_stage, says("", first), says("No."), says("", second), says("Yes.")) as talk:
        refused = await talk.ask("Write a.")
        await talk.client.set_permission_mode("acceptEdits")
        written = await talk.ask("Write b.")

        assert [denial["tool_name"] for denial in end_of(refused).permission_denials or ()] == ["Write"]
        assert written[-1] == over("Yes.", turns=2)
        with pytest.raises(Exception, match="bypassPermissions is not allowed"):
            await talk.client.set_permission_mode("bypassPermissions")
    assert sorted(path.name for path in library_stage.project.glob("*.txt")) == ["b.txt"]


async def test_files_are_given_back_as_they_were_before_a_prompt(library_stage: Stage) -> None:
    note = library_stage.write("note.txt", "old\n")
    write = calls("Write", file_path="note.txt", content="new\n")
    read = calls("Read", file_path="note.txt")
    more = {
        "enable_file_checkpointing": True,
        "extra_args": {"replay-user-messages": None},
        "permission_mode": "acceptEdits",
    }

    async with talking(library_stage, says("", read), says("", write), says("Written."), **more) as talk:
        heard = await talk.ask("Write it.")
        [prompt] = [message for message in heard if isinstance(message, UserMessage) and message.content == "Write it."]
        assert note.read_text() == "new\n"

        assert prompt.uuid is not None
        await talk.client.rewind_files(prompt.uuid)

        assert note.read_text() == "old\n"


async def test_context_is_counted_by_the_provider(library_stage: Stage) -> None:
    reply = Reply(text="Hello.", usage=Usage(input_tokens=20_000, output_tokens=10))

    async with talking(library_stage, reply) as talk:
        before = await talk.client.get_context_usage()
        await talk.ask("Hello.")
        after = await talk.client.get_context_usage()

    assert (after["totalTokens"], after["maxTokens"], after["percentage"], after["model"]) == (
        *(20_010, 1_000_000),
        *(2.0, MODEL),
    )
    assert 0 < before["totalTokens"] < after["totalTokens"]
    assert [category["name"] for category in after["categories"]] == [
        "System prompt",
        "Tools",
        "Messages",
        "Free space",
    ]
    assert sum(category["tokens"] for category in after["categories"]) == after["maxTokens"]


async def test_client_learns_what_it_talks_to(library_stage: Stage) -> None:
    async with talking(library_stage) as talk:
        about = await talk.client.get_server_info()
        status = await talk.client.get_mcp_status()

    assert about is not None
    assert (about["claude_code_version"], about["current_permission_mode"], status) == (
        *(COMPATIBLE_VERSION, "default"),
        {"mcpServers": []},
    )
    assert {"default", "sonnet", "haiku"} <= {model["value"] for model in about["models"]}
