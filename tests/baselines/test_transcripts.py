"""Transcripts of other days and other agents still open."""

from pathlib import Path

import pytest

from tianting.protocol.content import Text, Thinking, ToolResult, ToolUse
from tianting.protocol.messages import AssistantMessage, UserMessage, user_text
from tianting.protocol.usage import Usage
from tianting.session.conversation import Conversation
from tianting.session.history import UNFINISHED
from tianting.session.reading import load
from tianting.session.summary import summarise

TRANSCRIPTS = Path(__file__).parent / "transcripts"
OPUS = "claude-opus-5-5"
USAGE = Usage(
    input_tokens=4,
    output_tokens=60,
    cache_creation_input_tokens=900,
    cache_read_input_tokens=12_000,
    cache_creation_1h_input_tokens=900,
)


def result(call_id: str, content: str | tuple[Text, ...], *, is_error: bool = False) -> UserMessage:
    return UserMessage(content=(ToolResult(tool_use_id=call_id, content=content, is_error=is_error),))


def bash(call_id: str, command: str) -> ToolUse:
    return ToolUse(id=call_id, name="Bash", input={"command": command})


def test_session_with_sub_agent_parallel_calls_and_remarks() -> None:
    task = {"description": "spring", "prompt": "Look at the spring.", "subagent_type": "Explore"}
    assert load(TRANSCRIPTS / "claude-code-2.1.jsonl") == Conversation(
        session_id="7d1f6c1e-52a3-4c57-9b1a-3f0f5c6f9a10",
        history=[
            user_text("Why does the carry lever stick?"),
            AssistantMessage(
                id="msg_01",
                model=OPUS,
                content=(
                    Thinking(thinking="The lever and its spring.", signature="c2ln"),
                    Text(text="I look at the lever and its spring."),
                    ToolUse(id="toolu_01", name="Read", input={"file_path": "/home/ada/engine/lever.txt"}),
                    ToolUse(id="toolu_02", name="Task", input=task),
                ),
                usage=USAGE,
            ),
            result("toolu_01", "     1\tlever: bent"),
            result("toolu_02", (Text(text="It is worn."), Text(text="[tool_reference left out]"))),
            AssistantMessage(
                id="msg_03",
                model=OPUS,
                content=(Text(text="The lever is bent and the spring is worn."),),
                usage=USAGE,
            ),
            user_text("<local-command-stdout>3 rules</local-command-stdout>"),
            user_text("Mend the spring."),
        ],
        leaf="7d1f6c1e-0000-4000-8000-000000000017",
        cwd="/home/ada/engine",
        title="Sticking carry lever",
        model=OPUS,
        tag="engine",
        permission_mode="acceptEdits",
    )


def test_session_that_was_compacted_and_cut_in_a_call() -> None:
    assert load(TRANSCRIPTS / "claude-code-compacted.jsonl") == Conversation(
        session_id="8e2a7d2f-52a3-4c57-9b1a-3f0f5c6f9a11",
        history=[
            user_text("So far: the engine was oiled.", meta=True),
            user_text("Now turn the handle."),
            AssistantMessage(id="msg_13", model=OPUS, content=(bash("toolu_12", "turn"),), usage=USAGE),
            result("toolu_12", UNFINISHED, is_error=True),
        ],
        leaf="7d1f6c1e-0000-4000-8000-000000000008",
        cwd="/home/ada/engine",
        title="Oil and turn",
        titled_by_person=True,
        model=OPUS,
    )


def test_session_of_an_early_writer_with_damage() -> None:
    sonnet = "claude-sonnet-4-5"
    both = (Text(text="One."), bash("toolu_21", "echo 2"), bash("toolu_22", "echo 3"))
    assert load(TRANSCRIPTS / "early.jsonl") == Conversation(
        session_id="9f3b8e30-52a3-4c57-9b1a-3f0f5c6f9a12",
        history=[
            user_text("Count to three."),
            AssistantMessage(id="e2", model=sonnet, content=both),
            result("toolu_21", "2"),
            result("toolu_22", "3"),
            AssistantMessage(id="e4", model=sonnet, content=(Text(text="Three."),)),
        ],
        leaf="e4",
        cwd="/home/ada/engine",
        title="Count to three.",
        model=sonnet,
        damaged_lines=1,
    )


@pytest.mark.parametrize(
    ("name", "title"),
    [
        pytest.param("claude-code-2.1.jsonl", "Sticking carry lever", id="today"),
        pytest.param("claude-code-compacted.jsonl", "Oil and turn", id="compacted"),
        pytest.param("early.jsonl", "Count to three.", id="early"),
    ],
)
def test_lists_show_them(name: str, title: str) -> None:
    summary = summarise(TRANSCRIPTS / name)

    assert summary is not None
    assert (summary.title, summary.cwd) == (title, "/home/ada/engine")
